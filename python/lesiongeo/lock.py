"""What a run was made of: versions, options, seed, and hashes of what went in and came out."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any

from . import __version__
from .files import write_json
from .read.sources import Digest, Found, Source, find

__all__ = ["RunLock", "lock_beside"]

PIECE = 1 << 20
#: Packages whose versions can change a number or the bytes of a file.
PACKAGES = ("numpy", "pyarrow")


class RunLock:
    """Hashes the inputs of a run while they are read, and writes the lock beside its outputs.

    Parameters
    ----------
    command : str
        What is run.
    sources : path, address, stream, or a sequence of these
        What is read; anything that `find` takes.
    others : mapping of str to path, optional
        Further files that decide what comes out, by their option: a configuration, a list of roles.

    Attributes
    ----------
    found : Found
        The inputs, for the reader: what can be read only once is hashed as it passes.

    Notes
    -----
    The lock has no time, no folder and no name of a machine or person, so the same run gives the same bytes: command,
    versions (of lesiongeo, Python, numpy, pyarrow), options, seed, inputs and outputs (name, bytes, SHA-256) and the
    definitions behind the numbers. The hash of an input that was read in parts only (Parquet at an address) is null.

    Examples
    --------
    >>> import lesiongeo as lg, tempfile, pathlib
    >>> from lesiongeo.lock import RunLock
    >>> with tempfile.TemporaryDirectory() as folder, RunLock("agree", b"[]") as lock:
    ...     _ = lg.read_export(lock.found)
    ...     lock.write(pathlib.Path(folder) / "run.lock.json", options={}, seed=7, specs=["iou@1"], outputs=[])["seed"]
    7
    """

    def __init__(
        self,
        command: str,
        sources: Source | Iterable[Source],
        others: Mapping[str, str | os.PathLike[str]] | None = None,
    ) -> None:
        found = find(sources)
        self.command = command
        self.found = Found([replace(one, digest=Digest()) for one in found.inputs], found.repeated)
        self.pool = ThreadPoolExecutor(1)
        self.hashing: list[Future[Digest] | None] = [
            self.pool.submit(_digest, one.content) if one.content is not None else None for one in self.found.inputs
        ]
        self.others = {name: self.pool.submit(_digest, os.fspath(path)) for name, path in (others or {}).items()}
        self.other_names = {name: PurePath(path).name for name, path in (others or {}).items()}

    def __enter__(self) -> RunLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)

    def write(
        self,
        path: Path,
        *,
        options: Mapping[str, Any],
        seed: int | None,
        specs: list[str],
        outputs: Iterable[Path],
        named: bool = True,
    ) -> dict[str, Any]:
        """Write the lock.

        Parameters
        ----------
        path : Path
            Where to.
        options : mapping
            What was asked for, without paths.
        seed : int or None
            Of everything random; None where nothing is.
        specs : list of str
            Ids of the definitions.
        outputs : iterable of Path
            Files that were written.
        named : bool, default True
            Whether inputs are called by their names, which can hold those of people; else by their number.

        Returns
        -------
        dict
            What was written.
        """
        inputs = []
        for number, (one, hashing) in enumerate(zip(self.found.inputs, self.hashing, strict=True), 1):
            name = one.name if named else f"input {number}"
            inputs.append(_entry(name, hashing.result() if hashing is not None else one.digest))
        inputs += [
            {"option": name, **_entry(self.other_names[name] if named else name, one.result())}
            for name, one in self.others.items()
        ]
        content = {
            "command": self.command,
            "versions": {
                "lesiongeo": __version__,
                "python": ".".join(platform.python_version_tuple()[:2]),
                **{name: importlib.metadata.version(name) for name in PACKAGES},
            },
            "options": dict(options),
            "seed": seed,
            "specs": specs,
            "inputs": inputs,
            "outputs": [_entry(one.name, _digest(str(one))) for one in sorted(outputs)],
        }
        write_json(content, path)
        return content


def lock_beside(path: Path) -> Path:
    """Return where the lock of one file or folder belongs: queue.csv.lock.json, results/run.lock.json."""
    return path / "run.lock.json" if path.is_dir() else path.with_name(f"{path.name}.lock.json")


def _entry(name: str, digest: Digest | None) -> dict[str, Any]:
    known = digest is not None and digest.size > 0
    return {
        "name": name,
        "bytes": digest.size if known and digest is not None else None,
        "sha256": digest.hash.hexdigest() if known and digest is not None else None,
    }


def _digest(content: bytes | str) -> Digest:
    """Hash bytes, or the file at a path."""
    digest = Digest()
    if isinstance(content, bytes):
        digest.update(content)
        return digest
    with open(content, "rb") as file:
        # Bytes go by unlocked, so a second thread can hash while the first one reads.
        while data := file.read(PIECE):
            digest.update(data)
    return digest
