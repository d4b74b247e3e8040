"""What annotators said about regions: track ids and labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..agreement.counted import Ints
from ..read.config import LabelingConfig
from .view import FINDING_SCHEMA, Mask, View

__all__ = ["Giver", "check_labels", "check_tracks", "givers_of", "givers_read", "track_keys"]

MISSING = "the region has no track id; open it and enter the number that the lesion has on its other visits"
NOT_INTEGER = "the track id is no whole number; enter the number that the lesion has on its other visits"
REPEATED = "the same person gave two regions of one page the same track id; correct one of them"
NO_LABEL = "the region has no label; select it and choose one"
NOT_IN_CONFIG = "the label is none of the labeling configuration's; choose another, or add it to the configuration"
NOT_IN_ONTOLOGY = "the label is not in the ontology; choose another, or add it to the file"

#: Kinds that mark a place or a length beside the outline of a lesion, and may share its track.
BESIDE = ("keypoint", "line")
#: A double counts whole numbers without gaps up to here.
EXACT = 2.0**53


def check_tracks(view: View, name: str | None) -> pa.Table:
    """Track ids in this column that are missing, no whole numbers, or given twice by one person on one page."""
    if name is None:
        return FINDING_SCHEMA.empty_table()
    text, whole, key = track_keys(view.regions[name].take(pa.array(view.rows)).combine_chunks())
    missing = np.flatnonzero(text.is_null().to_numpy(zero_copy_only=False))
    odd = np.flatnonzero(pc.and_not(pc.is_valid(text), whole).to_numpy(zero_copy_only=False))
    return pa.concat_tables(
        [
            view.about_regions("track_missing", view.rows[missing], MISSING, value=name, severity="warning"),
            view.about_regions(
                "track_not_integer", view.rows[odd], NOT_INTEGER, value=text.take(pa.array(odd)), severity="warning"
            ),
            _repeated(view, key),
        ]
    )


def track_keys(column: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Track ids as text (null: none), whether they are whole numbers, and what equal tracks have in common."""
    if pa.types.is_string(column.type):
        text = pc.utf8_trim_whitespace(column)
        text = pc.if_else(pc.equal(text, ""), None, text)
        whole = pc.fill_null(pc.match_substring_regex(text, r"^[+-]?[0-9]+$"), False)
        # "+03" is the track of "3".
        return text, whole, pc.replace_substring_regex(text, r"^\+?(-?)0*([0-9]+)$", r"\1\2")
    values = pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    integer = (np.floor(values) == values) & (np.abs(values) <= EXACT)
    whole = pa.array(integer)
    digits = pa.array(np.where(integer, values, 0.0)).cast(pa.int64()).cast(pa.string())
    text = pc.if_else(whole, digits, column.cast(pa.string()))
    return text, whole, text


def _repeated(view: View, key: pa.Array) -> pa.Table:
    """Regions with the track of another one of their annotation and page that comes before in the order of ids."""
    regions = view.regions.select(["region_id", "kind"]).take(pa.array(view.rows))
    beside = pc.is_in(regions["kind"], pa.array(BESIDE))
    use = np.flatnonzero(pc.and_not(pc.is_valid(key), beside).to_numpy())
    code = key.take(pa.array(use)).dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    # In order of annotation and page already, so that this sort has little to do.
    joint = view.place[use] * (int(code.max(initial=0)) + 1) + code
    place = np.argsort(joint, kind="stable")
    same = joint[place][1:] == joint[place][:-1]
    if not same.any():
        return FINDING_SCHEMA.empty_table()
    # Few: the members of groups of more than one.
    group = np.concatenate(([0], np.cumsum(~same)))
    several = np.bincount(group)[group] > 1
    members, group = place[several], group[several]
    table = pa.table(
        {
            "group": pa.array(group),
            "name": regions["region_id"].take(pa.array(use[members])).combine_chunks(),
            "at": pa.array(use[members]),
        }
    ).sort_by([("group", "ascending"), ("name", "ascending"), ("at", "ascending")])
    group, at = table["group"].to_numpy(), table["at"].to_numpy()
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    first = np.repeat(starts, np.diff(np.append(starts, len(group))))
    later = np.flatnonzero(first != np.arange(len(group)))
    names = table["name"].to_pylist()
    track = key.take(pa.array(at)).to_pylist()
    value = [f"track {track[row]}, also region {names[head]}" for row, head in zip(later, first[later], strict=True)]
    return view.about_regions(
        "track_repeated", view.rows[at[later]], REPEATED, value=pa.array(value, pa.string()), severity="warning"
    )


class Giver(NamedTuple):
    """A control that gives labels: whether it draws the region too, and its labels, None where they are not known."""

    name: str
    draws: bool
    values: frozenset[str] | None


def givers_of(config: LabelingConfig) -> list[Giver]:
    """Return the controls of a configuration that give labels."""
    found = [(control, control.values()) for control in config.controls if control.labels]
    return [
        Giver(control.name, control.draws, None if values is None else frozenset(values)) for control, values in found
    ]


def givers_read(controls: pa.Table) -> list[Giver]:
    """Return the same of an export that was read with its configuration; of others there are none."""
    rows = controls.filter(pc.fill_null(controls["in_config"], False)).select(["name", "kind", "values"]).to_pylist()
    return [
        Giver(row["name"], row["kind"] != "labels", None if row["values"] is None else frozenset(row["values"]))
        for row in rows
        if row["kind"].endswith("labels")
    ]


def check_labels(view: View, givers: list[Giver], ontology: frozenset[str] | None) -> pa.Table:
    """Regions without label, and labels that the configuration or the ontology do not have."""
    column = view.regions["labels"].take(pa.array(view.rows)).combine_chunks()
    counts = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    tables = []
    # Where nobody gives labels, none is missing.
    if counts.any() or givers:
        none = np.flatnonzero(counts == 0)
        tables.append(view.about_regions("no_label", view.rows[none], NO_LABEL, severity="warning"))
    row = pc.list_parent_indices(column).to_numpy()
    label = pc.list_flatten(column).dictionary_encode()
    names = label.dictionary.to_pylist()
    code = label.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if givers:
        wrong = _not_in_config(view, givers, names, row, code)
        tables.append(_unknown_labels(view, "label_not_in_config", NOT_IN_CONFIG, names, row[wrong], code[wrong]))
    if ontology is not None:
        unknown = np.array([name not in ontology for name in names], dtype=bool)
        wrong = unknown[code] if len(names) else np.zeros(0, dtype=bool)
        tables.append(_unknown_labels(view, "label_not_in_ontology", NOT_IN_ONTOLOGY, names, row[wrong], code[wrong]))
    return pa.concat_tables(tables) if tables else FINDING_SCHEMA.empty_table()


def _not_in_config(view: View, givers: list[Giver], names: list[str], row: Ints, code: Ints) -> Mask:
    """Which labels their control does not offer; those of controls that take them from elsewhere are not judged."""
    column = view.regions["from_name"].take(pa.array(view.rows)).combine_chunks().dictionary_encode()
    drawers = [*column.dictionary.to_pylist(), None]
    drew = pc.fill_null(column.indices, len(drawers) - 1).to_numpy(zero_copy_only=False).astype(np.int64)[row]
    known = np.zeros((len(drawers), len(names)), dtype=bool)
    for number, drawer in enumerate(drawers):
        own = [giver for giver in givers if giver.name == drawer]
        # The control that drew, and those that give labels to what others draw; of an unknown one every control.
        offered = [*own, *(giver for giver in givers if not giver.draws)] if own else givers
        everything = any(giver.values is None for giver in offered)
        known[number] = [everything or any(name in (giver.values or ()) for giver in offered) for name in names]
    return ~known[drew, code] if len(names) else np.zeros(0, dtype=bool)


def _unknown_labels(view: View, code: str, message: str, names: list[str], row: Ints, label: Ints) -> pa.Table:
    """Make one finding per region, with all its labels that are unknown."""
    rows, starts = np.unique(row, return_index=True)
    order = np.argsort(row, kind="stable")
    label = label[order]
    ends = np.append(starts, len(label))[1:]
    text = pa.array(names, pa.string()).take(pa.array(label[starts]))
    several = np.flatnonzero(ends - starts > 1)
    if len(several):
        listed = text.to_pylist()
        for at in several.tolist():
            listed[at] = ", ".join(sorted(names[one] for one in label[starts[at] : ends[at]].tolist()))
        text = pa.array(listed, pa.string())
    return view.about_regions(code, view.rows[rows], message, value=text, severity="warning")
