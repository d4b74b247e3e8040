"""Ids that do not fit the places of lesions: far jumps, and ids of two lesions that were exchanged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..agreement.counted import Ints
from .alignment import UNITS
from .identified import IdView

__all__ = ["check_jumps", "check_swaps", "swapped_regions"]

JUMP = (
    "the lesion with this id is implausibly far from where it was on the page before; check whether it is another "
    "lesion, and correct the id"
)
SWAP = (
    "the ids of lesions of this page were exchanged, it seems: with the one named here as value each lies where it was "
    "on its other visits; check both and correct them"
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
