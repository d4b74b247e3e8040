"""The table of reliability, grouped by control, with names and reasons in words."""

from __future__ import annotations

from typing import Any

from ..agreement.annotators import annotator_order
from .run import Run, rows_of
from .text import shown, words

__all__ = ["REASONS", "STATISTICS", "coefficients", "reason_in_words"]

#: Rows of pairs of annotators shown of one control; all of them are in the table.
MOST_ROWS = 60

STATISTICS = {
    "raw_agreement": "Raw agreement",
    "cohen_kappa": "Cohen's kappa",
    "cohen_kappa_linear": "Cohen's kappa, linear weights",
    "cohen_kappa_quadratic": "Cohen's kappa, quadratic weights",
    "fleiss_kappa": "Fleiss' kappa",
    "conger_kappa": "Conger's kappa",
    "krippendorff_alpha_nominal": "Krippendorff's alpha, nominal",
    "krippendorff_alpha_ordinal": "Krippendorff's alpha, ordinal",
    "krippendorff_alpha_interval": "Krippendorff's alpha, interval",
    "krippendorff_alpha_ratio": "Krippendorff's alpha, ratio",
    "gwet_ac1": "Gwet's AC1",
    "gwet_ac2": "Gwet's AC2",
}

#: Why a statistic has no value, as the tables code it.
REASONS = {
    "too_many_categories": "too many different answers for a coefficient: more than 100, of labels more than 10,000",
    "no_units": "nothing was answered",
    "single_annotator": "a single annotator",
    "no_unit_with_two_ratings": "nothing was answered by two annotators",
    "no_complete_unit": "nothing was answered by all annotators",
    "too_few_units": "a single unit",
    "single_category": "everybody always gave the same answer, so chance would agree as well",
    "zero_variance": "all values are the same",
    "no_resamples": "no interval: no resamples were asked for",
    "too_few_clusters": "no interval: fewer than five patients or tasks",
    "undefined_in_resamples": "no interval: undefined in half of the resamples or more",
    "no_spread": "no interval: all patients or tasks say the same, so drawing them again shows no spread",
}


def reason_in_words(code: str | None) -> str:
    """Return a reason as a sentence fragment; one that is not known with its underscores as spaces.

    Examples
    --------
    >>> reason_in_words("single_annotator"), reason_in_words("some_new_code"), reason_in_words(None)
    ('a single annotator', 'some new code', '')
    """
    return "" if code is None else REASONS.get(code, words(code))


def coefficients(run: Run) -> list[dict[str, Any]]:
    """Group the rows by control and scope; of each those of all annotators first, then those of pairs."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows_of(run.table("reliability")):
        key = (str(row.get("control")), str(row.get("scope")))
        group = groups.setdefault(key, {"control": key[0], "scope": key[1], "all": [], "pairs": []})
        cells = {name: row.get(name) for name in ROW}
        cells["name"] = _name(row["statistic"])
        cells["why"] = reason_in_words(row.get("reason"))
        group["all" if row.get("annotator_a") is None else "pairs"].append(cells)
    for group in groups.values():
        group["pairs"].sort(
            key=lambda row: (annotator_order(row["annotator_a"]), annotator_order(row["annotator_b"] or ""))
        )
        group["left_out"] = max(len(group["pairs"]) - MOST_ROWS, 0)
        group["pairs"] = group["pairs"][:MOST_ROWS]
    first = {"label": 0}
    return sorted(
        groups.values(), key=lambda group: (first.get(group["control"], 1), _scope(group["scope"]), group["control"])
    )


ROW = (
    "statistic missed annotator_a annotator_b n_units n_annotators n_categories n_clusters value low high reason"
).split()


def _scope(scope: str) -> int:
    return {"region": 0, "page": 1, "task": 2}.get(scope, 3)


def _name(statistic: str | None) -> str:
    if statistic is None:
        return "All coefficients"
    if statistic.startswith("icc_"):
        return shown(f"ICC({statistic[4:].replace('_', ',').upper()})")
    return STATISTICS.get(statistic, words(statistic))
