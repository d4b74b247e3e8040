"""Rows whose track id may be that of another lesion."""

import json

import pytest

import lesiongeo as lg
from lesiongeo.testing import Event, make_courses


@pytest.mark.parametrize("by", ["lesion", "annotator"])
def test_rows_of_exchanged_ids_say_so(by: str) -> None:
    """Everybody exchanges two ids on the second of four visits: that change and the next one are of two lesions."""
    events = [Event("swap_ids", patient=1, lesion=1, other=2, visit=1)]
    made = make_courses(patients=6, visits=4, annotators=2, lesions=(4, 4), events=events, seed=5, noise=0.02)
    export = lg.read_label_studio(
        json.dumps(made.tasks).encode(), patient="patient_id", day_offset="visit_offsets_days"
    )
    found = lg.tracks(export, by=by)  # type: ignore[arg-type]
    doubtful = [row for row in found.table.to_pylist() if row["id_doubt"] is not None]
    patient = made.tasks[0]["data"]["patient_id"]
    assert {(row["patient"], row["track_id"], row["visit"], row["id_doubt"]) for row in doubtful} == {
        (patient, track, visit, "id_swap") for track in ("1", "2") for visit in (1, 2)
    }
    about = [row for row in found.conflicts.to_pylist() if row["id_doubt"] is not None]
    assert all("track id may be another lesion's (id_swap)" in row["message"] for row in about)


def test_nothing_is_doubted_without_a_finding() -> None:
    """On clean patients."""
    made = make_courses(patients=6, visits=3, annotators=2, lesions=(3, 3), seed=6)
    found = lg.tracks(lg.read_label_studio(json.dumps(made.tasks).encode(), patient="patient_id"))
    assert found.table["id_doubt"].null_count == found.table.num_rows > 0
