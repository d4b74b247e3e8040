"""lint_phi and the command: what is planted is found with its place, clean exports stay clean, no value is shown."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lesiongeo as lg
from lesiongeo.privacy import stream
from lesiongeo.privacy.fields import kind_of_field
from lesiongeo.privacy.kinds import KINDS
from lesiongeo.privacy.patterns import hits, masked, nhs
from lesiongeo.testing import make_export
from planted import ANNOTATORS, NOTES, PATIENTS, planted
from test_cli import Ran

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "dermatology.json"
SHARED = ROOT.parent / "shared" / "data"

#: Texts with what is found in them, as kind and value.
TEXTS: list[tuple[str, list[tuple[str, str]]]] = [
    ("seen 2025-01-10", [("date", "2025-01-10")]),
    ("seen 2025-01-10T09:15:00Z", [("date", "2025-01-10")]),
    ("2024/2/9 and 9.2.2024", [("date", "2024/2/9"), ("date", "9.2.2024")]),
    ("12/31/2023", [("date", "12/31/2023")]),
    ("3/4/24 again", [("date", "3/4/24")]),
    ("Jan 5, 2023", [("date", "Jan 5, 2023")]),
    ("on 5th of March 2024", [("date", "5th of March 2024")]),
    ("since 03/2024 or 2024-03", [("date", "03/2024"), ("date", "2024-03")]),
    ("since March 2024", [("date", "March 2024")]),
    ("10. Januar 2025", [("date", "10. Januar 2025")]),
    ("biopsy on June 3", [("date", "June 3")]),
    ("20250110", [("date", "20250110")]),
    ("she is 93 years old", [("age_over_89", "93 years old")]),
    ("aged 101", [("age_over_89", "aged 101")]),
    ("mail j.doe+1@clinic.example.org!", [("email", "j.doe+1@clinic.example.org")]),
    ("call +44 20 7946 0958", [("phone", "+44 20 7946 0958")]),
    ("(212) 555-0123", [("phone", "(212) 555-0123")]),
    ("212-555-0123", [("phone", "212-555-0123")]),
    ("tel. 030 1234567", [("phone", "030 1234567")]),
    ("fax: 030/1234567", [("fax", "030/1234567")]),
    ("078-05-1120", [("ssn", "078-05-1120")]),
    ("NHS number 943 476 5919", [("nhs_number", "943 476 5919")]),
    ("943 476 5919", [("nhs_number", "943 476 5919")]),
    ("MRN: 00123456", [("medical_record", "00123456")]),
    ("patient id AB-12345", [("medical_record", "AB-12345")]),
    ("insurance no K123456789", [("health_plan", "K123456789")]),
    ("account no 12345678", [("account", "12345678")]),
    ("passport C01X00T47", [("license", "C01X00T47")]),
    ("VIN: 1M8GDM9AXKP042788", [("vehicle", "1M8GDM9AXKP042788")]),
    ("number plate B-XY 1234", [("vehicle", "B-XY 1234")]),
    ("serial no 88-1234", [("device", "88-1234")]),
    ("Dr. Ada Quill", [("name", "Ada Quill")]),
    ("spoke to Mrs O'Brien", [("name", "O'Brien")]),
    ("patient John Smith reports itch", [("name", "John Smith")]),
    ("patient name: Jürgen Müller-Lüdenscheidt", [("name", "Jürgen Müller-Lüdenscheidt")]),
    ("consult with Prof. A. Klein", [("name", "A. Klein")]),
    ("Frau Dr. Meier", [("name", "Meier")]),
    ("rev. by J. Smith", [("name", "J. Smith")]),
    ("0044 20 7946 0958", [("phone", "0044 20 7946 0958")]),
    ("MRN0012345", [("medical_record", "0012345")]),
    ("Hosp. no. 445566", [("medical_record", "445566")]),
    ("seen in Feb '24", [("date", "Feb '24")]),
    ("DOE^JANE^M", [("name", "DOE^JANE^M")]),
    ("12 Main Street", [("address", "12 Main Street")]),
    ("Boston MA 02139", [("address", "MA 02139")]),
    ("SW1A 1AA", [("address", "SW1A 1AA")]),
    ("Hauptstraße 12", [("address", "Hauptstraße 12")]),
    ("see https://example.org/wiki", [("url", "https://example.org/wiki")]),
    ("https://h.example/a?sig=abc", [("url_signature", "sig=abc")]),
    ("from 8.8.8.8", [("ip_address", "8.8.8.8")]),
    ("case no 1234567", [("medical_record", "1234567")]),
    ("see 12345678", [("number_run", "12345678")]),
    ("1.2.840.113619.2.55.3.604688119", [("dicom_uid", "1.2.840.113619.2.55.3.604688119")]),
]
ADDRESSES: list[tuple[str, list[str]]] = [
    ("https://b.s3.amazonaws.com/a.jpg?X-Amz-Signature=1&X-Amz-Credential=2", ["url_signature", "url_signature"]),
    (
        "https://storage.googleapis.com/b/a.jpg?GoogleAccessId=x&Expires=1&Signature=y",
        ["url_signature", "url_signature"],
    ),
    ("https://b/a.jpg?AWSAccessKeyId=AKIA&Signature=z", ["url_signature", "url_signature"]),
    ("https://a.blob.core.windows.net/c/i.png?sv=2024-01-01&sig=q", ["url_signature", "url_signature"]),
    ("https://h/a.png?token=abc", ["url_signature"]),
    ("https://user:pass@h/a.png", ["url_password"]),
    ("https://h/a.png?patient=12", ["url_query"]),
    ("/data/upload/7/1a2b3c4d-IMG_20250110_093000.jpg", ["date"]),
    ("photos/2025-01-10_arm.png", ["date"]),
    ("DOE^JANE_arm.dcm", ["name"]),
    ("MRN_1234567/a.png", ["medical_record"]),
    ("000000391895.jpg", ["image_number"]),
    ("https://h/a.png?visit=2&page=1", []),
    ("s3://bucket/lesion/3/front.jpg", []),
    ("a/00000000-0000-4000-8000-000012345678.png", []),
    ("http://127.0.0.1:8080/static/a.png", []),
]
#: What dermatologists write that identifies nobody.
CLEAN = """
    4.5 x 3.2 mm, asymmetric, two colours
    at 12 o'clock, 2 cm from the last one
    Breslow 0.75 mm, Clark level III, T1a
    10/12 nodes negative
    compare with visit 3, page 2
    Left upper arm, lateral
    Patient has itch and pain
    Patient reports no change since last time
    hair over the lesion
    ABCD score 5.45, TDS 4.75
    border 1-2-3, see image 12
    may be a keratosis, march of the border
    ruler 10 mm, scale 0.05 mm/px
    width 1920 height 1080
    about 30 years old scar
    stable for 90 days
    version 2024.1
    50 % larger than 2019
    grown by 1234.5678 px
    12-15 mm, 3-4 colours, 1/2 of the area
    aged 45, phototype II
    ICD-10 C43.9, L82.1
    SNOMED 372244006?
    melanoma in situ
    Dr. agrees
    Spitz nevus, Reed type
    Sutton nevus, Miescher nevus
    call it a nevus
    telangiectasia 0.3 to 0.5
    3 of 100 pages
    squamous cell 10/12, 2.5 mm
    VIN 2-3, AIN III
    seen by Plastic Surgery
    pH 5.5 to 7.4
    mobile lesion, 12 x 10 mm
""".strip().splitlines()


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_texts(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(hit.kind, text[hit.start : hit.end]) for hit in hits(text)] == expected


@pytest.mark.parametrize(("text", "kinds"), ADDRESSES)
def test_addresses(text: str, kinds: list[str]) -> None:
    assert [hit.kind for hit in hits(text, address=True)] == kinds


def test_what_identifies_nobody_is_not_found() -> None:
    found = {text.strip(): [hit.kind for hit in hits(text.strip())] for text in CLEAN}
    # One false alarm of thirty-five, and a stated one: a code of nine digits could be anybody's number.
    assert {text: kinds for text, kinds in found.items() if kinds} == {"SNOMED 372244006?": ["number_run"]}


def test_the_check_digit_of_nhs_numbers() -> None:
    # Every number of nine digits has one right tenth digit or none (where it would be 10).
    for start in ("943476591", "401023213", "123456789", "000000001"):
        right = [digit for digit in range(10) if nhs(f"{start}{digit}")]
        weights = sum(int(one) * weight for one, weight in zip(start, range(10, 1, -1), strict=True))
        wanted = (11 - weights % 11) % 11
        assert right == ([] if wanted == 10 else [wanted])


def test_an_excerpt_never_holds_a_letter_or_digit_of_the_value() -> None:
    for text, _ in TEXTS:
        for hit in hits(text):
            shape = masked(text, hit)
            assert not set("0123456789") & set(shape)
            assert not set(shape.replace("Xxx", "").replace("xxx", "")) & set(
                "abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQ"
            )
            assert len(shape) <= 48


def test_names_of_fields_say_what_their_values_are() -> None:
    wanted = {
        "patient_name": "name", "lastName": "name", "Surname": "name", "created_username": "name", "dob": "date",
        "visit_dates": "date", "email": "email", "phone": "phone", "mrn": "medical_record", "nhsNumber": "nhs_number",
        "patient_id": "patient_id", "subject": "patient_id", "zip": "address", "patient_age": "age_over_89",
        "image": None, "page": None, "stage": None, "patient_sex": None, "name": None, "site": None, "images": None,
        "update": None, "filename": None, "image_name": None,
    }  # fmt: skip
    assert {name: kind_of_field(name) for name in wanted} == wanted


def one_task(**parts: Any) -> bytes:
    task = {"id": 7, "data": {"image": "a.png"}, "annotations": [], **parts}
    return json.dumps([task]).encode()


def kinds_of(source: Any) -> dict[str, list[str]]:
    rows = lg.lint_phi(source).to_pylist()
    return {row["field"]: [own["kind"] for own in rows if own["field"] == row["field"]] for row in rows}


def test_data_fields_are_judged_by_their_names() -> None:
    data = {
        "patient_name": "jane", "dob": "1957", "birth_date": "03.02.1957", "patient_age": 93, "age": 45, "page": 95,
        "stage": 99, "mrn": 1234567, "patient_id": "P001", "subject": "x@y.example", "visit_date": 12,
        "count": 12345678,
        "visit_dates": [0, 20250110],
        "license": "CC-BY-4.0", "passport": "C01X00T47", "site": "left arm",
        "address": "/a.png", "deep": [{"phone": "12 34 56 78"}], "nothing": None, "yes": True, "email": "none",
    }  # fmt: skip
    assert kinds_of(one_task(data=data)) == {
        "data.patient_name": ["name"], "data.birth_date": ["date"], "data.patient_age": ["age_over_89"],
        "data.mrn": ["medical_record"], "data.patient_id": ["patient_id"], "data.subject": ["email", "patient_id"],
        "data.count": ["number_run"], "data.visit_dates[1]": ["date"], "data.passport": ["license"],
        "data.deep[0].phone": ["phone"],
    }  # fmt: skip


def test_names_of_the_data_are_found_in_notes_and_image_names() -> None:
    entry = {"id": "r", "type": "textarea", "from_name": "n", "value": {"text": ["as wolpertinger said"]}}
    data = {"image": "s3://b/wolpertinger-arm.png", "patient_name": "Jo Wolpertinger"}
    found = kinds_of(one_task(data=data, annotations=[{"id": 1, "completed_by": 2, "result": [entry]}]))
    assert found == {
        "data.patient_name": ["name"],
        "data.image": ["name"],
        "annotations.result.value.text[0]": ["name"],
    }
    # Another task has other people.
    other = json.dumps([{"id": 1, "data": {"surname": "Wolpertinger"}}, {"id": 2, "data": {"a": "as wolpertinger"}}])
    assert kinds_of(other.encode()) == {"data.surname": ["name"]}
    # What was clean in one task is looked at again where people are known.
    again = json.dumps(
        [
            {"id": 2, "data": {"a": "as wolpertinger"}},
            {"id": 1, "data": {"surname": "Wolpertinger", "a": "as wolpertinger"}},
        ]
    )
    assert kinds_of(again.encode()) == {"data.surname": ["name"], "data.a": ["name"]}


def test_everywhere_somebody_could_write() -> None:
    mail = "jo@clinic.example"
    annotation = {
        "id": 3,
        "completed_by": {"id": 1, "email": mail, "first_name": "Jo", "last_name": "Doe"},
        "created_at": "2026-01-01T00:00:00Z",
        "result": [
            {"id": "r1", "item_index": 2, "type": "polygonlabels",
             "value": {"points": [[1, 2]], "polygonlabels": [mail]},
             "meta": {"text": [mail]}},
            {"id": mail, "type": "choices", "value": {"choices": [mail]}},
            {"type": "relation", "labels": [mail]},
            mail,
        ],
        "comment": mail,
        "reviews": [{"text": mail}],
    }  # fmt: skip
    task = {
        "id": 7, "data": {mail: 1, "a": mail}, "meta": {"mrn": 123456}, "file_upload": "a_2025-01-10.png",
        "annotations": [annotation], "drafts": [{"id": 5, "result": [], "user": mail}],
        "predictions": [{"id": 6, "model_version": f"annotator {mail}", "result": []}],
    }  # fmt: skip
    rows = lg.lint_phi(json.dumps([task]).encode()).to_pylist()
    found = Counter((row["field"], row["kind"]) for row in rows)
    assert found == {
        ("annotations.completed_by.email", "email"): 1,
        ("annotations.completed_by.first_name", "name"): 1,
        ("annotations.completed_by.last_name", "name"): 1,
        ("annotations.result.value.polygonlabels[0]", "email"): 1,
        ("annotations.result.meta.text[0]", "email"): 1,
        ("annotations.result.id", "email"): 1,
        ("annotations.result.value.choices[0]", "email"): 1,
        ("annotations.result.labels[0]", "email"): 1,
        ("annotations.result", "email"): 1,
        ("annotations.comment", "email"): 1,
        ("annotations.reviews[0].text", "email"): 1,
        ("data.?", "email"): 1,
        ("data.a", "email"): 1,
        ("meta.mrn", "medical_record"): 1,
        ("file_upload", "date"): 1,
        ("drafts.user", "email"): 1,
        ("predictions.model_version", "email"): 1,
        ("created_at", "time"): 1,
    }
    place = next(row for row in rows if row["field"] == "annotations.result.meta.text[0]")
    assert {name: place[name] for name in ("task_id", "page", "annotation_id", "region_id", "file")} == {
        "task_id": 7, "page": 2, "annotation_id": 3, "region_id": "r1", "file": "<bytes>",
    }  # fmt: skip
    assert mail not in json.dumps(rows)


def test_what_only_the_file_holds() -> None:
    # A key that stands twice: readers see the last.
    twice = b'[{"id": 1, "data": {"a": "jo@clinic.example", "a": "x"}, "annotations": []}]'
    assert kinds_of(twice) == {"data.a[0]": ["email"]}
    # Numbers called points that are none, and a text that looks like an array of them.
    data = {"points": [12345678], "rle": "x", "note": '{"points": [[5551234567, 1]], "tel": "212-555-0123"}'}
    assert kinds_of(one_task(data=data)) == {"data.points[0]": ["number_run"], "data.note": ["phone", "number_run"]}


def test_files_of_any_kind(tmp_path: Path) -> None:
    tasks = [{"id": n, "data": {"a": f"2025-01-1{n}"}, "annotations": []} for n in range(3)]
    lines = "\n".join(map(json.dumps, tasks)).encode()
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(tasks, indent=2).encode()))
    one = {"id": 5, "task": {"id": 9, "data": {"a": "2025-01-10"}}, "completed_by": 1, "result": []}
    (tmp_path / "12").write_text(json.dumps(one), encoding="utf-8")
    found = lg.lint_phi(tmp_path)
    assert found["file"].to_pylist() == ["12", *["a.jsonl"] * 3, *["b.json.gz"] * 3]
    assert found["task_id"].to_pylist() == [9, 0, 1, 2, 0, 1, 2]
    assert lg.lint_phi(io.BytesIO(lines)).num_rows == 3
    assert lg.lint_phi(b"[]").num_rows == 0 == lg.lint_phi(b"").num_rows
    assert lg.lint_phi(b"[]").schema.equals(found.schema)


@pytest.mark.parametrize(
    "broken",
    [b'[{"id": 1, "data": {}', b'[{"id": 1} x]', b'[{"id": 1}, {"id"', b'[{"id": ' + b"9" * 5000 + b"}]",
     b"[" * 100_000, b'{"a": "secret@example.org" "b"}', b'["ab'],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_that_shows_nothing(broken: bytes) -> None:
    with pytest.raises(lg.ExportError, match="was not looked at") as caught:
        lg.lint_phi(broken)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("piece", [1, 7, 64, 1000])
def test_pieces_of_any_size_give_the_same(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps(planted(2), indent=1, ensure_ascii=False).encode()[: None if piece > 1 else 20_000]
    if piece == 1:
        content = json.dumps([{"id": 1, "data": {"ä": "2025-01-10", "b": [1.5, 2e5]}}, {"id": 2, "x": "é@é"}]).encode()
    whole = lg.lint_phi(content)
    monkeypatch.setattr(stream, "PIECE", piece)
    assert lg.lint_phi(content).equals(whole)
    assert whole.num_rows


def test_a_damaged_file_is_not_read_to_its_end() -> None:
    class Endless(io.RawIOBase):
        done = 0

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            Endless.done += 1
            assert Endless.done < 50
            return b'{"id": 1} x' if Endless.done == 1 else b'{"id": 2}, ' * (size // 11)

    with pytest.raises(lg.ExportError):
        lg.lint_phi(Endless())


def test_clean_exports_stay_clean() -> None:
    tasks = make_export(patients=30, visits=3, annotators=3, seed=11)
    found = lg.lint_phi(json.dumps(tasks).encode())
    assert Counter(found["kind"].to_pylist()) == {"patient_id": 30, "time": 1}
    assert set(found["severity"].to_pylist()) == {"info"}


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the data that is not part of the repository")
def test_real_exports() -> None:
    export = SHARED / "label_studio" / "ls_real_export.json"
    found = lg.lint_phi(export)
    assert Counter(found["kind"].to_pylist()) == {"date": 6, "url_query": 6, "patient_id": 2, "time": 1}
    dates = [row["field"] for row in found.to_pylist() if row["kind"] == "date"]
    assert dates == [f"data.visit_dates[{page}]" for page in range(3)] * 2
    snapshot = lg.lint_phi(SHARED / "label_studio" / "ls_real_export_snapshot.json")
    assert Counter(snapshot["kind"].to_pylist())["email"] == 6
    # Nothing of it is left in what the options let leave.
    read = lg.read_label_studio(export, patient="patient_id", visit_date="visit_dates")
    left = lg.private(read, drop_notes=True, dates="offset", pseudonymise="patients", key=b"0123456789abcdef")
    assert lg.lint_phi(left).num_rows == 0


def test_planted_exports_before_and_after(tmp_path: Path) -> None:
    content = json.dumps(planted()).encode()
    found = lg.lint_phi(content)
    counts = Counter(found["kind"].to_pylist())
    assert {"name", "date", "email", "url_signature", "patient_id"} <= set(counts)
    assert counts["email"] == sum(len(task["annotations"]) for task in planted())
    text = json.dumps(found.to_pylist())
    assert not [secret for secret in (*NOTES, *PATIENTS, *ANNOTATORS) if secret in text]
    export = lg.read_label_studio(content, patient="patient_id", visit_date="visit_dates")
    kinds = ("annotators", "patients")
    left = lg.private(export, drop_notes=True, dates="offset", pseudonymise=kinds, key=b"0123456789abcdef")
    assert lg.lint_phi(left).num_rows == 0
    path = tmp_path / "left.parquet"
    lg.write_parquet(left, path)
    assert lg.lint_phi(path).num_rows == 0
    lg.write_parquet(export, path)
    assert {"name", "date", "patient_id", "time"} <= set(lg.lint_phi(path)["kind"].to_pylist())


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(one_task(data={"note": "Dr. Ada Quillfeather [bold]", "when": "2025-01-10"}))
    ran = Ran("lint-phi", path)
    assert (ran.code, ran.err) == (1, "")
    assert "error name (1 in 1 tasks, Safe Harbor (A))" in ran.out and "Xxx Xxx" in ran.out
    assert "Quillfeather" not in ran.out and "2025" not in ran.out
    out = tmp_path / "found.csv"
    assert Ran("lint-phi", path, "-o", out, "--fail-on", "never", "--quiet").code == 0
    assert out.read_text(encoding="utf-8").count("\n") == 3
    made = json.loads(Ran("lint-phi", path, "--json").out)
    assert [row["kind"] for row in made["findings"]] == ["name", "date"]
    assert made["severities"] == {"error": 1, "info": 0, "warning": 1}
    assert Ran("lint-phi", EXAMPLE).code == 0
    assert Ran("lint-phi", EXAMPLE, "--fail-on", "info").code == 1
    assert Ran("lint-phi", tmp_path / "none.json").code == 3
    assert Ran("lint-phi", path, "-o", tmp_path / "x.txt").code == 2
    path.write_bytes(b'[{"id": 1')
    assert Ran("lint-phi", path).code == 3


def test_the_name_of_the_file_is_looked_at_and_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "MRN_1234567_2025-01-10.json"
    path.write_bytes(b"[]")
    rows = lg.lint_phi(path).to_pylist()
    assert [(row["field"], row["kind"]) for row in rows] == [
        ("name of the file", "medical_record"),
        ("name of the file", "date"),
    ]
    ran = Ran("lint-phi", path)
    assert "1234567" not in ran.out and "2025" not in ran.out and "MRN_#######_####-##-##.json" in ran.out


def test_phone_numbers_of_a_country_need_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(lg.LesiongeoError, match=r"lesiongeo\[phi\]"):
        lg.lint_phi(b"[]", phone_regions=["GB"])


def test_phone_numbers_of_a_country() -> None:
    pytest.importorskip("phonenumbers")
    content = one_task(data={"note": "back on 020 7946 0018, mm 4.5, 2025-01-10", "b": "(212) 555-0123"})
    assert kinds_of(content) == {"data.note": ["date"], "data.b": ["phone"]}
    found = lg.lint_phi(content, phone_regions=["GB"])
    assert Counter(found["kind"].to_pylist()) == {"date": 1, "phone": 2}
    with pytest.raises(ValueError, match="XX"):
        lg.lint_phi(content, phone_regions=["XX"])


def test_every_kind_says_what_to_do() -> None:
    letters = {kind.safe_harbor for kind in KINDS.values()} - {None}
    assert letters <= set("ABCDEFGHIJKLMNOPQR")
    text = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        assert kind.severity in ("error", "warning", "info") and kind.message
        assert f"| `{name}` | {kind.severity} | {kind.safe_harbor or '-'} |" in text


@pytest.mark.parametrize("place", ["note", "image", "data"])
@pytest.mark.parametrize(
    ("kind", "text"), [("name", "DOE^JANE"), ("date", "2024-05-03"), ("medical_record", "MRN 00123456")]
)
def test_the_options_that_a_message_names_take_it_out(place: str, kind: str, text: str) -> None:
    words = {one: text if one == place else "plain" for one in ("note", "image", "data")}
    entry = {"id": "r", "from_name": "n", "to_name": "p", "type": "textarea", "value": {"text": [words["note"]]}}
    content = one_task(
        data={"image": f"https://example.org/{words['image']}.png", "about": words["data"]},
        annotations=[{"id": 1, "completed_by": 3, "result": [entry]}],
    )
    (message,) = {row["message"] for row in lg.lint_phi(content).to_pylist() if row["kind"] == kind}
    left = lg.private(
        lg.read_label_studio(content),
        drop_notes="--drop-notes" in message,
        pseudonymise=["patients"] if "--pseudonymise patients" in message else [],
        key=b"0123456789abcdef",
        dates="offset" if "--dates offset" in message else "keep",
    )
    assert kind not in lg.lint_phi(left)["kind"].to_pylist()


def test_the_order_of_tasks_does_not_matter(tmp_path: Path) -> None:
    tasks = planted(4)
    first, second = (lg.lint_phi(json.dumps(own).encode()) for own in (tasks, tasks[::-1]))
    assert first.equals(second)
    pq.write_table(first, tmp_path / "a.parquet")
    assert isinstance(first, pa.Table)
