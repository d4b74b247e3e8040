"""Which lesions on pages are one track, and what the ids that annotators typed have to do with it.

The rules, in one place. What one annotator calls a lesion of a patient is a token: patient, annotator and id. Tokens
that stand for the same lesion are joined (see `join_tokens`), so that it does not matter whether people number alike.
A lesion on a page belongs to the track that most of those who drew it say (of a ground truth, that the expert says);
where they are divided, to the one that no other lesion of the page has and that is nearest (`break_ties`). A track on
two lesions of a page is one that split, or an error (`settle_repeats`). Lesions without a usable id get a track by
their place (`propose`), marked as proposed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...agreement.counted import Counted, Ints
from ...checks.view import Mask
from ...read import Export
from ..observations import GROUND_TRUTH, Observations
from ..pages.visits import Visits
from ..votes import count_votes
from .id_checks import check_ids, propose_ids
from .identified import Identified, IdView
from .ids import TypedIds, typed_ids
from .names import chosen_names, proposed_names, written_names
from .proposals import propose
from .repeats import settle_repeats
from .scene import Scene, linked, scene_of
from .ties import break_ties
from .tokens import Drawn, Tokens, join_tokens, tokens_of

__all__ = ["SOURCES", "Identity", "identify"]

Floats = NDArray[np.float64]

#: Where the id of a track comes from.
SOURCES = ("typed", "proposed", "mixed")


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """Tracks of lesions. Made by `identify`.

    Attributes
    ----------
    track : ndarray of int64, shape (n_observations,)
        Row of `tracks`; -1: none, for an outline without area and id.
    tracks : pyarrow.Table
        One row per track, sorted by series, annotator and name ("2" before "10", proposed ones last): series (row of
        ``Visits.series_table``), patient, site, annotator (null but by annotator), track_id, id_source (typed,
        proposed, mixed).
    proposed : ndarray of bool, shape (n_observations,)
        Whether the track was proposed for this lesion; else it was typed.
    cost, margin : ndarray of float64, shape (n_observations,)
        Of the link that a proposal rests on, as in `Alignments`; NaN for all others and the first of a new track.
    part : ndarray of bool, shape (n_observations,)
        Whether it is a further part of a lesion that another observation of the same page and track stands for.
    findings : pyarrow.Table
        What is wrong or odd about ids, in the schema `TRACK_FINDING_SCHEMA`; see `check_ids`.
    proposals : pyarrow.Table
        Ids to enter, one row per region, in the schema `PROPOSAL_SCHEMA`; see `propose_ids`.
    """

    track: Ints
    tracks: pa.Table
    proposed: Mask
    cost: Floats
    margin: Floats
    part: Mask
    findings: pa.Table
    proposals: pa.Table


def identify(
    export: Export,
    counted: Counted,
    observations: Observations,
    visits: Visits,
    *,
    threads: int | None = None,
) -> Identity:
    """Find the track of each lesion on a page.

    Parameters
    ----------
    export : Export
        What `read_label_studio` returns; the control with the role of a track id holds the ids.
    counted : Counted
        Its annotations that count.
    observations : Observations
        Lesions on pages, by lesion or by annotator.
    visits : Visits
        Patients, sites and the order of pages.
    threads : int, optional
        Number of threads; by default see `num_threads`.

    Returns
    -------
    Identity
        Tracks, findings and proposals.

    Notes
    -----
    By annotator, the ids of each are a world of their own: nobody's id is compared with another's.

    O(n log n) in regions, plus the alignment of neighbouring pages. The same bits for the same export in any order of
    its tasks.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> from lesiongeo.agreement.counted import Counted
    >>> from lesiongeo.tracks.identity.identity import identify
    >>> from lesiongeo.tracks.observations import observe
    >>> from lesiongeo.tracks.pages.visits import visits_of
    >>> export = lg.read_label_studio("examples/dermatology.json")
    >>> counted = Counted(export)
    >>> visits = visits_of(export, counted, patient="patient_id", visit="visit_offsets_days")
    >>> identity = identify(export, counted, observe(export, counted, visits=visits), visits)
    >>> identity.tracks.select(["patient", "track_id", "id_source"]).slice(0, 1).to_pylist()
    [{'patient': 'P0001', 'track_id': '1', 'id_source': 'typed'}]
    """
    scene = scene_of(export, counted, observations, visits)
    typed = typed_ids(export)
    drawn = _drawn(scene, observations, typed)
    tokens = tokens_of(drawn)
    cluster = np.arange(len(tokens))
    if observations.by == "lesion":
        cluster = join_tokens(drawn, tokens, (counted.task, counted.rank))
    said = np.where(_overruled(observations, tokens), -1, np.append(cluster, -1)[tokens.of_drawn])
    votes = count_votes(drawn.seen, said, len(scene))
    links = linked(scene, votes.winner, threads=threads)
    smallest = np.full(len(tokens), len(typed.names), dtype=np.int64)
    np.minimum.at(smallest, cluster, tokens.name)
    track = break_ties(scene, links, votes, smallest)
    support = np.bincount(drawn.seen[said == track[drawn.seen]], minlength=len(scene))
    repeats = settle_repeats(scene, links, track, support, (drawn.seen, drawn.annotator))
    track[repeats.lesion[~repeats.part]] = -1
    lost = (track < 0) & np.isfinite(scene.radius) & scene.placed
    track, cost, margin = propose(scene, links, track, lost, len(tokens))
    found = _named(scene, typed, tokens, cluster, track)
    identified = Identified(
        scene=scene,
        links=links,
        typed=typed,
        tokens=tokens,
        cluster=cluster,
        repeats=repeats,
        proposed=lost,
        cost=cost,
        margin=margin,
        **found,
    )
    view = IdView(export, counted, observations, visits, identified)
    part = np.zeros(len(scene), dtype=np.bool_)
    part[repeats.lesion[repeats.part]] = True
    return Identity(
        track=identified.track,
        tracks=_table(identified, observations, visits),
        proposed=lost,
        cost=cost,
        margin=margin,
        part=part,
        findings=check_ids(view),
        proposals=propose_ids(view),
    )


def _drawn(scene: Scene, observations: Observations, typed: TypedIds) -> Drawn:
    seen = observations.of_member
    # Nothing is at a place of its own where no width is known.
    return Drawn(
        seen=seen,
        series=scene.series[seen],
        page=scene.page[seen],
        task=scene.task[seen],
        annotator=observations.member_annotator,
        name=typed.code[observations.members],
        place=(scene.xy / scene.width[:, None])[seen],
    )


def _overruled(observations: Observations, tokens: Tokens) -> Mask:
    """Whether each region lies beside one of a ground truth that has an id: then only the expert's counts."""
    seen = observations.of_member
    beside = (observations.outline[seen] == GROUND_TRUTH) & ~observations.measured
    expert = np.bincount(seen[~beside & (tokens.of_drawn >= 0)], minlength=len(observations)) > 0
    found: Mask = beside & expert[seen]
    return found


def _named(scene: Scene, typed: TypedIds, tokens: Tokens, cluster: Ints, track: Ints) -> dict[str, pa.Array | Ints]:
    """Number the tracks that some lesion has by group and name; give each a name."""
    codes, first = np.unique(track, return_index=True)
    codes, first = codes[codes >= 0], first[codes >= 0]
    group = scene.group[first]
    of_people = codes < len(tokens)
    used = np.zeros(len(tokens), dtype=np.bool_)
    used[codes[of_people]] = True
    within = np.full(len(tokens), -1, dtype=np.int64)
    within[codes[of_people]] = group[of_people]
    name, number = chosen_names(tokens, cluster, within, used)
    base = np.append(name, -1)[np.where(of_people, codes, -1)]
    number = np.append(number, 1)[np.where(of_people, codes, -1)]
    # Those that were proposed are numbered by page already.
    order = np.lexsort((codes, number, base, ~of_people, group))
    place = np.full(int(codes.max(initial=-1)) + 2, -1, dtype=np.int64)
    place[codes[order]] = np.arange(len(codes))
    base, number, group, of_people = base[order], number[order], group[order], of_people[order]
    theirs = (within[cluster], tokens.name)
    known = theirs[0] >= 0
    theirs = (theirs[0][known], theirs[1][known])
    written = written_names(typed.names, base[of_people], number[of_people], group[of_people], theirs)
    invented, _ = proposed_names(typed.names, group[~of_people], theirs)
    source = np.full(len(codes), -1, dtype=np.int64)
    source[of_people] = np.arange(int(of_people.sum()))
    source[~of_people] = int(of_people.sum()) + np.arange(int((~of_people).sum()))
    return {
        "track": place[track],
        "track_of_cluster": place[: len(tokens)]
        if len(place) > len(tokens)
        else np.pad(place[:-1], (0, len(tokens) - len(place) + 1), constant_values=-1),
        "names": pa.concat_arrays([written, invented]).take(pa.array(source)),
        "base": base,
        "number": number,
        "group": group,
    }


def _table(found: Identified, observations: Observations, visits: Visits) -> pa.Table:
    """Make the table of tracks."""
    count = len(found.names)
    has = np.flatnonzero(found.track >= 0)
    one = np.empty(count, dtype=np.int64)
    one[found.track[has][::-1]] = has[::-1]
    series = found.scene.series[one]
    people = pa.nulls(count, pa.string())
    if observations.by == "annotator":
        people = pa.array(observations.annotators, pa.string()).take(pa.array(observations.owner[one]))
    total = np.bincount(found.track[has], minlength=count)
    proposed = np.bincount(found.track[has], weights=found.proposed[has], minlength=count)
    source = np.where(proposed == 0, 0, np.where(proposed == total, 1, 2))
    patients = visits.series_table.select(["patient", "site"]).take(pa.array(series, pa.int64()))
    return pa.table(
        {
            "series": pa.array(series, pa.int64()),
            "patient": patients["patient"],
            "site": patients["site"],
            "annotator": people,
            "track_id": found.names,
            "id_source": pa.array(SOURCES, pa.string()).take(pa.array(source)),
        }
    )
