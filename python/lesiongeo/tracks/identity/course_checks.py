"""What is odd about the course of a track: labels that change, visits without it or its area, people without it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ...agreement.counted import Ints
from ..findings import finding_rows
from ..votes import count_votes
from .identified import IdView
from .tokens import contains, expanded

__all__ = ["check_areas", "check_courses", "check_gaps", "check_missed"]

LABELS = (
    "the lesion has another label here than on most of its visits; check whether it is another lesion, or correct the "
    "label"
)
NO_AREA = (
    "what was drawn of the lesion on this visit encloses no area, so nothing of it is measured, and later visits are "
    "compared with one that has an area; draw it again"
)
GAP = (
    "the lesion is seen before and after, but not on this visit, which was imaged and annotated; draw it if it was "
    "missed, or correct its id if it stands under another one"
)
MISSED = (
    "this annotator worked on the page and did not draw the lesion, which others drew; open the page and draw it, or "
    "have the others delete it"
)


def check_courses(view: IdView) -> pa.Table:
    """Lesions whose label is not that of most visits of their track, with both as value; code id_label_differs."""
    track, label = view.found.track, view.scene.label
    has = np.flatnonzero((track >= 0) & (label >= 0))
    has = has[np.argsort(track[has], kind="stable")]
    usual = count_votes(track[has], label[has], len(view.found.names))
    # Of a tie the label of the first visits counts.
    first = has[np.lexsort((view.scene.page[has], track[has]))]
    first = first[np.diff(track[first], prepend=-1) != 0]
    main = usual.winner.copy()
    tied = first[np.isin(track[first], usual.tied)]
    main[track[tied]] = label[tied]
    odd = np.sort(has[label[has] != main[track[has]]])
    if len(odd) == 0:
        return finding_rows(0, severity="warning", code="id_label_differs", message=LABELS)
    # A region that bears each set of labels; its text is the set's.
    text = view.export.regions.table["label"]
    member = np.flatnonzero(np.isin(view.seen, has))
    sets = view.scene.label_of_member[member]
    codes, one = np.unique(sets, return_index=True)
    named = text.take(pa.array(view.region[member[one]], pa.int64())).to_pylist()
    names = dict(zip(codes.tolist(), named, strict=True))
    value = [
        f"{names.get(own)}, elsewhere {names.get(other)}"
        for own, other in zip(label[odd].tolist(), main[track[odd]].tolist(), strict=True)
    ]
    return view.about_lesions(
        odd, severity="warning", code="id_label_differs", message=LABELS, value=pa.array(value, pa.string())
    )


def check_areas(view: IdView) -> pa.Table:
    """Lesions of a track of which nothing can be measured on a page, with one region of each; code no_area.

    A lesion that too few drew for the outline by majority is none of them.
    """
    observations = view.observations
    measured = np.bincount(view.seen[observations.measured], minlength=len(observations)) > 0
    flat = np.flatnonzero(np.isnan(observations.member_log_area) & ~measured[view.seen] & (view.track >= 0))
    flat = flat[np.diff(view.seen[flat], prepend=-1) != 0]
    return view.about_regions(flat, severity="warning", code="no_area", message=NO_AREA)


def check_gaps(view: IdView) -> pa.Table:
    """Visits on which a track is absent between two on which it is seen, the first of each gap; code id_gap.

    Only visits with an image on which somebody could have drawn it count; by annotator only those of the annotator.
    """
    scene, visits, track = view.scene, view.visits, view.found.track
    seen = np.flatnonzero(track >= 0)
    if len(seen) == 0:
        return finding_rows(0, severity="warning", code="id_gap", message=GAP)
    width = int(visits.visit.max()) + 2
    key, one = np.unique(track[seen] * width + scene.visit[seen], return_index=True)
    own, visit = key // width, key % width
    gap = np.flatnonzero((np.diff(own) == 0) & (np.diff(visit) > 1))
    before = seen[one[gap]]
    usable, page = _usable(view, width)
    start = np.searchsorted(usable, scene.group[before] * width + visit[gap], "right")
    end = np.searchsorted(usable, scene.group[before] * width + visit[gap + 1], "left")
    some = end > start
    start, end, before, after = start[some], end[some], before[some], visit[gap + 1][some]
    there = pa.array(scene.page_row[page[start]], pa.int64())
    pages = view.export.pages.select(["task_id", "page"]).take(there)
    value = [
        f"absent on {count} visit{'s' if count > 1 else ''} between visit {first} and visit {last}"
        for count, first, last in zip((end - start).tolist(), scene.visit[before].tolist(), after.tolist(), strict=True)
    ]
    return view.about_lesions(
        before,
        severity="warning",
        code="id_gap",
        message=GAP,
        value=pa.array(value, pa.string()),
        visit=pa.array((usable[start] % width).astype(np.int32)),
        task_id=pages["task_id"],
        page=pages["page"],
    )


def _usable(view: IdView, width: int) -> tuple[Ints, Ints]:
    """Sorted keys (group, visit) on which something could have been drawn, and the rank of a page of each."""
    scene, visits, counted = view.scene, view.visits, view.counted
    rows = scene.page_row
    good = np.flatnonzero((visits.imaged & visits.annotated)[rows])
    series = visits.series[rows[good]]
    if view.observations.by == "lesion":
        group = series
    else:
        # Pages times the annotators of their task, of those who drew something of the patient at all.
        tasks = view.export.pages["task_id"].to_numpy()[rows[good]]
        task = np.searchsorted(counted.task_ids, tasks)
        people = np.bincount(counted.task, minlength=len(counted.task_ids))
        of, at = expanded((np.cumsum(people) - people)[task], people[task])
        names = len(view.observations.annotators)
        known, one = np.unique(scene.series * names + view.observations.owner, return_index=True)
        wanted = series[of] * names + counted.rank[at]
        place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        there = known[place] == wanted
        good, group = good[of[there]], scene.group[one[place[there]]]
    keys, first = np.unique(group * width + visits.visit[rows[good]], return_index=True)
    return keys, good[first]


def check_missed(view: IdView) -> pa.Table:
    """Lesions that an annotator of the page did not draw, though at least half did, or he did on another visit.

    One row per lesion and annotator, with how many drew it; code missed_by. What fewer people drew is rather theirs
    than missed by the others; see the table of agreement.
    """
    scene, observations, counted = view.scene, view.observations, view.counted
    people = np.bincount(counted.task, minlength=len(counted.task_ids))
    drawn = observations.n_drawn
    total = people[scene.task]
    imaged = view.visits.imaged[observations.page]
    seen = np.flatnonzero((view.found.track >= 0) & (drawn < total) & imaged)
    of, at = expanded((np.cumsum(people) - people)[scene.task[seen]], total[seen])
    who, lesion = counted.rank[at], seen[of]
    names = len(observations.annotators)
    # Members are sorted by lesion and annotator.
    absent = ~contains(view.seen * names + view.annotator, lesion * names + who)
    lesion, who, at = lesion[absent], who[absent], at[absent]
    few = np.flatnonzero(2 * drawn[lesion] < total[lesion])
    known = np.sort(view.track * names + view.annotator)
    keep = np.ones(len(lesion), dtype=np.bool_)
    keep[few] = contains(known, view.found.track[lesion[few]] * names + who[few])
    lesion, who, at = lesion[keep], who[keep], at[keep]
    value = [
        f"drawn by {own} of {all_}" for own, all_ in zip(drawn[lesion].tolist(), total[lesion].tolist(), strict=True)
    ]
    annotation = view.export.annotations["annotation_id"].take(pa.array(counted.annotations[at], pa.int64()))
    return view.about_lesions(
        lesion,
        severity="warning",
        code="missed_by",
        message=MISSED,
        annotator=pa.array(observations.annotators, pa.string()).take(pa.array(who, pa.int64())),
        annotation_id=annotation,
        value=pa.array(value, pa.string()),
    )
