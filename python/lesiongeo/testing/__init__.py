"""Seeded, plausible synthetic data for tests, benchmarks and examples.

Everything here is invented: no image, no person and no measurement stands behind it. The same arguments
give the same data, and the truth behind every drawn outline is known, so a result can be checked against it.

- `make_export` (or `iter_export`, one task at a time) gives a Label Studio default JSON export: one task per
  patient, one page per visit, several annotators with their own habits (`Annotator`).
- `Habit` gives one of them a habit from some week on, for searches that have to find it.
- `make_courses` gives an export in which every lesion takes a known course, with the truth: `Event` says what happens,
  `Camera` how the camera moves.
- `make_truth` gives the lesions those annotators looked at.
- `make_outlines` gives pairs of outlines as ragged arrays, fast enough for benchmarks.
- `write_export` and ``python -m lesiongeo.testing OUT.json`` write a file; `LABELING_CONFIG` is the labeling
  configuration that fits it.

Only numpy is needed.

Examples
--------
>>> from lesiongeo.testing import make_export
>>> tasks = make_export(patients=2, visits=3, annotators=2, seed=1)
>>> [task["data"]["patient_id"] for task in tasks]
['P0001', 'P0002']
>>> len(tasks[0]["data"]["images"])
3
"""

from .annotators import Annotator, default_annotators
from .config import LABELING_CONFIG
from .course_writer import TrueRegion
from .courses import COURSES_CONFIG, Courses, make_courses
from .events import EVENT_KINDS, Event
from .export import iter_export, make_export, write_export
from .habits import HABIT_KINDS, Habit
from .outlines import OUTLINE_KINDS, Ragged, make_outlines
from .scenes import Camera, TrueCourse, TrueVisit
from .truth import LABELS, STATUSES, TrueLesion, make_truth

__all__ = [
    "COURSES_CONFIG",
    "EVENT_KINDS",
    "HABIT_KINDS",
    "LABELING_CONFIG",
    "LABELS",
    "OUTLINE_KINDS",
    "STATUSES",
    "Annotator",
    "Camera",
    "Courses",
    "Event",
    "Habit",
    "Ragged",
    "TrueCourse",
    "TrueLesion",
    "TrueRegion",
    "TrueVisit",
    "default_annotators",
    "iter_export",
    "make_courses",
    "make_export",
    "make_outlines",
    "make_truth",
    "write_export",
]
