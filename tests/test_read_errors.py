"""What is no export is refused with its reason and its byte; valid JSON, however odd, never crashes the reader."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import subprocess
import sys
import textwrap
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import lesiongeo
from lesiongeo import Export, ExportError, LesiongeoError

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
JSON_MIN = SHARED / "label_studio" / "ls_real_export_json_min.json"
SUITE = SHARED / "conformance" / "json_test_suite.jsonl.gz"

ENTRY = (
    '{"id":"r","type":"polygonlabels","from_name":"lesion","original_width":200,"original_height":100,"score":-1.5e+1,'
    '"value":{"closed":true,"points":[[10,10],[20.5,10],[20,30]],"polygonlabels":["n\\u00e9vus \\n","é"]}}'
)
WHOLE = (
    '[{"id":7,"data":{"images":["/d/a.png?q=1"],"n":null,"f":false},"annotations":'
    f'[{{"id":5,"completed_by":{{"id":3}},"lead_time":0.25,"result":[{ENTRY},{{"id":"r","type":"number","from_name":"t",'
    '"value":{"number":1}}]}]},{"id":8,"data":{}}]'
)


def read(raw: bytes | str) -> Export:
    return lesiongeo.read_label_studio(raw.encode() if isinstance(raw, str) else raw)


def refusal(raw: bytes | str) -> ExportError:
    with pytest.raises(ExportError) as caught:
        read(raw)
    return caught.value


def test_the_whole_file_is_sound() -> None:
    export = read(WHOLE)
    assert export.problems.num_rows == 0
    assert export.regions.table["labels"].to_pylist() == [["névus \n", "é"]]
    assert export.tasks["task_id"].to_pylist() == [7, 8]


# Refusals


def zipped(text: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("export.json", text)
    return target.getvalue()


@pytest.mark.parametrize(
    ("raw", "words", "position"),
    [
        (b"", "empty", 0),
        (b" \n", "the file is empty", 0),
        (b"\xef\xbb\xbf  ", "the file is empty", 0),
        (WHOLE.encode("utf-16"), "UTF-16", 0),
        (b"\xfe\xff" + WHOLE.encode("utf-16-be"), "UTF-16", 0),
        (zipped(WHOLE), "zip", 0),
        (b"<?xml version='1.0'?><a/>", "not JSON", 0),
        (b"id,label\n1,nevus\n", "not JSON", 0),
        (b"[{'id': 1}]", "double quotes", 2),
        (b'[{"id": 1,}]', "not JSON", 10),
        (b'[{"id": 1, "data": {}}] x', "follows after the end", 24),
        (b'{"id": 1, "data": {}} x', "follows after the end", 22),
        (b'[{"id": 1, "data": {}}, {"id": 2, "data": {"a": x}}]', "not JSON", 48),
        (b'[{"id": 1, "data": {"a": "\xe9"}}]', "UTF-8", 26),
        (b'\xef\xbb\xbf[{"id": 1, "data": {"a": "\xe9"}}]', "UTF-8", 29),
        (b'[{"id": 1, "data": {"a": "\xed\xa0\x80"}}]', "UTF-8", 26),
        (b"7", "single value", 0),
        (b'"text"', "single value", 0),
        (b"null", "single value", 0),
        (b"[1, 2]", "task should stand here", 1),
        (b'[["id", 1]]', "task should stand here", 1),
        (b"{}", "not a Label Studio JSON export", 0),
        (b'{"images": [], "categories": [], "annotations": []}', "COCO", 0),
        (b'[{"id": 1, "image": "a", "annotator": 2, "annotation_id": 3, "updated_at": ""}]', "JSON_MIN", 1),
        (b'{"type": "FeatureCollection", "features": []}', "GeoJSON", 0),
        (b' [ {"id": 1, "result": [], "completed_by": 1}]', "single annotation", 3),
        (b'{"a": 1}', "something else", 0),
    ],
)
def test_other_files_are_named(raw: bytes, words: str, position: int) -> None:
    error = refusal(raw)
    assert words in str(error)
    assert error.position == position
    assert str(error).endswith(f"(byte {position})")
    assert str(error).startswith("<bytes>: ")
    assert error.source == "<bytes>"


@pytest.mark.skipif(not JSON_MIN.is_file(), reason="the JSON_MIN export is not here")
def test_a_real_json_min_export_is_named() -> None:
    with pytest.raises(ExportError, match=r"JSON_MIN.*choose Export, JSON") as caught:
        lesiongeo.read_label_studio(JSON_MIN)
    assert caught.value.source == JSON_MIN.name


def test_the_refusal_is_a_value_error_and_an_error_of_the_package() -> None:
    assert issubclass(ExportError, ValueError)
    assert issubclass(ExportError, LesiongeoError)


def test_the_bad_file_among_several_is_named(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(WHOLE)
    bad.write_text(WHOLE[:-1])
    with pytest.raises(ExportError, match=r"^bad\.json: .*cut off") as caught:
        lesiongeo.read_label_studio([good, bad])
    assert (caught.value.source, caught.value.position) == ("bad.json", len(WHOLE.encode()) - 1)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lesiongeo.read_label_studio(tmp_path / "absent.json")
    with pytest.raises(FileNotFoundError, match="no export in this folder"):
        lesiongeo.read_label_studio(tmp_path)


@pytest.mark.parametrize("source", [json.loads(WHOLE), [1], [None], [[b"[]"]]])
def test_parsed_json_is_no_source(source: Any) -> None:
    with pytest.raises(TypeError, match="pass paths or bytes, not parsed JSON"):
        lesiongeo.read_label_studio(source)


@pytest.mark.parametrize("source", [json.loads(WHOLE)[0], 7, None])
def test_other_objects_are_no_source(source: Any) -> None:
    with pytest.raises((TypeError, FileNotFoundError)):
        lesiongeo.read_label_studio(source)


def test_no_file_is_no_export() -> None:
    with pytest.raises(ExportError, match="no file was given"):
        lesiongeo.read_label_studio([])


# Cut off


def unfinished_token(rest: bytes) -> bool:
    """Whether this is the start of something that cannot be told before its end: a word, a number, a character."""
    try:
        text = rest.decode()
    except UnicodeDecodeError:
        return len(rest) < 4
    is_word = any(word.startswith(text) for word in ("true", "false", "null"))
    return is_word or text in {".", "e", "e+", "e-", "E", "E+", "E-"}


@pytest.mark.parametrize("whole", [WHOLE, WHOLE[1:].split(',{"id":8')[0]], ids=["list", "single task"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_a_file_that_was_cut_off_anywhere_is_refused_there(whole: str, mark: bytes) -> None:
    raw = mark + whole.encode()
    read(raw)
    early = 0
    assert "the file is empty" in str(refusal(mark))
    for end in range(len(mark) + 1, len(raw)):
        error = refusal(raw[:end])
        assert error.position is not None
        if error.position < end:
            assert unfinished_token(raw[error.position : end]), (end, str(error))
            early += 1
        else:
            assert error.position == end
            assert "cut off" in str(error), (end, str(error))
    # Inside null (3), false (4), true (3), and inside the one letter of two bytes.
    assert early == 11


@pytest.mark.parametrize(
    "tail",
    [
        "-1.5",
        "-1.5e",
        "-1.",
        "-",
        "-1.5e+",
    ],
)
def test_a_file_cut_off_in_a_number_says_so(tail: str) -> None:
    end = WHOLE.index("-1.5e+1") + len(tail)
    assert "cut off" in str(refusal(WHOLE[:end]))


# Accepted oddities


def test_a_byte_order_mark_is_no_harm() -> None:
    with_mark, plain = read(b"\xef\xbb\xbf" + WHOLE.encode()), read(WHOLE)
    assert with_mark.regions.to_arrow().equals(plain.regions.to_arrow())
    assert with_mark.tasks.equals(plain.tasks)


def test_space_anywhere_is_no_harm() -> None:
    spaced = json.dumps(json.loads(WHOLE), indent="\t").replace("\n", "\r\n ")
    assert read(f" \t{spaced}\r\n").regions.to_arrow().equals(read(WHOLE).regions.to_arrow())


def one_task(data: str = "{}", result: str = "[]", more: str = "") -> str:
    return f'[{{"id":1,"data":{data},"annotations":[{{"id":5,"completed_by":3,"result":{result}}}]{more}}}]'


def test_of_duplicate_keys_the_last_counts() -> None:
    annotations = '[{"id":5,"id":6,"completed_by":3,"result":[]}]'
    export = read(f'[{{"id":1,"id":2,"data":{{"a":1}},"data":{{"a":2,"a":3}},"annotations":{annotations}}}]')
    assert export.tasks["task_id"].to_pylist() == [2]
    assert json.loads(export.tasks["data"][0].as_py()) == {"a": 3}
    assert export.annotations["annotation_id"].to_pylist() == [6]
    twice = ENTRY.replace('"id":"r"', '"id":"q","id":"r"').replace('"points":', '"points":[[1,2]],"points":')
    rows = read(one_task(result=f"[{twice}]")).regions
    assert rows.table["region_id"].to_pylist() == ["r"]
    assert len(rows.polygons.xy) == 3


def test_two_result_lists_are_counted() -> None:
    other = ENTRY.replace('"id":"r"', '"id":"q"')
    export = read(one_task(result=f'[{ENTRY}],"result":[{other}]'))
    assert len(export.regions) in (1, 2)


def test_two_result_lists_give_rows_that_agree_with_their_count() -> None:
    export = read(one_task(result=f'[{ENTRY}],"result":[]'))
    assert export.annotations["n_regions"].to_pylist() == [len(export.regions)]


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e-400", "1" + "0" * 400, "-0", "0.0", "1E+2", "9" * 5000])
def test_numbers_of_any_size(number: str) -> None:
    entry = ENTRY.replace("20.5", number)
    export = read(one_task(f'{{"a":{number}}}', f"[{entry}]", f',"inner_id":{number}'))
    assert json.loads(export.tasks["data"][0].as_py().replace(number, "4")) == {"a": 4}
    beyond = number in ("1e400", "-1e400") or len(number) > 100
    problems = [code for code in export.problems["code"].to_pylist() if code != "outside_image"]
    # Neither a coordinate nor the number within the project (`inner_id`) can be so large.
    assert problems == (["coordinate_out_of_range", "wrong_type"] if beyond else [])
    assert len(export.regions) == (0 if beyond else 1)
    assert read(one_task(result=f"[{ENTRY}]", more=f',"id":{number}')).tasks.num_rows == 1


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "�"),
        (r"\ude00", "�"),
        (r"\ude00\ud83d", "��"),
        (r"\ud83dx", "�x"),
        (r"\ud83dA", "�A"),
        (r"\ud83d\n", "�\n"),
        (r"\ud83d\ud83d\ude00", "�😀"),
        (r"\u0000", "\0"),
        (r"\u00e9\/\"\\", 'é/"\\'),
        ("\x7f\u2028", "\x7f\u2028"),
    ],
)
def test_escapes(escaped: str, text: str) -> None:
    entry = ENTRY.replace("n\\u00e9vus \\n", escaped).replace('"id":"r"', f'"id":"{escaped}"')
    export = read(one_task(f'{{"{escaped}":"{escaped}"}}', f"[{entry}]"))
    (row,) = export.regions.table.to_pylist()
    assert (row["label"], row["region_id"]) == (text, text)
    assert json.loads(export.tasks["data"][0].as_py()) == {text: text}


@pytest.mark.parametrize("escaped", [r"\x41", r"\u12", r"\u12g4", r"\U0041", "\\", "\n", "\t", "\0", "\x1f"])
def test_wrong_escapes_are_refused(escaped: str) -> None:
    for text in (one_task(f'{{"a":"{escaped}"}}'), one_task(result=f"[{ENTRY.replace('lesion', escaped)}]")):
        assert "not JSON" in str(refusal(text))


# Depth and size


def nested(depth: int, inner: str = "1", opening: str = "[", closing: str = "]") -> str:
    return opening * depth + inner + closing * depth


@pytest.mark.parametrize("opening", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [1_000, 100_000, 1_000_000])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("place", ["file", "data", "value", "points", "label", "control", "completed_by", "unknown"])
def test_depth_bombs_are_refused(opening: str, depth: int, closed: bool, place: str) -> None:
    bomb = nested(depth, "1", opening, ("]" if opening == "[" else "}") if closed else "")
    text = {
        "file": bomb,
        "data": one_task(f'{{"a":{bomb}}}'),
        "value": one_task(result=f"[{ENTRY.replace('true', bomb)}]"),
        "points": one_task(result=f"[{ENTRY.replace('[20.5,10]', bomb)}]"),
        "label": one_task(result=f"[{ENTRY.replace(chr(34) + 'é' + chr(34), bomb)}]"),
        "control": one_task(result=f'[{{"id":"q","type":"choices","value":{{"choices":{bomb}}}}}]'),
        "completed_by": one_task().replace('"completed_by":3', f'"completed_by":{bomb}'),
        "unknown": one_task(more=f',"meta":{bomb}'),
    }[place]
    error = refusal(text)
    assert error.position is not None
    assert error.position <= len(text.encode())
    if closed and place != "file":
        assert "nested deeper than 512 levels" in str(error)


@pytest.mark.parametrize("depth", [100, 400, 500])
@pytest.mark.parametrize("leaf", ["1", '"https://h/a?b=1"'])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_below_the_limit_is_accepted(depth: int, leaf: str, opening: str, closing: str) -> None:
    export = read(one_task(f'{{"a":{nested(depth, leaf, opening, closing)}}}'))
    kept = leaf.replace("?b=1", "")
    assert export.tasks["data"][0].as_py() == f'{{"a":{nested(depth, kept, opening, closing)}}}'


def test_long_texts() -> None:
    long = "é" * 2_500_000  # 5 MB
    entry = ENTRY.replace("lesion", long).replace("n\\u00e9vus \\n", long + "\\n").replace('"id":"r"', f'"id":"{long}"')
    export = read(one_task(f'{{"{long}":"{long}"}}', f"[{entry}]", f',"{long}":1'))
    (row,) = export.regions.table.to_pylist()
    assert (row["label"], row["region_id"]) == (long + "\n", long)
    assert json.loads(export.tasks["data"][0].as_py()) == {long: long}
    cut = f'[{{"id":1,"data":{{"a":"{long}'.encode()
    assert refusal(cut).position == len(cut)


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_a_large_file_does_not_take_many_times_its_size() -> None:
    """Peak memory stays below 4 times the input and 64 MB."""
    code = """
        import resource, lesiongeo
        megabytes = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        raw = b'[{"id":1,"data":{"a":"' + b"x" * (40 << 20) + b'"},"annotations":[]}]'
        before = megabytes()
        assert lesiongeo.read_label_studio(raw).tasks.num_rows == 1
        print(megabytes() - before)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 3 * 40 + 64


# JSONTestSuite, put into places of an export that the reader treats differently

FORMS = {
    "data": '[{"id":1,"data":{"x":@},"annotations":[]}]',
    "list in data": '[{"id":1,"data":{"x":["?",@]},"annotations":[]}]',
    "unknown key": '[{"id":1,"data":{},"annotations":[],"meta":@}]',
    "task id": '[{"data":{},"annotations":[],"id":@}]',
    "annotations": '[{"id":1,"data":{},"annotations":@}]',
    "annotator": one_task().replace(":3", ":@"),
    "time": one_task().replace(":3", ':3,"created_at":@'),
    "entry": one_task(result=f"[{ENTRY},@]"),
    "region id": one_task(result=f"[{ENTRY}]").replace('"r"', "@"),
    "type": one_task(result=f"[{ENTRY}]").replace('"type":"polygonlabels"', '"type":@'),
    "width": one_task(result=f"[{ENTRY}]").replace("200", "@"),
    "value": one_task(result=f"[{ENTRY}]").replace('"value":{', '"value":{"x":@,'),
    "points": one_task(result=f"[{ENTRY}]").replace("[[10,10],[20.5,10],[20,30]]", "@"),
    "point": one_task(result=f"[{ENTRY}]").replace("[20.5,10]", "@"),
    "coordinate": one_task(result=f"[{ENTRY}]").replace("20.5", "@"),
    "labels": one_task(result=f"[{ENTRY}]").replace('["n\\u00e9vus \\n","é"]', "@"),
    "choices": one_task(result=f'[{ENTRY},{{"id":"r","type":"choices","value":{{"choices":@}}}}]'),
    "number": one_task(result=f'[{ENTRY},{{"id":"r","type":"number","value":{{"number":@}}}}]'),
    "rectangle": one_task(
        result='[{"id":"r","type":"rectangle","original_width":9,"original_height":9,"value":{"x":@}}]'
    ),
}


@functools.cache
def suite() -> list[dict[str, Any]]:
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
    for record in records:
        record["raw"] = base64.b64decode(record["b64"])
    return records


def embedded(form: str, raw: bytes) -> bytes:
    before, after = FORMS[form].encode().split(b"@")
    return before + raw + after


def refuse_constant(name: str) -> None:
    raise ValueError(name)


def is_json(raw: bytes) -> bool:
    """The verdict of the standard library, made strict; its own limit of depth stands for nesting without end."""
    try:
        json.loads(raw.decode("utf-8"), parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


needs_suite = pytest.mark.skipif(not SUITE.is_file(), reason="the JSON test suite is not here")


@needs_suite
def test_the_suite_is_whole_and_embedding_changes_no_verdict() -> None:
    """A fragment such as ``1,"a":2`` would become valid inside an object; no file of the suite does in these places."""
    counts = Counter((record["set"], record["expect"]) for record in suite())
    assert counts == {
        ("test_parsing", "accept"): 95,
        ("test_parsing", "reject"): 188,
        ("test_parsing", "either"): 35,
        ("test_transform", "inspect"): 22,
    }
    for record in suite():
        if record["expect"] in ("accept", "reject"):
            for form in FORMS:
                verdict = is_json(embedded(form, record["raw"]))
                assert verdict == (record["expect"] == "accept"), (record["name"], form)


@needs_suite
@pytest.mark.parametrize("form", FORMS)
def test_the_suite_is_judged_right(form: str) -> None:
    wrong = []
    for record in suite():
        raw = embedded(form, record["raw"])
        try:
            read(raw)
            accepted, position = True, 0
        except ExportError as error:
            accepted, position = False, error.position
        assert position is not None
        assert 0 <= position <= len(raw)
        # The others may be refused or not, but nothing else may happen.
        if record["expect"] in ("accept", "reject") and accepted != (record["expect"] == "accept"):
            wrong.append(record["name"])
    assert wrong == []


@needs_suite
def test_accepted_values_are_kept() -> None:
    for record in suite():
        if record["expect"] == "accept":
            data = read(embedded("data", record["raw"])).tasks["data"][0].as_py()
            assert json.loads(data) == {"x": json.loads(record["raw"])}, record["name"]


@needs_suite
def test_the_files_of_the_suite_themselves_never_crash_the_reader() -> None:
    for record in suite():
        is_empty = record["expect"] == "accept" and json.loads(record["raw"]) == []
        if is_empty:
            assert read(record["raw"]).tasks.num_rows == 0
        else:
            assert refusal(record["raw"]).position is not None, record["name"]


@pytest.mark.parametrize("space", [b" " * 5000, b"\n" * 300_000])
def test_a_file_of_nothing_but_space_is_empty(space: bytes) -> None:
    with pytest.raises(ExportError, match="the file is empty") as caught:
        lesiongeo.read_label_studio(space)
    assert caught.value.position == 0
    (row,) = lesiongeo.read_label_studio(space, on_error="skip").problems.to_pylist()
    assert row["code"] == "unreadable_file"
    assert row["message"] == "<bytes>: the file is empty; export again (byte 0)"
    assert row["dropped"]


def test_an_annotation_that_stands_twice_in_its_task_is_reported() -> None:
    twice = [{"id": 5, "completed_by": 1, "result": []}, {"id": 5, "completed_by": 2, "result": []}]
    tasks = [{"id": 1, "data": {}, "annotations": twice}, {"id": 2, "data": {}, "annotations": twice[:1]}]
    tasks += [{"id": 3, "data": {}, "annotations": [twice[0]], "predictions": [{"id": 5, "result": []}]}]
    text = json.dumps(tasks).encode()
    problems = lesiongeo.read_label_studio(text).problems
    found = [(row["task_id"], row["annotation_id"], row["code"]) for row in problems.to_pylist()]
    assert found == [(1, 5, "repeated_annotation")]
    assert [
        row for export in lesiongeo.scan_label_studio(text) for row in export.problems.to_pylist()
    ] == problems.to_pylist()
