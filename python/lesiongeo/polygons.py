"""Batches of outlines: ragged columns that are checked once and then trusted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from .errors import RegionError

if TYPE_CHECKING:
    from shapely import Geometry

__all__ = ["PROBLEMS", "Polygons", "PolygonsLike"]

Ragged: TypeAlias = tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int32]]
#: Per region: signed area, box, and the code of its problem where one look at the vertices tells, else 255.
Known: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]

#: Why a region is not valid, by the code of the core.
PROBLEMS: tuple[str | None, ...] = (None, "empty", "too_few_points", "zero_area", "self_overlap")
SELF_OVERLAP = PROBLEMS.index("self_overlap")


class Polygons:
    """An immutable batch of regions.

    A region is a set of oriented rings: a ring of positive signed area adds, one of negative area (a hole)
    subtracts; several positive rings are several parts, each followed by its holes. Coordinates are pixels, x to the
    right and y down; pixel (0, 0) covers [0, 1) x [0, 1). Rings are open: the first vertex is not repeated.

    Make one with `from_rings`, `from_ragged` or `from_shapely`; functions that take outlines accept what these accept.

    Attributes
    ----------
    xy : ndarray of float64, shape (n_vertices, 2)
        Vertices, ring after ring. Read-only, as the other arrays.
    ring_offsets : ndarray of int32, shape (n_rings + 1,)
        Ring r is ``xy[ring_offsets[r]:ring_offsets[r + 1]]``.
    polygon_offsets : ndarray of int32, shape (n + 1,)
        Region i has the rings ``polygon_offsets[i]`` to ``polygon_offsets[i + 1]``.

    Notes
    -----
    An outline that covers some place more than once (it crosses itself, say) is not valid and *means* its non-zero
    interior: what the annotator saw filled. Of several rings, each by its interior, a place belongs to the region where
    more outlines than holes cover it: holes subtract, parts unite, islands in holes stay. Every metric answers for
    that, and `is_valid` and `problem` say so; nothing raises. The interior is resolved at first need and kept.

    Examples
    --------
    >>> import lesiongeo as lg
    >>> square = [[0, 0], [2, 0], [2, 2], [0, 2]]
    >>> bow_tie = [[0, 0], [2, 2], [2, 0], [0, 2]]
    >>> regions = lg.Polygons.from_rings([square, bow_tie, [[0, 0], [1, 1]]])
    >>> len(regions), regions.problem
    (3, [None, 'self_overlap', 'too_few_points'])
    >>> lg.area(regions).tolist()
    [4.0, 2.0, 0.0]
    """

    __slots__ = ("__dict__", "polygon_offsets", "ring_offsets", "xy")

    xy: NDArray[np.float64]
    ring_offsets: NDArray[np.int32]
    polygon_offsets: NDArray[np.int32]

    def __init__(self) -> None:
        raise TypeError("use Polygons.from_rings, Polygons.from_ragged or Polygons.from_shapely")

    @classmethod
    def _trusted(cls, ragged: Ragged, known: Known | None = None) -> Polygons:
        """Wrap arrays that the core has made or checked, with what it has seen of each region."""
        made = object.__new__(cls)
        for array in ragged:
            array.flags.writeable = False
        made.xy, made.ring_offsets, made.polygon_offsets = ragged
        if known is not None:
            made.__dict__["_known"] = known
        return made

    @classmethod
    def from_ragged(
        cls,
        xy: ArrayLike,
        ring_offsets: ArrayLike,
        polygon_offsets: ArrayLike,
        *,
        roles: Literal["polygon", "oriented"] = "polygon",
    ) -> Polygons:
        """Make a batch from ragged arrays, as `shapely.to_ragged_array` and GeoArrow have them.

        Parameters
        ----------
        xy : array_like of real numbers, shape (n_vertices, 2)
            Vertices in pixels. Closed and open rings are both fine.
        ring_offsets : array_like of int, shape (n_rings + 1,)
            Where each ring starts in `xy`, and the end of the last.
        polygon_offsets : array_like of int, shape (n + 1,)
            Where each region starts in the rings, and the end of the last.
        roles : {"polygon", "oriented"}, default "polygon"
            "polygon": the first ring of a region is its outline and the others are holes, whichever way
            they run. "oriented": the sign of a ring's area is its role, so a region can have several parts.

        Returns
        -------
        Polygons
            A checked copy, O(n_vertices).

        Raises
        ------
        RegionError
            Offsets that do not start at 0, run backwards or do not end at the length of what they point into;
            coordinates that are NaN, infinite or above 1e150; arrays of another shape or type. Row and ring are named.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> square = lg.Polygons.from_ragged([[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]], [0, 5], [0, 1])
        >>> square.to_rings()[0][0].tolist()
        [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]
        """
        if roles not in ("polygon", "oriented"):
            raise ValueError(f"roles is {roles!r}; it is 'polygon' or 'oriented'")
        return cls._ingest(xy, ring_offsets, None, polygon_offsets, oriented=roles == "oriented")

    @classmethod
    def _ingest(
        cls, xy: ArrayLike, rings: ArrayLike, parts: ArrayLike | None, polygons: ArrayLike, *, oriented: bool
    ) -> Polygons:
        part_offsets = None if parts is None else _offsets("part_offsets", parts)
        return cls._trusted(
            *_core.ingest(
                _vertices(xy),
                _offsets("ring_offsets", rings),
                part_offsets,
                _offsets("polygon_offsets", polygons),
                oriented=oriented,
            )
        )

    @classmethod
    def from_rings(cls, regions: Iterable[Any]) -> Polygons:
        """Make a batch from lists of vertices.

        Parameters
        ----------
        regions : iterable
            Per region either one outline, an array_like of shape (n, 2), or a sequence of such: the outline
            first, then its holes. The direction in which they are drawn means nothing. An empty sequence is an empty
            region.

        Returns
        -------
        Polygons
            A checked copy, O(n_vertices).

        Raises
        ------
        RegionError
            Where a region is no list of points or has unusable coordinates; the row is named.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> outline, hole = [[0, 0], [4, 0], [4, 4], [0, 4]], [[1, 1], [2, 1], [2, 2], [1, 2]]
        >>> lg.area(lg.Polygons.from_rings([outline, [outline, hole]])).tolist()
        [16.0, 15.0]
        """
        vertices: list[NDArray[np.float64]] = []
        ring_ends, region_ends = [0], [0]
        for row, region in enumerate(regions):
            for ring, points in enumerate(_rings_of(row, region)):
                vertices.append(_ring(row, ring, points))
                ring_ends.append(ring_ends[-1] + len(vertices[-1]))
            region_ends.append(len(ring_ends) - 1)
        xy = np.concatenate(vertices) if vertices else np.empty((0, 2))
        return cls._ingest(xy, ring_ends, None, region_ends, oriented=False)

    @classmethod
    def from_shapely(cls, geometries: Any) -> Polygons:
        """Make a batch from shapely polygons and multipolygons.

        Parameters
        ----------
        geometries : Geometry, sequence or array of Geometry, or GeoSeries
            Polygons and MultiPolygons; ``None`` and empty geometries become empty regions.

        Returns
        -------
        Polygons
            One region per geometry, in order. A third coordinate is dropped. O(n_vertices).

        Raises
        ------
        RegionError
            If a geometry is neither polygon nor multipolygon; the row is named.

        Examples
        --------
        >>> import lesiongeo as lg, shapely
        >>> boxes = shapely.box([0, 1], [0, 1], [2, 4], [2, 4])
        >>> lg.area(lg.Polygons.from_shapely(boxes)).tolist()
        [4.0, 9.0]
        """
        import shapely

        array = np.atleast_1d(np.asarray(geometries, dtype=object))
        if array.ndim != 1:
            raise RegionError(f"geometries have {array.ndim} dimensions; pass a flat sequence")
        array = array.copy()
        array[shapely.is_missing(array)] = shapely.MultiPolygon()
        kinds = shapely.get_type_id(array)
        wrong = np.flatnonzero(~np.isin(kinds, (3, 6)))
        if wrong.size:
            row = int(wrong[0])
            name = type(array[row]).__name__
            raise RegionError(f"region {row} is a {name}; only Polygon and MultiPolygon have an area", row=row)
        # One multipolygon among them gives all of them the third level, so that one path serves every mix.
        kind, xy, offsets = shapely.to_ragged_array([*array, shapely.MultiPolygon()], include_z=False)
        if kind != shapely.GeometryType.MULTIPOLYGON:
            raise RegionError(f"shapely returned {kind} for polygons; please report it")
        ring_offsets, part_offsets, polygon_offsets = offsets
        return cls._ingest(xy, ring_offsets, part_offsets, polygon_offsets[:-1], oriented=False)

    def to_ragged(self) -> Ragged:
        """Return `xy`, `ring_offsets` and `polygon_offsets`; nothing is copied.

        Returns
        -------
        tuple of three ndarrays
            Read-only arrays that `from_ragged` takes back with ``roles="oriented"``.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> lg.Polygons.from_rings([[[0, 0], [1, 0], [0, 1]]]).to_ragged()[1].tolist()
        [0, 3]
        """
        return self.xy, self.ring_offsets, self.polygon_offsets

    def to_rings(self) -> list[list[NDArray[np.float64]]]:
        """Return the rings of each region as a list of arrays of shape (n, 2).

        Returns
        -------
        list of list of ndarray
            Oriented open rings, views on `xy`.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> [len(rings) for rings in lg.Polygons.from_rings([[[0, 0], [1, 0], [0, 1]], []]).to_rings()]
        [1, 0]
        """
        rings = np.split(self.xy, self.ring_offsets[1:-1]) if len(self.ring_offsets) > 1 else []
        ends = self.polygon_offsets.tolist()
        return [rings[start:stop] for start, stop in pairwise(ends)]

    def to_shapely(self) -> NDArray[np.object_]:
        """Return shapely geometries: a Polygon per region, a MultiPolygon where it has several parts.

        Returns
        -------
        ndarray of shapely.Geometry, shape (n,)
            As drawn: self-overlapping outlines stay so. Regions that shapely cannot hold (a ring below three vertices)
            become an empty Polygon.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> lg.Polygons.from_rings([[[0, 0], [1, 0], [0, 1]]]).to_shapely()[0].area
        0.5
        """
        import shapely

        made: list[shapely.Polygon | shapely.MultiPolygon] = []
        for rings in self.to_rings():
            parts: list[tuple[NDArray[np.float64], list[NDArray[np.float64]]]] = []
            for ring in rings:
                if len(ring) < 3:
                    continue
                if parts and _signed_area(ring) < 0:
                    parts[-1][1].append(ring)
                else:
                    parts.append((ring, []))
            shapes = [shapely.Polygon(outline, holes) for outline, holes in parts]
            made.append(shapes[0] if len(shapes) == 1 else shapely.MultiPolygon(shapes))
        empty = [shapely.Polygon() if shape.is_empty else shape for shape in made]
        array = np.empty(len(empty), dtype=object)
        array[:] = empty
        return array

    def take(self, rows: ArrayLike) -> Polygons:
        """Return the regions at these rows, in that order.

        Parameters
        ----------
        rows : array_like of int or of bool
            Rows, negative ones counted from the end; or a mask of length n.

        Returns
        -------
        Polygons
            A copy, O(vertices taken).

        Raises
        ------
        IndexError
            If a row is outside the batch.

        Examples
        --------
        >>> import lesiongeo as lg
        >>> squares = lg.Polygons.from_rings([[[0, 0], [s, 0], [s, s], [0, s]] for s in (1, 2, 3)])
        >>> lg.area(squares.take([2, 0])).tolist()
        [9.0, 1.0]
        """
        chosen = np.arange(len(self))[np.asarray(rows if np.size(rows) else np.empty(0, dtype=np.int64))]
        ring_rows, polygon_offsets = _gather(self.polygon_offsets, chosen)
        vertex_rows, ring_offsets = _gather(self.ring_offsets, ring_rows)
        return Polygons._trusted((np.ascontiguousarray(self.xy[vertex_rows]), ring_offsets, polygon_offsets))

    @property
    def is_valid(self) -> NDArray[np.bool_]:
        """Whether each region covers every place at most once and has an area; bool, shape (n,)."""
        return np.equal(self._verdicts(), 0)

    @property
    def problem(self) -> list[str | None]:
        """Why a region is not valid: "empty", "too_few_points", "zero_area", "self_overlap", else None."""
        return [PROBLEMS[code] for code in self._verdicts().tolist()]

    @property
    def _is_judged(self) -> bool:
        return "_judged" in self.__dict__

    def _survey(self, threads: int | None) -> Known:
        """What one look at each region tells; kept."""
        _core.num_threads(threads)  # a wrong number is told even where there is nothing left to do
        known: Known | None = self.__dict__.get("_known")
        if known is None:
            known = self.__dict__["_known"] = _core.survey(self.to_ragged(), threads=threads)
        return known

    def _verdicts(self, threads: int | None = None, known: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Codes of the problems; kept. `known` are the codes where a kernel has judged already."""
        seen = self._survey(threads)[2]
        judged: NDArray[np.uint8] | None = self.__dict__.get("_judged")
        if judged is None:
            judged = seen if known is None else known
            if judged.any():
                judged = _core.judge(self.to_ragged(), verdicts=judged, threads=threads)
            self.__dict__["_judged"] = judged
        return judged

    def _interior(self, threads: int | None = None) -> Ragged:
        """Arrays of what the regions mean: those that overlap themselves by their non-zero interior; kept.

        They are another copy of all outlines, so they are made when they are measured and not when they are read.
        """
        codes = self._verdicts(threads)
        interior: Ragged | None = self.__dict__.get("_mended")
        if interior is None:
            mended = _core.mend(self.to_ragged(), codes, threads=threads)
            interior = self.to_ragged() if mended is None else Polygons._trusted(mended).to_ragged()
            self.__dict__["_mended"] = interior
        return interior

    def _interior_known(self, threads: int | None = None) -> Known:
        """What one look at the interiors tells; kept."""
        interior = self._interior(threads)
        known: Known | None = self.__dict__.get("_known_interior")
        if known is None:
            known = self._survey(threads)
            if interior[0] is not self.xy:
                # Only what was replaced has changed.
                wrong = np.flatnonzero(self._verdicts(threads) == SELF_OVERLAP)
                areas, boxes, codes = known[0].copy(), known[1].copy(), known[2].copy()
                replaced = Polygons._trusted(interior).take(wrong)
                areas[wrong], boxes[wrong], codes[wrong] = _core.survey(replaced.to_ragged(), threads=threads)
                known = areas, boxes, codes
            self.__dict__["_known_interior"] = known
        return known

    def _areas(self, threads: int | None = None) -> NDArray[np.float64]:
        """Areas of the interiors; a copy."""
        # Adding 0 makes -0 a 0.
        return np.maximum(self._interior_known(threads)[0], 0.0) + 0.0

    def _boxes(self, threads: int | None = None) -> NDArray[np.float64]:
        """Smallest and largest x and y of what was drawn, NaN where there is no vertex; a copy."""
        boxes = self._survey(threads)[1].copy()
        boxes[np.isinf(boxes)] = np.nan
        return boxes

    def __len__(self) -> int:
        return len(self.polygon_offsets) - 1

    @overload
    def __getitem__(self, rows: int) -> list[NDArray[np.float64]]: ...
    @overload
    def __getitem__(self, rows: slice | Sequence[int] | NDArray[Any]) -> Polygons: ...
    def __getitem__(self, rows: int | slice | Sequence[int] | NDArray[Any]) -> Polygons | list[NDArray[np.float64]]:
        """Return the rings of one region, or the regions of a slice, list or mask."""
        if isinstance(rows, int | np.integer):
            return self.take([rows]).to_rings()[0]
        return self.take(np.arange(len(self))[rows] if isinstance(rows, slice) else rows)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same rings, to the bit."""
        if not isinstance(other, Polygons):
            return NotImplemented
        pairs = zip(self.to_ragged(), other.to_ragged(), strict=True)
        return all(bool(np.array_equal(np.asarray(mine), np.asarray(theirs))) for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<Polygons: {len(self)} regions, {len(self.ring_offsets) - 1} rings, {len(self.xy)} vertices>"


PolygonsLike: TypeAlias = "Polygons | Sequence[Any] | NDArray[np.object_] | Geometry"


def as_polygons(outlines: Any) -> Polygons:
    """Accept what the metrics accept: `Polygons`, shapely geometries, or lists of rings."""
    if isinstance(outlines, Polygons):
        return outlines
    polygons = getattr(outlines, "polygons", None)
    if isinstance(polygons, Polygons):
        return polygons
    if type(outlines).__module__.split(".")[0] in ("shapely", "geopandas"):
        return Polygons.from_shapely(outlines)
    if isinstance(outlines, np.ndarray) and outlines.dtype != object and outlines.ndim == 2:
        raise RegionError(
            f"one array of shape {outlines.shape} is one outline, not a batch of outlines; pass a list: [outline]"
        )
    if not isinstance(outlines, Iterable) or isinstance(outlines, str | bytes):
        raise RegionError(f"{type(outlines).__name__} is no batch of outlines; pass Polygons or a list of rings")
    listed = list(outlines)
    if any(type(item).__module__.split(".")[0] == "shapely" for item in listed[:8]):
        return Polygons.from_shapely(listed)
    return Polygons.from_rings(listed)


def _vertices(xy: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.asarray(xy)
    except ValueError as error:
        raise RegionError(f"xy is no array of numbers ({error}); pass shape (n, 2)") from error
    if array.size == 0:
        array = array.reshape(-1, 2) if array.ndim != 2 else array
    if array.ndim != 2 or array.shape[1] != 2:
        raise RegionError(f"xy has shape {array.shape}; it needs (n, 2): one row per vertex, x and y")
    if array.dtype.kind not in "iuf":
        raise RegionError(f"xy has dtype {array.dtype}; it needs real numbers, as float64")
    # Copies only where type, layout or alignment differ from what the core reads.
    return np.require(array, np.float64, ["C", "A"])


def _offsets(name: str, values: ArrayLike) -> NDArray[np.int32]:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise RegionError(f"{name} is no list of whole numbers ({error})") from error
    if array.ndim != 1:
        raise RegionError(f"{name} has shape {array.shape}; it needs one dimension")
    if array.dtype.kind not in "iu" and array.size:
        raise RegionError(f"{name} has dtype {array.dtype}; it needs whole numbers, as int32")
    if array.size and (array.min() < -(2**31) or array.max() >= 2**31):
        raise RegionError(f"{name} goes to {array.max()}, beyond 32-bit offsets; split the batch")
    return np.require(array, np.int32, ["C", "A"])


def _rings_of(row: int, region: Any) -> list[Any]:
    """Tell one outline from a list of rings by the depth of nesting."""
    if isinstance(region, np.ndarray) and region.dtype != object:
        return [region] if region.ndim == 2 else list(region)
    try:
        rings = list(region)
    except TypeError as error:
        raise RegionError(f"region {row} is a {type(region).__name__}, no list of points", row=row) from error
    if not rings:
        return []
    first = rings[0]
    is_point = np.ndim(first) == 1 if not isinstance(first, str) else True
    return [rings] if is_point and np.size(first) == 2 else rings


def _ring(row: int, ring: int, points: Any) -> NDArray[np.float64]:
    try:
        array = np.asarray(points)
        if array.size == 0:
            return np.empty((0, 2))
        if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iuf":
            raise ValueError(f"shape {array.shape}, dtype {array.dtype}")
        return array.astype(np.float64, copy=False)
    except (ValueError, TypeError) as error:
        message = f"region {row}, ring {ring} is no list of points ({error}); pass shape (n, 2)"
        raise RegionError(message, row=row, ring=ring) from error


def _signed_area(ring: NDArray[np.float64]) -> float:
    x, y = (ring - ring[0]).T
    return float(0.5 * (np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def _gather(offsets: NDArray[np.int32], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the entries that the rows point at, one after another, and the offsets of the rows among them."""
    starts, counts = offsets[:-1][rows].astype(np.int64), np.diff(offsets)[rows].astype(np.int64)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    if total >= 2**31:
        raise RegionError(f"{total} entries do not fit 32-bit offsets; take fewer rows at a time")
    entries = np.repeat(starts - (ends - counts), counts) + np.arange(total)
    return entries, np.concatenate(([0], ends)).astype(np.int32)
