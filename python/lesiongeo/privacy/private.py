"""An export without what identifies people, so that nothing that is made of it can hold any of that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..options import checked_flag, shown
from ..read import Export, Scan
from ..read.export import page_rows
from ..read.parquet import Scans
from ..read.problems import PROBLEM_SCHEMA
from ..regions import Regions, column_of
from .origins import TIMES, Origins
from .pseudonyms import KINDS, Key, Pseudonyms

__all__ = ["DATES", "Plan", "plan", "private", "private_scans"]

#: What can become of dates.
DATES = ("keep", "offset", "drop")
#: Kinds of controls whose answers come from a list or are numbers; what others hold, somebody typed.
NOT_TYPED = frozenset("number rating choices taxonomy pairwise ranker datetime".split())
#: What somebody typed may still be a track id: one word of at most this many characters.
LONGEST_ID = 16
#: Problems whose messages hold no value of the export and no name of a file, only numbers.
PLAIN_MESSAGES = frozenset(
    "branched_path coordinate_out_of_range empty entry_not_object field_differs field_length_differs "
    "image_size_differs image_size_not_whole label_not_read mask_format mask_rest mask_size_differs mask_too_large "
    "missing_number newest_by_id no_annotation_id no_annotator no_data no_image_size no_mask no_points no_task_id "
    "no_value not_a_byte not_a_page not_a_png not_a_point not_base64 note_not_read outside_image page_differs "
    "relation_not_read repeated_annotation repeated_region repeated_task self_overlap strokes_not_painted superseded "
    "task_differs too_few_points too_many_vertices unfinished visit_order zero_area".split()
)
MESSAGE = "what was found is left out of what leaves; validate without options for privacy says it"
#: What a field of a problem looks like where it names a place of the file and no value.
PLACE = r"^[A-Za-z_][A-Za-z0-9_.\[\]]*$|^byte [0-9]+$"
IMAGE_ENDING = r"(?i)(?P<ending>\.(?:jpe?g|png|tiff?|bmp|webp|gif|dcm))$"
#: How `queue --to-labelstudio` calls predictions that hold what an annotator drew.
PREDICTION_OF = "annotator "


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left out, checked; made by `plan`.

    Attributes
    ----------
    drop_notes : bool
        Whether what annotators typed is left out.
    pseudonymise : tuple of {"annotators", "patients"}
        Who gets another name.
    names : Pseudonyms or None
        Makes these names.
    dates : {"keep", "offset", "drop"}
        What becomes of dates.
    keep : tuple of tuple of str
        Paths of the data fields of tasks that stay.
    """

    drop_notes: bool = False
    pseudonymise: tuple[str, ...] = ()
    names: Pseudonyms | None = None
    dates: str = "keep"
    keep: tuple[tuple[str, ...], ...] = ()

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return bool(self.drop_notes or self.pseudonymise or self.dates != "keep")

    @property
    def hides_images(self) -> bool:
        """Whether addresses of images give way to names made of task and page."""
        return "patients" in self.pseudonymise or self.dates != "keep"

    def person(self, kind: str, name: str) -> str:
        """Return the name of a person in what leaves."""
        return self.names.name(kind, name) if self.names is not None and kind in self.pseudonymise else name

    def of(self, export: Export, origins: Origins) -> Export:
        """Return an export, or a batch of one, without what is left out."""
        if not self.active:
            return export
        made: Made = {name: getattr(export, name) for name in TABLES}
        made["regions"] = export.regions.table
        made["problems"] = _problems(made["problems"])
        made["tasks"] = _set(made["tasks"], file=_nulls(made["tasks"]), data=_data(made["tasks"], self.keep))
        if self.dates != "keep":
            made = _without_dates(export, made, self.dates, origins)
        if self.drop_notes:
            made["regions"] = _set(made["regions"], meta_text=_nulls(made["regions"]))
            made = _without_answers(export, made, typed=True)
        if self.hides_images:
            made = _without_images(made)
        if self.names is not None:
            made = _renamed(made, self.pseudonymise, self.names)
        regions = Regions(export.regions.polygons, made.pop("regions"))
        return replace(export, regions=regions, **made)


TABLES = ("annotations", "answers", "tasks", "relations", "pages", "problems")
Made = dict[str, pa.Table]


def plan(
    *,
    drop_notes: bool = False,
    pseudonymise: str | Iterable[str] = (),
    key: Key | None = None,
    dates: str = "keep",
    keep: Iterable[str] = (),
) -> Plan:
    """Check the options of `private`; they are described there."""
    given = {pseudonymise} if isinstance(pseudonymise, str) else set(pseudonymise)
    for one in given:
        if one not in KINDS:
            raise ValueError(f"pseudonymise names {shown(one)}; there are {' and '.join(KINDS)}")
    if dates not in DATES:
        raise ValueError(f"dates is {shown(dates)}; it is one of {', '.join(DATES)}")
    paths = [str(one).strip().removeprefix("$").removeprefix("data.") for one in keep]
    if not all(paths):
        raise ValueError("keep names a field without a name")
    return Plan(
        drop_notes=checked_flag("drop_notes", drop_notes),
        pseudonymise=tuple(one for one in KINDS if one in given),
        names=Pseudonyms(key) if given else None,
        dates=dates,
        keep=tuple(tuple(path.split(".")) for path in paths),
    )


def private(
    export: Export,
    *,
    drop_notes: bool = False,
    pseudonymise: str | Iterable[str] = (),
    key: Key | None = None,
    dates: str = "keep",
    keep: Iterable[str] = (),
) -> Export:
    """Return an export without what identifies people; whatever is made of it cannot hold any of that.

    Parameters
    ----------
    export : Export
        What was read. It stays as it is.
    drop_notes : bool, default False
        Leave out what annotators typed: text areas, notes of regions, answers of controls that are not known. A track
        id that was typed stays where it is one word of at most 16 characters.
    pseudonymise : {"annotators", "patients"} or several of them, default ()
        Give them other names: keyed hashes, the same for the same key, see `Pseudonyms`.
    key : bytes or path, optional
        The key, or the file that holds it; by default the environment variable LESIONGEO_KEY. At least 16 bytes.
    dates : {"keep", "offset", "drop"}, default "keep"
        ``offset``: visits leave as days since the patient's first visit, and the times of annotations are moved by
        whole weeks, the same for all, so that the earliest falls into the week of 2000-01-03. ``drop``: neither leaves.
        Both leave out answers that are dates.
    keep : iterable of str, default ()
        Data fields of tasks that stay as they are, as dotted paths: nobody looks at what is in them.

    Returns
    -------
    Export
        With any of the options: `tasks.data` without the fields that are not in `keep` (null where nothing is left),
        `tasks.file` null, and messages of problems that hold values of the export replaced. With patients under other
        names, or without dates, addresses of images are ``task-<task>-page-<page>`` with the ending of the image.
        Without any option the export itself.

    Raises
    ------
    PseudonymKeyError
        If people get other names, and there is no key, or it is too weak.
    ValueError
        If an option is not one of those above.
    OSError
        If the file with the key cannot be read.

    See Also
    --------
    lint_phi : finds what identifies people.

    Notes
    -----
    Ids of tasks, annotations and regions stay: whoever has access to the project can find the place. Labels, choices
    and other answers from lists stay, and so do numbers. Numbers of agreement and measurement stay the same, but where
    they depend on the order of annotators, which is by name. With ``drop`` of several annotations by one person on one
    task the one with the largest id counts; where that is not the newest by time, a problem (newest_by_id) says so.
    O(n); a million regions take about a second.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> export = lg.read_label_studio("examples/dermatology.json", patient="patient_id")
    >>> left = lg.private(export, pseudonymise="patients", key=b"0123456789abcdef0123456789abcdef", dates="offset")
    >>> left.pages["patient"][0].as_py(), left.pages["image"][0].as_py(), left.tasks["data"][0].as_py()
    ('patient-da52ed7a5cb60ee0', 'task-1-page-0.jpg', None)
    """
    made = plan(drop_notes=drop_notes, pseudonymise=pseudonymise, key=key, dates=dates, keep=keep)
    return made.of(export, Origins.of([export]) if made.dates == "offset" else Origins())


def private_scans(scans: Scans, made: Plan, origins: Origins) -> Scans:
    """Return batches without what is left out; `origins` are those of all batches, which were read once before."""
    parts: list[Scan | Iterator[Export]] = [
        _PrivateScan(part, made, origins) if isinstance(part, Scan) else (made.of(one, origins) for one in part)
        for part in scans.parts
    ]
    return Scans(scans.inputs, parts)


class _PrivateScan(Scan):
    """A scan whose batches are without what is left out."""

    __slots__ = ("_inner", "_origins", "_plan")

    def __init__(self, inner: Scan, made: Plan, origins: Origins) -> None:
        self._inner, self._plan, self._origins = inner, made, origins

    @property
    def controls(self) -> pa.Table | None:
        return self._inner.controls

    @property
    def problems(self) -> pa.Table:
        return self._inner.problems

    def _next_or_none(self) -> tuple[Export, NDArray[np.bool_]] | None:
        batch = self._inner._next_or_none()
        return None if batch is None else (self._plan.of(batch[0], self._origins), batch[1])

    def close(self) -> None:
        self._inner.close()

    def __repr__(self) -> str:
        return repr(self._inner)


# parts


def _nulls(table: pa.Table) -> pa.Array:
    return pa.nulls(table.num_rows, pa.string())


def _set(table: pa.Table, **columns: Any) -> pa.Table:
    """Return a table with these columns in place of its own, in the types that they had."""
    for name, column in columns.items():
        at = table.schema.get_field_index(name)
        kind = table.schema.field(at)
        table = table.set_column(at, kind, column if column.type == kind.type else column.cast(kind.type))
    return table


def _only(column: pa.ChunkedArray, kept: Any) -> pa.ChunkedArray:
    """Return a column with nulls elsewhere. Taken anew: `if_else` would leave texts in the bytes below the nulls."""
    wanted = pc.fill_null(kept, False).to_numpy(zero_copy_only=False)
    return column.take(pa.array(np.arange(len(column)), mask=~wanted))


def _data(tasks: pa.Table, keep: Sequence[tuple[str, ...]]) -> pa.Array:
    """Return the data of tasks with the fields that stay, null where there are none."""
    if not keep:
        return _nulls(tasks)
    texts = []
    for text in tasks["data"].to_pylist():
        kept: dict[str, Any] = {}
        try:
            data = json.loads(text or "{}")
        except (ValueError, RecursionError):
            data = None
        for path in keep if isinstance(data, dict) else ():
            _copy(data, kept, path)
        texts.append(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) if kept else None)
    return pa.array(texts, pa.string())


def _copy(source: dict[str, Any], target: dict[str, Any], path: tuple[str, ...]) -> None:
    """Copy what lies at a path; a list on the way is kept as a whole only where the path ends in it."""
    if path[0] not in source:
        return
    value = source[path[0]]
    if len(path) == 1:
        target[path[0]] = value
    elif isinstance(value, dict):
        _copy(value, target.setdefault(path[0], {}), path[1:])
    elif isinstance(value, list):
        own = target.setdefault(path[0], [{} for _ in value])
        for one, other in zip(value, own, strict=True):
            if isinstance(one, dict):
                _copy(one, other, path[1:])


def _problems(problems: pa.Table) -> pa.Table:
    """Return problems whose messages and fields hold no value."""
    plain = pc.is_in(problems["code"], pa.array(sorted(PLAIN_MESSAGES)))
    message = pc.if_else(plain, problems["message"], MESSAGE)
    place = pc.match_substring_regex(problems["field"], PLACE)
    return _set(problems, message=message, field=_only(problems["field"], place))


def _without_dates(export: Export, made: Made, dates: str, origins: Origins) -> Made:
    pages = made["pages"]
    if dates == "offset":
        day = origins.day_offsets(pages)
        for name in ("annotations", "regions"):
            made[name] = _set(made[name], **{time: origins.moved(made[name][time]) for time in TIMES})
    else:
        day = pa.nulls(pages.num_rows, pa.float64())
        made["problems"] = pa.concat_tables([made["problems"], _newest_by_id(export.annotations)])
        for name in ("annotations", "regions"):
            own = made[name]
            made[name] = _set(own, **{time: pa.nulls(own.num_rows, own.schema.field(time).type) for time in TIMES})
    made["pages"] = _set(pages, day_offset=day, visit_date=pa.nulls(pages.num_rows, pa.date32()))
    return _without_answers(export, made, typed=False)


def _newest_by_id(annotations: pa.Table) -> pa.Table:
    """Report where the newest of several annotations by a person is not the one with the largest id."""
    rows = np.flatnonzero(
        pc.and_(pc.equal(annotations["source"], "annotation"), pc.invert(annotations["cancelled"])).to_numpy()
    )
    whose = pc.dictionary_encode(pc.fill_null(annotations["annotator"], "").combine_chunks())
    whose = whose.combine_chunks() if isinstance(whose, pa.ChunkedArray) else whose
    person = whose.indices.to_numpy(zero_copy_only=False).astype(np.int64)[rows]
    task = annotations["task_id"].to_numpy()[rows]
    least = np.iinfo(np.int64).min
    updated, created = (pc.fill_null(annotations[one].cast(pa.int64()), least).to_numpy()[rows] for one in TIMES[::-1])
    ids = pc.fill_null(annotations["annotation_id"], -1).to_numpy()[rows]
    by_time = np.lexsort((ids, created, updated, person, task))
    by_id = np.lexsort((ids, person, task))
    last = np.ones(len(rows), dtype=bool)
    last[:-1] = (task[by_id][1:] != task[by_id][:-1]) | (person[by_id][1:] != person[by_id][:-1])
    other = rows[by_id[last & (by_time != by_id)]]
    message = "without times the annotation with the largest id counts of several by one person; it is not the newest"
    columns: dict[str, Any] = {
        "task_id": annotations["task_id"].take(pa.array(other)).combine_chunks(),
        "annotation_id": annotations["annotation_id"].take(pa.array(other)).combine_chunks(),
        "field": pa.array(["updated_at"] * len(other), pa.string()),
        "code": pa.array(["newest_by_id"] * len(other), pa.string()),
        "message": pa.array([message] * len(other), pa.string()),
        "dropped": pa.array([False] * len(other), pa.bool_()),
    }
    arrays = [columns.get(one.name, pa.nulls(len(other), one.type)) for one in PROBLEM_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=PROBLEM_SCHEMA)


def _without_answers(export: Export, made: Made, *, typed: bool) -> Made:
    """Leave out what was typed, or else dates; answers of pages and tasks stay as rows without what they say."""
    ids = export.role("track_id") if typed else None
    names = zip(*(export.controls[key].to_pylist() for key in ("name", "kind")), strict=True)
    # A control whose kind changed is left out where one of its kinds is.
    gone = {column_of(name) for name, kind in names if _goes(kind, typed)}
    regions = made["regions"]
    kept = [name for name in regions.column_names if name not in gone or name == ids]
    regions = regions.select(kept)
    if ids in gone and ids in kept and pa.types.is_string(regions.schema.field(ids).type):
        short = pc.match_substring_regex(regions[ids], rf"^\s*\S{{1,{LONGEST_ID}}}\s*$")
        regions = _set(regions, **{ids: _only(regions[ids], short)})
    made["regions"] = regions
    answers = made["answers"]
    kinds = [kind for kind in answers["kind"].unique().to_pylist() if kind is not None and _goes(kind, typed)]
    hidden = pc.is_in(answers["kind"], pa.array(kinds, pa.string()))
    made["answers"] = _set(answers, text=_only(answers["text"], pc.invert(hidden)))
    return made


def _goes(kind: str, typed: bool) -> bool:
    if not typed:
        return kind == "datetime"
    return kind not in NOT_TYPED and not kind.endswith("labels") and kind not in SHAPES


def _without_images(made: Made) -> Made:
    """Name images by their task and page."""
    tasks = made["tasks"]
    images = tasks["images"].combine_chunks()
    images = images.chunk(0) if isinstance(images, pa.ChunkedArray) else images
    ends = images.offsets.to_numpy().astype(np.int64)
    count = np.diff(ends)
    page = np.arange(ends[-1] - ends[0]) - np.repeat(ends[:-1] - ends[0], count)
    ids = np.repeat(tasks["task_id"].to_numpy(), count)
    named = _image_names(pa.chunked_array([images.flatten()]), pa.array(ids), pa.array(page))
    lists = pa.ListArray.from_arrays(pa.array((ends - ends[0]).astype(np.int32)), named)
    made["tasks"] = _set(tasks, images=lists)
    pages, regions = made["pages"], made["regions"]
    pages = _set(pages, image=_image_names(pages["image"], pages["task_id"], pages["page"]))
    # Regions are many and pages few: looked up.
    row = page_rows(*(one[name].to_numpy() for one in (regions, pages) for name in ("task_id", "page")))
    known = pages["image"].take(pa.array(np.maximum(row, 0), mask=row < 0)) if len(row) else regions["image"]
    made["pages"], made["regions"] = pages, _set(regions, image=known)
    return made


def _image_names(images: pa.ChunkedArray, tasks: Any, pages: Any) -> pa.Array:
    encoded = pc.dictionary_encode(images.combine_chunks())
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    endings = [
        found["ending"].lower() if (found := re.search(IMAGE_ENDING, address)) else ""
        for address in encoded.dictionary.to_pylist()
    ]
    ending = pa.array(endings, pa.string()).take(encoded.indices)
    texts = [_plain(pc.cast(one, pa.string())) for one in (tasks, pages)]
    return pc.binary_join_element_wise("task-", texts[0], "-page-", texts[1], ending, "")


def _plain(column: Any) -> pa.Array:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _renamed(made: Made, kinds: Sequence[str], names: Pseudonyms) -> Made:
    """Give people other names, wherever they are named."""
    where = {"annotators": ("annotator", ANNOTATED), "patients": ("patient", ("tasks", "pages"))}
    for kind in kinds:
        column, tables = where[kind]
        for name in tables:
            made[name] = _set(made[name], **{column: names.column(kind, made[name][column])})
    if "annotators" in kinds:
        versions = pc.dictionary_encode(_plain(made["annotations"]["model_version"]))
        others = [_version(one, names) for one in versions.dictionary.to_pylist()]
        column = pa.array(others, pa.string()).take(versions.indices)
        made["annotations"] = _set(made["annotations"], model_version=column)
    return made


#: Tables that name annotators.
ANNOTATED = ("annotations", "regions", "answers", "relations")
SHAPES = frozenset("polygon rectangle ellipse brush bitmask vector keypoint magicwand line".split())


def _version(version: str, names: Pseudonyms) -> str:
    """The model of a prediction, which a review file calls after the annotator whose drawing it holds."""
    if not version.startswith(PREDICTION_OF):
        return version
    return PREDICTION_OF + names.name("annotators", version.removeprefix(PREDICTION_OF))
