"""Ids that do not fit the places of lesions: far jumps, ids that were exchanged, ids that changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ...agreement.counted import Ints
from .alignment import UNITS
from .identified import IdView

__all__ = ["changed_regions", "check_changed", "check_jumps", "check_swaps", "swapped_regions"]

#: A lesion continues another one if this link costs at most as much (a distance of three standard deviations), ...
SURE = 4.5
#: ... and every other link of either of the two so much more (the odds are 20 to 1).
CLEAR = 3.0
#: How near, in its radius, it must be where a single other lesion tells how the camera moved.
AT_PLACE = 0.25

JUMP = (
    "the lesion with this id is implausibly far from where it was on the page before; check whether it is another "
    "lesion, and correct the id"
)
SWAP = (
    "the ids of lesions of this page were exchanged, it seems: with the one named here as value each lies where it was "
    "on its other visits; check both and correct them"
)

CHANGED = (
    "the lesion lies where one with the id named here as value is on the neighbouring page, and no page has both; if "
    "it is the same lesion, give it that id"
)


def check_jumps(view: IdView) -> pa.Table:
    """Regions whose track is implausibly far from its place on the page before, with the distance; code id_jump."""
    found, links = view.found, view.found.links
    entry = np.flatnonzero(links.alignments.jump & (links.alignments.same_id >= 0))
    later, earlier = links.rows[links.alignments.row[entry]], links.rows[links.alignments.same_id[entry]]
    jumped = np.zeros(len(view.scene), dtype=np.bool_)
    jumped[later] = True
    # What comes back to its place did not jump a second time.
    sure = (found.track[later] >= 0) & (found.track[later] == found.track[earlier]) & ~jumped[earlier]
    sure &= ~found.proposed[later]
    entry, later = entry[sure], later[sure]
    unit = links.alignments.unit[links.alignments.pair[entry]]
    distance = links.alignments.same_id_distance[entry]
    text = dict(
        zip(
            later.tolist(),
            (_distance(own, UNITS[kind]) for own, kind in zip(distance.tolist(), unit.tolist(), strict=True)),
            strict=True,
        )
    )
    chosen = np.zeros(len(view.scene), dtype=np.bool_)
    chosen[later] = True
    members = np.flatnonzero(chosen[view.seen] & (view.typed_track == view.track))
    value = pa.array([text[seen] for seen in view.seen[members].tolist()], pa.string())
    return view.about_regions(members, severity="warning", code="id_jump", message=JUMP, value=value)


def check_swaps(view: IdView) -> pa.Table:
    """Regions whose ids were exchanged, it seems, with the id that each should have; code id_swap.

    Of two lesions whose ids change places once or more, those pages are listed on which the ids stand as on the smaller
    number of pages; of as many the later ones.
    """
    members, right = swapped_regions(view)
    return view.about_regions(members, severity="warning", code="id_swap", message=SWAP, value=view.names(right))


def check_changed(view: IdView) -> pa.Table:
    """Regions next to where a lesion seems to change its id, with the id that it should have; code id_changed."""
    members, right, page = _changed(view)
    here = view.scene.page[view.seen[members]] == page
    members, right = members[here], right[here]
    return view.about_regions(members, severity="warning", code="id_changed", message=CHANGED, value=view.names(right))


def changed_regions(view: IdView) -> tuple[Ints, Ints]:
    """Members of tracks that seem to be another one under another id, and that one."""
    members, right, _ = _changed(view)
    return members, right


def _changed(view: IdView) -> tuple[Ints, Ints, Ints]:
    """Members of tracks that seem to be another one, that one, and the page next to it.

    The first lesion of one is where the other was on the page before, going by others that kept their ids, and no page
    has both. The one on fewer pages is the wrong one, of as many the later one. Loops over such tracks only.
    """
    track, page, links = view.found.track, view.scene.page, view.found.links
    sure = (links.before >= 0) & (track >= 0) & ~view.found.proposed & (links.cost <= SURE) & (links.margin >= CLEAR)
    # Where no other lesion kept its id and its place, nothing tells how the camera moved.
    found = links.alignments
    kept = np.bincount(
        found.pair[(found.same_id >= 0) & (found.same_id == found.partner)], minlength=len(found.page_to)
    )
    sure[links.rows[found.row[kept[found.pair] == 0]]] = False
    # One alone can be half of a movement that the other one made: both must be where they were.
    radius = view.scene.radius[links.rows[found.row]] * found.per_px_to[found.pair].mean(axis=1)
    alone = (kept[found.pair] == 1) & ~(found.partner_distance <= AT_PLACE * radius)
    sure[links.rows[found.row[alone]]] = False
    later = np.flatnonzero(sure)
    earlier = links.before[later]
    apart = (track[later] != track[earlier]) & (track[earlier] >= 0) & ~view.found.proposed[earlier]
    right, where = (np.full(len(view.found.names) + 1, -1, dtype=np.int64) for _ in range(2))
    if apart.any():
        has = np.flatnonzero(track >= 0)
        order = has[np.lexsort((page[has], track[has]))]
        start = np.searchsorted(track[order], np.arange(len(right)))
        apart &= page[order[start[track[later]]]] == page[later]
        later, earlier = later[apart], earlier[apart]
        sort = np.lexsort((track[later], page[later]))
        for one, other in zip(later[sort].tolist(), earlier[sort].tolist(), strict=True):
            own, theirs = (page[order[start[track[lesion]] : start[track[lesion] + 1]]] for lesion in (one, other))
            if not np.isin(own, theirs).any():
                wrong, target = (other, one) if len(own) > len(theirs) else (one, other)
                right[track[wrong]], where[track[wrong]] = track[target], page[wrong]
    members = np.flatnonzero((right[view.track] >= 0) & (view.typed_track == view.track))
    return members, right[view.track[members]], where[view.track[members]]


def swapped_regions(view: IdView) -> tuple[Ints, Ints]:
    """Members whose ids were exchanged, and the track that each should have."""
    right = np.full(len(view.scene), -1, dtype=np.int64)
    seen, track = _swapped(view)
    right[seen] = track
    members = np.flatnonzero((right[view.seen] >= 0) & (view.typed_track == view.track))
    return members, right[view.seen[members]]


def _distance(value: float, unit: str) -> str:
    return f"{value:.2f} widths of the image" if unit == "width" else f"{value:.1f} {unit}"


def _swapped(view: IdView) -> tuple[Ints, Ints]:
    """Lesions whose ids were exchanged, and their right tracks. Loops over suspicions only."""
    track, links = view.found.track, view.found.links
    entry = np.flatnonzero(links.alignments.swap >= 0)
    own, other = links.rows[links.alignments.row[entry]], links.rows[links.alignments.swap[entry]]
    pair = links.alignments.pair[entry]
    right: dict[int, int] = {}
    cuts: dict[tuple[int, int], list[int]] = {}
    circles: dict[tuple[int, int], int] = {
        (where, one): two for where, one, two in zip(pair.tolist(), own.tolist(), other.tolist(), strict=True)
    }
    for (where, one), two in circles.items():
        mine, theirs = int(track[one]), int(track[two])
        if mine < 0 or theirs < 0 or mine == theirs or view.found.proposed[one] or view.found.proposed[two]:
            continue
        if circles.get((where, two)) == one:
            if mine < theirs:
                cuts.setdefault((mine, theirs), []).append(int(view.scene.page[one]))
        else:
            # Of three or more only the page itself can be said.
            right[one] = theirs
    if cuts:
        _exchange(view, cuts, right)
    seen = np.array(sorted(right), dtype=np.int64)
    return seen, np.array([right[one] for one in seen.tolist()], dtype=np.int64)


def _exchange(view: IdView, cuts: dict[tuple[int, int], list[int]], right: dict[int, int]) -> None:
    """Add lesions of pairs of tracks that change places at the pages `cuts`, on the side with fewer pages."""
    track, page = view.found.track, view.scene.page
    order = np.argsort(track, kind="stable")
    start = np.searchsorted(track[order], np.arange(len(view.found.names) + 1))
    for (one, two), where in cuts.items():
        lesions = [order[start[name] : start[name + 1]] for name in (one, two)]
        common = np.intersect1d(page[lesions[0]], page[lesions[1]])
        segment = np.searchsorted(np.sort(where), common, "right") % 2
        odd = int(segment.sum())
        wrong = common[segment == (1 if 2 * odd <= len(common) else 0)]
        for other, rows in ((two, lesions[0]), (one, lesions[1])):
            right |= dict.fromkeys(rows[np.isin(page[rows], wrong)].tolist(), other)
