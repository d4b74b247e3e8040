"""What is wrong or odd about track ids: findings for a lead, and ids to enter instead."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ...agreement.counted import Ints
from ..findings import finding_rows, sorted_findings
from .course_checks import check_areas, check_courses, check_gaps, check_missed
from .identified import IdView
from .link_checks import changed_regions, check_changed, check_jumps, check_swaps, swapped_regions
from .proposals import proposal_rows, sorted_proposals

__all__ = ["check_ids", "propose_ids"]

MISSING = "the region has no track id; enter the one named here if it is right, else the one of its other visits"
MISSING_TINY = "the region has no track id and no area, so it is on no track; delete it, or draw it again"
NONE_AT_ALL = (
    "no region of this patient has a track id; all tracks were proposed by position, size and label: enter ids, or "
    "check the proposals"
)
NO_CONTROL = (
    "no control of the export holds track ids; all tracks were proposed by position, size and label: name the control "
    "with the option `track_id`, or check the proposals"
)
NOT_INTEGER = "the track id is no whole number; it was taken as it is written, so every visit must have it exactly so"
TEXTS = "the track ids of this patient are texts; they were taken as they are written"
PARTS = "the same person gave two regions of this page the same track id; they were taken as parts of one lesion"
REPEATED = (
    "the same person gave two lesions of this page the same track id; this one is farther from where the track was and "
    "was taken as another lesion: correct one of them"
)
ELSEWHERE = (
    "the id stands for another lesion of this page, which other people outlined; this one was taken as another lesion: "
    "correct the id, or the outline"
)
DIFFERS = "the id that was typed is not that of the lesion on its other outlines and visits; correct it"
NUMBERING = (
    "this annotator numbers the lesions of this patient differently from the others; the tracks were joined by what "
    "was drawn, and have the ids of the others: agree on one numbering"
)
SHARED = (
    "different people gave different lesions of this patient the same id; this one got a further number: give one of "
    "them an id of its own"
)
PROPOSED = "no usable id was typed, so this track was proposed; check it and enter the id"


def check_ids(view: IdView) -> pa.Table:
    """List what is wrong or odd about track ids.

    Parameters
    ----------
    view : IdView
        What `identify` found.

    Returns
    -------
    pyarrow.Table
        Rows in the schema `TRACK_FINDING_SCHEMA`, sorted. The codes are

        - id_missing (warning): a region without id; one row per patient where nobody typed any (info);
        - id_not_integer (warning): once per patient, annotator and id; one row per patient where all are texts (info);
        - id_repeated: one person gave two lesions of a page the same id (warning), or drew one in parts (info);
        - id_elsewhere (warning): an id that other people gave to another lesion of the page;
        - id_differs (warning): an id that is not that of the lesion on most of its other outlines;
        - id_numbering_differs (warning): somebody calls lesions of a patient differently throughout: two or more of
          those that others drew too, or at least half of them; once per annotator and patient;
        - id_shared (warning): one id for different lesions of a patient, by different people;
        - id_jump, id_swap, id_changed (warnings): see `lesiongeo.tracks.identity.link_checks`;
        - no_area, id_label_differs, id_gap, missed_by (warnings): see `lesiongeo.tracks.identity.course_checks`;
        - proposed_id (info): a lesion whose track was proposed, but for patients without any id.
    """
    tables = [
        *_missing(view),
        *_not_integer(view),
        *_repeated(view),
        _proposed(view),
        check_jumps(view),
        check_swaps(view),
        check_changed(view),
        check_areas(view),
        check_courses(view),
        check_gaps(view),
    ]
    if view.observations.by == "lesion":
        tables += [
            view.about_regions(
                _off(view), severity="warning", code="id_differs", message=DIFFERS, value=view.typed(_off(view))
            ),
            _numbering(view),
            _shared(view),
            check_missed(view),
        ]
    return sorted_findings(tables)


def propose_ids(view: IdView) -> pa.Table:
    """List ids to enter, one row per region, in the schema `PROPOSAL_SCHEMA`.

    Parameters
    ----------
    view : IdView
        What `identify` found.

    Returns
    -------
    pyarrow.Table
        patient, site, task_id, page, annotation_id, annotator, region_id, typed_id (null: none), proposed_id, visit,
        cost and margin of the link by position (null where the id follows from what other people typed, and for the
        first of a new track), and the reason: missing, repeated (the typed id stands for another lesion of the page),
        differs (from what others typed), swap (the ids of two lesions were exchanged, it seems) or changed (the lesion
        had another id before, it seems). Sorted by patient, site, visit, task, page, annotator and region.
    """
    found = view.found
    missing = np.flatnonzero((view.name < 0) & (view.track >= 0))
    unusable = np.flatnonzero(view.unusable & (view.track >= 0))
    tables = []
    for reason, members in (("missing", missing), ("repeated", unusable), ("differs", _off(view))):
        seen = view.seen[members]
        tables.append(
            proposal_rows(
                view.export,
                view.region[members],
                **view.place(seen),
                typed_id=view.typed(members),
                proposed_id=view.names(view.track[members]),
                cost=found.cost[seen],
                margin=found.margin[seen],
                reason=reason,
            )
        )
    for reason, (members, right) in (("swap", swapped_regions(view)), ("changed", changed_regions(view))):
        tables.append(
            proposal_rows(
                view.export,
                view.region[members],
                **view.place(view.seen[members]),
                typed_id=view.typed(members),
                proposed_id=view.names(right),
                reason=reason,
            )
        )
    return sorted_proposals(tables)


def _off(view: IdView) -> Ints:
    """Members whose id is not that of their lesion; by annotator there are none."""
    members: Ints = np.flatnonzero(view.off)
    return members


def _missing(view: IdView) -> list[pa.Table]:
    """Regions without id, and patients without any."""
    series = view.scene.series[view.seen]
    typed = np.bincount(series[view.name >= 0], minlength=view.visits.series_table.num_rows)
    members = np.flatnonzero((view.name < 0) & (typed[series] > 0))
    here = view.track[members] >= 0
    tables = [
        view.about_regions(some, severity="warning", code="id_missing", message=message)
        for some, message in ((members[here], MISSING), (members[~here], MISSING_TINY))
    ]
    counts = np.bincount(series, minlength=len(typed))
    without = np.flatnonzero((typed == 0) & (counts > 0))
    order = np.lexsort((view.region, view.scene.page[view.seen], series))
    first = order[np.diff(series[order], prepend=-1) != 0]
    first = first[np.isin(series[first], without)]
    message = NO_CONTROL if view.found.typed.column is None else NONE_AT_ALL
    value = [f"{count} regions" if count > 1 else "1 region" for count in counts[series[first]].tolist()]
    place = view.place(view.seen[first])
    tables.append(
        finding_rows(
            len(first),
            severity="info",
            code="id_missing",
            message=message,
            patient=place["patient"],
            site=place["site"],
            task_id=view.export.regions.table["task_id"].take(pa.array(view.region[first])),
            value=pa.array(value, pa.string()),
        )
    )
    return tables


def _not_integer(view: IdView) -> list[pa.Table]:
    """Tokens that are no whole numbers; where all of a patient's are texts, only that."""
    tokens, whole = view.found.tokens, view.found.typed.whole
    if len(tokens) == 0 or whole.all():
        return []
    is_text = ~whole[tokens.name]
    series = view.visits.series_table.num_rows
    all_texts = np.bincount(tokens.series[~is_text], minlength=series) == 0
    member = np.flatnonzero(view.token >= 0)
    order = member[np.lexsort((view.region[member], view.scene.page[view.seen[member]], view.token[member]))]
    first = order[np.diff(view.token[order], prepend=-1) != 0]
    odd = first[is_text & ~all_texts[tokens.series]]
    whole_series = first[is_text & all_texts[tokens.series]]
    own = view.scene.series[view.seen[whole_series]]
    whole_series = whole_series[np.unique(own, return_index=True)[1]]
    place = view.place(view.seen[whole_series])
    return [
        view.about_regions(odd, severity="warning", code="id_not_integer", message=NOT_INTEGER, value=view.typed(odd)),
        finding_rows(
            len(whole_series),
            severity="info",
            code="id_not_integer",
            message=TEXTS,
            patient=place["patient"],
            site=place["site"],
            value=view.typed(whole_series),
        ),
    ]


def _repeated(view: IdView) -> list[pa.Table]:
    """Ids on several lesions of a page."""
    repeats = view.found.repeats
    lesions = len(view.scene)
    parts, by_same = (np.zeros(lesions, dtype=np.bool_) for _ in range(2))
    parts[repeats.lesion[repeats.part]] = True
    by_same[repeats.lesion[repeats.same_person]] = True
    part = np.flatnonzero(parts[view.seen] & (view.name >= 0) & (view.typed_track == view.track))
    twice = np.flatnonzero(view.unusable & by_same[view.seen])
    elsewhere = np.flatnonzero(view.unusable & ~by_same[view.seen])
    return [
        view.about_regions(some, severity=severity, code=code, message=message, value=view.typed(some))
        for some, severity, code, message in (
            (part, "info", "id_repeated", PARTS),
            (twice, "warning", "id_repeated", REPEATED),
            (elsewhere, "warning", "id_elsewhere", ELSEWHERE),
        )
    ]


def _proposed(view: IdView) -> pa.Table:
    """Lesions whose track was proposed, of patients of whom some id was typed."""
    series = view.scene.series
    typed = np.zeros(view.visits.series_table.num_rows, dtype=np.bool_)
    typed[view.found.tokens.series] = True
    seen = np.flatnonzero(view.found.proposed & (view.found.track >= 0) & typed[series])
    return view.about_lesions(seen, severity="info", code="proposed_id", message=PROPOSED)


def _numbering(view: IdView) -> pa.Table:
    """People who number the lesions of a patient differently, each once."""
    tokens = view.found.tokens
    odd = np.flatnonzero(view.token_differs & view.numbering)
    people = int(tokens.annotator.max(initial=0)) + 1
    who = tokens.series[odd] * people + tokens.annotator[odd]
    typed = view.found.typed.names.take(pa.array(tokens.name[odd], pa.int64())).to_pylist()
    others = view.names(view.found.track_of_cluster[view.found.cluster[odd]]).to_pylist()
    said: dict[int, list[str]] = {}
    for key, own, other in zip(who.tolist(), typed, others, strict=True):
        said.setdefault(key, []).append(f"{own} is {other}")
    keys = np.array(list(said), dtype=np.int64)
    series = view.visits.series_table.select(["patient", "site"]).take(pa.array(keys // people, pa.int64()))
    names = pa.array(view.observations.annotators, pa.string())
    return finding_rows(
        len(keys),
        severity="warning",
        code="id_numbering_differs",
        message=NUMBERING,
        patient=series["patient"],
        site=series["site"],
        annotator=names.take(pa.array(keys % people, pa.int64())),
        value=pa.array([", ".join(texts) for texts in said.values()], pa.string()),
    )


def _shared(view: IdView) -> pa.Table:
    """Tracks whose only ids are those of others, at their first lesion."""
    further = np.flatnonzero(view.found.number > 1)
    seen = np.flatnonzero(np.isin(view.found.track, further))
    seen = seen[np.lexsort((seen, view.scene.page[seen], view.found.track[seen]))]
    seen = seen[np.diff(view.found.track[seen], prepend=-1) != 0]
    base = view.found.base[view.found.track[seen]]
    value = view.found.typed.names.take(pa.array(base, pa.int64()))
    return view.about_lesions(seen, severity="warning", code="id_shared", message=SHARED, value=value)
