"""Damaged exports: regions in are regions out and dropped problems, and what was not damaged is still there.

What must come out is counted by `reference_counts.candidates` from the file alone. Two kinds of damage: to the parsed
tree, so that the file is JSON still and the count is exact, and to the bytes of one task. What is no JSON is refused
with its byte, or, with ``on_error="skip"``, listed, and then all other tasks have the rows they had.
"""

from __future__ import annotations

import base64
import copy
import functools
import gzip
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exports
import lesiongeo
from lesiongeo import Export, ExportError
from mutations import damage_bytes, damage_tree, dumps
from reference_counts import candidates
from reference_export import FIXED

Json = Any
Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
SUITE = SHARED / "conformance" / "json_test_suite.jsonl.gz"
EXAMPLE = ROOT / "examples" / "dermatology.json"
REAL = sorted([*SHARED.glob("label_studio/*.json"), *SHARED.glob("public_exports/*.json"), EXAMPLE])
SLOW = os.environ.get("HYPOTHESIS_PROFILE") == "slow"
CASES = 80
BATCHES = 50  # of the slow run: 56,000 cases
BATCH = {"tree": 500, "bytes": 400, "container": 200, "windows": 20}
DEEPEST = 512
LOST = {"unreadable_task", "unreadable_file", "rest_not_read"}
TASK_KEYS = {"data", "annotations", "completions", "predictions", "drafts"}

profile = settings(
    max_examples=20_000 if SLOW else 60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


# What must hold


def strict(raw: bytes) -> tuple[bool, Json]:
    """Whether the standard library takes these bytes for JSON, without its extras; and what they say."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        return True, json.loads(raw.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return False, None


def losses(raw: bytes) -> tuple[int, int]:
    """How many rows and losses must come out, at least and at most: of a key that comes twice the last counts."""
    first = json.loads(raw, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    last = json.loads(raw)
    count = candidates(last)
    return count, count if first == last else count + candidates(first)


def depth(node: Json) -> int:
    deepest, level = 0, [node]
    while level:
        deepest += 1
        level = [v for n in level if isinstance(n, dict | list) for v in (n.values() if isinstance(n, dict) else n)]
    return deepest


def counted(export: Export) -> int:
    """Rows and losses of an export; rows that concern whole tasks are none."""
    problems = export.problems.to_pylist()
    return len(export.regions) + sum(row["dropped"] and row["code"] not in LOST for row in problems)


def rows_of(export: Export) -> Counter[str]:
    """The regions, each with its columns and its outline, as texts."""
    table = export.regions.table
    rows = table.select([name for name in FIXED if name in table.column_names]).to_pylist()
    rings = export.regions.polygons.to_rings()
    found = zip(rows, rings, strict=True)
    return Counter(json.dumps([row, [ring.tolist() for ring in own]], default=str) for row, own in found)


def refusal(raw: bytes) -> ExportError | None:
    """Why these bytes are no export, with a byte inside them (of packed ones: unpacked); None where they are one."""
    try:
        lesiongeo.read_label_studio(raw)
    except ExportError as error:
        found = error
    else:
        return None
    assert found.position is not None
    packed = raw.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))
    assert 0 <= found.position <= len(raw) or packed
    return found


def check_tables(export: Export) -> None:
    """The tables agree with each other."""
    assert export.regions.table.num_rows == len(export.regions) == len(export.annotation_rows)
    assert sum(export.annotations["n_regions"].to_pylist()) == len(export.regions)
    assert all(len(row["message"]) > 10 for row in export.problems.to_pylist())


def check_json(raw: bytes, whole: Json, survivors: Counter[str]) -> None:
    """A file that is JSON: refused only for what its beginning is or for its depth; else nothing is lost."""
    refused = refusal(raw)
    if refused is not None:
        first = whole[0] if isinstance(whole, list) and whole else whole
        known = isinstance(first, dict) and (TASK_KEYS & first.keys() or "result" in first)
        assert depth(whole) > DEEPEST - 1 or not known, str(refused)
        check_tables(lesiongeo.read_label_studio(raw, on_error="skip"))
        return
    export = lesiongeo.read_label_studio(raw)
    check_tables(export)
    least, most = losses(raw)
    assert least <= counted(export) <= most
    assert not survivors - rows_of(export)
    assert not LOST & set(export.problems["code"].to_pylist())
    skipping = lesiongeo.read_label_studio(raw, on_error="skip")
    assert skipping.regions.to_arrow().equals(export.regions.to_arrow())
    assert skipping.problems.equals(export.problems)


def check_bytes(raw: bytes, before: Counter[str], after: Counter[str], *, exact: bool) -> None:
    """Any bytes; ``exact`` says that the tasks after the damage can be told for certain."""
    refused = refusal(raw) is not None
    export = lesiongeo.read_label_studio(raw, on_error="skip")
    check_tables(export)
    rows = rows_of(export)
    assert not before - rows, "tasks before the damage are lost"
    lost = [row for row in export.problems.to_pylist() if row["code"] in LOST]
    assert all(row["dropped"] for row in lost)
    assert bool(lost) == refused
    if exact or not lost:
        assert not after - rows, "tasks after the damage are lost"
    for row in lost:
        assert "byte" in row["message"]


# Exports to damage


@functools.cache
def tree(seed: int) -> list[Row]:
    """Three tasks with every kind of region among them."""
    made = exports.tasks(seed, 3, regions=3)
    made = made if all(one["annotations"] for one in made) else []
    kinds = {entry.get("type", "").removesuffix("labels") for entry in entries_of(made)}
    return made if len(kinds) > 4 else tree(seed + 1000)


def entries_of(made: list[Row]) -> list[Row]:
    items = [item for one in made for key in ("annotations", "predictions", "drafts") for item in one[key]]
    return [entry for item in items if isinstance(item, dict) for entry in item["result"]]


@functools.cache
def whole_rows(seed: int, index: int) -> Counter[str]:
    """The rows of one task of `tree`."""
    return rows_of(lesiongeo.read_label_studio(json.dumps([tree(seed)[index]]).encode()))


def run_tree(seed: int) -> None:
    """Damage one task of an export one to three times and hold the law."""
    rng = random.Random(seed)
    base = rng.randrange(8)
    made = copy.deepcopy(tree(base))
    index = rng.randrange(len(made))
    for _ in range(rng.choice((1, 1, 2, 3))):
        damage_tree(made[index], rng)
    raw = dumps(made).encode("utf-8", "surrogatepass")
    valid, whole = strict(raw)
    if not valid:
        return
    others = [whole_rows(base, k) for k in range(len(made)) if k != index]
    check_json(raw, whole, sum(others, Counter()))


def run_bytes(seed: int) -> None:
    """Damage the bytes of one task, in a list or in lines."""
    rng = random.Random(seed)
    base, lines = rng.randrange(8), rng.random() < 0.5
    texts = [json.dumps(one).encode() for one in tree(base)]
    index = rng.randrange(len(texts))
    for _ in range(rng.choice((1, 1, 3))):
        texts[index] = damage_bytes(texts[index], rng)
    exact = lines and b"\n" not in texts[index] and b"\r" not in texts[index]
    raw = b"\n".join(texts) if lines else b"[" + b",\n".join(texts) + b"]"
    rows = [whole_rows(base, k) for k in range(len(texts))]
    before, after = sum(rows[:index], Counter()), sum(rows[index + 1 :], Counter())
    if index == 0 and not exact:  # nothing sound says what the file is
        after = Counter()
    check_bytes(raw, before, after, exact=exact and index > 0)


def run_container(seed: int) -> None:
    """Damage any byte of a container, and put it between two sound files."""
    rng = random.Random(seed)
    base = rng.randrange(8)
    name = rng.choice(list(exports.CONTAINERS))
    files = exports.CONTAINERS[name](tree(base), random.Random(base))
    damaged = damage_bytes(rng.choice(files), rng)
    sound = [json.dumps([{**tree(k)[0], "id": 9000 + k}]).encode() for k in (0, 1)]
    expected = sum((rows_of(lesiongeo.read_label_studio(one)) for one in sound), Counter())
    export = lesiongeo.read_label_studio([sound[0], damaged, sound[1]], on_error="skip")
    check_tables(export)
    assert not expected - rows_of(export)
    refusal(damaged)


@functools.cache
def many() -> tuple[tuple[bytes, ...], tuple[Counter[str], ...]]:
    """Tasks of several windows, and the rows of each."""
    made = exports.tasks(31, 24, kinds=("brush", "polygon", "bitmask"), regions=4)
    texts = tuple(json.dumps(one).encode() for one in made)
    return texts, tuple(rows_of(lesiongeo.read_label_studio(text)) for text in texts)


def run_windows(seed: int) -> None:
    """Damage one of many tasks, and read them window by window."""
    rng = random.Random(seed)
    texts, rows = list(many()[0]), many()[1]
    index, lines = rng.randrange(1, len(texts)), rng.random() < 0.5
    texts[index] = damage_bytes(texts[index], rng)
    raw = b"\n".join(texts) if lines else b"[" + b",".join(texts) + b"]"
    whole = lesiongeo.read_label_studio(raw, on_error="skip")
    parts = list(lesiongeo.scan_label_studio(raw, on_error="skip", window_bytes=1, threads=rng.choice((1, 2))))
    found = rows_of(whole)
    assert sum(map(rows_of, parts), Counter()) == found
    assert not sum(rows[:index], Counter()) - found
    assert sum(map(counted, parts)) == counted(whole)
    lost = [[row for row in part.problems.to_pylist() if row["code"] in LOST] for part in (whole, *parts)]
    assert [row for rows_ in lost[1:] for row in rows_] == lost[0]
    if not lines or b"\n" in texts[index] or b"\r" in texts[index]:
        return
    assert not sum(rows[index + 1 :], Counter()) - found


RUNS = {"tree": run_tree, "bytes": run_bytes, "container": run_container, "windows": run_windows}


@pytest.mark.parametrize("name", RUNS)
def test_seeded_damage(name: str) -> None:
    for seed in range(CASES // (4 if name == "windows" else 1)):
        try:
            RUNS[name](seed)
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(1, BATCHES + 1))
@pytest.mark.parametrize("name", RUNS)
def test_much_seeded_damage(name: str, batch: int) -> None:
    for seed in range(batch * 100_000, batch * 100_000 + BATCH[name]):
        try:
            RUNS[name](seed)
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error}") from error


@profile
@given(st.randoms(use_true_random=False), st.integers(0, 7))
def test_damage_that_hypothesis_chooses(rng: random.Random, base: int) -> None:
    made = copy.deepcopy(tree(base))
    damage_tree(made[1], rng)
    raw = dumps(made).encode("utf-8", "surrogatepass")
    valid, whole = strict(raw)
    if valid:
        check_json(raw, whole, whole_rows(base, 0) + whole_rows(base, 2))


@profile
@given(st.binary(max_size=40), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 7))
def test_bytes_that_hypothesis_puts_in(given_bytes: bytes, start: int, length: int, base: int) -> None:
    texts = [json.dumps(one).encode() for one in tree(base)]
    cut = start % len(texts[1])
    texts[1] = texts[1][:cut] + given_bytes + texts[1][cut + length % 20 :]
    exact = b"\n" not in texts[1] and b"\r" not in texts[1]
    check_bytes(b"\n".join(texts), whole_rows(base, 0), whole_rows(base, 2), exact=exact)


# Whole files


@pytest.mark.parametrize("path", REAL, ids=[path.stem for path in REAL])
def test_every_region_of_a_file_is_a_row_or_a_problem(path: Path) -> None:
    if not path.is_file():
        pytest.skip("the file is not here")
    raw = path.read_bytes()
    if path.stem.endswith("_json_min"):
        with pytest.raises(ExportError, match="JSON_MIN"):
            lesiongeo.read_label_studio(raw)
        return
    export = lesiongeo.read_label_studio(raw)
    assert len(export.regions) > 0
    assert counted(export) == candidates(json.loads(raw))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("name", exports.CONTAINERS)
def test_every_region_of_a_container_is_a_row(name: str, seed: int) -> None:
    files = exports.CONTAINERS[name](tree(seed), random.Random(seed))
    export = lesiongeo.read_label_studio(files)
    assert counted(export) == len(export.regions)
    made = tree(seed)
    if name == "single annotations":
        made = [{"annotations": one["annotations"]} for one in made]
    elif name == "easy":
        made = [{"annotations": one["annotations"], "predictions": [1]} for one in made]
    assert counted(export) == candidates(made)


def test_a_count_that_is_wrong_is_seen() -> None:
    made = tree(0)
    export = lesiongeo.read_label_studio(json.dumps(made[1:]).encode())
    assert counted(export) < candidates(made)
    one = copy.deepcopy(made)
    next(e for e in entries_of(one) if "original_width" in e)["type"] = "unknown"
    assert candidates(one) >= candidates(made)


# JSONTestSuite as the data of a task between two others


@functools.cache
def suite() -> list[Row]:
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.skipif(not SUITE.is_file(), reason="the JSON test suite is not here")
def test_the_suite_as_data_of_a_task_between_two_others() -> None:
    made = exports.tasks(5, 3, kinds=("polygon", "keypoint"), regions=3)
    texts = [json.dumps(one).encode() for one in made]
    first, *others = (rows_of(lesiongeo.read_label_studio(text)) for text in texts)
    assert len(suite()) == 340
    for record in suite():
        own = texts[1].replace(b'"meta": {}', b'"meta": ' + base64.b64decode(record["b64"]))
        raw = b"[" + b",".join([texts[0], own, texts[2]]) + b"]"
        valid, whole = strict(raw)
        if refusal(raw) is None:
            assert record["expect"] != "reject", record["name"]
            export = lesiongeo.read_label_studio(raw)
            assert rows_of(export) == sum(others, first), record["name"]
            if valid:
                assert counted(export) == candidates(whole), record["name"]
        else:
            assert record["expect"] != "accept", record["name"]
            skipping = lesiongeo.read_label_studio(raw, on_error="skip")
            assert LOST & set(skipping.problems["code"].to_pylist()), record["name"]
            assert not first - rows_of(skipping), record["name"]


# Bombs


@pytest.mark.parametrize("packed", [gzip.compress, lambda raw: pa.Codec("zstd").compress(raw, asbytes=True)])
def test_a_packed_file_that_was_cut_is_refused_or_listed(packed: Any) -> None:
    whole = bytes(packed(json.dumps(tree(0)).encode()))
    for end in (5, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ExportError):
            lesiongeo.read_label_studio(whole[:end])
        export = lesiongeo.read_label_studio(whole[:end], on_error="skip")
        assert LOST & set(export.problems["code"].to_pylist())
