"""What was found, in one plain sentence."""

from __future__ import annotations

from .judge import Detail, Finding
from .observations import week_text
from .quantities import CHANGE

__all__ = ["pair_message", "sentence"]


def sentence(finding: Finding, weeks: list[int], start: int, confidence: float) -> str:
    """Say who does what since when, how large, against whom; `start` is the person's first week."""
    who, habit, detail = finding.test
    name = f"Annotator {who}"
    certain = f"{100 * confidence:g} % interval"
    changed = detail == CHANGE
    if habit == "area_bias":
        way = "larger" if finding.value > 0 else "smaller"
        low, high = sorted((abs(finding.low), abs(finding.high)))
        said = f"draws areas {abs(finding.value):.1f} % {way}"
        said += "" if changed else " than the others"
        offset = finding.extra.get("offset_px")
        border = "" if offset is None else f", the border {_length(finding)} further {'out' if offset > 0 else 'in'}"
        about = f"{certain} {low:.1f} to {high:.1f} %{border}, {finding.n} regions"
    elif habit in ("vertex_density", "lead_time"):
        thing = "vertices per length of border" if habit == "vertex_density" else "of the time"
        said = (
            f"sets {finding.value:.2f} times as many {thing}" + ("" if changed else " as the others")
            if habit == "vertex_density"
            else f"takes {finding.value:.2f} times the time" + ("" if changed else " of the others for the same tasks")
        )
        unit = "regions" if habit == "vertex_density" else "annotations"
        about = f"{certain} {finding.low:.2f} to {finding.high:.2f}, {finding.n} {unit}"
    else:
        share, other = f"{100 * finding.value:.0f} %", f"{100 * finding.reference:.0f} %"
        said = {
            "missed": f"misses {share} of the lesions that most others draw",
            "missed_small": f"misses {share} of the small lesions that most others draw",
            "extra": f"draws {share} of their regions where nobody else draws one",
        }.get(habit, "")
        said = _confusion(detail, share) if isinstance(detail, Detail) else said
        low, high = 100 * finding.low, 100 * finding.high
        things = "lesions" if habit.startswith("missed") else "regions"
        count = f"{finding.extra['events']} of {finding.n} {things}"
        about = f"{certain} {low:.0f} to {high:.0f} %, the others {other}, {count}"
    when = _when(finding, weeks, start)
    if changed:
        than = "than" if habit == "area_bias" else "as"
        when += f" {than} before, compared with what the others did in the same weeks"
    return f"{name} {said}{when} ({about})."


def _length(finding: Finding) -> str:
    px, mm = abs(finding.extra["offset_px"]), finding.extra.get("offset_mm")
    return f"{px:.1f} px" if mm is None else f"{abs(mm):.2f} mm"


def _confusion(detail: Detail, share: str) -> str:
    right, wrong = " + ".join(detail.right), " + ".join(detail.given)
    where = "labels" if detail.control is None else f"answers {detail.control} of"
    return f'{where} {share} of what most others call "{right}" as "{wrong}"'


def _when(finding: Finding, weeks: list[int], start: int) -> str:
    if finding.first < 0:
        return ""
    first, last = week_text(weeks[finding.first]), week_text(weeks[finding.last])
    if finding.first <= start and finding.ongoing:
        return f" in all weeks, from that of {first} on"
    if finding.ongoing:
        return f" since the week of {first}"
    if finding.first == finding.last:
        return f" in the week of {first}"
    return f" from the week of {first} to that of {last}"


def pair_message(a: str, b: str, habit: str, spans: list[Finding], weeks: list[int]) -> str:
    """Say how two people differ and when, of whom nobody can say who is right; findings are those of `a`."""
    said = "; ".join(_pair(a, b, habit, one, weeks) for one in spans)
    return f"Between two, {said}; whose habit it is only a third annotator of the same tasks can show."


def _pair(a: str, b: str, habit: str, finding: Finding, weeks: list[int]) -> str:
    more = finding.value > finding.reference
    upper, lower = (a, b) if more else (b, a)
    when = _when(finding, weeks, -1) if finding.extra["epochs"] > 1 else ""
    if habit == "area_bias":
        size = finding.value if more else 100.0 * (1.0 / (1.0 + finding.value / 100.0) - 1.0)
        return f"annotator {upper} draws areas {size:.1f} % larger than annotator {lower}{when}"
    size = finding.value if more else 1.0 / finding.value
    verb = "sets {:.2f} times as many vertices as" if habit == "vertex_density" else "takes {:.2f} times as long as"
    return f"annotator {upper} {verb.format(size)} annotator {lower}{when}"
