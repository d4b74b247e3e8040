"""The lock of a run: hashes of what went in, whichever way it came."""

import gzip
import hashlib
import io
import json
from pathlib import Path

import pytest

import lesiongeo as lg
from lesiongeo.lock import RunLock

EXPORT = Path("examples/dermatology.json")
CONFIG = Path("examples/dermatology_config.xml")


def inputs(source, tmp_path, **others):
    with RunLock("agree", source, others) as lock:
        lg.read_export(lock.found)
        return lock.write(tmp_path / "run.lock.json", options={}, seed=None, specs=[], outputs=[])["inputs"]


def entry(name, content):
    return {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_files_bytes_and_streams_have_the_hash_of_their_bytes(tmp_path):
    content = EXPORT.read_bytes()
    assert inputs(EXPORT, tmp_path) == [entry("dermatology.json", content)]
    assert inputs(content, tmp_path) == [entry("<bytes>", content)]
    assert inputs(io.BytesIO(content), tmp_path) == [entry("<stream>", content)]


def test_compressed_files_are_hashed_as_they_are_stored(tmp_path):
    packed = gzip.compress(EXPORT.read_bytes(), mtime=0)
    (tmp_path / "export.json.gz").write_bytes(packed)
    assert inputs(tmp_path / "export.json.gz", tmp_path) == [entry("export.json.gz", packed)]
    assert inputs(io.BytesIO(packed), tmp_path) == [entry("<stream>", packed)]


def test_parquet_from_a_stream_is_hashed(tmp_path):
    path = tmp_path / "export.parquet"
    lg.write_parquet(lg.read_label_studio(EXPORT), path)
    assert inputs(path, tmp_path) == [entry("export.parquet", path.read_bytes())]

    class Pipe(io.RawIOBase):
        def __init__(self, content):
            self.left = io.BytesIO(content)

        def readable(self):
            return True

        def readinto(self, room):
            data = self.left.read(len(room))
            room[: len(data)] = data
            return len(data)

    assert inputs(Pipe(path.read_bytes()), tmp_path) == [entry("<stream>", path.read_bytes())]


def test_other_files_that_decide_are_hashed_with_their_option(tmp_path):
    found = inputs(EXPORT, tmp_path, config=CONFIG)
    assert found[1] == {"option": "config", **entry("dermatology_config.xml", CONFIG.read_bytes())}


def test_the_lock_is_the_same_every_time_and_changes_with_the_input(tmp_path):
    for name in ("first", "second"):
        with RunLock("agree", EXPORT) as lock:
            lock.write(tmp_path / name, options={"gate": 0.1}, seed=7, specs=["iou@1"], outputs=[CONFIG, EXPORT])
    content = json.loads((tmp_path / "first").read_text())
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    assert [one["name"] for one in content["outputs"]] == ["dermatology.json", "dermatology_config.xml"]
    assert content["versions"]["lesiongeo"] == lg.__version__
    assert str(Path.cwd()) not in (tmp_path / "first").read_text()
    with RunLock("agree", EXPORT.read_bytes() + b"\n") as lock:
        changed = lock.write(tmp_path / "third", options={}, seed=7, specs=[], outputs=[])
    assert changed["inputs"][0]["sha256"] != content["inputs"][0]["sha256"]


def test_a_file_that_is_not_there_is_an_error_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        RunLock("agree", tmp_path / "nothing.json")
    with RunLock("agree", EXPORT, {"roles": tmp_path / "nothing.csv"}) as lock, pytest.raises(FileNotFoundError):
        lock.write(tmp_path / "lock", options={}, seed=None, specs=[], outputs=[])
