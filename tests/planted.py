"""An export with planted secrets, and a search for them in every byte of what a command left behind."""

from __future__ import annotations

import copy
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

import lesiongeo as lg
from lesiongeo.testing import make_export

KEY = "correct horse battery staple 4711"
#: By what leaves them out.
NOTES = ("Quillfeather", "zz-meta-zz", "zz-task-zz", "zz-draft-zz")
PATIENTS = ("Wolpertinger", "wolpertinger", "MRN-90417", "90417")
ANNOTATORS = ("anna.secret", "example-clinic", "774411", "774412", "774413")
#: Dates of visits (2019), of the data, and of annotations (2031); and their bare days in the names of images.
DATES = ("2019-", "2019/", "2031-", "_2019", "1957-")
#: Leave with none of the options.
FIELDS = ("zz-field-zz", "zz-nested-zz", "Amz-Signature", "zz-query-zz", "zz-file-zz")
PERSON = {1: 774411, 2: 774412, 3: 774413}


def planted(patients: int = 6) -> list[dict[str, Any]]:
    """Tasks of three annotators on three visits, with a secret wherever something can be written."""
    tasks = copy.deepcopy(make_export(patients=patients, visits=3, annotators=3, lesions=(2, 4), seed=5))
    for number, task in enumerate(tasks):
        days = [f"2019-0{1 + 2 * page}-1{number}" for page in range(3)]
        task["data"] = {
            "patient_id": f"MRN-90417{number}",
            "patient_name": "Jane Wolpertinger",
            "date_of_birth": "1957-03-0" + str(1 + number),
            "images": [
                f"https://images.example.org/wolpertinger_{day.replace('-', '')}/{number}-{page}.jpg"
                "?X-Amz-Signature=zz-query-zz"
                for page, day in enumerate(days)
            ],
            "visit_dates": days,
            "spacing_mm": [0.05, 0.05, 0.05],
            "remark": "zz-field-zz",
            "nested": [{"deep": "zz-nested-zz"}],
        }
        for annotation in task["annotations"]:
            who = PERSON[annotation["completed_by"]]
            annotation["completed_by"] = {"id": who, "email": f"anna.secret{who}@example-clinic.org"}
            annotation["created_at"] = annotation["created_at"].replace("2026-", "2031-")
            annotation["updated_at"] = annotation["updated_at"].replace("2026-", "2031-")
            entries = annotation["result"]
            if entries:
                common = {key: entries[0][key] for key in ("original_width", "original_height", "image_rotation")}
                region = entries[0]["id"]
                own = {**common, "id": region, "item_index": entries[0]["item_index"], "to_name": "photo"}
                entries[0]["meta"] = {"text": ["zz-meta-zz, seen 2019-03-10"]}
                entries.append(
                    {
                        **own,
                        "from_name": "notes",
                        "type": "textarea",
                        "value": {"text": ["Dr. Ada Quillfeather, 2019-03-10"]},
                    }
                )
                entries.append({**own, "from_name": "excised", "type": "datetime", "value": {"datetime": "2019-04-11"}})
                entries.append(
                    {
                        "id": "remark-0",
                        "from_name": "remarks",
                        "to_name": "photo",
                        "type": "textarea",
                        "value": {"text": ["zz-task-zz"]},
                    }
                )
                entries.append(
                    {
                        "id": "seen-0",
                        "from_name": "seen",
                        "to_name": "photo",
                        "type": "datetime",
                        "value": {"datetime": "2019-04-12"},
                    }
                )
        task["predictions"] = [
            {
                "id": 9000 + number,
                "model_version": "annotator 774411",
                "result": [],
                "created_at": "2031-02-02T10:00:00Z",
            }
        ]
    # What cannot be used is reported, with its value.
    tasks[0]["data"]["visit_dates"][1] = "2019/13/45"
    tasks[1]["data"]["visit_dates"] = tasks[1]["data"]["visit_dates"][::-1]
    tasks[1]["annotations"][0]["created_at"] = "around 2031-05"
    if patients < 3:
        return tasks
    tasks[2]["annotations"].append({**copy.deepcopy(tasks[2]["annotations"][0]), "id": 8800})
    tasks[2]["annotations"][-1]["updated_at"] = "2031-01-01T00:00:00Z"
    return tasks


def save_planted(folder: Path, *, patients: int = 6) -> Path:
    """Write it to a file whose name holds a secret too."""
    path = folder / "wolpertinger_2019-03_zz-file-zz.json"
    path.write_text(json.dumps(planted(patients)), encoding="utf-8")
    return path


def every_text(path: Path) -> str:
    """Everything that a file says: its bytes, and of Parquet what is compressed within them."""
    data = path.read_bytes()
    parts = [data.decode("utf-8", "replace")]
    if data[:2] == b"\x1f\x8b":
        parts.append(gzip.decompress(data).decode("utf-8", "replace"))
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        parts += [_said(table), str(pq.read_metadata(path).metadata), _plain(table)]
        if b"lesiongeo" in (pq.read_metadata(path).metadata or {}):
            export = lg.read_parquet(path)
            names = ("annotations", "answers", "relations", "tasks", "pages", "controls", "problems")
            tables = [getattr(export, name) for name in names]
            parts += [_said(one) for one in tables] + [_plain(one) for one in tables]
    return "\n".join(parts)


def _said(table: pa.Table) -> str:
    """Values as text, so that dates are found too; without coordinates."""
    rows = table.drop_columns([name for name in ("geometry",) if name in table.column_names]).to_pylist()
    return "\n".join(str(value) for row in rows for value in row.values() if not isinstance(value, float))


def _plain(table: pa.Table) -> str:
    """The buffers without compression: also dictionaries with entries that no row has."""
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().decode("utf-8", "replace")


def leaks(text: str, secrets: tuple[str, ...]) -> list[str]:
    """Secrets that stand in a text."""
    # Digits of a longer number or decimals are chance.
    return [one for one in secrets if one in text and re.search(rf"(?<![0-9.]){re.escape(one)}", text)]
