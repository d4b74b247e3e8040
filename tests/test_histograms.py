"""Histograms of fixed bins, and quantiles from values and from counts."""

from __future__ import annotations

import numpy as np
import pytest

from lesiongeo.statistics.histograms import (
    BINS,
    PROBABILITIES,
    Bins,
    LinearBins,
    OctaveBins,
    exact_quantiles,
    histogram_quantiles,
)

KINDS = [LinearBins(0.0, 1.0), LinearBins(-4.0, 4.0), OctaveBins(-5, 64), OctaveBins(-10, 64), OctaveBins(-5, 32, True)]


def drawn(bins: Bins, rng: np.random.Generator, count: int) -> np.ndarray:
    """Values of every size, ties, zeros and edges of bins among them."""
    if isinstance(bins, LinearBins):
        values = rng.uniform(bins.low, bins.high, count)
    else:
        values = 2.0 ** rng.uniform(bins.lowest - 3, bins.lowest + 19, count)
        values *= rng.choice([-1.0, 1.0], count) if bins.signed else 1.0
    edges = bins.edges()[1:-1]
    odd = [0.0, -0.0, *edges[:: len(edges) // 7], np.nextafter(edges[3], -np.inf)]
    values[: count // 4] = rng.choice([*odd, values[0], values[1]], count // 4)
    return values


@pytest.mark.parametrize("bins", KINDS)
def test_bins_rise_with_values_and_lie_between_their_edges(bins: Bins) -> None:
    values = np.sort(drawn(bins, np.random.default_rng(1), 4000))
    at = bins.place(values)
    assert (np.diff(at) >= 0).all()
    assert (at.min(), at.max()) >= (0, 0) and at.max() < BINS
    edges = bins.edges()
    assert len(edges) == BINS + 1
    assert (np.diff(edges) > 0).all()
    slack = 1e-12 if isinstance(bins, LinearBins) else 0.0
    assert (edges[at] <= values + slack).all() and (values <= edges[at + 1] + slack).all()


def test_bins_are_as_fine_as_the_documentation_says() -> None:
    """A share: 0.001; a ratio: 0.008; a length from 1/32 px to 1,500 px: 1.6 %, an offset 3.2 % to 48 px."""
    assert np.diff(KINDS[0].edges()[1:-1]) == pytest.approx(0.001)
    assert np.diff(KINDS[1].edges()[1:-1]) == pytest.approx(0.008)
    for bins, lowest, highest, share in ((KINDS[2], 1 / 32, 1500, 1 / 64), (KINDS[3], 1 / 1024, 48, 1 / 64)):
        edges = bins.edges()
        assert (edges[0], edges[1], edges[-1]) == (0.0, lowest, np.inf)
        assert edges[-2] > highest
        assert (np.diff(edges[1:-1]) / edges[1:-2]).max() <= share + 1e-12
    edges = KINDS[4].edges()
    assert (edges[500], edges[501]) == (0.0, 1 / 32)
    assert edges[1:-1] == pytest.approx(-edges[-2:0:-1])
    assert edges[-2] > 1000
    assert (np.diff(edges[501:-1]) / edges[501:-2]).max() <= 1 / 32 + 1e-12


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("bins", KINDS)
def test_quantiles(bins: Bins, seed: int) -> None:
    """From values as numpy has them; from counts within the bins between which they lie."""
    rng = np.random.default_rng(seed)
    sizes = [0, 1, 2, 3, 21, 1000]
    groups = [drawn(bins, rng, size) if size > 20 else rng.normal(0.5, 0.1, size) for size in sizes]
    groups = [np.abs(group) if isinstance(bins, OctaveBins) and not bins.signed else group for group in groups]
    values, stratum = np.concatenate(groups), np.repeat(np.arange(len(sizes)), sizes)
    order = rng.permutation(len(values))
    values, stratum = values[order], stratum[order]
    key = stratum * BINS + bins.place(values)
    counts = np.bincount(key, minlength=len(sizes) * BINS).reshape(-1, BINS)
    exact = exact_quantiles(values, key, counts)
    near = histogram_quantiles(counts, bins.edges(), exact[:, 0], exact[:, -1])
    assert np.isnan(exact[0]).all() and np.isnan(near[0]).all()
    edges = bins.edges()
    for row, group in enumerate(groups):
        if not len(group):
            continue
        assert exact[row] == pytest.approx(np.quantile(group, PROBABILITIES), rel=1e-14, abs=1e-300)
        assert (near[row, 0], near[row, -1]) == (group.min(), group.max())
        ordered = np.sort(group)
        for place, share in enumerate(PROBABILITIES):
            ranks = [int(np.floor(share * (len(group) - 1))), int(np.ceil(share * (len(group) - 1)))]
            at = bins.place(ordered[ranks])
            widths = np.minimum(edges[at + 1], group.max()) - np.maximum(edges[at], group.min())
            assert abs(near[row, place] - exact[row, place]) <= max(widths.max(), 0.0) + 1e-12


def test_no_values_at_all() -> None:
    none = np.empty(0)
    assert np.isnan(exact_quantiles(none, none.astype(np.int64), np.zeros((2, BINS), dtype=np.int64))).all()
    assert exact_quantiles(none, none.astype(np.int64), np.zeros((0, BINS), dtype=np.int64)).shape == (0, 5)
