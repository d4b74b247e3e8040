"""Batches of an export: together they are the whole, in any window; nothing stays open, and memory stays small."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lesiongeo
from exports_equal import assert_same, problems
from lesiongeo import ExportError
from lesiongeo.read.join import concat_exports
from lesiongeo.testing import make_export

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
SHARED = ROOT.parent / "shared" / "data" / "label_studio"
REAL = [SHARED / name for name in ("ls_real_export.json", "ls_real_export_snapshot.json")]


def region(name: str, *, size: int = 200, kind: str = "number", answer: Any = 1) -> list[dict[str, Any]]:
    shape = {"points": [[10, 10], [20, 10], [20, 30]], "polygonlabels": ["nevus"]}
    common = {"id": name, "original_width": size, "original_height": 100}
    return [
        {**common, "type": "polygonlabels", "from_name": "lesion", "value": shape},
        {**common, "type": kind, "from_name": "track_id", "value": {kind if kind == "number" else "text": answer}},
    ]


def annotation(number: int, *result: dict[str, Any], user: int = 1) -> dict[str, Any]:
    return {"id": number, "completed_by": user, "result": list(result)}


def task(number: int, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": number, "data": {"image": f"{number}.png"}, "annotations": list(annotations), **more}


def whole(source: Any, **options: Any) -> lesiongeo.Export:
    return concat_exports(list(lesiongeo.scan_label_studio(source, **options)))


@pytest.mark.parametrize("window", [1, 3000, 50_000, 1 << 30])
@pytest.mark.parametrize("source", [EXAMPLE, *REAL], ids=lambda path: path.name)
def test_batches_together_are_the_whole(source: Path, window: int) -> None:
    if not source.is_file():
        pytest.skip("the file is not here")
    read = lesiongeo.read_label_studio(source)
    assert_same(whole(source, window_bytes=window), read)
    assert len(list(lesiongeo.scan_label_studio(source, window_bytes=1 << 30))) == 1


def test_small_windows_make_small_batches() -> None:
    batches = [export.tasks.num_rows for export in lesiongeo.scan_label_studio(EXAMPLE, window_bytes=1)]
    assert sum(batches) == 40
    assert max(batches) < 40


def test_batches_hold_whole_tasks() -> None:
    seen: set[int] = set()
    for export in lesiongeo.scan_label_studio(EXAMPLE, window_bytes=30_000):
        ids = set(export.tasks["task_id"].to_pylist())
        assert not ids & seen
        seen |= ids
        assert set(export.annotations["task_id"].to_pylist()) <= ids
        assert set(export.regions.table["task_id"].to_pylist()) <= ids


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads: int) -> None:
    assert_same(whole(EXAMPLE, window_bytes=20_000, threads=threads), lesiongeo.read_label_studio(EXAMPLE, threads=1))


def test_options_reach_every_batch() -> None:
    options: dict[str, Any] = {"patient": "patient_id", "day_offset": "visit_offsets_days", "spacing_mm": "spacing_mm"}
    assert_same(whole(EXAMPLE, window_bytes=1, **options), lesiongeo.read_label_studio(EXAMPLE, **options))


def test_controls_and_counts_grow() -> None:
    scan = lesiongeo.scan_label_studio(EXAMPLE, window_bytes=30_000)
    assert scan.controls is None
    assert scan.bytes_read == 0
    next(scan)
    first = sum(scan.controls["count"].to_pylist())
    some = scan.bytes_read
    for _ in scan:
        pass
    assert sum(scan.controls["count"].to_pylist()) > first > 0
    assert EXAMPLE.stat().st_size >= scan.bytes_read > some > 0
    read = lesiongeo.read_label_studio(EXAMPLE)
    assert scan.controls.to_pylist() == read.controls.to_pylist()
    assert sum(scan.problems["count"].to_pylist()) == read.problems.num_rows
    assert set(scan.problems["code"].to_pylist()) == set(read.problems["code"].to_pylist())


def test_roles_follow_from_the_whole() -> None:
    """In the first batch a number is the only one; a second one that is named better comes later."""
    first = region("a")
    first[1]["from_name"] = "number"
    source = json.dumps([task(1, annotation(1, *first)), task(2, annotation(2, *region("b")))]).encode()
    scan = lesiongeo.scan_label_studio(source, window_bytes=1)
    for _ in scan:
        pass
    roles = dict(zip(scan.controls["name"].to_pylist(), scan.controls["role"].to_pylist(), strict=True))
    assert (roles["track_id"], roles["number"]) == ("track_id", None)


def test_a_task_of_another_batch_that_comes_again_is_reported_once() -> None:
    tasks = [task(1), task(2), task(1), task(3), task(1), task(3)]
    source = json.dumps(tasks).encode()
    for window in (1, 60, 1 << 20):
        told = [
            row for row in whole(source, window_bytes=window).problems.to_pylist() if row["code"] == "repeated_task"
        ]
        assert [row["task_id"] for row in told] == [1, 3]


# one annotation per file


def alone(number: int, of: dict[str, Any], *result: dict[str, Any], user: int = 1) -> bytes:
    """As target storages write it: the annotation with its task inside."""
    inner = {key: value for key, value in of.items() if key != "annotations"}
    return json.dumps({**annotation(number, *result, user=user), "task": inner}).encode()


def test_annotations_in_files_of_their_own_are_one_task(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(alone(1, task(7), *region("a")))
    (tmp_path / "2").write_bytes(alone(2, task(8), *region("b")))
    (tmp_path / "3").write_bytes(alone(3, task(7), *region("c"), user=2))
    export = lesiongeo.read_label_studio(tmp_path)
    assert export.tasks["task_id"].to_pylist() == [7, 8]
    assert export.tasks["n_annotations"].to_pylist() == [2, 1]
    assert export.annotations.select(["task_id", "annotation_id"]).to_pylist() == [
        {"task_id": 7, "annotation_id": 1},
        {"task_id": 8, "annotation_id": 2},
        {"task_id": 7, "annotation_id": 3},
    ]
    assert export.regions.table["image"].to_pylist() == ["7.png", "8.png", "7.png"]
    assert export.problems["code"].to_pylist() == []
    assert export.pages["n_regions"].to_pylist() == [2, 1]


def test_files_of_a_task_that_disagree_are_reported(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(alone(1, task(7), *region("a")))
    (tmp_path / "2").write_bytes(alone(2, {**task(7), "data": {"image": "other.png"}}, *region("b")))
    (tmp_path / "3").write_bytes(alone(2, task(7), *region("b")))
    export = lesiongeo.read_label_studio(tmp_path)
    told = [(row["code"], row["task_id"], row["annotation_id"]) for row in export.problems.to_pylist()]
    assert told == [("task_differs", 7, None), ("repeated_annotation", 7, 2)]
    assert export.regions.table["image"].to_pylist() == ["7.png"] * 3


# ends


class Watched(io.BytesIO):
    """Counts what is taken."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def test_nothing_is_read_before_the_first_batch_nor_far_ahead() -> None:
    data = json.dumps(make_export(patients=60, seed=2)).encode()
    source = Watched(data)
    scan = lesiongeo.scan_label_studio(source, window_bytes=10_000)
    assert source.taken == 0
    next(scan)
    assert 0 < source.taken < len(data) / 2


def test_leaving_early_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(EXAMPLE.read_bytes()))

    def opened() -> int:
        there = Path("/proc/self/fd")
        if not there.is_dir():
            pytest.skip("open files are not listed here")
        return sum(os.path.realpath(fd) == str(path.resolve()) for fd in there.iterdir())

    with lesiongeo.scan_label_studio(path, window_bytes=1000) as scan:
        for _ in scan:
            assert opened() == 1
            break
    assert opened() == 0
    assert list(scan) == []
    with pytest.raises(ZeroDivisionError), lesiongeo.scan_label_studio(path, window_bytes=1000) as scan:  # noqa: PT012
        for _ in scan:
            _ = 1 / 0
    assert opened() == 0


def test_an_error_ends_the_scan_and_keeps_what_came_before() -> None:
    tasks = [json.dumps(task(number, annotation(number, *region("a")))) for number in range(3000)]
    source = ("[" + ",".join(tasks) + ', {"id": 1, "data": {}, "annotations": [}').encode()
    seen = []
    with pytest.raises(ExportError) as caught:  # noqa: PT012
        for export in lesiongeo.scan_label_studio(source, window_bytes=2000):
            seen += export.tasks["task_id"].to_pylist()
    assert seen == list(range(len(seen)))
    assert len(seen) >= 1000
    assert caught.value.position is not None


def test_an_interrupt_ends_the_scan() -> None:
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    scan = lesiongeo.scan_label_studio(EXAMPLE, window_bytes=1000, progress=stop)
    with pytest.raises(KeyboardInterrupt):
        list(scan)
    assert list(scan) == []


def test_progress_counts_bytes() -> None:
    seen: list[tuple[int, int]] = []
    for _ in lesiongeo.scan_label_studio(EXAMPLE, window_bytes=20_000, progress=lambda *told: seen.append(told)):
        pass
    size = EXAMPLE.stat().st_size
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert all(done <= total == size for done, total in seen)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "1"])
def test_a_wrong_window(wrong: Any) -> None:
    with pytest.raises(ValueError, match="window_bytes"):
        lesiongeo.scan_label_studio(b"[]", window_bytes=wrong)


def test_a_wrong_way_to_go_on() -> None:
    with pytest.raises(ValueError, match="on_error"):
        lesiongeo.scan_label_studio(b"[]", on_error="ignore")


def test_problems_of_batches_are_those_of_the_whole() -> None:
    """Types of a control that change from batch to batch; a page whose regions record two sizes."""
    tasks = [
        task(1, annotation(1, *region("a")), annotation(2, *region("b", size=300))),
        task(2, annotation(3, *region("c", kind="textarea", answer=["seven"]))),
    ]
    source = json.dumps(tasks).encode()
    read = lesiongeo.read_label_studio(source)
    parts = whole(source, window_bytes=1)
    assert (
        parts.regions.table["track_id"].to_pylist() == read.regions.table["track_id"].to_pylist() == ["1", "1", "seven"]
    )
    place = ("task_id", "page", "annotation_id", "region_id")
    assert sorted(row["code"] for row in parts.problems.to_pylist()) == sorted(
        row["code"] for row in read.problems.to_pylist()
    )
    assert "image_size_differs" in read.problems["code"].to_pylist()
    assert any(row[place[0]] == 1 for row in parts.problems.to_pylist())
    assert problems(parts)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in other units elsewhere")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Peak memory over an idle process, for a file of about 60 MB and one of four times that."""
    lines = [json.dumps(one)[1:] for one in make_export(patients=200, vertices=(40, 60), seed=1)]
    code = (
        "import lesiongeo, resource, sys\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for export in lesiongeo.scan_label_studio(sys.argv[1], window_bytes=4 << 20, threads=2): pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    peaks = []
    for size in (60e6, 240e6):
        path = tmp_path / "large.json"
        with path.open("w") as file:
            at = 0
            while file.tell() < size:
                number = at % len(lines)
                file.write(f'{"[" if at == 0 else ","}{{"id": {at}, {lines[number].split(",", 1)[1]}')
                at += 1
            file.write("]")
        ran = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, timeout=240, check=True
        )
        peaks.append(int(ran.stdout) * 1024)
    assert peaks[1] < 6 * (4 << 20) + 100_000_000
    assert peaks[1] < 1.3 * peaks[0] + 20_000_000
