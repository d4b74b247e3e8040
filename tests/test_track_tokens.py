"""Ids joined by what was drawn together, votes, chains and names: against slow calculations in plain Python."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from lesiongeo.agreement.counted import Ints
from lesiongeo.tracks.identity.ids import natural_order
from lesiongeo.tracks.identity.names import chosen_names, proposed_names, written_names
from lesiongeo.tracks.identity.proposals import propose
from lesiongeo.tracks.identity.scene import Links, Scene
from lesiongeo.tracks.identity.tokens import FAR, Drawn, Tokens, contains, join_tokens, pairs_within, tokens_of
from lesiongeo.tracks.votes import count_votes

Region = dict[str, Any]
Token = tuple[int, int, int]


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


# --- the slow way


def slow_clusters(regions: list[Region], worked: set[tuple[int, int]]) -> dict[Token, int]:
    """The rule of `join_tokens`, token by token."""
    token = {id(one): (one["series"], one["annotator"], one["name"]) for one in regions if one["name"] >= 0}
    typed = [one for one in regions if id(one) in token]
    tokens = sorted(set(token.values()))
    times = Counter(token.values())
    together: Counter[tuple[Token, Token]] = Counter()
    for _, own in itertools.groupby(sorted(typed, key=lambda one: one["seen"]), key=lambda one: one["seen"]):
        for pair in itertools.combinations(sorted(token[id(one)] for one in own), 2):
            together[pair] += 1
    groups = {one: {one} for one in tokens}

    def join(pairs: list[tuple[Token, Token]]) -> None:
        for one, other in pairs:
            first, second = groups[one], groups[other]
            if first is not second and not {who for _, who, _ in first} & {who for _, who, _ in second}:
                first |= second
                groups.update(dict.fromkeys(second, first))

    join(sorted(together, key=lambda pair: (-together[pair] - 0.5 * (pair[0][2] == pair[1][2]), pair)))
    before = {one: frozenset(groups[one]) for one in tokens}

    def spots(cluster: frozenset[Token]) -> list[tuple[int, int]]:
        return [(one["page"], one["seen"]) for one in typed if token[id(one)] in cluster]

    def apart(first: frozenset[Token], second: frozenset[Token]) -> bool:
        return any(a[0] == b[0] and a[1] != b[1] for a in spots(first) for b in spots(second))

    def differently(one: Token, other: Token) -> bool:
        both = [
            pair
            for pair in together
            if pair[0][0] == one[0]
            and {pair[0][1], pair[1][1]} == {one[1], other[1]}
            and before[pair[0]] == before[pair[1]]
        ]
        return bool(both) and 2 * sum(a[2] == b[2] for a, b in both) <= len(both)

    def far(one: Token, other: Token) -> bool:
        tasks = [(token[id(r)], r["task"]) for r in typed]
        both = any((task, other[1]) in worked for own, task in tasks if own == one)
        both |= any((task, one[1]) in worked for own, task in tasks if own == other)
        middle = [np.mean([r["place"] for r in typed if token[id(r)] == own], axis=0) for own in (one, other)]
        return both and float(np.hypot(*(middle[0] - middle[1]))) > FAR

    wanted = [
        (one, other)
        for one, other in itertools.combinations(tokens, 2)
        if one[0] == other[0] and one[2] == other[2] and before[one] != before[other]
        if (one, other) not in together and not differently(one, other)
        if not apart(before[one], before[other]) and not far(one, other)
    ]
    join(sorted(wanted, key=lambda pair: (-min(times[pair[0]], times[pair[1]]), pair)))
    for group in list(groups.values()):
        old = {before[one] for one in group}
        if len(old) >= 3 and any(apart(a, b) for a, b in itertools.combinations(old, 2)):
            groups.update({one: set(before[one]) for one in group})
    number = {frozenset(group): k for k, group in enumerate(groups.values())}
    return {one: number[frozenset(groups[one])] for one in tokens}


def made(rng: random.Random) -> tuple[list[Region], set[tuple[int, int]]]:
    """Lesions of one or two patients, drawn by some, with ids that are often wrong or missing."""
    people, names = rng.randint(1, 4), rng.randint(1, 4)
    regions: list[Region] = []
    tasks, worked = itertools.count(), set()
    seen = 0
    for series in range(rng.randint(1, 2)):
        habit = [rng.choice((0, 0, 1)) for _ in range(people)]
        spots = [(rng.random(), rng.random()) for _ in range(names)]
        task = next(tasks)
        for page in range(rng.randint(1, 4)):
            if rng.random() < 0.3:
                task = next(tasks)
            crew = [who for who in range(people) if rng.random() < 0.8]
            worked |= {(task, who) for who in crew}
            for lesion in range(names):
                members = [who for who in crew if rng.random() < 0.6]
                for who in members:
                    name = (lesion + habit[who]) % names if rng.random() < 0.7 else rng.randint(-1, names - 1)
                    where = {"series": series, "page": 100 * series + page, "task": task, "place": spots[lesion]}
                    regions.append({"seen": seen, "annotator": who, "name": name, **where})
                seen += bool(members)
    return regions, worked


def drawn_of(regions: list[Region]) -> Drawn:
    columns = {
        name: ints(*(one[name] for one in regions)) for name in ("seen", "series", "page", "task", "annotator", "name")
    }
    return Drawn(**columns, place=np.array([one["place"] for one in regions], dtype=np.float64).reshape(-1, 2))


def test_tokens_are_joined_as_the_slow_way() -> None:
    several = 0
    for case in range(600):
        rng = random.Random(case)
        regions, worked = made(rng)
        drawn = drawn_of(regions)
        tokens = tokens_of(drawn)
        pairs = sorted(worked)
        cluster = join_tokens(drawn, tokens, (ints(*(task for task, _ in pairs)), ints(*(who for _, who in pairs))))
        expected = slow_clusters(regions, worked)
        keys = list(zip(tokens.series.tolist(), tokens.annotator.tolist(), tokens.name.tolist(), strict=True))
        assert keys == sorted(expected)
        found = {frozenset(k for k, own in zip(keys, cluster, strict=True) if own == one) for one in cluster}
        wanted = {frozenset(k for k, own in expected.items() if own == one) for one in expected.values()}
        assert found == wanted, f"case {case}"
        several += any(len(one) > 1 for one in found)
    assert several > 200


def test_votes_as_the_slow_way() -> None:
    rng = random.Random(2)
    for _ in range(300):
        ballots = [[rng.randint(-1, 3) for _ in range(rng.randint(1, 5))] for _ in range(rng.randint(1, 6))]
        of = ints(*(k for k, own in enumerate(ballots) for _ in own))
        votes = count_votes(of, ints(*itertools.chain(*ballots)), len(ballots) + 1)
        ties = []
        for k, own in enumerate(ballots):
            count = Counter(code for code in own if code >= 0)
            best = max(count.values(), default=0)
            first = sorted(code for code, times in count.items() if times == best)
            assert votes.winner[k] == (first[0] if len(first) == 1 else -1)
            assert votes.times[k] == best
            ties += [(k, code) for code in first if len(first) > 1]
        assert list(zip(votes.tied.tolist(), votes.code.tolist(), strict=True)) == ties
        assert votes.winner[-1] == -1


def test_pairs_within_groups_and_members_of_a_sorted_list() -> None:
    first, second = pairs_within(ints(0, 0, 3, 5, 5, 5))
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 1), (3, 4), (3, 5), (4, 5)]
    assert [len(part) for part in pairs_within(ints())] == [0, 0]
    assert contains(ints(1, 4, 4, 9), ints(0, 1, 4, 5, 9, 10)).tolist() == [False, True, True, False, True, False]
    assert contains(ints(), ints(1)).tolist() == [False]


# --- chains of lesions without id


def chain(track: list[int], before: list[int], page: list[int], cost: float = 1.0) -> list[int]:
    """Lesions with these tracks (-1: lost), each linked to one on the page before."""
    count = len(track)
    after = np.full(count, -1, dtype=np.int64)
    for own, other in enumerate(before):
        if other >= 0:
            after[other] = own
    scene = cast(Scene, SimpleNamespace(page=ints(*page)))
    costs = np.where(ints(*before) >= 0, cost, np.nan)
    links = cast(Links, SimpleNamespace(before=ints(*before), after=after, cost=costs, margin=2 * costs))
    found, own_cost, margin = propose(scene, links, ints(*track), ints(*track) < 0, 100)
    assert (np.isnan(own_cost) == np.isnan(margin)).all()
    assert np.isnan(own_cost[ints(*track) >= 0]).all()
    return [int(one) for one in found]


@pytest.mark.parametrize(
    ("track", "before", "page", "expected"),
    [
        ([7, -1, -1], [-1, 0, 1], [0, 1, 2], [7, 7, 7]),
        ([-1, -1, 7], [-1, 0, 1], [0, 1, 2], [7, 7, 7]),
        ([-1, -1, -1], [-1, 0, 1], [0, 1, 2], [100, 100, 100]),
        # From before rather than from behind.
        ([7, -1, 8], [-1, 0, 1], [0, 1, 2], [7, 7, 8]),
        # Another lesion of the second page has the track: nothing passes it; behind is what comes from there.
        ([7, -1, 7, -1], [-1, 0, -1, 1], [0, 1, 1, 2], [7, 100, 7, 100]),
        ([7, -1, 7, -1, 9], [-1, 0, -1, 1, 3], [0, 1, 1, 2, 3], [7, 9, 7, 9, 9]),
        # Two chains, two new tracks, in the order of their first pages.
        ([-1, -1, -1, -1], [-1, -1, 0, 1], [1, 0, 3, 2], [101, 100, 101, 100]),
        ([], [], [], []),
    ],
)
def test_lost_lesions_inherit_along_chains(
    track: list[int], before: list[int], page: list[int], expected: list[int]
) -> None:
    assert chain(track, before, page) == expected


def test_a_long_chain_inherits_in_few_steps() -> None:
    count = 5000
    assert chain([3] + [-1] * (count - 1), list(range(-1, count - 1)), list(range(count))) == [3] * count


def test_parts_of_a_lesion_do_not_hand_its_track_to_two() -> None:
    assert sorted(chain([4, 4, -1, -1], [-1, -1, 0, 1], [0, 0, 1, 1])) == [4, 4, 4, 100]


# --- names


def names_of(*given: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """Names of clusters 0, 1, ... of one patient, from (cluster, annotator, name, times)."""
    cluster, annotator, name, times = (ints(*column) for column in zip(*given, strict=True))
    tokens = Tokens(ints(), np.zeros_like(name), annotator, name, times)
    count = int(cluster.max()) + 1
    used = np.ones(count, dtype=np.bool_)
    found, number = chosen_names(tokens, cluster, np.zeros(count, dtype=np.int64), used)
    return list(zip(found.tolist(), number.tolist(), strict=True))


def test_the_id_that_most_typed_then_that_of_the_first_person() -> None:
    assert names_of((0, 0, 5, 2), (0, 1, 3, 3)) == [(3, 1)]
    assert names_of((0, 0, 5, 3), (0, 1, 3, 3)) == [(5, 1)]
    assert names_of((0, 0, 5, 2), (0, 1, 3, 3), (0, 2, 5, 2)) == [(5, 1)]


def test_a_taken_id_goes_to_whom_it_was_given_most() -> None:
    assert names_of((0, 0, 3, 2), (1, 1, 3, 5)) == [(3, 2), (3, 1)]
    assert names_of((0, 0, 3, 2), (0, 1, 4, 1), (1, 1, 3, 5)) == [(4, 1), (3, 1)]
    assert names_of((0, 0, 3, 2), (1, 1, 3, 5), (2, 2, 3, 1)) == [(3, 2), (3, 1), (3, 3)]


def test_written_names_are_never_typed_ones() -> None:
    names = pa.array(["3", "3#2"])
    group = ints(0, 0, 1)
    written = written_names(names, ints(0, 0, 0), ints(1, 2, 2), group, (ints(0, 0, 1), ints(0, 1, 0)))
    assert written.to_pylist() == ["3", "3#3", "3#2"]
    assert written_names(names, ints(0), ints(1), ints(0), (ints(), ints())).to_pylist() == ["3"]


def test_proposed_names_count_up_in_each_group() -> None:
    names = pa.array(["p2", "p99999999999999999999", "x"])
    found, _ = proposed_names(names, ints(0, 0, 2), (ints(0, 0, 1), ints(0, 1, 0)))
    assert found.to_pylist() == ["p3", "p4", "p1"]


def test_ids_sort_by_value_then_by_letter() -> None:
    names = pa.array(["b", "10", "-3", "2", "a", "-12", "", "2a"])
    assert names.take(pa.array(natural_order(names))).to_pylist() == ["-12", "-3", "2", "10", "", "2a", "a", "b"]
