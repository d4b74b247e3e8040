"""Pages of each row and the visit before laid over each other: shifts, turned profiles, where lesions would be."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..agreement.counted import Ints
from ..arrow import numbers
from .earlier import last_before
from .growth.growth import Growth
from .growth.growth_profile import growth_profiles
from .identity.alignment import Alignments, Sightings, align
from .rows import taken
from .sizes import Floats, Mask
from .statuses.covering import Covering
from .statuses.merging import Places
from .table import Frame

__all__ = ["Overlays", "log_area_of"]


def log_area_of(growth: Growth) -> Floats:
    """Ln area in mm2, or in px2 where the spacing is unknown: pages of one visit mostly have the same unit."""
    rows = growth.rows
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.log(np.where(np.isfinite(rows.area_mm2), rows.area_mm2, rows.area_px2))
    return np.where(np.isfinite(found), found, np.nan)


class Overlays:
    """Pages of each row and the visit before laid over each other: shifts, turned profiles, where lesions would be."""

    def __init__(self, frame: Frame, growth: Growth, threads: int | None) -> None:
        self.frame, self.growth, self.threads = frame, growth, threads
        self.before = last_before(frame.rows.track, frame.present, np.isfinite(log_area_of(growth)))
        seen, visits = frame.seen, frame.visits
        self.usable = np.flatnonzero(np.isfinite(seen.centroid_px).all(axis=1))
        self.row_of = np.full(len(seen), -1, dtype=np.int64)
        self.row_of[self.usable] = np.arange(len(self.usable))
        page = seen.page[self.usable]
        series = frame.tracks["series"].to_numpy()[seen.track[self.usable]]
        if frame.observations.by == "annotator":
            owner = np.zeros(frame.tracks.num_rows, dtype=np.int64)
            first = seen.observations.values[seen.observations.starts[:-1]]
            owner[seen.track] = frame.observations.owner[first]
            series = series * len(frame.observations.annotators) + owner[seen.track[self.usable]]
        width = visits.width[page].astype(np.float64)
        self.seen = Sightings(
            series=series,
            visit=seen.visit[self.usable],
            page=page,
            xy_px=seen.centroid_px[self.usable],
            log_area_px2=seen.log_area[self.usable],
            label=np.full(len(page), -1, dtype=np.int64),
            track=seen.track[self.usable],
            spacing_mm=visits.spacing[page],
            width_px=np.where(width > 0, width, np.nan),
        )
        pair = (self.before >= 0) & frame.present
        self.now = np.flatnonzero(pair)
        now, then = self.row_of[frame.source[self.now]], self.row_of[frame.source[self.before[self.now]]]
        both = (now >= 0) & (then >= 0)
        self.now, self.links = self.now[both], (then[both], now[both])
        pages = [np.concatenate(sides) for sides in zip(self.links, self._absent_links(), strict=True)]
        self.alignments: Alignments = align(self.seen, links=(pages[0], pages[1]), threads=threads)
        self.shifts = self.alignments.shifts(*self.links)

    def _absent_links(self) -> tuple[Ints, Ints]:
        """Sightings of lesions that are absent now, and any one of their series on the page where they are absent."""
        frame = self.frame
        gone = np.flatnonzero(~frame.present & (self.before >= 0) & (frame.page >= 0))
        then = self.row_of[frame.source[self.before[gone]]]
        gone, then = gone[then >= 0], then[then >= 0]
        pages = frame.export.pages.num_rows
        keys, first = np.unique(self.seen.series * pages + self.seen.page, return_index=True)
        wanted = self.seen.series[then] * pages + frame.page[gone]
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        there = keys[at] == wanted
        return then[there], first[at[there]]

    def out_of_frame(self, places: Places) -> Mask:
        """Say of which absent lesions the place is not on the page; of visits with several pages nobody can say it."""
        frame, visits = self.frame, self.frame.visits
        width = int(visits.visit.max(initial=0)) + 1
        _, which, pages = np.unique(visits.series * width + visits.visit, return_inverse=True, return_counts=True)
        page = np.where((frame.page >= 0) & ~frame.present, frame.page, -1)
        wide, high = (np.append(sides, -1)[page] for sides in (visits.width, visits.height))
        known = (wide > 0) & (high > 0) & (np.append(pages[which], 0)[page] == 1)
        outside = (places.x < 0) | (places.x > wide) | (places.y < 0) | (places.y > high)
        found: Mask = known & outside
        return found

    def places(self) -> Places:
        """Say where lesions lie, and where those that are absent would be expected."""
        frame = self.frame
        seen = frame.seen
        x, y = (taken(seen.centroid_px[:, axis], frame.source) for axis in (0, 1))
        reach = taken(seen.measures["feret_max_px"], frame.source)
        gone = np.flatnonzero(~frame.present & (self.before >= 0) & (frame.page >= 0))
        then = frame.source[self.before[gone]]
        pair = self.alignments.pairs_of(seen.page[then], frame.page[gone])
        known = (pair >= 0) & np.isfinite(seen.centroid_px[then]).all(axis=1)
        known[known] = self.alignments.model[pair[known]] > 0
        carried = self.alignments.carry(pair[known], seen.centroid_px[then[known]])
        x[gone[known]], y[gone[known]] = carried[:, 0], carried[:, 1]
        # Pixels of pages without spacing are compared as they are.
        pixel = np.sqrt(np.stack([frame.of_page(frame.visits.spacing[:, axis]) for axis in (0, 1)]).prod(axis=0))
        return Places(x, y, reach, np.where(np.isnan(pixel), 1.0, pixel))

    def covers(self) -> Covering:
        """Return what tells whether the outlines of a row cover a point."""
        frame = self.frame
        observations = frame.observations
        parts = frame.seen.observations.spread(frame.source)
        counts = np.diff(observations.shape_starts)[parts.values]
        starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        at = np.arange(starts[-1]) + np.repeat(observations.shape_starts[parts.values] - starts[:-1], counts)
        return Covering(observations.shapes, starts[parts.starts], observations.shape_rows[at])

    def columns(self) -> dict[str, Any]:
        """Return the columns shift_mm, shift_px, growth_asymmetry, growth_profile, alignment."""
        frame, change = self.frame, self.growth.previous
        count = len(frame)
        shift = {name: np.full(count, np.nan) for name in ("shift_mm", "shift_px")}
        turn = np.full(count, np.nan)
        for name, values in shift.items():
            values[self.now] = getattr(self.shifts, name)
        # The later page is turned back.
        turn[self.now] = -self.shifts.rotation_rad
        one = np.append(frame.seen.observations.values, -1)[frame.seen.observations.starts[:-1]]
        single = np.append(np.where(frame.seen.n_parts == 1, one, -1), -1)
        compared = np.isfinite(change.log_ratio)
        now = np.where(compared, single[frame.source], -1)
        then = np.where(compared & (self.before >= 0), single[frame.source[self.before]], -1)
        profiles = growth_profiles(
            frame.observations,
            now,
            then,
            in_mm=change.in_mm,
            significant=change.significant,
            rotation_rad=turn,
            threads=self.threads,
        )
        return {
            **{name: numbers(values) for name, values in shift.items()},
            "growth_asymmetry": numbers(profiles.asymmetry),
            "growth_asymmetry_reason": profiles.reasons(),
            "growth_profile": profiles.lists(),
            "alignment": profiles.alignments(),
        }
