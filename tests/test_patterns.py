"""How often patterns of answers occur: counted with sorted numbers, and with numbers in between where they overflow."""

from collections import Counter

import numpy as np
import pytest

from lesiongeo.statistics import patterns


def entries(cluster, codes, counts=None):
    """What is to be counted, row by row."""
    found = Counter()
    for at, row in enumerate(codes.tolist()):
        found[int(cluster[at]), tuple(row)] += 1 if counts is None else int(counts[at])
    return sorted(found.items())


@pytest.mark.parametrize("annotators", [1, 3, 9, 40])
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_entries_are_counted_and_sorted(annotators, weighted):
    rng = np.random.default_rng(annotators)
    codes = rng.integers(-1, 3, (400, annotators)).astype(np.int16)
    codes[200:] = codes[rng.integers(0, 200, 200)]
    cluster = rng.integers(0, 3, 400)
    counts = rng.integers(1, 5, 400) if weighted else None
    place, found, total = patterns._counted(cluster, codes, counts, 3)
    assert found.dtype == np.int16
    ours = [((int(c), tuple(row)), int(n)) for c, row, n in zip(place, found.tolist(), total, strict=True)]
    assert ours == entries(cluster, codes, counts)


def test_nothing_is_counted_as_nothing():
    none = np.empty(0, dtype=np.int64)
    for annotators in (0, 3):
        place, found, total = patterns._counted(none, np.empty((0, annotators), np.int16), None, 2)
        assert (len(place), found.shape, len(total)) == (0, (0, annotators), 0)


@pytest.mark.parametrize("annotators", [0, 1, 2, 5, 12, 13, 20])
@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_every_two_ratings_of_an_entry_are_listed(annotators, share):
    rng = np.random.default_rng(annotators)
    codes = np.where(rng.random((30, annotators)) < share, rng.integers(0, 4, (30, annotators)), -1).astype(np.int16)
    found = patterns.rated_pairs(codes)
    expected = {
        (a, b): np.flatnonzero((codes[:, a] >= 0) & (codes[:, b] >= 0)).tolist()
        for a in range(annotators)
        for b in range(a + 1, annotators)
    }
    assert list(found.starts) == [pair for pair, rows in expected.items() if rows]
    for pair, (start, end) in found.starts.items():
        assert found.entry[start:end].tolist() == expected[pair]
        assert set(zip(found.a[start:end].tolist(), found.b[start:end].tolist(), strict=True)) == {pair}
    assert len(found.entry) == len(found.a) == len(found.b) == sum(map(len, expected.values()))
