"""Parquet from sources that only flow: standard input, pipes, file objects in which nobody can go back."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import lesiongeo
from exports_equal import assert_same, in_file_order
from lesiongeo import ExportError, read_parquet
from lesiongeo.read.join import concat_exports
from lesiongeo.read.parquet import scan_exports
from test_scan import EXAMPLE


@contextmanager
def fed(raw: bytes) -> Iterator[Any]:
    """A pipe from which these bytes come."""
    source, sink = os.pipe()

    def write() -> None:
        with os.fdopen(sink, "wb") as file, suppress(BrokenPipeError):
            file.write(raw)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(source, "rb") as file:
        yield file
    writer.join()


class Text:
    """Like a file that was opened as text."""

    def read(self, _: int) -> str:
        return "[]"


def test_streams_of_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file object, one that starts later, a pipe, and a named pipe; nothing is left in the temporary folder."""
    export = lesiongeo.read_label_studio(EXAMPLE)
    path = tmp_path / "a.parquet"
    lesiongeo.write_parquet(export, path)
    raw, expected = path.read_bytes(), in_file_order(export)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    for reads in (lesiongeo.read_export, read_parquet, lambda one: concat_exports(list(scan_exports(one)))):
        whole, later = io.BytesIO(raw), io.BytesIO(b"before" + raw)
        later.seek(6)
        assert_same(reads(whole), expected)
        assert_same(reads(later), expected)
        assert not whole.closed
        assert not later.closed
        with fed(raw) as pipe:
            assert_same(reads(pipe), expected)
            assert not pipe.closed
        assert list(temporary.iterdir()) == []
    with path.open("rb") as file:
        assert_same(lesiongeo.read_export(file), expected)
    named = tmp_path / "named"
    os.mkfifo(named)
    writer = threading.Thread(target=named.write_bytes, args=(raw,))
    writer.start()
    assert_same(lesiongeo.read_export(named), expected)
    writer.join()
    with fed(raw[: len(raw) // 2]) as pipe, pytest.raises(ExportError, match="damaged"):
        lesiongeo.read_export(pipe)
    assert list(temporary.iterdir()) == []


def test_streams_of_anything_else_lose_no_byte() -> None:
    raw = EXAMPLE.read_bytes()
    expected = lesiongeo.read_label_studio(raw)
    for text in (raw, b"\n" + raw, gzip.compress(raw)):
        with fed(text) as pipe:
            assert lesiongeo.read_export(pipe).tasks.drop_columns("file").equals(expected.tasks.drop_columns("file"))
        assert len(lesiongeo.read_export(io.BytesIO(text)).regions) == len(expected.regions)
    with fed(b"[]") as pipe:
        assert lesiongeo.read_export(pipe).tasks.num_rows == 0
    for text in (b"", b"PA"):
        with fed(text) as pipe, pytest.raises(ExportError):
            lesiongeo.read_export(pipe)


def test_a_stream_that_cannot_be_read_is_told_where_it_is_read() -> None:
    class Broken:
        def read(self, _: int) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        lesiongeo.read_export(Broken())
    assert lesiongeo.read_export(Broken(), on_error="skip").problems["code"].to_pylist() == ["unreadable_file"]
    with pytest.raises(TypeError, match="mode 'rb'"):
        lesiongeo.read_export(Text())


def test_of_several_streams_none_is_looked_at() -> None:
    """Who writes one pipe after another would wait for ever."""
    first, second = os.pipe(), os.pipe()
    text = b'[{"id": 1, "data": {"x": "' + b"y" * (1 << 20) + b'"}, "annotations": []}]'

    def write() -> None:
        for _, end in (first, second):
            with os.fdopen(end, "wb") as file:
                file.write(text)

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(first[0], "rb") as one, os.fdopen(second[0], "rb") as other:
        assert lesiongeo.read_export([one, other]).tasks.num_rows == 2
    writer.join()
