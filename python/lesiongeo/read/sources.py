"""Where exports come from: files, globs, folders, standard input, file objects, addresses; compressed or not."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any, TypeAlias

import pyarrow as pa

from ..errors import ExportError

__all__ = ["ENDINGS", "Digest", "Entry", "Found", "Input", "Source", "find", "parquet_files"]

Source: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | Any"
#: What the core takes: a name, and bytes, the path of a plain file, or a function that opens a stream of plain bytes.
Entry: TypeAlias = "tuple[str, bytes | str | Callable[[], Any]]"

#: Files of a folder that are taken for exports; each may also end in .gz or .zst. Target storages of older servers
#: name a file by the number of the annotation and nothing else: names of digits only are taken too.
ENDINGS = (".json", ".jsonl", ".ndjson")
PACKED = (".gz", ".zst")

#: First bytes of compressed files: RFC 1952; RFC 8878 sections 3.1.1 and 3.1.2 (a frame, a skippable frame).
GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
PARQUET = b"PAR1"
HEAD = 4

ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:::[a-z][a-z0-9+.-]*)*://")
STANDARD_INPUT = "<stdin>"


#: Unpacked bytes that are read after the reader has stopped, to reach the checksum.
MOST_CHECKED = 256 << 20


class Digest:
    """SHA-256 and number of the bytes of a file as they are stored."""

    def __init__(self) -> None:
        self.hash, self.size = hashlib.sha256(), 0

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self.hash.update(data)
        self.size += len(data)


@dataclass(frozen=True)
class Input:
    """One file to read.

    Attributes
    ----------
    name : str
        For messages and outputs: without folder (unless two files would be called the same), never with a query string.
    stored : callable
        Opens the bytes as they are stored.
    content : bytes or str or None
        The bytes themselves, or the path of a local file, where there is one.
    identity : tuple or None
        The same for two ways to one file.
    damage : list of str
        Filled while reading and when it is closed: what is wrong with its compression.
    digest : Digest or None
        Fed with the bytes as they are stored, while they are read as a stream.
    """

    name: str
    stored: Callable[[], Any]
    content: bytes | str | None = None
    identity: tuple[Any, ...] | None = None
    damage: list[str] = field(default_factory=list, compare=False)
    digest: Digest | None = field(default=None, compare=False)

    def entry(self) -> Entry:
        """Return what the core takes; nothing is read but the first bytes of local files."""
        if self.content is None:
            return self.name, self.plain
        if _codec(self.head()) is not None:
            return self.name, self.plain
        return self.name, self.content

    def head(self) -> bytes:
        """Return the first bytes as stored; none where the file cannot be opened, which whoever reads it will say."""
        if isinstance(self.content, bytes):
            return self.content[:HEAD]
        try:
            with self.stored() as stream:
                return _exactly(stream, HEAD)
        except OSError:
            return b""

    def is_file(self, path: str | os.PathLike[str]) -> bool:
        """Whether this is that local file."""
        try:
            return isinstance(self.content, str) and os.path.samefile(self.content, path)
        except OSError:
            return False

    @property
    def flows(self) -> bool:
        """Whether it is a stream, a pipe or a device, whose bytes come once."""
        return isinstance(self.stored, _Stream | _Pipe)

    def is_parquet(self) -> bool:
        """Whether the first bytes are those of Parquet."""
        if isinstance(self.stored, _Stream | _Pipe):
            return self.stored.head() == PARQUET
        if self.content is None and not PurePath(self.name).suffix.lower().endswith("parquet"):
            return False  # one request per remote file is enough
        return self.head() == PARQUET

    def plain(self) -> Any:
        """Open the bytes without their compression, as a stream; memory does not depend on what comes out."""
        stream = self.stored()
        head = _exactly(stream, HEAD)
        codec = _codec(head)
        whole = _Chained(head, stream, self.name, self.digest)
        if codec is None:
            return whole
        unpacked = pa.CompressedInputStream(pa.PythonFile(whole, mode="r"), codec)
        # A stream may never end, and then nobody waits for its checksum.
        return _Unpacked(unpacked, codec, self.name, self.damage, ends=not self.flows)


@dataclass(frozen=True)
class Found:
    """Files in the order in which they are read, and the names of those that were given more than once."""

    inputs: list[Input]
    repeated: list[str] = field(default_factory=list)


def parquet_files(inputs: Sequence[Input]) -> list[Input]:
    """Return those that are Parquet, by their first bytes.

    Of several streams none is: whoever writes them one after another waits until the first is read, and whoever looked
    at the second would wait for it.
    """
    streams = sum(one.flows for one in inputs)
    return [one for one in inputs if (streams < 2 or not one.flows) and one.is_parquet()]


def find(source: Source | Iterable[Source], *, endings: Sequence[str] = ENDINGS) -> Found:
    """Turn everything that names exports into files.

    Parameters
    ----------
    source : path, glob, folder, "-", bytes, binary file object, address, or a sequence of these
        A path that exists is taken as it is, also with ``*`` in its name. Of a folder the files directly in it count
        whose names end in `endings`, also compressed, and do not begin with a dot; sorted. ``**`` in a glob goes down.
        Addresses (``s3://...``) go through fsspec.
    endings : sequence of str, optional
        Of the files of folders.

    Returns
    -------
    Found
        A file that was given in two ways (twice, through a link, by name and by glob) is read once.

    Raises
    ------
    FileNotFoundError
        A path that is not there, a glob or folder without files: what was looked for.
    ExportError
        No source at all; a stream given twice; an address without the packages for it.
    TypeError
        Parsed JSON, files opened as text.
    """
    if isinstance(source, Found):
        return source
    single = isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(source, "read")
    if isinstance(source, dict):
        raise TypeError("a source is a dict; pass paths or bytes, not parsed JSON")
    listed: Any = [source] if single else source
    try:
        found = [one for item in listed for one in _inputs(item, endings)]
    except TypeError as error:
        if single or isinstance(source, Iterable):
            raise
        raise TypeError(f"a source is a {type(source).__name__}; pass paths or bytes, not parsed JSON") from error
    if not found:
        raise ExportError("no file was given; pass at least one export")
    inputs, repeated, seen = [], [], set()
    for one in found:
        if one.identity is not None and one.identity in seen:
            if isinstance(one.stored, _Stream):
                raise ExportError(f"{one.name} was given twice, but a stream can be read only once", source=one.name)
            repeated.append(one.name)
            continue
        seen.add(one.identity)
        inputs.append(one)
    return Found(_told_apart(inputs), repeated)


def _inputs(item: Any, endings: Sequence[str]) -> Iterator[Input]:
    if isinstance(item, bytes | bytearray | memoryview):
        content = bytes(item)
        yield Input("<bytes>", lambda: pa.BufferReader(content), content)
    elif isinstance(item, str) and item == "-":
        yield from _stream(sys.stdin.buffer, STANDARD_INPUT)
    elif isinstance(item, str) and ADDRESS.match(item):
        yield from _remote(item, endings)
    elif isinstance(item, str | os.PathLike):
        path = os.fspath(item)
        if not isinstance(path, str):
            raise TypeError("a path is bytes; pass text")
        yield from _local(path, endings)
    elif callable(getattr(item, "read", None)):
        name = getattr(item, "name", None)
        yield from _stream(item, PurePath(name).name if isinstance(name, str) else "<stream>")
    else:
        raise TypeError(f"a source is a {type(item).__name__}; pass paths or bytes, not parsed JSON")


# local files


def _local(path: str, endings: Sequence[str]) -> Iterator[Input]:
    if os.path.isdir(path):
        names = sorted(entry.name for entry in os.scandir(path) if entry.is_file() and _is_export(entry.name, endings))
        if not names:
            wanted = ", ".join(f"*{ending}" for ending in endings)
            message = (
                f"no export in this folder; looked for {wanted}, also compressed (.gz, .zst), not in folders below"
            )
            raise FileNotFoundError(errno.ENOENT, message, path)
        paths = [os.path.join(path, name) for name in names]
    elif not os.path.lexists(path) and glob.has_magic(path):
        paths = sorted(found for found in glob.glob(path, recursive=True) if not os.path.isdir(found))
        if not paths:
            raise FileNotFoundError(errno.ENOENT, "No such file, and none that this would match as a pattern", path)
    else:
        paths = [path]
    for one in paths:
        status = os.stat(one)
        if not stat.S_ISREG(status.st_mode):
            yield Input(os.path.basename(one), _Pipe(one), None, (status.st_dev, status.st_ino))
            continue
        yield Input(
            os.path.basename(one),
            lambda one=one: pa.OSFile(one, "rb"),  # type: ignore[misc]
            one,
            (status.st_dev, status.st_ino) if status.st_ino else (os.path.realpath(one),),
        )


def _is_export(name: str, endings: Sequence[str]) -> bool:
    if name.startswith("."):
        return False
    lower = name.lower()
    for packed in PACKED:
        lower = lower.removesuffix(packed)
    return lower.endswith(tuple(endings)) or (lower.isdecimal() and endings is ENDINGS)


class _Once(ABC):
    """Opens what comes once: bytes that have been looked at come again with the others."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting: Any = None
        self.first: bytes | None = None

    @abstractmethod
    def open(self) -> Any:
        """Open it."""

    def head(self) -> bytes:
        """Return the first bytes; what goes wrong is for whoever reads on."""
        if self.first is None:
            stream: Any = None
            try:
                stream = self.open()
                self.first = _exactly(stream, HEAD)
                self.waiting = _rewound(stream, self.first, self.name)
            except OSError as error:
                self.first, self.waiting = b"", _Broken(error, stream)
        return self.first

    def __call__(self) -> Any:
        if self.waiting is None:
            return self.open()
        stream, self.waiting = self.waiting, None
        return stream


def _rewound(stream: Any, head: bytes, name: str) -> Any:
    """Return the stream as it was before its first bytes were taken; going back matters for Parquet alone."""
    seekable = getattr(stream, "seekable", None)
    if head != PARQUET or seekable is None or not seekable():
        return _Chained(head, stream, name)
    stream.seek(-len(head), os.SEEK_CUR)
    return stream


class _Broken:
    """A stream that could not be opened or read."""

    def __init__(self, error: OSError, stream: Any) -> None:
        self.error, self.stream = error, stream

    def read(self, _: int) -> bytes:
        raise self.error

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()


class _Pipe(_Once):
    """Opens a pipe or a device."""

    def __init__(self, path: str) -> None:
        super().__init__(os.path.basename(path))
        self.path = path

    def open(self) -> Any:
        return open(self.path, "rb", buffering=0)


# streams


class _Stream(_Once):
    """Opens a stream that somebody else opened: once, and never closes it."""

    def __init__(self, stream: Any, name: str) -> None:
        super().__init__(name)
        self.stream, self.opened = stream, False

    def open(self) -> Any:
        if self.opened:
            raise ExportError(f"{self.name} has been read; a stream can be read only once", source=self.name)
        self.opened = True
        return _Borrowed(self.stream)


class _Borrowed:
    """A stream whose owner closes it."""

    closed = False

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def seekable(self) -> bool:
        seekable = getattr(self.stream, "seekable", None)
        return bool(seekable is not None and seekable())

    def seek(self, to: int, whence: int = 0) -> int:
        return int(self.stream.seek(to, whence))

    def tell(self) -> int:
        return int(self.stream.tell())

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        if isinstance(data, str):
            raise TypeError("the file is open as text; open it with mode 'rb'")
        return bytes(data or b"")

    def close(self) -> None:
        pass

    def __enter__(self) -> _Borrowed:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def _stream(stream: Any, name: str) -> Iterator[Input]:
    import io

    if isinstance(stream, io.TextIOBase):
        raise TypeError("the file is open as text; open it with mode 'rb'")
    yield Input(name, _Stream(stream, name), None, ("stream", id(stream)))


# addresses


def _remote(address: str, endings: Sequence[str]) -> Iterator[Input]:
    files, path = _file_system(address)
    shown = _shown(address)
    if "*" in path:
        with _Discreet(shown):
            paths = sorted(files.glob(path))
        if not paths:
            raise FileNotFoundError(errno.ENOENT, "no file matches this pattern", shown)
    else:
        # Folders are no things at http, where the question costs a request and has no answer.
        with _Discreet(shown):
            folder = not address.lower().startswith("http") and files.isdir(path)
            listed = files.ls(path, detail=False) if folder else []
        paths = sorted(one for one in listed if _is_export(_shown(one), endings)) if folder else [path]
        if not paths:
            wanted = ", ".join(f"*{ending}" for ending in endings)
            raise FileNotFoundError(errno.ENOENT, f"no export in this folder; looked for {wanted}", shown)
    for one in paths:
        name = _shown(one)
        yield Input(name, lambda one=one, name=name: _Remote(files, one, name), None, ("address", one))  # type: ignore[misc]


def _file_system(address: str) -> tuple[Any, str]:
    scheme = address.split("://", 1)[0]
    try:
        import fsspec
    except ImportError as error:
        raise _missing_extra(scheme) from error
    try:
        files, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise _missing_extra(scheme) from error
    except ValueError:
        raise ExportError(f"{scheme}:// is no kind of address that fsspec knows") from None
    return files, path


def _missing_extra(scheme: str) -> ExportError:
    return ExportError(
        f"{scheme}:// needs packages that are not installed; get them with: pip install 'lesiongeo[remote]'"
    )


def _shown(address: str) -> str:
    """Return the last part of an address, which holds neither a query nor a user."""
    bare = re.split(r"[?#]", address, maxsplit=1)[0].rstrip("/")
    return bare.rsplit("/", 1)[-1] or "<address>"


class _Discreet:
    """Turns what goes wrong at an address into an error that holds neither its query nor what the server said."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if not isinstance(error, Exception):
            return
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.name) from None
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
        raise OSError(number or errno.EIO, f"cannot be read from its address ({reason})", self.name) from None


class _Remote:
    """A file at an address, opened when it is first read."""

    def __init__(self, files: Any, path: str, name: str) -> None:
        self.name = name
        with _Discreet(name):
            self.stream = files.open(path, "rb")

    def read(self, size: int = -1) -> bytes:
        with _Discreet(self.name):
            return bytes(self.stream.read(size))

    def seek(self, to: int, whence: int = 0) -> int:
        with _Discreet(self.name):
            return int(self.stream.seek(to, whence))

    def tell(self) -> int:
        return int(self.stream.tell())

    def seekable(self) -> bool:
        return bool(self.stream.seekable())

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    @property
    def closed(self) -> bool:
        return bool(self.stream.closed)

    def close(self) -> None:
        self.stream.close()

    def __enter__(self) -> _Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# compression


def _codec(head: bytes) -> str | None:
    if head.startswith(GZIP):
        return "gzip"
    if head == ZSTD or ZSTD_SKIPPABLE.fullmatch(head):
        return "zstd"
    return None


class _Chained:
    """A stream with the bytes in front that were taken from it to look at them."""

    def __init__(self, head: bytes, stream: Any, name: str, digest: Digest | None = None) -> None:
        self.head, self.stream, self.name, self.digest, self.closed = head, stream, name, digest, False

    def read(self, size: int) -> bytes:
        if self.head and size != 0:
            taken, self.head = self.head[:size], self.head[size:]
        else:
            taken = bytes(self.stream.read(size))
        if self.digest is not None:
            self.digest.update(taken)
        return taken

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
        self.stream.close()


class _Unpacked:
    """Decompressed bytes; damage is named as such."""

    def __init__(self, stream: Any, codec: str, name: str, damage: list[str], *, ends: bool) -> None:
        self.stream, self.codec, self.name, self.damage, self.ends = stream, codec, name, damage, ends
        self.bytes_out, self.closed = 0, False

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self.stream.read(size)
        except OSError as error:
            if isinstance(error, FileNotFoundError) or error.errno:
                raise  # not the compression, but what is below it
            cut = "truncated" in str(error).lower()
            what = "ends in the middle; it was cut off, copy it again" if cut else "is damaged; copy it again"
            self.damage[:] = [f"{self.name}: the {self.codec} data {what}"]
            message = f"{self.damage[0]} (byte {self.bytes_out}, unpacked)"
            raise ExportError(message, position=self.bytes_out, source=self.name) from error
        self.bytes_out += len(data)
        return data

    def close(self) -> None:
        """Close, but look at the checksum first: damage makes text that breaks off long before it, or wrong numbers."""
        if self.closed:
            return
        self.closed = True
        try:
            left = MOST_CHECKED if self.ends and not self.damage else 0
            while left > 0 and (data := self.read(1 << 20)):
                left -= len(data)
        except (ExportError, OSError):
            pass  # in `damage`, where it is the compression; else nothing of it is wanted any more
        finally:
            self.stream.close()


def _exactly(stream: Any, size: int) -> bytes:
    """Read so many bytes, fewer only at the end; streams may hand out less than asked."""
    data = b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            break
        data += bytes(more)
    return data


# names


def _told_apart(inputs: list[Input]) -> list[Input]:
    """Name files that are called the same with as much of their folders as it takes."""
    names = [one.name for one in inputs]
    paths = [Path(one.content).parts if isinstance(one.content, str) else (one.name,) for one in inputs]
    depth = 1
    unclear = _repeats(names)
    while unclear and depth < max(len(paths[row]) for row in unclear):
        depth += 1
        for row in unclear:
            names[row] = "/".join(paths[row][-depth:])
        unclear = [row for row in _repeats(names) if len(paths[row]) > depth]
    return [one if one.name == name else replace(one, name=name) for one, name in zip(inputs, names, strict=True)]


def _repeats(names: list[str]) -> list[int]:
    count: dict[str, int] = {}
    for name in names:
        count[name] = count.get(name, 0) + 1
    return [row for row, name in enumerate(names) if count[name] > 1]
