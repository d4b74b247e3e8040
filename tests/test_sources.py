"""Where exports come from: paths, globs, folders, streams, addresses, compressed or not; what is named and what not."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import lesiongeo
from lesiongeo import ExportError
from lesiongeo.read.sources import ENDINGS, find
from lesiongeo.testing import make_export

SECRET = "X-Amz-Signature=abcdef"  # noqa: S105


def text(*ids: int) -> bytes:
    return json.dumps([{"id": one, "data": {}, "annotations": []} for one in ids]).encode()


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return packed


def ids(source: Any, **options: Any) -> list[int]:
    found: list[int] = lesiongeo.read_label_studio(source, **options).tasks["task_id"].to_pylist()
    return found


def codes(source: Any) -> list[str]:
    found: list[str] = lesiongeo.read_label_studio(source).problems["code"].to_pylist()
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.json").write_bytes(text(2))
    (tmp_path / "a.json").write_bytes(text(1))
    (tmp_path / "c.JSON.gz").write_bytes(gzip.compress(text(3)))
    (tmp_path / "d.jsonl.zst").write_bytes(zstd(text(4)))
    (tmp_path / "17").write_bytes(text(5))
    for name in (".hidden.json", "notes.txt", "a.json.bak", "17a", "x.csv.gz"):
        (tmp_path / name).write_bytes(b"no export")
    (tmp_path / "below.json").mkdir()
    (tmp_path / "below.json" / "e.json").write_bytes(text(6))
    return tmp_path


# local files


def test_a_folder_is_the_exports_directly_in_it(folder: Path) -> None:
    assert ids(folder) == [5, 1, 2, 3, 4]
    assert ids(str(folder)) == [5, 1, 2, 3, 4]


def test_a_folder_without_exports_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(text(1))
    with pytest.raises(FileNotFoundError) as caught:
        ids(tmp_path)
    assert caught.value.filename == str(tmp_path)
    assert all(ending in str(caught.value) for ending in ENDINGS)


def test_globs(folder: Path) -> None:
    assert ids(str(folder / "[ab].json")) == [1, 2]
    assert ids(str(folder / "*.json")) == [1, 2]  # not the folder that is called so, nor what is hidden
    assert ids(str(folder / "**" / "e.json")) == [6]
    with pytest.raises(FileNotFoundError, match="none that this would match"):
        ids(str(folder / "z*.json"))


def test_a_name_that_looks_like_a_pattern_is_a_name_where_it_exists(tmp_path: Path) -> None:
    (tmp_path / "a[1].json").write_bytes(text(1))
    (tmp_path / "a1.json").write_bytes(text(2))
    assert ids(str(tmp_path / "a[1].json")) == [1]


def test_sequences_in_their_order(folder: Path) -> None:
    assert ids([folder / "b.json", text(9), str(folder / "a*.json")]) == [2, 9, 1]
    assert ids(iter([text(1), text(2)])) == [1, 2]


@pytest.mark.parametrize("nothing", [[], ()])
def test_no_source(nothing: Any) -> None:
    with pytest.raises(ExportError, match="no file was given"):
        ids(nothing)


@pytest.mark.parametrize("wrong", [{}, [{}], 7, [7], io.StringIO("[]"), b"[]".__class__])
def test_what_is_no_source(wrong: Any) -> None:
    with pytest.raises(TypeError):
        ids(wrong)


def test_a_text_file_object_that_hides_it() -> None:
    class Text:
        def read(self, _: int) -> str:
            return "[]"

    with pytest.raises(TypeError, match="mode 'rb'"):
        ids(Text())


# the same file twice


def test_a_file_given_twice_is_read_once(folder: Path) -> None:
    link = folder / "link.json"
    link.symlink_to(folder / "a.json")
    for sources in ([folder / "a.json"] * 3, [folder / "a.json", str(folder / "a*.json")], [link, folder / "a.json"]):
        assert ids(sources) == [1]
        assert set(codes(sources)) == {"source_repeated"}
    assert "source_repeated" not in codes(folder / "a.json")


def test_the_same_content_in_two_files_is_no_file_twice(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(text(1))
    (tmp_path / "b.json").write_bytes(text(1))
    assert codes(tmp_path) == ["repeated_task"]
    assert codes([text(1), text(1)]) == ["repeated_task"]


def test_a_repetition_is_told_at_the_end_of_a_scan(folder: Path) -> None:
    told = [export.problems["code"].to_pylist() for export in lesiongeo.scan_label_studio([folder / "a.json"] * 2)]
    assert told[-1] == ["source_repeated"]


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("x/p/a.json", "x/q/a.json", "y/q/a.json", "y/q/b.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text(1))
    found = find(str(tmp_path / "**" / "*.json"))
    assert [one.name for one in found.inputs] == ["p/a.json", "x/q/a.json", "y/q/a.json", "b.json"]


# compression


MANY = text(*range(3000))


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(MANY),
        gzip.compress(MANY[:1000]) + gzip.compress(MANY[1000:]),
        gzip.compress(b"") + gzip.compress(MANY),
        zstd(MANY),
        zstd(MANY[:1000]) + zstd(MANY[1000:]),
        b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc" + zstd(MANY),
    ],
    ids=["gzip", "two members", "empty member", "zstd", "two frames", "skippable frame"],
)
def test_packed_files_are_known_by_their_first_bytes(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(packed)
    expected = list(range(3000))
    assert ids(tmp_path / "a.json") == expected
    assert ids(packed) == expected
    assert ids(io.BytesIO(packed)) == expected


def test_a_plain_file_with_the_ending_of_a_packed_one(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(text(1))
    assert ids(tmp_path / "a.json.gz") == [1]


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gzip", "zstd"])
@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_cut_packed_files_are_an_error(pack: Any, keep: float, tmp_path: Path) -> None:
    packed = pack(MANY)
    (tmp_path / "a.json.x").write_bytes(packed[: int(len(packed) * keep)])
    with pytest.raises(ExportError, match=r"a\.json\.x"):
        ids(tmp_path / "a.json.x")


def test_damaged_gzip_is_an_error(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(MANY))
    packed[-6] ^= 1
    (tmp_path / "a.json.gz").write_bytes(bytes(packed))
    with pytest.raises(ExportError, match="damaged"):
        ids(tmp_path / "a.json.gz")


def test_damaged_gzip_is_named_once(tmp_path: Path) -> None:
    """The file and the byte stand once, both in the error and in the row of problems."""
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(text(1))[:15])
    with pytest.raises(ExportError) as caught:
        lesiongeo.read_label_studio(path)
    assert re.fullmatch(r"a\.json\.gz: the gzip data ends [^()]*\(byte \d+, unpacked\)", str(caught.value))
    for source in (path, path.read_bytes()):
        name = re.escape("a.json.gz" if source is path else "<bytes>")
        (row,) = lesiongeo.read_label_studio(source, on_error="skip").problems.to_pylist()
        assert re.fullmatch(
            rf"{name}: the file could not be read: the gzip data ends [^()<]*\(byte \d+\)", row["message"]
        )


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is in other units elsewhere")
@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_bomb_needs_no_memory(codec: str, tmp_path: Path) -> None:
    """A file of a few hundred kilobytes that unpacks to 400 MB of blanks before its end."""
    path = tmp_path / "bomb.json"
    with pa.OSFile(str(path), "wb") as raw, pa.CompressedOutputStream(raw, codec) as packed:
        packed.write(b"[")
        for _ in range(400):
            packed.write(b" " * (1 << 20))
        packed.write(b"]")
    assert path.stat().st_size < 1 << 20
    code = (
        "import lesiongeo, resource, sys\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for export in lesiongeo.scan_label_studio(sys.argv[1], window_bytes=1 << 20): assert not len(export.regions)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    ran = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120, check=True)
    assert int(ran.stdout) < 100_000


# streams


def test_file_objects_are_read_from_where_they_are_and_stay_open(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"xxx" + text(1))
    with (tmp_path / "a.json").open("rb") as file:
        file.read(3)
        export = lesiongeo.read_label_studio(file)
        assert not file.closed
    assert export.tasks["file"].to_pylist() == ["a.json"]


def test_streams_that_hand_out_little() -> None:
    class Trickle(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.inner = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return self.inner.read(min(size, 3) if size >= 0 else 3)

    assert ids(Trickle(text(1, 2))) == [1, 2]
    assert ids(Trickle(gzip.compress(text(1, 2)))) == [1, 2]


def test_a_stream_given_twice_is_refused() -> None:
    stream = io.BytesIO(text(1))
    with pytest.raises(ExportError, match="only once"):
        ids([stream, stream])


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input(pack: Any) -> None:
    code = "import lesiongeo; t = lesiongeo.read_label_studio('-').tasks; print(t['task_id'].to_pylist(), t['file'][0])"
    ran = subprocess.run(
        [sys.executable, "-c", code], input=pack(text(7, 8)), capture_output=True, timeout=60, check=True
    )
    assert ran.stdout.decode().strip() == "[7, 8] <stdin>"


def test_a_pipe(tmp_path: Path) -> None:
    """Not a regular file: it can be opened once only and has no size."""
    path = tmp_path / "pipe.json"
    os.mkfifo(path)
    writer = subprocess.Popen([sys.executable, "-c", f"open({str(path)!r}, 'wb').write({text(3)!r})"])
    try:
        assert ids(path) == [3]
    finally:
        writer.wait(timeout=30)


# addresses


@pytest.fixture
def memory() -> Iterator[Any]:
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.store.clear()
    files.pipe("/exports/a.json", text(1))
    files.pipe("/exports/b.json.gz", gzip.compress(text(2)))
    files.pipe("/exports/notes.txt", b"no export")
    yield files
    files.store.clear()


@pytest.mark.usefixtures("memory")
def test_addresses() -> None:
    assert ids("memory://exports/a.json") == [1]
    assert ids("memory://exports/b.json.gz") == [2]
    assert ids("memory://exports/*.json*") == [1, 2]
    assert ids("memory://exports") == [1, 2]
    assert ids(["memory://exports/b.json.gz", "memory://exports/a.json"]) == [2, 1]
    assert lesiongeo.read_label_studio("memory://exports/a.json").tasks["file"].to_pylist() == ["a.json"]


def test_local_addresses(folder: Path) -> None:
    pytest.importorskip("fsspec")
    assert ids(f"file://{folder}/a.json") == [1]


@pytest.mark.usefixtures("memory")
def test_addresses_without_files() -> None:
    for address in ("memory://exports/none.json", "memory://exports/none*.json"):
        with pytest.raises(FileNotFoundError) as caught:
            ids(address)
        assert caught.value.filename in ("none.json", "none*.json")


def everything(error: BaseException | None) -> str:
    """What a traceback of the error would show of it."""
    told = ""
    while error is not None:
        told += f"{error!r} {getattr(error, 'filename', '')} {getattr(error, '__notes__', '')}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def test_queries_never_show() -> None:
    """A presigned address that works, one that is not there, and one whose server fails in the middle."""
    fsspec = pytest.importorskip("fsspec")
    from fsspec.implementations.memory import MemoryFileSystem

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:  # noqa: ARG002
            raise OSError(f"GET https://bucket/broken.json?{SECRET} failed")

    class Signed(MemoryFileSystem):  # type: ignore[misc]
        protocol = "signed"

        def open(self, path: str, mode: str = "rb", **_: Any) -> Any:  # noqa: ARG002
            if "broken" in path:
                return Broken()
            if "none" in path:
                raise FileNotFoundError(path)
            if "denied" in path:
                raise ValueError(f"403 for {path}")
            return io.BytesIO(text(1) if "export" in path else b"{")

    fsspec.register_implementation("signed", Signed, clobber=True)
    export = lesiongeo.read_label_studio(f"signed://bucket/export.json?{SECRET}")
    assert export.tasks["file"].to_pylist() == ["export.json"]
    for name in ("none", "broken", "denied", "damaged"):
        with pytest.raises((OSError, ExportError)) as caught:
            ids(f"signed://bucket/{name}.json?{SECRET}")
        assert f"{name}.json" in everything(caught.value)
        assert "Signature" not in everything(caught.value)
    skipped = lesiongeo.read_label_studio(f"signed://bucket/broken.json?{SECRET}", on_error="skip")
    assert skipped.problems.num_rows >= 1
    assert "Signature" not in str(skipped.problems.to_pylist())


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ExportError, match=r"lesiongeo\[remote\]") as caught:
        ids(f"s3://bucket/a.json?{SECRET}")
    assert "Signature" not in everything(caught.value)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_archive_is_never_read_in_silence(tmp_path: Path, seed: int) -> None:
    """One bit flipped changes numbers or breaks the text long before the checksum is reached."""
    raw = json.dumps(make_export(patients=60, seed=3))
    packed = bytearray(gzip.compress(raw.encode(), mtime=0))
    at = random.Random(seed).randrange(40, len(packed) - 8)
    packed[at] ^= 1 << seed % 8
    path = tmp_path / "e.json.gz"
    path.write_bytes(packed)
    with pytest.raises(ExportError, match=r"e\.json\.gz: the gzip data"):
        lesiongeo.read_label_studio(path)
    problems = lesiongeo.read_label_studio(path, on_error="skip").problems
    assert sum("the gzip data" in message for message in problems["message"].to_pylist()) == 1
    scanned = [one.problems["message"].to_pylist() for one in lesiongeo.scan_label_studio(path, on_error="skip")]
    assert any("the gzip data" in message for messages in scanned for message in messages)
