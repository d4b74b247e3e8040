"""Areas of lesions over visits as a team would draw them, drawn without the package's model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesiongeo.tracks.growth.components import Outlines
from lesiongeo.tracks.growth.growth import Growth, RowValues, growth_columns
from lesiongeo.tracks.growth.noise import Noise, noise_from


@dataclass(frozen=True)
class Team:
    """How a team draws; standard deviations in ln(area).

    `habit` is how people differ in everything, `habit_px` by how many pixels they draw the border farther out, `seeing`
    how each sees each lesion, `page` what is common to all that one person draws on one page, `noise` and `border_px`
    what is left, in proportion and in pixels; `uneven` how much that differs between lesions (ln of the factor),
    `sloppy` the factor of the first person. `staff` says who draws: all; random (so many of `drawers` per page);
    turnover (one half of the team on even visits, the other on odd ones, all of them on every tenth lesion and at least
    three); strangers (the same without those).
    """

    lesions: int = 40
    visits: int = 3
    people: int = 3
    growth: float = 0.0
    habit: float = 0.05
    habit_px: float = 0.0
    seeing: float = 0.0
    page: float = 0.0
    noise: float = 0.06
    border_px: float = 0.0
    uneven: float = 0.0
    sloppy: float = 1.0
    tail: str = "normal"
    missed: float = 0.0
    staff: str = "all"
    drawers: int = 2
    sizes: tuple[float, float] = (300.0, 100_000.0)
    lesions_per_page: int = 4


@dataclass
class Shares:
    """How many of the changes were called significant, against the previous and the first visit, over projects."""

    significant: int = 0
    changes: int = 0
    significant_first: int = 0
    changes_first: int = 0
    by_size: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 3), dtype=np.int64))
    detectable: list[float] = field(default_factory=list)
    sources: dict[str, int] = field(default_factory=dict)
    #: Share in each project: what the changes of one project have in common is in their scatter.
    projects: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.significant / self.changes

    @property
    def share_first(self) -> float:
        return self.significant_first / self.changes_first

    @property
    def error(self) -> float:
        """Standard error of `share`, from how projects differ."""
        return float(np.std(self.projects, ddof=1) / len(self.projects) ** 0.5)


def draws(rng: np.random.Generator, kind: str, count: int) -> NDArray[np.float64]:
    """Numbers with mean 0 and, but for slips, standard deviation 1."""
    match kind:
        case "normal":
            return rng.standard_normal(count)
        case "heavy":  # Student's t with three degrees of freedom
            return rng.standard_t(3, count) / 3**0.5
        case "skewed":
            return rng.exponential(1.0, count) - 1.0
        case "very skewed":
            return (np.exp(rng.standard_normal(count)) - np.e**0.5) / ((np.e - 1) * np.e) ** 0.5
        case "slips":  # one in twenty is four times as far off
            return rng.standard_normal(count) * np.where(rng.random(count) < 0.05, 4.0, 1.0)
    raise ValueError(kind)


def project(team: Team, seed: Any) -> tuple[Noise, Growth]:
    """Draw all lesions, estimate the noise, compare the visits."""
    rng = np.random.default_rng(seed)
    lesions, visits, people = team.lesions, team.visits, team.people
    base = rng.uniform(*np.log(team.sizes), lesions)
    lesion, visit, who = (grid.ravel() for grid in np.indices((lesions, visits, people)))
    true = base[lesion] + team.growth * visit
    deviation = np.sqrt(team.noise**2 + (team.border_px * 2.0 * (np.pi / np.exp(true)) ** 0.5) ** 2)
    deviation = deviation * np.exp(team.uneven * rng.standard_normal(lesions))[lesion]
    deviation *= np.where(who == 0, team.sloppy, 1.0)
    drawn = true + deviation * draws(rng, team.tail, len(true))
    drawn += team.habit * rng.standard_normal(people)[who]
    drawn += team.habit_px * rng.standard_normal(people)[who] * 2.0 * (np.pi / np.exp(true)) ** 0.5
    drawn += team.seeing * rng.standard_normal((lesions, people))[lesion, who]
    page = lesion // team.lesions_per_page * visits + visit
    drawn += team.page * rng.standard_normal((int(page.max()) + 1, people))[page, who]
    place = lesion * visits + visit
    kept = rng.random(len(drawn)) >= team.missed
    if team.staff == "random":
        turn = rng.random((lesions * visits, people)).argsort(axis=1).argsort(axis=1)
        kept &= (turn < team.drawers).ravel()
    elif team.staff in ("turnover", "strangers"):
        mine = (who < people // 2) == (visit % 2 == 0)
        common = lesion < max(3, lesions // 10)
        kept &= mine | common if team.staff == "turnover" else mine
    lesion, visit, who, drawn, page, place = (values[kept] for values in (lesion, visit, who, drawn, page, place))
    outlines = Outlines(place, who, drawn, page, lesion, visit)
    noise = noise_from(outlines, annotators=[str(number) for number in range(people)])
    count = lesions * visits
    number = np.bincount(place, minlength=count)
    mean = np.bincount(place, weights=drawn, minlength=count) / np.maximum(number, 1)
    area = np.where(number > 0, np.exp(mean), np.nan)
    none = np.full(count, np.nan)
    rows = RowValues(
        track=np.repeat(np.arange(lesions), visits),
        day=np.tile(91.0 * np.arange(visits), lesions),
        seen=number > 0,
        area_px2=area,
        area_mm2=0.0025 * area,
        width=np.full(count, 1600),
        height=np.full(count, 1200),
        starts=np.concatenate(([0], np.cumsum(number))),
        annotators=who,
        averaged=np.ones(count, dtype=np.bool_),
        spacing_error=none,
        tilt_deg=none,
        feret_max_mm=none,
        equivalent_diameter_mm=none,
    )
    return noise, growth_columns(rows, noise)


def shares(team: Team, projects: int, seed: int = 1) -> Shares:
    """Count significant changes over projects."""
    found = Shares()
    for number in range(projects):
        noise, growth = project(team, [seed, number])
        told = np.isfinite(growth.previous.log_ratio)
        first = np.isfinite(growth.first.log_ratio)
        hit = growth.previous.significant[told]
        found.significant += int(hit.sum())
        found.changes += int(told.sum())
        found.significant_first += int(growth.first.significant[first].sum())
        found.changes_first += int(first.sum())
        size = growth.rows.area_px2[told]
        third = np.digitize(size, np.quantile(size, [1 / 3, 2 / 3]))
        found.by_size += np.stack(
            (np.bincount(third, weights=hit, minlength=3), np.bincount(third, minlength=3))
        ).astype(int)
        found.detectable.append(100.0 * float(np.median(np.expm1(growth.previous.half_width[told]))))
        found.sources[noise.source] = found.sources.get(noise.source, 0) + 1
        found.projects.append(float(hit.mean()))
    return found
