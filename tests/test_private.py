"""private, pseudonyms and the options of the commands: what changes, what stays, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

import lesiongeo as lg
from lesiongeo.privacy import Pseudonyms, read_key
from lesiongeo.privacy.parts import PLAIN_MESSAGES
from lesiongeo.privacy.pseudonyms import PseudonymKeyError
from planted import KEY, planted, save_planted
from test_cli import Ran, process

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE, CONFIG = (ROOT / "examples" / name for name in ("dermatology.json", "dermatology_config.xml"))
SECRET = KEY.encode()
PEOPLE = ("annotators", "patients")


def by_hand(word: str, name: str, key: bytes = SECRET) -> str:
    """HMAC as RFC 2104 writes it, without the module of that name."""
    block = key.ljust(64, b"\0") if len(key) <= 64 else hashlib.sha256(key).digest().ljust(64, b"\0")
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in block) + f"lesiongeo 1\0{word}\0{name}".encode()).digest()
    return f"{word}-{hashlib.sha256(bytes(one ^ 0x5C for one in block) + inner).hexdigest()[:16]}"


def read(**more: Any) -> lg.Export:
    return lg.read_label_studio(
        json.dumps(planted()).encode(), patient="patient_id", visit_date="visit_dates", spacing_mm="spacing_mm", **more
    )


# names


def test_names_are_keyed_hashes() -> None:
    names = Pseudonyms(SECRET)
    for word, kind in (("annotator", "annotators"), ("patient", "patients")):
        for name in ("7", "Jane Doe", "jürgen@clinic.example", ""):
            assert names.name(kind, name) == by_hand(word, name)
    assert Pseudonyms(SECRET + b"x").name("patients", "7") != names.name("patients", "7")
    assert names.name("patients", "7")[-16:] != names.name("annotators", "7")[-16:]
    # What has such a name keeps it, whatever the key.
    again = names.name("patients", "7")
    assert Pseudonyms(b"another key of 16").name("patients", again) == again
    assert Pseudonyms(SECRET).name("annotators", again) == by_hand("annotator", again)
    assert hmac.new(SECRET, b"lesiongeo 1\0patient\x007", hashlib.sha256).hexdigest()[:16] == again[-16:]


def test_names_of_many_people_differ() -> None:
    names = pa.chunked_array([[str(number) for number in range(20_000)]])
    found = Pseudonyms(SECRET).column("patients", names)
    assert len(found.unique()) == 20_000
    assert found[19_999].as_py() == by_hand("patient", "19999")
    nothing = pa.chunked_array([pa.nulls(2, pa.string()), pa.array(["a", None])])
    assert Pseudonyms(SECRET).column("patients", nothing).to_pylist() == [None, None, by_hand("patient", "a"), None]


@pytest.mark.parametrize(
    "key", [b"", b"short", b"fifteen bytes!!", b"a" * 64, b"ababababababababab", b" " * 40, b"x" * 5000]
)
def test_weak_keys_are_refused_without_showing_them(
    key: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "key.txt"
    path.write_bytes(key)
    for given in (key, path):
        with pytest.raises(PseudonymKeyError) as caught:
            read_key(given)
        assert not key.strip() or key.decode() not in str(caught.value)
    if key.strip():
        monkeypatch.setenv("LESIONGEO_KEY", key.decode())
        with pytest.raises(PseudonymKeyError) as caught:
            read_key()
        assert key.decode() not in str(caught.value)


def test_a_file_and_the_environment_are_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.txt"
    path.write_text(f"{KEY}\n", encoding="utf-8")
    monkeypatch.setenv("LESIONGEO_KEY", KEY)
    assert read_key(path) == read_key(str(path)) == read_key() == read_key(SECRET) == SECRET
    monkeypatch.delenv("LESIONGEO_KEY")
    with pytest.raises(PseudonymKeyError, match="LESIONGEO_KEY"):
        read_key()
    assert KEY not in repr(Pseudonyms(SECRET)) + str(Pseudonyms(SECRET))


# exports


def test_without_options_it_is_the_same_export() -> None:
    export = read()
    assert lg.private(export) is export


def test_patients_and_annotators() -> None:
    export = read()
    left = lg.private(export, pseudonymise=PEOPLE, key=SECRET)
    assert left.pages["patient"].to_pylist() == [by_hand("patient", one) for one in export.pages["patient"].to_pylist()]
    assert left.tasks["patient"].to_pylist() == [by_hand("patient", one) for one in export.tasks["patient"].to_pylist()]
    for name in ("annotations", "answers", "relations"):
        before, after = (getattr(one, name)["annotator"].to_pylist() for one in (export, left))
        assert after == [None if one is None else by_hand("annotator", one) for one in before]
    assert set(left.annotations["model_version"].to_pylist()) == {None, f"annotator {by_hand('annotator', '774411')}"}
    for name in ("task_id", "annotation_id", "region_id", "label", "track_id", "lesion_status", "created_at"):
        assert left.regions.table[name].equals(export.regions.table[name])
    images = left.pages.select(["task_id", "page", "image"]).to_pylist()
    assert all(row["image"] == f"task-{row['task_id']}-page-{row['page']}.jpg" for row in images)
    assert left.tasks["images"].to_pylist()[1] == [f"task-2-page-{page}.jpg" for page in range(3)]
    own = left.regions.table.select(["task_id", "page", "image"]).to_pylist()
    assert all(row["image"] == f"task-{row['task_id']}-page-{row['page']}.jpg" for row in own)
    assert left.tasks["data"].null_count == left.tasks.num_rows == left.tasks["file"].null_count
    # The one that was given is as it was.
    assert export.tasks.equals(read().tasks) and export.pages.equals(read().pages)


def test_agreement_does_not_change() -> None:
    export = read()
    names = {by_hand("annotator", one): one for one in ("774411", "774412", "774413")}
    left = lg.private(export, drop_notes=True, pseudonymise=PEOPLE, key=SECRET, dates="offset")
    places: list[dict[tuple[Any, ...], Any]] = []
    for one in (export, left):
        rows = lg.agreement(one).pairs.to_pylist()
        found = {}
        for row in rows:
            sides = sorted(
                (names.get(row[f"annotator_{side}"], row[f"annotator_{side}"]), str(row[f"region_{side}"]))
                for side in "ab"
            )
            found[row["task_id"], row["page"], *map(tuple, sides)] = (
                row["match"].rstrip("ab"),
                row["iou"],
                row["masd_px"],
            )
        places.append(found)
    assert places[0] == places[1] and len(places[0]) > 20


def test_notes_are_left_out_and_answers_stay() -> None:
    export = read()
    left = lg.private(export, drop_notes=True)
    assert left.role("note") is None and "notes" not in left.regions.table.column_names
    assert left.regions.table["meta_text"].null_count == len(left.regions)
    assert export.regions.table["meta_text"].null_count < len(export.regions)
    assert {"track_id", "lesion_status", "excised"} <= set(left.regions.table.column_names)
    rows = list(zip(export.answers.to_pylist(), left.answers.to_pylist(), strict=True))
    assert all(
        after == {**before, "text": None if before["kind"] == "textarea" else before["text"]} for before, after in rows
    )
    assert any(before["kind"] == "textarea" for before, _ in rows)


def test_typed_track_ids_stay_where_they_are_one_word() -> None:
    def region(number: int, text: str) -> list[dict[str, Any]]:
        common = {"id": f"r{number}", "original_width": 100, "original_height": 100, "to_name": "i"}
        points = [[0, 0], [0, 5 + number], [5, 5]]
        return [
            {**common, "type": "polygon", "from_name": "p", "value": {"points": points}},
            {**common, "type": "textarea", "from_name": "track_id", "value": {"text": [text]}},
        ]

    texts = ["3", " 12 ", "lesion of Mrs Quill", "x" * 17, "a" * 16]
    result = [entry for number, text in enumerate(texts) for entry in region(number, text)]
    task = {"id": 1, "data": {}, "annotations": [{"id": 1, "completed_by": 1, "result": result}]}
    export = lg.read_label_studio(json.dumps([task]).encode())
    assert export.role("track_id") == "track_id"
    left = lg.private(export, drop_notes=True)
    assert left.regions.table["track_id"].to_pylist() == ["3", " 12 ", None, None, "a" * 16]


def test_dates_become_days_since_the_first_visit() -> None:
    tasks = [
        {"id": 1, "data": {"p": "a", "when": ["2024-03-10", "2024-02-28"]}, "annotations": []},
        {"id": 2, "data": {"p": "a", "when": ["2025-03-10", None]}, "annotations": []},
        {"id": 3, "data": {"p": "b", "when": ["2020-01-01", "2020-01-31"]}, "annotations": []},
        {"id": 4, "data": {"when": ["2019-01-01", "2019-01-03"]}, "annotations": []},
        {"id": 5, "data": {"when": ["2019-02-01", "2019-02-02"]}, "annotations": []},
    ]
    for task in tasks:
        task["data"]["images"] = ["a.jpg", "b.jpg"]  # type: ignore[index]
    export = lg.read_label_studio(json.dumps(tasks).encode(), patient="p", visit_date="when")
    left = lg.private(export, dates="offset")
    first = (date(2024, 3, 10) - date(2024, 2, 28)).days
    year = (date(2025, 3, 10) - date(2024, 2, 28)).days
    assert left.pages["day_offset"].to_pylist() == [first, 0, year, None, 0, 30, 0, 2, 0, 1]
    assert left.pages["visit_date"].null_count == left.pages.num_rows
    assert lg.private(left, dates="offset").pages.equals(left.pages)
    gone = lg.private(export, dates="drop")
    assert gone.pages["day_offset"].null_count == gone.pages.num_rows == gone.pages["visit_date"].null_count


def test_day_offsets_start_at_the_first_visit() -> None:
    # Whatever they were counted from: days since 1970 are dates.
    tasks = [{"id": 1, "data": {"images": ["a", "b"], "days": [20000, 20090.5]}, "annotations": []}]
    export = lg.read_label_studio(json.dumps(tasks).encode(), images="images", day_offset="days")
    assert lg.private(export, dates="offset").pages["day_offset"].to_pylist() == [0, 90.5]


def times_of(export: lg.Export) -> NDArray[np.int64]:
    """Microseconds of creations, then of changes."""
    columns = [export.annotations[name].cast(pa.int64()).drop_null() for name in ("created_at", "updated_at")]
    return np.concatenate([column.to_numpy() for column in columns])


def test_times_move_by_whole_weeks() -> None:
    export = read()
    left = lg.private(export, dates="offset")
    before, after = (times_of(one) for one in (export, left))
    shift = before - after
    assert len(np.unique(shift)) == 1
    assert shift[0] % (7 * 86_400_000_000) == 0
    assert str(np.datetime64(int(after.min()), "us").astype("datetime64[D]")) in [
        f"2000-01-0{day}" for day in range(3, 10)
    ]
    regions = left.regions.table["created_at"].cast(pa.int64()).drop_null()
    assert set(regions.to_pylist()) <= set(after.tolist())
    again = lg.private(left, dates="offset").annotations
    assert again["created_at"].equals(left.annotations["created_at"])
    gone = lg.private(export, dates="drop")
    assert all(gone.annotations[name].null_count == gone.annotations.num_rows for name in ("created_at", "updated_at"))


def test_dropped_times_that_decide_which_annotation_counts_are_reported() -> None:
    def annotation(number: int, updated: str) -> dict[str, Any]:
        return {"id": number, "completed_by": 1, "updated_at": updated, "result": []}

    def export(*times: str) -> lg.Export:
        own = [annotation(number, when) for number, when in enumerate(times)]
        return lg.read_label_studio(json.dumps([{"id": 1, "data": {}, "annotations": own}]).encode())

    in_order = export("2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z")
    assert lg.private(in_order, dates="drop").problems.num_rows == 0
    other = lg.private(export("2025-01-02T00:00:00Z", "2025-01-01T00:00:00Z"), dates="drop")
    assert [(row["code"], row["annotation_id"]) for row in other.problems.to_pylist()] == [("newest_by_id", 1)]
    assert lg.private(export("2025-01-02T00:00:00Z", "2025-01-01T00:00:00Z"), dates="offset").problems.num_rows == 0


def test_fields_that_are_kept() -> None:
    export = read()
    left = lg.private(export, drop_notes=True, keep=["spacing_mm", "$nested.deep", "data.nowhere"])
    assert json.loads(left.tasks["data"][0].as_py()) == {
        "spacing_mm": [0.05, 0.05, 0.05],
        "nested": [{"deep": "zz-nested-zz"}],
    }
    assert lg.private(export, drop_notes=True, keep=["nowhere"]).tasks["data"].null_count == export.tasks.num_rows


def test_messages_without_values_stay() -> None:
    export = read()
    left = lg.private(export, dates="offset")
    for before, after in zip(export.problems.to_pylist(), left.problems.to_pylist(), strict=False):
        assert before["code"] == after["code"] and before["dropped"] == after["dropped"]
        if before["code"] in PLAIN_MESSAGES:
            assert before["message"] == after["message"]
        else:
            assert "left out" in after["message"]
    codes = set(export.problems["code"].to_pylist())
    assert codes & PLAIN_MESSAGES and codes - PLAIN_MESSAGES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pseudonymise": "doctors", "key": SECRET}, "doctors"),
        ({"pseudonymise": ["annotators", "x"], "key": SECRET}, "x"),
        ({"dates": "year"}, "year"),
        ({"drop_notes": 1}, "drop_notes"),
        ({"drop_notes": True, "keep": [""]}, "keep"),
    ],
)
def test_options_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lg.private(lg.read_label_studio(b"[]"), **options)


def test_nothing_is_fine() -> None:
    left = lg.private(lg.read_label_studio(b"[]"), drop_notes=True, pseudonymise=PEOPLE, key=SECRET, dates="offset")
    assert left.tasks.num_rows == 0 == len(left.regions)


def test_schemas_stay(tmp_path: Path) -> None:
    # But for the columns that notes and dates had; so converted files join, private or not.
    export = read()
    for options in (
        {"drop_notes": True},
        {"dates": "offset"},
        {"dates": "drop"},
        {"pseudonymise": PEOPLE, "key": SECRET},
    ):
        left = lg.private(export, **options)  # type: ignore[arg-type]
        for name in ("annotations", "answers", "tasks", "pages", "problems", "relations", "controls"):
            assert getattr(left, name).schema.equals(getattr(export, name).schema), (options, name)
        gone = set(export.regions.table.column_names) - set(left.regions.table.column_names)
        assert gone == ({"notes"} if "drop_notes" in options else {"excised"} if "dates" in options else set())
        path = tmp_path / "left.parquet"
        lg.write_parquet(left, path)
        assert lg.read_parquet(path).tasks.equals(left.tasks)


# commands


def test_convert_in_batches_is_the_same_as_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONGEO_KEY", KEY)
    tasks = planted(12)
    # A patient whose visits stand far apart in the file.
    tasks[-1]["data"]["patient_id"] = tasks[0]["data"]["patient_id"]
    tasks[-1]["data"]["visit_dates"] = ["2018-01-01", "2018-01-02", "2018-01-03"]
    path, out = tmp_path / "export.json", tmp_path / "out.parquet"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    reading = {"patient": "patient_id", "visit_date": "visit_dates"}
    import lesiongeo.cli.convert as convert

    monkeypatch.setattr(
        convert,
        "scan_exports",
        lambda sources, **options: lg.read.parquet.scan_exports(sources, window_bytes=1 << 14, **options),
    )
    ran = Ran(
        "convert",
        path,
        out,
        "--patient",
        "patient_id",
        "--visit-date",
        "visit_dates",
        "--drop-notes",
        "--pseudonymise",
        "patients",
        "--pseudonymise",
        "annotators",
        "--dates",
        "offset",
    )
    assert ran.code == 0, ran.err
    whole = lg.private(
        lg.read_label_studio(path, **reading), drop_notes=True, pseudonymise=PEOPLE, key=SECRET, dates="offset"
    )
    expected = tmp_path / "whole.parquet"
    lg.write_parquet(whole, expected)
    once, twice = lg.read_parquet(out), lg.read_parquet(expected)
    for name in ("pages", "tasks", "annotations", "answers"):
        assert getattr(once, name).equals(getattr(twice, name)), name
    assert once.regions.table.equals(twice.regions.table)
    days = {row["task_id"]: row["day_offset"] for row in once.pages.to_pylist() if row["page"] == 0}
    assert days[12] == 0 and days[1] == (date(2019, 1, 10) - date(2018, 1, 1)).days


def test_converted_files_are_made_private_like_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONGEO_KEY", KEY)
    source, plain = save_planted(tmp_path), tmp_path / "plain.parquet"
    reading = ("--patient", "patient_id", "--visit-date", "visit_dates")
    options = ("--drop-notes", "--pseudonymise", "patients", "--pseudonymise", "annotators", "--dates", "offset")
    assert Ran("convert", source, plain, *reading).code == 0
    for given, name, more in ((source, "a.parquet", reading), (plain, "b.parquet", ())):
        ran = Ran("convert", given, tmp_path / name, *more, *options)
        assert ran.code == 0, ran.err
    one, two = (lg.read_parquet(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    for table in ("pages", "tasks", "annotations", "answers", "problems"):
        assert getattr(one, table).equals(getattr(two, table)), table
    # And once more: what is private stays as it is, whatever the key.
    monkeypatch.setenv("LESIONGEO_KEY", "another key, another name")
    assert Ran("convert", tmp_path / "b.parquet", tmp_path / "c.parquet", *options).code == 0
    assert (tmp_path / "c.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_streams_cannot_be_read_twice(tmp_path: Path) -> None:
    ran = process("convert", "-", tmp_path / "out.parquet", "--dates", "offset")
    assert ran.returncode == 2 and "stream" in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_lock_has_the_options_and_never_the_key(tmp_path: Path) -> None:
    source, key = save_planted(tmp_path), tmp_path / "key.txt"
    key.write_text(KEY, encoding="utf-8")
    out = tmp_path / "areas.csv"
    ran = Ran("measure", source, "-o", out, "--pseudonymise", "annotators", "--key", key, "--drop-notes")
    assert ran.code == 0, ran.err
    lock = json.loads((tmp_path / "areas.csv.lock.json").read_text(encoding="utf-8"))
    assert {name: lock["options"][name] for name in ("drop_notes", "pseudonymise", "dates")} == {
        "drop_notes": True, "pseudonymise": ["annotators"], "dates": "keep",
    }  # fmt: skip
    assert [one["name"] for one in lock["inputs"]] == ["input 1"]
    assert lock["inputs"][0]["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert KEY not in json.dumps(lock) and "key" not in lock["options"]
    # Without options the lock is as it was.
    assert Ran("measure", source, "-o", out).code == 0
    lock = json.loads((tmp_path / "areas.csv.lock.json").read_text(encoding="utf-8"))
    assert lock["inputs"][0]["name"] == source.name and "drop_notes" not in lock["options"]


def test_wrong_usage_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LESIONGEO_KEY", raising=False)
    weak = tmp_path / "weak.txt"
    weak.write_text("hunter2", encoding="utf-8")
    out = ("-o", tmp_path / "areas.csv")
    for options, code, told in (
        (("--pseudonymise", "annotators"), 2, "LESIONGEO_KEY"),
        (("--pseudonymise", "annotators", "--key", weak), 2, "has 7 bytes"),
        (("--pseudonymise", "annotators", "--key", tmp_path / "none"), 3, "none"),
        (("--key", weak), 2, "--pseudonymise"),
        (("--pseudonymise", "nurses"), 2, "nurses"),
        (("--dates", "year"), 2, "year"),
    ):
        ran = Ran("measure", EXAMPLE, *out, *options)
        assert (ran.code, told in ran.err, "hunter2" in ran.err) == (code, True, False), ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["weak.txt"]
    ran = Ran("queue", EXAMPLE, "--with-notes", "--drop-notes")
    assert ran.code == 2 and "--with-notes" in ran.err


def test_notes_that_still_leave_are_said() -> None:
    ran = Ran("queue", EXAMPLE, "--dates", "offset")
    assert "--drop-notes" in ran.out
    assert "--drop-notes" not in Ran("queue", EXAMPLE, "--dates", "offset", "--drop-notes").out
    assert "--drop-notes" not in Ran("queue", EXAMPLE).out


def test_people_are_given_by_their_own_names_in_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONGEO_KEY", KEY)
    roles = tmp_path / "roles.csv"
    roles.write_text("annotator,role\n2,new\n9,gone\n", encoding="utf-8")
    common = (
        "sample",
        EXAMPLE,
        "--rate",
        "new=1.0,1=0.5,*=0.1",
        "--roles",
        roles,
        "--role",
        "old=3",
        "--rate",
        "old=0.2",
    )
    plain, other = tmp_path / "plain.json", tmp_path / "other.json"
    assert Ran(*common, "-o", plain).code == 0
    ran = Ran(*common, "-o", other, "--pseudonymise", "annotators")
    assert ran.code == 0, ran.err
    one, two = (json.loads(path.read_text(encoding="utf-8")) for path in (plain, other))
    counts = [
        {row["annotator"]: (row["role"], row["n"], row["n_sampled"]) for row in made["summary"] if row["annotator"]}
        for made in (one, two)
    ]
    assert {by_hand("annotator", name): row for name, row in counts[0].items()} == counts[1]
    assert two["roles_absent"] == [by_hand("annotator", "9")]
    lock = json.loads((tmp_path / "other.json.lock.json").read_text(encoding="utf-8"))
    assert lock["options"]["role"] == [f"old={by_hand('annotator', '3')}"]
    ran = Ran("sample", EXAMPLE, "--rate", "x=1.0", "--role", "x=77", "--pseudonymise", "annotators")
    assert ran.code == 2 and "77" in ran.err


def test_tracks_take_people_by_their_own_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONGEO_KEY", KEY)
    source, spacing = save_planted(tmp_path), tmp_path / "spacing.csv"
    common = ("track", source, "--patient", "patient_id", "--visit-date", "visit_dates")
    picture = tmp_path / "lesion.svg"
    people = ("--pseudonymise", "patients", "--drop-notes")
    ran = Ran(*common, "--plot", "1", "--plot-patient", "MRN-904171", "-o", picture, *people)
    assert ran.code == 0, ran.err
    assert by_hand("patient", "MRN-904171") in picture.read_text(encoding="utf-8")
    out = tmp_path / "run"
    for content, code in (
        ("patient,visit,spacing_mm\nMRN-904171,0,0.05\n", 2),
        ("image,spacing_mm\n1-0.jpg,0.05\n", 2),
        ("task_id,page,spacing_mm\n2,0,0.05\n", 0),
    ):
        spacing.write_text(content, encoding="utf-8")
        ran = Ran(*common, "-o", out, "--calibration", spacing, *people)
        assert (ran.code, "task_id and page" in " ".join(ran.err.split())) == (code, code == 2), ran.err
        assert "MRN" not in ran.err
    # Patients keep their names here, images do not.
    spacing.write_text("patient,visit,spacing_mm\nMRN-904171,0,0.05\n", encoding="utf-8")
    ran = Ran(*common, "-o", out, "--calibration", spacing, "--drop-notes", "--dates", "offset")
    assert ran.code == 0, ran.err
