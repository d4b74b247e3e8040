"""Files that are read from their end, from sources of which some only flow."""

from __future__ import annotations

import tempfile
from typing import Any

import pyarrow as pa

from .sources import Digest, Input

__all__ = ["random_access"]

PIECE = 1 << 20


def random_access(one: Input) -> Any:
    """Open a source so that any of its bytes can be read.

    Parameters
    ----------
    one : Input
        Standard input, pipes and other streams in which nobody can go back are copied to a file of the temporary
        folder, which has no name and ends when it is closed.

    Returns
    -------
    pyarrow.NativeFile
        To be closed; a stream that somebody else has opened stays open.
    """
    if isinstance(one.content, str):
        return pa.OSFile(one.content, "rb")
    if isinstance(one.content, bytes):
        return pa.BufferReader(one.content)
    stream = one.stored()
    seekable = getattr(stream, "seekable", None)
    # Places in a file count from its first byte, not from where somebody has left off.
    if seekable is not None and seekable() and stream.tell() == 0:
        return pa.PythonFile(stream, mode="r")
    try:
        return pa.PythonFile(_copied(stream, one.digest), mode="r")
    finally:
        stream.close()


def _copied(stream: Any, digest: Digest | None) -> Any:
    """Copy what is left of a stream."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by whoever reads it
    try:
        while data := stream.read(PIECE):
            file.write(data)
            if digest is not None:
                digest.update(data)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
