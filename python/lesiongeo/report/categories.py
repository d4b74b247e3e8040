"""Who says what: confusion matrices of labels and of the choices that annotators make about a region."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..read.controls import ROLE_WORDS
from .frame import Frame
from .run import Run, rows_of, texts

__all__ = ["MOST_CATEGORIES", "confusions", "controls_of"]

#: Categories with a row of their own; the others share one.
MOST_CATEGORIES = 12
#: Pairs of annotators that can be looked at one by one.
MOST_PAIRS = 15
OTHERS, NOT_DRAWN = "(other)", "(not drawn)"

Ints = NDArray[np.int64]


def controls_of(run: Run, *, notes: bool = False) -> list[str]:
    """Name the controls per region whose answers may be shown: numbers, and choices that are no free text.

    What an annotator typed may name a patient, and the name of a control is no proof of what is in it. So texts are
    shown only of controls that the reliability was computed of, which leaves free text out; all with `notes`.
    """
    names = run.names("pairs")
    own = [name[:-2] for name in names if name.endswith("_a") and f"{name[:-2]}_b" in names]
    fixed = {"annotator", "annotation", "region", "label", "valid", "n"}
    fixed |= {name for name in own if re.search(r"_(px2?|mm2?)$", name)}
    candidates = [name for name in own if name not in fixed]
    if notes or not candidates:
        return candidates
    judged = {
        row["control"]
        for row in rows_of(run.columns("reliability", ["control", "scope"]))
        if row.get("scope") == "region"
    }
    table = run.columns("pairs", [f"{name}_a" for name in candidates])
    found = []
    for name in candidates:
        kind = table[f"{name}_a"].type if table is not None else pa.null()
        typed = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if _is(name, "note"):
            continue
        if not typed or name in judged:
            found.append(name)
    return found


def _is(name: str, role: str) -> bool:
    """Whether the words of a control's name give it this role."""
    spread = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_\d]+", " ", name).lower().strip()
    return any(re.search(word, spread) for word in ROLE_WORDS[role])


def confusions(run: Run, frame: Frame | None, controls: list[str]) -> list[dict[str, Any]]:
    """Count the pairs by what the two sides say: labels (with regions that one did not draw), then choices."""
    if frame is None or not frame.rows:
        return []
    found = [_labels(frame)]
    table = run.columns("pairs", [f"{name}_{side}" for name in controls for side in "ab"])
    for name in controls:
        if table is None or not all(pa.types.is_string(table[f"{name}_{side}"].type) for side in "ab"):
            continue
        sides = [texts(table, f"{name}_{side}") for side in "ab"]
        values = sorted({value for side in sides for value in side.unique().to_pylist() if value is not None})
        # More answers than this are names or sentences, and no matrix of them can be read.
        if not values or len(values) > 10 * MOST_CATEGORIES or _is(name, "track_id"):
            continue
        codes = [
            pc.fill_null(pc.index_in(side, pa.array(values, pa.string())), -1).to_numpy().astype(np.int64)
            for side in sides
        ]
        usable = frame.agreed & (codes[0] >= 0) & (codes[1] >= 0)
        if usable.any():
            found.append(_matrices(name, frame, values, codes[0], codes[1], usable))
    return [one for one in found if one["n"]]


def _labels(frame: Frame) -> dict[str, Any]:
    nobody = len(frame.labels)
    without = frame.kind == 3
    a = np.where(without & (frame.label_a < 0), nobody, frame.label_a)
    b = np.where(without & (frame.label_b < 0), nobody, frame.label_b)
    usable = (frame.agreed | without) & (a >= 0) & (b >= 0)
    return _matrices("label", frame, [*frame.labels, NOT_DRAWN], a, b, usable)


def _matrices(
    name: str, frame: Frame, values: list[str], a: Ints, b: Ints, usable: NDArray[np.bool_]
) -> dict[str, Any]:
    """Matrices of all pairs of annotators together, and of each."""
    tally = np.bincount(np.concatenate((a[usable], b[usable])), minlength=len(values))
    order = sorted(
        (code for code in range(len(values)) if tally[code]),
        key=lambda code: (values[code] == NOT_DRAWN, -int(tally[code])),
    )
    drawn = [code for code in order if values[code] != NOT_DRAWN]
    kept = drawn[:MOST_CATEGORIES]
    names = [values[code] for code in kept]
    place = np.full(len(values), len(kept), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    if len(drawn) > len(kept):
        names.append(OTHERS)
    if len(order) > len(drawn):
        place[values.index(NOT_DRAWN)] = len(names)
        names.append(NOT_DRAWN)
    a, b = place[np.maximum(a, 0)], place[np.maximum(b, 0)]
    width = len(names)
    width_of_people = len(frame.names)
    pair = frame.a * width_of_people + frame.b
    present, amounts = np.unique(pair[usable], return_counts=True)
    both = _count(a[usable], b[usable], width)
    # Who is first and who is second means nothing over several pairs, so each pair counts in both directions.
    everybody = both if len(present) == 1 else both + both.T - np.diag(np.diag(both))
    matrices = []
    if len(present) != 1:
        matrices.append({"a": None, "b": None, "counts": everybody.tolist(), "n": int(usable.sum())})
    for code in sorted(present[np.argsort(-amounts, kind="stable")][:MOST_PAIRS].tolist()):
        first, second = divmod(code, width_of_people)
        chosen = usable & (pair == code)
        matrices.append(
            {
                "a": frame.names[first],
                "b": frame.names[second],
                "counts": _count(a[chosen], b[chosen], width).tolist(),
                "n": int(chosen.sum()),
            }
        )
    said = usable & (frame.kind != 3)
    return {
        "control": name,
        "categories": names,
        "n": int(usable.sum()),
        "same": int((said & (a == b)).sum()) if len(drawn) <= len(kept) else None,
        "n_both": int(said.sum()),
        "matrices": matrices,
        "left_out": max(len(present) - MOST_PAIRS, 0),
    }


def _count(a: Ints, b: Ints, width: int) -> Ints:
    return np.bincount(a * width + b, minlength=width * width).reshape(width, width).astype(np.int64)
