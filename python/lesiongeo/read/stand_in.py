"""Stands in for the core's windowed reader until it is there."""

from __future__ import annotations

import json
from typing import Any

from .. import _core


class LabelStudioReader:
    """Whole files; windows by Python's JSON."""

    def __init__(self, sources: list[Any], *, window_bytes: int, on_error: str) -> None:
        self.sources, self.window_bytes, self.bytes_read = sources, window_bytes, 0
        self.windows = self._windows()

    def _content(self, content: Any) -> bytes:
        if isinstance(content, str):
            with open(content, "rb") as file:
                content = file.read()
        elif not isinstance(content, bytes):
            stream, content = content(), b""
            while more := stream.read(1 << 20):
                content += more
        self.bytes_read += len(content)
        return bytes(content)

    def _windows(self) -> Any:
        for name, content in self.sources:
            data = self._content(content)
            try:
                tasks = json.loads(data)
            except ValueError:
                tasks = None
            if not isinstance(tasks, list):
                yield name, data
                continue
            piece: list[bytes] = []
            for task in tasks:
                piece.append(json.dumps(task).encode())
                if sum(map(len, piece)) >= self.window_bytes:
                    yield name, b"[" + b",".join(piece) + b"]"
                    piece = []
            if piece:
                yield name, b"[" + b",".join(piece) + b"]"

    # ruff: noqa: D102, ARG002
    def read_window(self, *, threads: Any = None, progress: Any = None) -> Any:
        for one in self.windows:
            return _core.read_label_studio([one], threads=threads, progress=progress)
        return None

    def read_all(self, *, threads: Any = None, progress: Any = None) -> Any:
        contents = [(name, self._content(content)) for name, content in self.sources]
        return _core.read_label_studio(contents, threads=threads, progress=progress)
