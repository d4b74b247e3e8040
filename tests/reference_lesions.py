"""Pairs of regions with their measures, and lesions, from the JSON of an export and the definitions alone.

Built on the independent matching of ``reference_agreement``. Where several matchings are equally good, the rows of
somebody else count on that page, if ``complaints`` finds nothing wrong with them: `Facts` is told of them.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path

from reference_agreement import (
    Comparison,
    Key,
    Outlines,
    Page,
    Pair,
    Task,
    alone,
    complaints,
    match_page,
    person,
    score_page,
)
from reference_export import Annotation, Region

RegionKey = tuple[int, str, int, str]
Place = tuple[int, int]


@dataclass(frozen=True, eq=False)
class PairFact:
    """A row of pairs with everything that the statistics need; the missing side is None."""

    task_id: int
    page: int
    a: str
    b: str
    region_a: Region | None
    region_b: Region | None
    match: str
    iou: float | None
    area_a: float | None  # None for a missing side and for an outline without area
    area_b: float | None
    centroid_distance: float | None
    week: str | None

    @property
    def key(self) -> Key:
        """The page and the two people."""
        return self.task_id, self.page, self.a, self.b

    @property
    def id_a(self) -> str | None:
        """Name of the region of a."""
        return None if self.region_a is None else self.region_a.region_id

    @property
    def id_b(self) -> str | None:
        """Name of the region of b."""
        return None if self.region_b is None else self.region_b.region_id

    @property
    def agreed(self) -> bool:
        """Whether the two regions are each other's partners."""
        return self.match in ("matched", "label_conflict")

    @property
    def dice(self) -> float | None:
        """Two times what is shared, of the sum of the areas."""
        return None if self.iou is None else 2 * self.iou / (1 + self.iou)

    @property
    def log_area_ratio(self) -> float | None:
        """Above 0 where b is larger."""
        return math.log(self.area_b / self.area_a) if self.area_a and self.area_b else None

    def size(self, bounds: tuple[float, float] = (1024.0, 9216.0)) -> str:
        """Size class of the geometric mean of the areas, or of the only one; what has no area is small."""
        sides = ((self.region_a, self.area_a), (self.region_b, self.area_b))
        areas = [area or 0.0 for region, area in sides if region is not None]
        mean = math.prod(areas) ** (1 / len(areas))
        return "small" if mean < bounds[0] else "medium" if mean < bounds[1] else "large"

    @property
    def label_equal(self) -> bool | None:
        """Whether the sets of labels are the same."""
        if self.region_a is None or self.region_b is None:
            return None
        return self.region_a.labels == self.region_b.labels

    def answer_equal(self, control: str) -> bool | None:
        """Whether both regions have the same answer; None where one has none."""
        if self.region_a is None or self.region_b is None:
            return None
        answers = [region.controls.get(control) for region in (self.region_a, self.region_b)]
        return None if None in answers else answers[0] == answers[1]


@dataclass(frozen=True, eq=False)
class Lesion:
    """Regions of different people that are one thing."""

    task_id: int
    page: int
    regions: Mapping[str, Region]  # by annotator
    people: list[str]  # who annotated the task
    ious: list[float]  # of the pairs of its regions that were matched
    areas: list[float]

    @property
    def keys(self) -> frozenset[RegionKey]:
        """Its regions."""
        return frozenset(region.key for region in self.regions.values())

    @property
    def label(self) -> str | None:
        """First label of the most frequent set of labels, in the order of its first annotator; None at a tie."""
        regions = [self.regions[name] for name in sorted(self.regions, key=person)]
        (best, n), *rest = Counter(region.labels for region in regions).most_common()
        if rest and rest[0][1] == n:
            return None
        return first_label(next(region for region in regions if region.labels == best))

    @property
    def score(self) -> float | None:
        """Sum of the IoU of its matched pairs over the number of pairs of people."""
        n = len(self.people)
        return math.fsum(self.ious) / (n * (n - 1) / 2) if n > 1 else None

    @property
    def iou_mean(self) -> float | None:
        """Of its matched pairs."""
        return math.fsum(self.ious) / len(self.ious) if self.ious else None

    @property
    def area(self) -> float | None:
        """Geometric mean."""
        return math.exp(math.fsum(map(math.log, self.areas)) / len(self.areas)) if self.areas else None


def first_label(region: Region) -> str | None:
    """The first label."""
    label = region.row["label"]
    return None if label is None else str(label)


def week_of(moment: datetime | None) -> str | None:
    """The Monday of the week, as an ISO date."""
    if moment is None:
        return None
    day: date = moment.date()
    return (day - timedelta(days=day.weekday())).isoformat()


def week(annotation: Annotation) -> str | None:
    """Week of an annotation: of when it was made, else of when it was last changed."""
    return week_of(annotation.created_at or annotation.updated_at)


class Facts:
    """What an export says: pairs, pages of two people, lesions."""

    def __init__(
        self, source: str | Path | bytes, rows: Mapping[Key, list[Pair]] | None = None, outlines: Outlines | None = None
    ) -> None:
        self.comparison = Comparison(source, outlines)
        self.pages: dict[Key, Page] = {}
        self.pairs: list[PairFact] = []
        self.tasks: list[Task] = []
        self.differing: list[Key] = []
        for page in self.comparison.pages():
            own = match_page(page)
            if rows is not None:
                others = rows.get(page.key, [])
                if {(p.region_a, p.region_b, p.match) for p in own} != {
                    (p.region_a, p.region_b, p.match) for p in others
                }:
                    wrong = complaints(page, others)
                    assert not wrong, wrong
                    self.differing.append(page.key)
                    own = [self._with_own_overlap(page, pair) for pair in others]
            self.pages[page.key] = page
            self.pairs += [self._fact(page, pair) for pair in own]
            self.tasks.append(score_page(page, own))
        self.tasks += alone(self.comparison)

    @staticmethod
    def _with_own_overlap(page: Page, pair: Pair) -> Pair:
        if pair.region_a is None or pair.region_b is None:
            return pair
        i = next(i for i, region in enumerate(page.regions_a) if region.region_id == pair.region_a)
        j = next(j for j, region in enumerate(page.regions_b) if region.region_id == pair.region_b)
        return Pair(*pair.key, pair.region_a, pair.region_b, pair.match, float(page.overlap[i, j]))

    def _fact(self, page: Page, pair: Pair) -> PairFact:
        task_id, number, a, b = page.key
        of_a = {region.region_id: region for region in page.regions_a}
        of_b = {region.region_id: region for region in page.regions_b}
        ra = None if pair.region_a is None else of_a[pair.region_a]
        rb = None if pair.region_b is None else of_b[pair.region_b]
        shapes = [None if region is None else self.comparison.interiors[region.key] for region in (ra, rb)]
        distance = None
        if shapes[0] is not None and shapes[1] is not None:
            p, q = shapes[0].centroid, shapes[1].centroid
            distance = math.hypot(p.x - q.x, p.y - q.y)
        weeks = [week(self.comparison.people[task_id][name]) for name in (a, b)]
        return PairFact(
            task_id,
            number,
            a,
            b,
            ra,
            rb,
            pair.match,
            pair.iou,
            *(None if shape is None else float(shape.area) for shape in shapes),
            distance,
            max((w for w in weeks if w is not None), default=None),
        )

    def area(self, region: Region) -> float | None:
        """Area of the interior, None without."""
        shape = self.comparison.interiors[region.key]
        return None if shape is None else float(shape.area)

    @cached_property
    def lesions(self) -> list[Lesion]:
        """Groups of regions of a page: pairs in falling IoU, two groups become one if nobody is in both."""
        edges: dict[Place, list[PairFact]] = defaultdict(list)
        for pair in self.pairs:
            if pair.agreed:
                edges[pair.task_id, pair.page].append(pair)
        members: dict[Place, list[tuple[str, Region]]] = defaultdict(list)
        for task_id, people in self.comparison.people.items():
            for name in sorted(people, key=person):
                for number in range(self.comparison.n_pages[task_id]):
                    found = self.comparison.regions.get((task_id, people[name].annotation_id, number), [])
                    members[task_id, number] += [(name, region) for region in found]
        lesions = []
        for place in sorted(members):
            group = {region.key: {name: region} for name, region in members[place]}
            for pair in sorted(edges[place], key=lambda p: -round(p.iou or 0.0, 12)):
                assert pair.region_a is not None and pair.region_b is not None
                one, two = group[pair.region_a.key], group[pair.region_b.key]
                if one is not two and not one.keys() & two.keys():
                    one |= two
                    for region in two.values():
                        group[region.key] = one
            done: set[int] = set()
            for regions in group.values():
                if id(regions) in done:
                    continue
                done.add(id(regions))
                inside = {region.key for region in regions.values()}
                ious = [
                    pair.iou or 0.0
                    for pair in edges[place]
                    if pair.region_a is not None
                    and pair.region_b is not None
                    and {pair.region_a.key, pair.region_b.key} <= inside
                ]
                areas = [area for area in map(self.area, regions.values()) if area]
                people = sorted(self.comparison.people[place[0]], key=person)
                lesions.append(Lesion(*place, regions, people, ious, areas))
        return lesions

    @cached_property
    def names(self) -> list[str]:
        """Everybody who has an annotation that counts."""
        return sorted(set(itertools.chain(*self.comparison.people.values())), key=person)

    def ratings(self, control: str | None, missed: str | None) -> tuple[list[list[object]], list[Lesion]]:
        """Units (lesions) by annotators: the label (``control`` None) or an answer.

        Who annotated the task and did not draw the lesion has the rating `missed`, or none where that is None. Who
        drew it and gave no answer has none.
        """
        units = []
        for lesion in self.lesions:
            unit: list[object] = []
            for name in self.names:
                if name in lesion.regions:
                    region = lesion.regions[name]
                    unit.append(first_label(region) if control is None else region.controls.get(control))
                else:
                    unit.append(missed if name in lesion.people else None)
            units.append(unit)
        return units, self.lesions
