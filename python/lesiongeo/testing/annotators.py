"""How a synthetic annotator draws: one small record of habits per person."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

_BIASES = (0.0, -0.02, 0.06)
_NOISES = (0.02, 0.03, 0.035)


@dataclass(frozen=True, slots=True)
class Annotator:
    """The habits of one synthetic annotator.

    Parameters
    ----------
    id : int
        User id, at least 1; becomes ``completed_by``.
    bias : float, default 0.0
        Relative radial bias: 0.06 draws every outline 6 % too wide, about ``1.06 ** 2`` times the
        true area.
    noise : float, default 0.03
        Root mean square of the smooth relative error of the radius along an outline. About a third of it is
        an error of the size as a whole, different for every outline.
    miss_rate : float, default 0.04
        Probability of losing a lesion of 3 mm radius; it falls with the square of the radius, so small ones
        are lost more often.
    extra_rate : float, default 0.02
        Probability, per page, of outlining something that is no lesion.
    label_confusion : float, default 0.05
        Probability, per region, of a wrong label; likewise of a wrong status and, per page, of a wrong
        assessment.
    track_confusion : float, default 0.02
        Probability, per region, of a wrong track number.
    skip_rate : float, default 0.03
        Probability of skipping a task (cancelled annotation without results).
    empty_rate : float, default 0.01
        Probability of submitting a task without drawing anything.
    repeat_rate : float, default 0.02
        Probability of a second, newer annotation of the same task by the same person.
    invalid_rate : float, default 0.01
        Probability, per polygon, of an outline that crosses itself or was never finished.
    shape_rate : float, default 0.04
        Probability, per region, of a rectangle or an ellipse in place of a polygon.

    Raises
    ------
    ValueError
        If a rate is not within [0, 1], `noise` is negative, `bias` is -1 or less, or `id` is below 1.

    Examples
    --------
    >>> from lesiongeo.testing import Annotator
    >>> Annotator(3, bias=0.06).bias
    0.06
    >>> Annotator.faultless(1).miss_rate
    0.0
    """

    id: int
    bias: float = 0.0
    noise: float = 0.03
    miss_rate: float = 0.04
    extra_rate: float = 0.02
    label_confusion: float = 0.05
    track_confusion: float = 0.02
    skip_rate: float = 0.03
    empty_rate: float = 0.01
    repeat_rate: float = 0.02
    invalid_rate: float = 0.01
    shape_rate: float = 0.04

    def __post_init__(self) -> None:
        """Reject habits that no one can have."""
        if self.id < 1:
            raise ValueError(f"id must be at least 1, got {self.id}")
        if not self.bias > -1.0:
            raise ValueError(f"bias must be above -1, got {self.bias}")
        if not self.noise >= 0.0:
            raise ValueError(f"noise must not be negative, got {self.noise}")
        for field in fields(self)[3:]:
            rate = getattr(self, field.name)
            if not 0.0 <= rate <= 1.0:
                raise ValueError(f"{field.name} must be within [0, 1], got {rate}")

    @classmethod
    def faultless(cls, id: int, *, bias: float = 0.0, noise: float = 0.0) -> "Annotator":  # noqa: A002 - the field
        """Make an annotator who draws every lesion once, with the right answers, and nothing else.

        Parameters
        ----------
        id : int
            User id, at least 1.
        bias, noise : float, default 0.0
            As in `Annotator`.

        Returns
        -------
        Annotator
            All rates are 0.
        """
        return cls(id, bias, noise, *([0.0] * (len(fields(cls)) - 3)))


def default_annotators(
    count: int,
    *,
    bias: float | Sequence[float] | None = None,
    noise: float | Sequence[float] | None = None,
    miss_rate: float | None = None,
    skip_rate: float | None = None,
    invalid_rate: float | None = None,
) -> list[Annotator]:
    """Make annotators with ids 1 to `count` who differ in bias and noise.

    Parameters
    ----------
    count : int
        How many, at least 0.
    bias, noise : float or sequence of float, optional
        One number for all or one per annotator. By default they cycle through 0, -2 % and +6 % of bias, and
        through 2 %, 3 % and 3.5 % of noise.
    miss_rate, skip_rate, invalid_rate : float, optional
        As in `Annotator`, for all.

    Returns
    -------
    list of Annotator

    Raises
    ------
    ValueError
        If a sequence has another length than `count`, or a value is out of range.

    Examples
    --------
    >>> from lesiongeo.testing import default_annotators
    >>> [(person.id, person.bias) for person in default_annotators(3)]
    [(1, 0.0), (2, -0.02), (3, 0.06)]
    """
    biases = _per_annotator("bias", bias, count, _BIASES)
    noises = _per_annotator("noise", noise, count, _NOISES)
    rates = {"miss_rate": miss_rate, "skip_rate": skip_rate, "invalid_rate": invalid_rate}
    given = {name: rate for name, rate in rates.items() if rate is not None}
    return [Annotator(i + 1, biases[i], noises[i], **given) for i in range(count)]


def _per_annotator(
    name: str, given: float | Sequence[float] | None, count: int, cycle: tuple[float, ...]
) -> Sequence[float]:
    if given is None:
        return [cycle[i % len(cycle)] for i in range(count)]
    if isinstance(given, int | float):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{name} has {len(given)} values for {count} annotators")
    return given
