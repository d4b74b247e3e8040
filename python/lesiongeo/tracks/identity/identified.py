"""What is known about the identity of lesions, as the checks of ids see it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...agreement.counted import Counted, Ints
from ...checks.view import Mask
from ...read import Export
from ..findings import finding_rows, findings_about_regions
from ..observations import Observations
from ..pages.visits import Visits
from .ids import TypedIds
from .repeats import Repeats
from .scene import Links, Scene
from .tokens import Tokens

__all__ = ["IdView", "Identified"]

Floats = NDArray[np.float64]


class Identified(NamedTuple):
    """What `identify` found.

    Per observation: `track` (-1: none), `proposed`, `cost`, `margin`. Per track: `names`, `group` (see `Scene`), `base`
    and `number` (see `chosen_names`; base -1: nobody typed it). Per cluster of tokens: `track_of_cluster`, -1 where no
    lesion has it.
    """

    scene: Scene
    links: Links
    typed: TypedIds
    tokens: Tokens
    cluster: Ints
    repeats: Repeats
    track: Ints
    track_of_cluster: Ints
    names: pa.Array
    base: Ints
    number: Ints
    group: Ints
    proposed: Mask
    cost: Floats
    margin: Floats


class IdView:
    """Regions of lesions with their typed id and track; arrays have one entry per member of the observations."""

    def __init__(
        self, export: Export, counted: Counted, observations: Observations, visits: Visits, found: Identified
    ) -> None:
        self.export, self.counted, self.observations, self.visits = export, counted, observations, visits
        self.found, self.scene = found, found.scene
        self.region = observations.members
        self.annotator = observations.member_annotator
        #: The observation of each.
        self.seen = observations.of_member
        #: Code of the typed id, -1 for none.
        self.name: Ints = found.typed.code[self.region]
        self.token = found.tokens.of_drawn
        #: Per token: whether the others call its lesion differently, and whether its annotator does so throughout.
        self.token_differs, self.numbering = _numbering(found)
        self.track: Ints = found.track[self.seen]
        #: The track that the typed id stands for, -1: none, or no lesion has it.
        self.typed_track: Ints = np.append(found.track_of_cluster[found.cluster], -1)[self.token]
        lost: Mask = found.proposed[self.seen] | (self.track < 0)
        #: Whether an id was typed that is of no use, for it stands for another lesion of the page.
        self.unusable: Mask = (self.name >= 0) & lost
        #: Whether the track has another id than the one that was typed.
        self.differs: Mask = (self.name >= 0) & ~lost & (np.append(found.base, -1)[self.track] != self.name)
        #: The same, apart from those whose annotator numbers differently throughout.
        self.off: Mask = self.differs & ~(
            (self.typed_track == self.track) & np.append(self.numbering, False)[self.token]
        )

    def typed(self, members: Ints) -> pa.Array:
        """Ids that were typed for these members."""
        name = self.name[members]
        return self.found.typed.names.take(pa.array(np.maximum(name, 0), mask=name < 0))

    def names(self, track: Ints) -> pa.Array:
        """Names of tracks; null for -1."""
        return self.found.names.take(pa.array(np.maximum(track, 0), mask=track < 0))

    def place(self, seen: Ints) -> dict[str, Any]:
        """Patient, site and visit of observations."""
        series = self.visits.series_table.select(["patient", "site"]).take(
            pa.array(self.scene.series[seen], pa.int64())
        )
        return {
            "patient": series["patient"],
            "site": series["site"],
            "visit": pa.array(self.scene.visit[seen].astype(np.int32)),
        }

    def about_regions(self, members: Ints, *, severity: Any, code: str, message: Any, **more: Any) -> pa.Table:
        """Make a finding of each of these members."""
        place = {**self.place(self.seen[members]), "track_id": self.names(self.track[members]), **more}
        return findings_about_regions(
            self.export, self.region[members], severity=severity, code=code, message=message, **place
        )

    def about_lesions(self, seen: Ints, *, severity: Any, code: str, message: Any, **more: Any) -> pa.Table:
        """Make a finding of each of these observations."""
        rows = pa.array(self.observations.page[seen], pa.int64())
        pages = self.export.pages.select(["task_id", "page"]).take(rows)
        place = {**self.place(seen), "task_id": pages["task_id"], "page": pages["page"]}
        place["track_id"] = self.names(self.found.track[seen])
        if self.observations.by == "annotator":
            people = pa.array(self.observations.annotators, pa.string())
            place["annotator"] = people.take(pa.array(self.observations.owner[seen]))
        return finding_rows(len(seen), severity=severity, code=code, message=message, **{**place, **more})


def _numbering(found: Identified) -> tuple[Mask, Mask]:
    """Whether the others call the lesion of each token differently; whether its annotator numbers differently."""
    tokens, cluster = found.tokens, found.cluster
    track = found.track_of_cluster[cluster]
    shared = (np.bincount(cluster, minlength=len(cluster))[cluster] > 1) & (track >= 0)
    differs = shared & (np.append(found.base, -1)[track] != tokens.name)
    people = int(tokens.annotator.max(initial=0)) + 1
    _, who = np.unique(tokens.series * people + tokens.annotator, return_inverse=True)
    off, both = np.bincount(who, weights=differs), np.bincount(who, weights=shared)
    numbered = ((off >= 2) | (2 * off >= both)) & (off > 0)
    return differs, numbered[who]
