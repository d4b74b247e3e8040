"""Every container that Label Studio writes gives the same rows; damage costs what is damaged and is listed."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesiongeo import ExportError, _core

Json = Any
Columns = dict[str, Any]

BAD_FILES = ("unreadable_task", "unreadable_file", "rest_not_read")


def region(name: str, label: str = "}{") -> Json:
    points = [[10, 10], [20.5, 10], [20, 30]]
    value = {"points": points, "closed": True, "polygonlabels": [label]}
    size = {"original_width": 200, "original_height": 100}
    return {"id": name, "type": "polygonlabels", "from_name": "lesion", **size, "value": value}


def annotation(number: int, regions: int = 1, **more: Json) -> Json:
    result = [region(f"r{number}-{k}") for k in range(regions)]
    return {"id": number, "completed_by": 3, "result": result, **more}


def task(number: int, *annotations: Json, **more: Json) -> Json:
    image = "https://h/" + "x" * number + ".png"
    return {"id": number, "data": {"image": image}, "annotations": list(annotations), **more}


def read(*texts: str | bytes, window_bytes: int = 1 << 20, on_error: str = "raise", threads: int = 1) -> Columns:
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    sources: list[Any] = [(f"{k}.json", text) for k, text in enumerate(raw)]
    reader = _core.LabelStudioReader(sources, window_bytes=window_bytes, on_error=on_error)
    return reader.read_all(threads=threads)


def texts(column: Any) -> list[str | None]:
    offsets, raw, present = column
    whole = raw.tobytes()
    return [whole[offsets[k] : offsets[k + 1]].decode() if here else None for k, here in enumerate(present)]


def regions_of(columns: Columns) -> list[tuple[int, int, str | None]]:
    """Task, annotation and id of each region."""
    rows = columns["regions"]["annotation"]
    annotations, tasks = columns["annotations"], columns["tasks"]
    ids = texts(columns["regions"]["region_id"])
    return [
        (int(tasks["task_id"][annotations["task"][row]]), int(annotations["annotation_id"][row]), name)
        for row, name in zip(rows, ids, strict=True)
    ]


def codes(columns: Columns) -> list[str | None]:
    return texts(columns["problems"]["code"])


TASKS = [task(1, annotation(11), annotation(12, 2)), task(2), task(3, annotation(31, 3))]
ROWS = [(1, 11, "r11-0"), (1, 12, "r12-0"), (1, 12, "r12-1"), *((3, 31, f"r31-{k}") for k in range(3))]


def lone(number: int, task_id: int, **more: Json) -> Json:
    owner = {"id": task_id, "data": {"image": "a.png"}, "inner_id": 4, "created_at": "2026-01-01T00:00:00Z"}
    return {**annotation(number, **more), "task": owner}


# Containers


@pytest.mark.parametrize(
    "files",
    [
        [json.dumps(TASKS)],
        [json.dumps(TASKS, indent=1)],
        ["\ufeff" + json.dumps(TASKS)],
        [json.dumps(one) for one in TASKS],
        [json.dumps(one, indent=2) for one in TASKS],
        ["\n".join(json.dumps(one) for one in TASKS)],
        ["\r\n \r\n".join(json.dumps(one) for one in TASKS) + "\r\n"],
        ["".join(json.dumps(one) for one in TASKS)],
        ["\n".join(json.dumps(one, indent=1) for one in TASKS)],
        [json.dumps(TASKS[:1]), "[]", "\n".join(json.dumps(one) for one in TASKS[1:])],
    ],
    ids=[
        "list",
        "indented",
        "marked",
        "files",
        "indented files",
        "lines",
        "CRLF",
        "joined",
        "joined indented",
        "mixed",
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_tasks_in_any_container_are_the_same_tasks(files: list[str], on_error: str) -> None:
    for window_bytes in (1, 300, 1 << 20):
        columns = read(*files, window_bytes=window_bytes, on_error=on_error)
        assert regions_of(columns) == ROWS
        assert codes(columns) == []
        assert columns["tasks"]["task_id"].tolist() == [1, 2, 3]
        assert columns["tasks"]["partial"].tolist() == [False] * 3
        assert columns["files"] == [f"{k}.json" for k in range(len(files))]
    if len(files) == 3 and files[1] != "[]":
        assert columns["tasks"]["file"].tolist() == [0, 1, 2]


ANNOTATIONS = [lone(11, 1), lone(12, 1, regions=2), lone(31, 3, regions=3)]


@pytest.mark.parametrize(
    "files",
    [
        [json.dumps(one) for one in ANNOTATIONS],
        [json.dumps(one, indent=2) for one in ANNOTATIONS],
        ["\n".join(json.dumps(one) for one in ANNOTATIONS)],
        [json.dumps(ANNOTATIONS)],
    ],
    ids=["files", "indented", "lines", "list"],
)
def test_annotations_that_name_their_task(files: list[str]) -> None:
    columns = read(*files, window_bytes=200)
    assert regions_of(columns) == ROWS
    assert columns["tasks"]["task_id"].tolist() == [1, 1, 3]
    assert columns["tasks"]["inner_id"].tolist() == [4, 4, 4]
    assert columns["tasks"]["partial"].tolist() == [True] * 3
    assert columns["tasks"]["n_annotations"].tolist() == [1, 1, 1]
    assert codes(columns) == []


def test_an_annotation_may_name_its_task_by_id_alone() -> None:
    columns = read(json.dumps({**annotation(5), "task": 9, "completed_by": {"id": 4, "email": "a@example.org"}}))
    assert regions_of(columns) == [(9, 5, "r5-0")]
    assert texts(columns["annotations"]["annotator"]) == ["4"]
    assert codes(columns) == ["no_data"]


def test_predictions_on_their_own() -> None:
    prediction = {"id": 5, "model_version": "m", "score": 0.5, "result": [region("p")], "task": 9}
    columns = read(json.dumps([prediction]))
    assert columns["annotations"]["source"].tolist() == [1]
    assert columns["tasks"]["n_predictions"].tolist() == [1]


def test_tasks_and_annotations_may_stand_in_one_file() -> None:
    for first, second in ((task(1, annotation(11)), lone(31, 3)), (lone(31, 3), task(1, annotation(11)))):
        for text in (json.dumps([first, second]), json.dumps(first) + "\n" + json.dumps(second)):
            columns = read(text)
            assert sorted(regions_of(columns)) == [(1, 11, "r11-0"), (3, 31, "r31-0")]
            assert sorted(columns["tasks"]["partial"].tolist()) == [False, True]
            assert codes(columns) == []


def test_snapshots_easy_exports_and_files_before_1_0() -> None:
    person = {"id": 3, "email": "a@example.org", "first_name": "Ann", "last_name": "Lee"}
    snapshot = task(
        1, annotation(11, completed_by=person), predictions=[{"id": 9, "model_version": "m", "result": [region("p")]}]
    )
    easy = {**task(2, annotation(21)), "predictions": [4, 5]}
    old = {"id": 3, "data": {"image": "a"}, "completions": [annotation(31, honeypot=True, created_at=1600000000)]}
    columns = read(json.dumps([snapshot, easy, old]))
    assert sorted(regions_of(columns)) == [(1, 9, "p"), (1, 11, "r11-0"), (2, 21, "r21-0"), (3, 31, "r31-0")]
    assert columns["tasks"]["n_predictions"].tolist() == [1, 2, 0]
    assert columns["annotations"]["ground_truth"].tolist()[-1] is True
    assert columns["annotations"]["created_at"].tolist()[-1] == 1600000000 * 10**6
    assert codes(columns) == []
    assert b"example.org" not in columns["annotations"]["annotator"][1].tobytes()


def test_results_of_lists_are_read_list_by_list() -> None:
    """Before 1.0 an annotation that was merged from several had the entries of each in a list of its own."""
    number = {**region("a"), "type": "number", "from_name": "track", "value": {"number": 4}}
    result = [[region("a"), number], [], [region("b"), region("a")], region("c"), [7, [region("d")]]]
    old = {"id": 3, "data": {"image": "a"}, "completions": [{**annotation(31), "aggregated": True, "result": result}]}
    columns = read(json.dumps([old]))
    assert regions_of(columns) == [(3, 31, name) for name in ("c", "a", "b", "a")]
    # The answer joins the region of its own list.
    assert columns["controls"]["row"].tolist() == [1]
    assert columns["annotations"]["n_regions"].tolist() == [4]
    # The empty list, 7 and the list within a list.
    assert codes(columns) == ["entry_not_object"] * 3
    assert columns["problems"]["dropped"].tolist() == [True] * 3


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"PAR1\x15\x04", "Parquet"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x89PNG\r\n\x1a\n", "image"),
        (b"[\0{\0", "UTF-16"),
        (b"\0[\0{", "UTF-16"),
        (b"id\tlabel\n1\tnevus\n", "CSV or TSV"),
        (b'"id","image","annotator"\n', "CSV or TSV"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"<View></View>", "labeling config"),
        (b"\xef\xbb\xbf<View></View>", "labeling config"),
        (b'{"a":1}\n{"a":2}\n', "something else"),
        (b'[{"id":1,"result":[]}]', "without its task"),
    ],
)
def test_what_is_no_export_is_named_and_skipped(raw: bytes, word: str) -> None:
    with pytest.raises(ExportError, match=word) as caught:
        read(raw)
    assert caught.value.source == "0.json"
    columns = read(raw, json.dumps(TASKS), on_error="skip")
    assert codes(columns) == ["unreadable_file"]
    assert regions_of(columns) == ROWS
    (message,) = texts(columns["problems"]["message"])
    assert message is not None
    assert message.startswith("0.json: ")
    assert word in message
    assert texts(columns["problems"]["field"]) == [f"byte {caught.value.position}"]


# Damage


def refusal(raw: str | bytes) -> ExportError | None:
    try:
        read(raw)
    except ExportError as error:
        return error
    return None


@pytest.mark.parametrize(
    "wrong", [b"\xff", b"\\x", b"x", b"\0", b'"', b"{", b"}", b"[", b"]", b",", b"\n", b"\xed\xa0\x80"]
)
@pytest.mark.parametrize("lines", [False, True])
def test_damage_costs_what_is_damaged(wrong: bytes, lines: bool) -> None:
    parts = [json.dumps(one).encode() for one in TASKS]
    before, between, after = (b"", b"\n", b"\n") if lines else (b"[", b",", b"]")
    # A bracket before a task makes a list of the rest: one element, which is no task.
    for at in range(7 if wrong == b"[" and not lines else 0, len(parts[1]), 7):
        damaged = [parts[0], parts[1][:at] + wrong + parts[1][at:], parts[2]]
        raw = before + between.join(damaged) + after
        columns = read(raw, on_error="skip")
        tasks = columns["tasks"]["task_id"].tolist()
        # The others are read, whatever the damage looks like.
        assert (tasks[0], tasks[-1]) == (1, 3)
        found = regions_of(columns)
        assert found[:3] == ROWS[:3]
        assert found[3 - len(ROWS) :] == ROWS[3:]
        lost = [code for code in codes(columns) if code in BAD_FILES]
        error = refusal(raw)
        if error is None:
            assert lost == []
        else:
            assert lost, (at, raw)
            named = [field for field in texts(columns["problems"]["field"]) if field and field.startswith("byte")]
            assert len(named) == len(lost)
            assert error.position is not None
            assert len(before) + len(parts[0]) <= error.position <= len(raw)
            assert set(lost) == {"unreadable_task"}
        if len(lost) == 1:
            # Before its first byte the damage lies beside the task.
            assert [one for one in tasks if one > 0] == (
                [1, 2, 3] if at == 0 and not lines and wrong != b'"' else [1, 3]
            )
            assert found == ROWS


@pytest.mark.parametrize("which", [0, 2])
@pytest.mark.parametrize("lines", [False, True])
def test_the_tasks_beside_a_damaged_one_are_read(lines: bool, which: int) -> None:
    # Annotations name their task, as servers write them: they look like annotations of a list of those.
    named = [
        {**one, "annotations": [{**annotation, "task": one["id"]} for annotation in one["annotations"]]}
        for one in TASKS
    ]
    parts = [json.dumps(one).encode() for one in named]
    others = [one["id"] for index, one in enumerate(TASKS) if index != which]
    for at in range(9, len(parts[which]), 13):
        for wrong in (b"", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b'"}', b'{"'):
            # Nothing stands for a byte that is lost.
            damaged = parts[which][:at] + wrong + parts[which][at + (not wrong) :]
            texts_of = [*parts[:which], damaged, *parts[which + 1 :]]
            columns = read(b"\n".join(texts_of) if lines else b"[" + b",".join(texts_of) + b"]", on_error="skip")
            tasks = columns["tasks"]["task_id"].tolist()
            assert [one for one in tasks if one in others] == others, (at, wrong, tasks)


@pytest.mark.parametrize("text", [json.dumps(TASKS), "\n".join(map(json.dumps, TASKS)), json.dumps(TASKS, indent=1)])
def test_a_file_that_was_cut_off_gives_what_came_before(text: str) -> None:
    whole = len(regions_of(read(text)))
    for end in range(1, len(text), 11):
        error = refusal(text[:end])
        if error is not None:
            # A word that breaks off is named at its start.
            assert error.position is not None
            assert end - 5 < error.position <= end
        columns = read(text[:end], json.dumps(TASKS), on_error="skip")
        lost = [code for code in codes(columns) if code in BAD_FILES]
        assert len(lost) == (0 if error is None else 1)
        assert len(regions_of(columns)) >= whole


@pytest.mark.parametrize("bomb", ["[" * 100_000, '{"a":' * 100_000, "[" * 600 + "]" * 600])
def test_depth_bombs_cost_their_task(bomb: str) -> None:
    columns = read(
        json.dumps(TASKS[:1])[:-1] + ',{"id":7,"data":{"a":' + bomb + "}}," + json.dumps(TASKS[2:])[1:], on_error="skip"
    )
    assert regions_of(columns)[:3] == ROWS[:3]
    (lost,) = (code for code in codes(columns) if code in BAD_FILES)
    if bomb.count("[") in (600, 100_000):
        assert lost == "unreadable_task"
        assert regions_of(columns) == ROWS


# Fields of any type

ODD: list[Json] = [None, True, 0, -1, 7.5, 10**30, 1e300, "", "x", "7", [], [1], [None], {}, {"id": None}, {"a": [1]}]


@pytest.mark.parametrize("place", ["task", "annotation", "lone"])
def test_no_field_of_any_type_stops_the_reader(place: str) -> None:
    made: dict[str, Json] = {"task": task(1, annotation(11)), "annotation": annotation(11), "lone": lone(11, 1)}[place]
    keys = [*made, "inner_id", "was_cancelled", "ground_truth", "created_at", "updated_at", "lead_time", "score"]
    keys += ["model_version", "parent_prediction", "parent_annotation", "predictions", "drafts", "task", "user"]
    for key in keys:
        for value in ODD:
            changed = {**made, key: value}
            one = task(1, changed) if place == "annotation" else changed
            columns = read(json.dumps([one, TASKS[2]]), on_error="skip")
            if "unreadable_file" not in codes(columns):
                assert regions_of(columns)[-3:] == ROWS[-3:], (key, value)


@pytest.mark.parametrize(
    "field", ["id", "lead_time", "score", "was_cancelled", "parent_prediction", "parent_annotation"]
)
def test_a_field_of_a_wrong_type_is_reported(field: str) -> None:
    columns = read(json.dumps([task(1, annotation(11, **{field: {"x": 1}} if field != "id" else {}) | {field: {}})]))
    assert codes(columns) == ["wrong_type", *(["no_annotation_id"] if field == "id" else [])]
    assert set(texts(columns["problems"]["field"])) == {field}


@pytest.mark.parametrize(("number", "kept"), [(-1, True), (2**63 - 1, True), (-(2**63) + 1, True), (2**63, False)])
def test_ids_keep_their_64_bits(number: int, kept: bool) -> None:
    columns = read(json.dumps([task(1, {**annotation(1), "id": number})]))
    assert columns["annotations"]["annotation_id"].tolist() == [number if kept else -(2**63)]
    assert codes(columns) == ([] if kept else ["wrong_type", "no_annotation_id"])


# Sources


class Filling:
    """A file object of which only `readinto` is known."""

    def __init__(self, fill: Callable[[bytearray], object]) -> None:
        self.readinto = fill
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Giving:
    """A file object of which only `read` is known."""

    def __init__(self, give: Callable[[int], object]) -> None:
        self.read = give


def columns_of(*sources: Any, on_error: str = "raise", window_bytes: int = 1 << 20) -> Columns:
    named = [(f"https://h/{k}.json?X-Amz-Signature=secret", source) for k, source in enumerate(sources)]
    return _core.LabelStudioReader(named, window_bytes=window_bytes, on_error=on_error).read_all()


def test_files_paths_and_bytes_are_alike(tmp_path: Path) -> None:
    raw = json.dumps(TASKS).encode()
    path = tmp_path / "a.json"
    path.write_bytes(raw)
    slow = io.BytesIO(raw)
    dribble = Filling(lambda buffer: io.BytesIO.readinto(slow, memoryview(buffer)[:1]))
    plain = io.BytesIO(raw)
    sources = [raw, str(path), lambda: path.open("rb"), lambda: dribble, lambda: Giving(lambda n: plain.read(n))]
    for source in sources:
        columns = columns_of(source)
        assert regions_of(columns) == ROWS
        assert columns["files"] == ["https://h/0.json"]
    assert dribble.closed == 1


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (Filling(lambda _: None), OSError),
        (Filling(lambda buffer: len(buffer) + 1), ValueError),
        (Filling(lambda _: -1), TypeError),
        (Filling(lambda _: "x"), TypeError),
        (Giving(lambda _: None), OSError),
        (Giving(lambda _: "x"), TypeError),
        (Giving(lambda n: b"x" * (n + 1)), ValueError),
        (object(), AttributeError),
    ],
)
def test_wrong_file_objects_are_errors_or_rows(file: object, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        columns_of(lambda: file)
    assert caught.value.__notes__ == ["while reading https://h/0.json"]
    columns = columns_of(lambda: file, json.dumps(TASKS).encode(), on_error="skip")
    assert codes(columns) == ["unreadable_file"]
    assert regions_of(columns) == ROWS


def test_an_exception_passes_through_and_leaves_no_signature() -> None:
    error = KeyError("https://h/a?X-Amz-Signature=secret")

    def fail(*_: object) -> Any:
        raise error

    started = io.BytesIO(json.dumps(TASKS).encode()[:700])
    later = Giving(lambda n: started.read(n) or fail())
    for source in (fail, lambda: Filling(fail), lambda: later):
        with pytest.raises(KeyError) as caught:
            columns_of(source)
        assert caught.value is error
    started.seek(0)
    columns = columns_of(fail, lambda: later, on_error="skip")
    assert codes(columns) == ["unreadable_file", "rest_not_read"]
    for text in (*texts(columns["problems"]["message"]), *columns["files"]):
        assert text is not None
        assert "secret" not in text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_an_interruption_is_never_skipped(error: type[BaseException]) -> None:
    def fail(*_: object) -> Any:
        raise error

    with pytest.raises(error):
        columns_of(lambda: Filling(fail), on_error="skip")


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path, kind in ((tmp_path / "absent.json", FileNotFoundError), (tmp_path, IsADirectoryError)):
        with pytest.raises(kind):
            columns_of(str(path))
        columns = columns_of(str(path), json.dumps(TASKS).encode(), on_error="skip")
        assert codes(columns) == ["unreadable_file"]
        assert regions_of(columns) == ROWS


def test_many_small_files(tmp_path: Path) -> None:
    count = 3000
    for k in range(count):
        (tmp_path / f"{k}").write_text(json.dumps(lone(k, k % 7)))
    sources: list[Any] = [(str(k), str(tmp_path / str(k))) for k in range(count)]
    reader = _core.LabelStudioReader(sources, window_bytes=1 << 16)
    seen: list[int] = []
    while (columns := reader.read_window()) is not None:
        seen += columns["annotations"]["annotation_id"].tolist()
        assert len(columns["files"]) == count
    assert seen == list(range(count))
    assert reader.bytes_read == sum(path.stat().st_size for path in tmp_path.iterdir())


# Windows


def test_windows_are_whole_tasks_and_together_everything() -> None:
    tasks = [task(k, annotation(k, k % 5)) for k in range(1, 200)]
    raw = json.dumps(tasks).encode()
    whole = read(raw)
    for threads in (1, 2):
        reader = _core.LabelStudioReader([("a", raw)], window_bytes=20_000)
        windows = []
        while (columns := reader.read_window(threads=threads)) is not None:
            windows.append(columns)
        assert len(windows) > 3
        together = np.concatenate([columns["tasks"]["task_id"] for columns in windows])
        assert together.tolist() == whole["tasks"]["task_id"].tolist()
        assert [row for columns in windows for row in regions_of(columns)] == regions_of(whole)
        assert reader.read_window() is None
        assert reader.bytes_read == len(raw)


def test_progress_counts_bytes() -> None:
    raw = json.dumps(TASKS).encode()
    seen: list[tuple[int, int]] = []
    reader = _core.LabelStudioReader([("a", raw), ("b", raw)], window_bytes=100)
    reader.read_all(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2 * len(raw), 2 * len(raw))
    assert seen == sorted(seen)
    reader = _core.LabelStudioReader([("a", lambda: io.BytesIO(raw))], window_bytes=100)
    reader.read_all(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(raw), 0)


class EndlessLines:
    """The same line again and again."""

    def __init__(self, line: bytes) -> None:
        self.line, self.at = line + b"\n", 0

    def read(self, size: int) -> bytes:
        start = self.at % len(self.line)
        self.at += size
        return (self.line * (size // len(self.line) + 2))[start : start + size]


def test_an_endless_file_is_read_window_by_window_and_can_be_stopped() -> None:
    one = json.dumps(TASKS[0]).encode()
    reader = _core.LabelStudioReader([("a", lambda: Giving(EndlessLines(one).read))], window_bytes=10_000)
    for _ in range(5):
        columns = reader.read_window()
        assert columns is not None
        assert len(columns["tasks"]["task_id"]) > 1
    endless = _core.LabelStudioReader([("a", lambda: Giving(lambda n: b" " * n))], window_bytes=10_000)

    class EnoughError(Exception):
        pass

    def stop(*_: int) -> None:
        raise EnoughError

    with pytest.raises(EnoughError):
        endless.read_window(progress=stop)
    # What was lost is not passed over in silence.
    with pytest.raises(ValueError, match="start again"):
        endless.read_window()


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="'raise' or 'skip'"):
        _core.LabelStudioReader([], window_bytes=1, on_error="ignore")
    with pytest.raises(ValueError, match="window_bytes is 0"):
        _core.LabelStudioReader([], window_bytes=0)
    with pytest.raises(TypeError, match="pass bytes, a path, or a function"):
        _core.LabelStudioReader([("a", 7)], window_bytes=1)  # type: ignore[list-item]


def test_one_reader_is_for_one_thread_at_a_time() -> None:
    inside, leave = threading.Event(), threading.Event()

    def wait() -> Any:
        inside.set()
        leave.wait(10)
        return io.BytesIO(b"[]")

    reader = _core.LabelStudioReader([("a", wait)], window_bytes=1)
    thread = threading.Thread(target=reader.read_all)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(RuntimeError, match="another thread"):
        reader.read_window()
    leave.set()
    thread.join(10)
    assert not thread.is_alive()


# Elements that are no tasks


STRAYS = [None, 7, "x", [1, {"a": 2}], True]


@pytest.mark.parametrize("stray", STRAYS)
def test_a_list_that_starts_with_no_task_keeps_its_tasks(stray: Json) -> None:
    text = json.dumps([stray, *TASKS])
    with pytest.raises(ExportError, match="a task should stand here"):
        read(text)
    columns = read(text, on_error="skip")
    assert regions_of(columns) == ROWS
    assert codes(columns) == ["unreadable_task"]
    assert texts(columns["problems"]["field"]) == ["byte 1"]
    assert columns["problems"]["dropped"].tolist() == [True]


def test_a_list_without_any_object_is_no_export() -> None:
    for made in (STRAYS, [1] * 5000, [[1] * 5000]):
        assert codes(read(json.dumps(made), on_error="skip")) == ["unreadable_file"]
    # Some before a COCO file's dictionary say nothing about it.
    columns = read(json.dumps([None, {"images": [], "categories": []}]), on_error="skip")
    assert codes(columns) == ["unreadable_file"]


def test_several_elements_before_the_first_task_are_a_row_each() -> None:
    columns = read(json.dumps([*STRAYS, *TASKS]), on_error="skip")
    assert codes(columns) == ["unreadable_task"] * len(STRAYS)
    assert regions_of(columns) == ROWS
    cut = json.dumps([*STRAYS, *TASKS])[: len(json.dumps(STRAYS)) + 5]
    assert codes(read(cut, on_error="skip")) == ["unreadable_task"] * len(STRAYS) + ["rest_not_read"]
