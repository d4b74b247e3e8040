"""What is left out of the tables of an export, table by table."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..read import Export
from ..read.export import page_rows
from ..read.problems import PROBLEM_SCHEMA
from ..regions import column_of
from .origins import TIMES, Origins
from .pseudonyms import Pseudonyms

__all__ = [
    "PLAIN_MESSAGES",
    "Made",
    "data_kept",
    "nulls",
    "renamed",
    "told_problems",
    "with_columns",
    "without_answers",
    "without_dates",
    "without_images",
]

#: Kinds of controls whose answers come from a list or are numbers; what others hold, somebody typed.
NOT_TYPED = frozenset("number rating choices taxonomy pairwise ranker datetime".split())
#: Tables that name annotators.
ANNOTATED = ("annotations", "regions", "answers", "relations")
SHAPES = frozenset("polygon rectangle ellipse brush bitmask vector keypoint magicwand line".split())
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


#: Tables of an export by their names; the regions without outlines.
Made: TypeAlias = "dict[str, pa.Table]"


def nulls(table: pa.Table) -> pa.Array:
    """Return a column of texts without any text."""
    return pa.nulls(table.num_rows, pa.string())


def with_columns(table: pa.Table, **columns: Any) -> pa.Table:
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


def data_kept(tasks: pa.Table, keep: Sequence[tuple[str, ...]]) -> pa.Array:
    """Return the data of tasks with the fields that stay, null where there are none."""
    if not keep:
        return nulls(tasks)
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


def told_problems(problems: pa.Table) -> pa.Table:
    """Return problems whose messages and fields hold no value."""
    plain = pc.is_in(problems["code"], pa.array(sorted(PLAIN_MESSAGES)))
    message = pc.if_else(plain, problems["message"], MESSAGE)
    place = pc.match_substring_regex(problems["field"], PLACE)
    return with_columns(problems, message=message, field=_only(problems["field"], place))


def without_dates(export: Export, made: Made, dates: str, origins: Origins) -> Made:
    """Leave out visit dates, times of annotations and answers that are dates."""
    pages = made["pages"]
    if dates == "offset":
        day = origins.day_offsets(pages)
        for name in ("annotations", "regions"):
            made[name] = with_columns(made[name], **{time: origins.moved(made[name][time]) for time in TIMES})
    else:
        day = pa.nulls(pages.num_rows, pa.float64())
        made["problems"] = pa.concat_tables([made["problems"], _newest_by_id(export.annotations)])
        for name in ("annotations", "regions"):
            own = made[name]
            made[name] = with_columns(
                own, **{time: pa.nulls(own.num_rows, own.schema.field(time).type) for time in TIMES}
            )
    made["pages"] = with_columns(pages, day_offset=day, visit_date=pa.nulls(pages.num_rows, pa.date32()))
    return without_answers(export, made, typed=False)


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


def without_answers(export: Export, made: Made, *, typed: bool) -> Made:
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
        regions = with_columns(regions, **{ids: _only(regions[ids], short)})
    made["regions"] = regions
    answers = made["answers"]
    kinds = [kind for kind in answers["kind"].unique().to_pylist() if kind is not None and _goes(kind, typed)]
    hidden = pc.is_in(answers["kind"], pa.array(kinds, pa.string()))
    made["answers"] = with_columns(answers, text=_only(answers["text"], pc.invert(hidden)))
    return made


def _goes(kind: str, typed: bool) -> bool:
    if not typed:
        return kind == "datetime"
    return kind not in NOT_TYPED and not kind.endswith("labels") and kind not in SHAPES


def without_images(made: Made) -> Made:
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
    made["tasks"] = with_columns(tasks, images=lists)
    pages, regions = made["pages"], made["regions"]
    pages = with_columns(pages, image=_image_names(pages["image"], pages["task_id"], pages["page"]))
    # Regions are many and pages few: looked up.
    row = page_rows(*(one[name].to_numpy() for one in (regions, pages) for name in ("task_id", "page")))
    known = pages["image"].take(pa.array(np.maximum(row, 0), mask=row < 0)) if len(row) else regions["image"]
    made["pages"], made["regions"] = pages, with_columns(regions, image=known)
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


def renamed(made: Made, kinds: Sequence[str], names: Pseudonyms) -> Made:
    """Give people other names, wherever they are named."""
    where = {"annotators": ("annotator", ANNOTATED), "patients": ("patient", ("tasks", "pages"))}
    for kind in kinds:
        column, tables = where[kind]
        for name in tables:
            made[name] = with_columns(made[name], **{column: names.column(kind, made[name][column])})
    if "annotators" in kinds:
        versions = pc.dictionary_encode(_plain(made["annotations"]["model_version"]))
        others = [_version(one, names) for one in versions.dictionary.to_pylist()]
        column = pa.array(others, pa.string()).take(versions.indices)
        made["annotations"] = with_columns(made["annotations"], model_version=column)
    return made


def _version(version: str, names: Pseudonyms) -> str:
    """The model of a prediction, which a review file calls after the annotator whose drawing it holds."""
    if not version.startswith(PREDICTION_OF):
        return version
    return PREDICTION_OF + names.name("annotators", version.removeprefix(PREDICTION_OF))
