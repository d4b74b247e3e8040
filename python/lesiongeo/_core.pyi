from collections.abc import Callable, Sequence
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

_F64 = NDArray[np.float64]
_I32 = NDArray[np.int32]
_I64 = NDArray[np.int64]
_U8 = NDArray[np.uint8]
_Bool = NDArray[np.bool_]
_Ragged = tuple[_F64, _I32, _I32]
_Known = tuple[_F64, _F64, _U8]
_Progress = Callable[[int, int], object]

__all__ = [
    "LabelStudioReader",
    "__version__",
    "area",
    "bounds",
    "build_profile",
    "centroid",
    "clip_groups",
    "clip_pairs",
    "defects_of",
    "disputed_area",
    "feret",
    "group_lesions",
    "hausdorff",
    "hausdorff_witnesses",
    "ingest",
    "iou_pairs",
    "judge",
    "link_visits",
    "match_pages",
    "mean_radii",
    "mend",
    "multipolygons",
    "num_threads",
    "overlap",
    "panic_for_tests",
    "perimeter",
    "set_num_threads",
    "shape",
    "surface_distances",
    "survey",
]

__version__: Final[str]
build_profile: Final[str]

def set_num_threads(threads: int | None) -> None: ...
def num_threads(threads: int | None = None) -> int: ...
def panic_for_tests(*, threads: int) -> None: ...
def ingest(
    xy: _F64, ring_offsets: _I32, part_offsets: _I32 | None, polygon_offsets: _I32, *, oriented: bool
) -> tuple[_Ragged, _Known]: ...
def survey(polygons: _Ragged, *, threads: int | None = None) -> _Known: ...
def judge(polygons: _Ragged, *, verdicts: _U8 | None = None, threads: int | None = None) -> _U8: ...
def mend(polygons: _Ragged, verdicts: _U8, *, threads: int | None = None) -> _Ragged | None: ...
def multipolygons(polygons: _Ragged) -> tuple[list[_F64], list[_I32]]: ...
def area(polygons: _Ragged, *, threads: int | None = None) -> _F64: ...
def perimeter(polygons: _Ragged, scale: tuple[float, float], *, threads: int | None = None) -> _F64: ...
def centroid(polygons: _Ragged, *, threads: int | None = None) -> _F64: ...
def bounds(polygons: _Ragged, *, threads: int | None = None) -> _F64: ...
def overlap(
    a: _Ragged,
    b: _Ragged,
    index_a: _I64 | None = None,
    index_b: _I64 | None = None,
    *,
    known_a: _Known,
    known_b: _Known,
    kind: str,
    judge: bool = False,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> tuple[_F64, _U8, _U8]: ...
def clip_pairs(a: _Ragged, b: _Ragged, *, kind: str, threads: int | None = None) -> _Ragged: ...
def clip_groups(
    polygons: _Ragged, order: _I64, starts: _I64, *, kind: str, min_votes: int = 0, threads: int | None = None
) -> _Ragged: ...
def disputed_area(polygons: _Ragged, order: _I64, starts: _I64, *, threads: int | None = None) -> _F64: ...
def defects_of(
    polygons: _Ragged, verdicts: _U8, *, threads: int | None = None
) -> tuple[_U8, _I64, _I64, _F64, _F64]: ...
def hausdorff(
    a: _Ragged,
    b: _Ragged,
    index_a: _I64 | None = None,
    index_b: _I64 | None = None,
    *,
    directed: bool,
    vertices_only: bool,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> _F64: ...
def shape(polygons: _Ragged, scale: tuple[float, float], *, threads: int | None = None) -> list[_F64]: ...
def feret(polygons: _Ragged, *, threads: int | None = None) -> list[_F64]: ...
def mean_radii(
    polygons: _Ragged,
    order: _I64,
    starts: _I64,
    origins: _F64,
    rotations: _F64,
    scales: _F64,
    *,
    n_angles: int,
    threads: int | None = None,
) -> _F64: ...
def hausdorff_witnesses(
    a: _Ragged,
    b: _Ragged,
    index_a: _I64 | None = None,
    index_b: _I64 | None = None,
    *,
    directed: bool,
    vertices_only: bool,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> tuple[_F64, _F64, _F64, _Bool]: ...
def iou_pairs(
    a: _Ragged,
    b: _Ragged,
    groups_a: _I64,
    groups_b: _I64,
    *,
    min_iou: float,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> tuple[_I64, _I64, _F64]: ...
def match_pages(
    polygons: _Ragged,
    labels: _I32,
    order: NDArray[np.uint32],
    pages: _I64,
    *,
    gate: float,
    conflict_gate: float,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> tuple[_I64, _I64, _I64, _U8, _F64, _F64]: ...
def group_lesions(annotators: _I64, a: _I64, b: _I64, iou: _F64) -> _I64: ...
def link_visits(
    xy: _F64,
    log_area: _F64,
    label: _I64,
    id: _I64,  # noqa: A002
    pages: _I64,
    per_px: _F64,
    field: _F64,
    zoom_most: _F64,
    *,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> tuple[tuple[_U8, _U8, _F64, _I64, _I64, _F64], list[_I64], _Bool, list[_F64]]: ...

@final
class LabelStudioReader:
    def __new__(
        cls,
        sources: Sequence[tuple[str, bytes | str | Callable[[], Any]]],
        *,
        window_bytes: int,
        on_error: str = "raise",
    ) -> LabelStudioReader: ...
    @property
    def bytes_read(self) -> int: ...
    def read_window(
        self, *, threads: int | None = None, progress: _Progress | None = None
    ) -> dict[str, Any] | None: ...
    def read_all(self, *, threads: int | None = None, progress: _Progress | None = None) -> dict[str, Any]: ...

def surface_distances(
    a: _Ragged,
    b: _Ragged,
    index_a: _I64 | None = None,
    index_b: _I64 | None = None,
    *,
    percentile: float | None = None,
    pooled: bool = False,
    tolerance: float | None = None,
    offset: bool = False,
    hausdorff: bool = False,
    threads: int | None = None,
    progress: _Progress | None = None,
) -> _F64: ...
