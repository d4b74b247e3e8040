"""The invented patients: which lesions there are on which visit, and their exact borders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .outlines import Floats

#: Labels of lesions, most frequent first.
LABELS = ("nevus", "melanoma", "seborrheic_keratosis", "other")

#: What a status says about a lesion since the visit before.
STATUSES = ("new", "stable", "enlarged", "regressed", "resolved")

#: Sizes (width, height) among which every page draws one.
IMAGE_SIZES = ((1600, 1200), (4000, 3000), (1024, 768))

#: Every photograph shows this width of skin, so the size of a pixel follows from the size of the image.
FIELD_WIDTH_MM = 80.0

_LABEL_SHARES = (0.55, 0.15, 0.2, 0.1)
# Share of growing and of shrinking lesions by label; the others keep their size.
_COURSES = {
    "nevus": (0.1, 0.1),
    "melanoma": (0.6, 0.05),
    "seborrheic_keratosis": (0.15, 0.1),
    "other": (0.2, 0.3),
}
_STABLE_AREA_RATIO = (0.9, 1.1)
_MAX_RADIUS_MM = 9.0
_MIN_RADIUS_MM = 0.4
_FIRST_ORDER = 2


@dataclass(frozen=True, slots=True)
class TrueLesion:
    """One lesion on one page, as it is and not as somebody drew it.

    The border is ``radius_px * (1 + sum of harmonics)`` around `center_px`, at any angle.

    Attributes
    ----------
    task_id, page : int
        Where it is to be seen.
    track_id : int
        The same on all pages of a task.
    label, status : str
        The right answers; one of `LABELS`, one of `STATUSES`.
    width, height : int
        Size of the image in pixels.
    center_px : tuple of float
        The point around which the border is a star.
    radius_px : float
        Mean radius in pixels.
    harmonics : tuple of (float, float)
        Relative cosine and sine coefficients of the orders 2, 3, ...
    """

    task_id: int
    page: int
    track_id: int
    label: str
    status: str
    width: int
    height: int
    center_px: tuple[float, float]
    radius_px: float
    harmonics: tuple[tuple[float, float], ...]

    @property
    def area_px2(self) -> float:
        """Area inside the border, in closed form."""
        return float(np.pi * self.radius_px**2 * (1.0 + 0.5 * sum(c * c + s * s for c, s in self.harmonics)))

    def radius_at(self, angles: Floats) -> Floats:
        """Radius of the border at `angles` (radians, clockwise on screen), in pixels."""
        return self.radius_px * (1.0 + harmonic_sum(angles, self.harmonics, _FIRST_ORDER))

    def outline(self, vertices: int = 96) -> Floats:
        """Draw the border without any error.

        Parameters
        ----------
        vertices : int, default 96
            Number of vertices, at equal angles.

        Returns
        -------
        (vertices, 2) float64 array
            Open ring in pixels, scaled by less than half a percent (from 24 vertices on) so that its area is
            `area_px2` although its edges are straight.
        """
        angles = np.arange(vertices, dtype=np.float64) * (2.0 * np.pi / vertices)
        return star(self.center_px, angles, keep_area(angles, self.radius_at(angles)))


@dataclass(frozen=True, slots=True)
class Patient:
    """One task: the pages, when they were taken, and the lesions on them (ordered by page, then track)."""

    task_id: int
    sizes: tuple[tuple[int, int], ...]
    visit_offsets_days: tuple[int, ...]
    lesions: tuple[TrueLesion, ...]


def make_truth(
    *,
    patients: int = 40,
    visits: int = 3,
    lesions: tuple[int, int] = (1, 6),
    seed: int = 0,
    image_sizes: Sequence[tuple[int, int]] = IMAGE_SIZES,
) -> list[TrueLesion]:
    """Give the true lesions behind `make_export` called with the same arguments.

    Parameters
    ----------
    patients, visits, lesions, seed, image_sizes
        As in `make_export`.

    Returns
    -------
    list of TrueLesion
        Ordered by task, page and track.

    Examples
    --------
    >>> from lesiongeo.testing import make_truth
    >>> truth = make_truth(patients=1, visits=2, lesions=(1, 1), seed=4)
    >>> [(lesion.task_id, lesion.page, lesion.track_id, lesion.status) for lesion in truth]
    [(1, 0, 1, 'new'), (1, 1, 1, 'stable')]
    """
    check_scene(patients=patients, visits=visits, lesions=lesions, seed=seed, image_sizes=image_sizes)
    return [
        lesion
        for index in range(patients)
        for lesion in make_patient(index, visits=visits, lesions=lesions, seed=seed, image_sizes=image_sizes).lesions
    ]


def check_scene(
    *, patients: int, visits: int, lesions: tuple[int, int], seed: int, image_sizes: Sequence[tuple[int, int]]
) -> None:
    """Raise ValueError for a scene that cannot be made."""
    if patients < 0 or visits < 1 or seed < 0:
        raise ValueError(f"need patients >= 0, visits >= 1, seed >= 0, got {patients}, {visits}, {seed}")
    if not 0 <= lesions[0] <= lesions[1]:
        raise ValueError(f"lesions must be (lowest, highest) and not negative, got {lesions}")
    if not image_sizes or min(map(min, image_sizes)) < 64:
        raise ValueError(f"image_sizes must name at least one size of 64 pixels or more per side, got {image_sizes}")


def make_patient(
    index: int, *, visits: int, lesions: tuple[int, int], seed: int, image_sizes: Sequence[tuple[int, int]]
) -> Patient:
    """Invent patient number `index`; no other patient has an influence on it."""
    rng = np.random.default_rng([seed, 1, index])
    sizes = tuple(image_sizes[int(rng.integers(len(image_sizes)))] for _ in range(visits))
    gaps = np.concatenate([[0], rng.integers(80, 200, visits - 1)])
    # The camera never stands at exactly the same place.
    shifts = rng.uniform(-2.0, 2.0, (visits, 2))
    height_mm = FIELD_WIDTH_MM * min(height / width for width, height in image_sizes)
    placed: list[tuple[Floats, float]] = []
    found: list[TrueLesion] = []
    for track in range(1, int(rng.integers(lesions[0], lesions[1] + 1)) + 1):
        label = LABELS[int(np.searchsorted(np.cumsum(_LABEL_SHARES)[:-1], rng.random(), side="right"))]
        radius_mm = 2.6 * float(np.exp(0.4 * rng.standard_normal()))
        factors = _course(rng, label, visits)
        harmonics = _border(rng, 0.1 if label == "melanoma" else 0.06)
        place, radius_mm = _place(rng, placed, radius_mm, float(factors.max()), height_mm)
        radii = np.clip(radius_mm * factors, _MIN_RADIUS_MM, _MAX_RADIUS_MM)
        shown = np.flatnonzero(factors)
        for page in shown:
            before = None if page == shown[0] else (radii[page] / radii[page - 1]) ** 2
            width, height = sizes[page]
            centre = (place + shifts[page]) * (width / FIELD_WIDTH_MM)
            found.append(
                TrueLesion(
                    task_id=index + 1,
                    page=int(page),
                    track_id=track,
                    label=label,
                    status=_status(before),
                    width=width,
                    height=height,
                    center_px=(float(centre[0]), float(centre[1])),
                    radius_px=float(radii[page]) * (width / FIELD_WIDTH_MM),
                    harmonics=harmonics,
                )
            )
    found.sort(key=lambda lesion: (lesion.page, lesion.track_id))
    return Patient(index + 1, sizes, tuple(np.cumsum(gaps).tolist()), tuple(found))


def harmonic_sum(angles: Floats, coefficients: Sequence[tuple[float, float]], first: int) -> Floats:
    """Sum of ``c cos(k angle) + s sin(k angle)`` over orders k from `first` on."""
    total = np.zeros_like(angles)
    for k, (cosine, sine) in enumerate(coefficients, start=first):
        total += cosine * np.cos(k * angles) + sine * np.sin(k * angles)
    return total


def keep_area(angles: Floats, radii: Floats) -> Floats:
    """Widen `radii` so that the polygon through them has the area of the curve through them."""
    gaps = np.diff(angles, append=angles[0] + 2.0 * np.pi)
    following = np.roll(radii, -1)
    curve = float(np.sum(gaps * (radii**2 + following**2))) / 2.0
    polygon = float(np.sum(np.sin(gaps) * radii * following))
    return radii * float(np.sqrt(curve / polygon))


def star(centre: tuple[float, float], angles: Floats, radii: Floats) -> Floats:
    """Points at `angles` and `radii` around `centre`."""
    return np.stack([centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], axis=1)


def _course(rng: np.random.Generator, label: str, visits: int) -> Floats:
    """Radius on each visit relative to the first one; 0 where the lesion is not there."""
    growing, shrinking = _COURSES[label]
    kind, first, resolves = rng.random(3)
    factors: Floats = 1.0 + rng.uniform(-0.015, 0.015, visits)
    if kind < growing:
        factors = rng.uniform(1.08, 1.25, visits).cumprod()
    elif kind < growing + shrinking:
        factors = rng.uniform(0.78, 0.93, visits).cumprod()
    begin = int(rng.integers(visits)) if first < 0.2 else 0
    if growing <= kind < growing + shrinking and resolves < 0.5 and begin + 1 < visits:
        # What is left on the last visit that shows it is a faint remainder.
        end = int(rng.integers(begin + 1, visits))
        factors[end] = 0.4 * factors[end - 1]
        factors[end + 1 :] = 0.0
    factors[:begin] = 0.0
    return factors


def _status(area_ratio: float | None) -> str:
    """Status that fits the area relative to the visit before; None on the first visit with the lesion."""
    if area_ratio is None:
        return "new"
    if area_ratio < 0.25:
        return "resolved"
    low, high = _STABLE_AREA_RATIO
    return "regressed" if area_ratio < low else "enlarged" if area_ratio > high else "stable"


def _border(rng: np.random.Generator, irregularity: float) -> tuple[tuple[float, float], ...]:
    orders = np.arange(_FIRST_ORDER, _FIRST_ORDER + 5)
    drawn = rng.standard_normal((len(orders), 2)) * (irregularity / (orders - 1))[:, None]
    total = float(np.hypot(drawn[:, 0], drawn[:, 1]).sum())
    return tuple((float(c), float(s)) for c, s in drawn * (0.35 / max(total, 0.35)))


def _place(
    rng: np.random.Generator,
    placed: list[tuple[Floats, float]],
    radius: float,
    growth: float,
    height_mm: float,
) -> tuple[Floats, float]:
    """Find a place (mm) clear of the other lesions; a lesion that fits nowhere is made smaller."""
    while True:
        reach = 1.35 * min(radius * growth, _MAX_RADIUS_MM)
        low = reach + 3.0
        for _ in range(30):
            at = rng.uniform((low, low), (FIELD_WIDTH_MM - low, max(height_mm - low, low)))
            if all(float(np.hypot(*(at - other))) > 1.1 * (reach + its) for other, its in placed):
                placed.append((at, reach))
                return at, radius
        radius *= 0.8
