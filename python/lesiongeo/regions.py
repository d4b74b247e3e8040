"""Regions: outlines with the columns that say whose, where and what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from .arrow import geometry_column, geometry_field
from .errors import RegionError
from .polygons import Polygons

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

__all__ = ["FIXED", "RESERVED", "WITHOUT_INTERIOR", "Regions", "column_of", "has_interior"]

#: Columns of a region that are no answers of the annotator.
FIXED = frozenset(
    "task_id page image width height annotation_id annotator region_id kind from_name label labels score origin "
    "readonly parent_id meta_text source ground_truth cancelled created_at updated_at lead_time_s valid problem".split()
)
#: Names that controls cannot have in tables: they stand for something else there, or beside it.
RESERVED = FIXED | frozenset(
    "annotation area_mm2 area_px2 centroid_x_px centroid_y_px disagreement_mm2 disagreement_px2 disagreement_share "
    "geometry iou_mean label_votes lesion max_x_px max_y_px method min_x_px min_y_px n_annotators n_drawn perimeter_mm "
    "perimeter_px reason region spacing_x_mm spacing_y_mm votes_needed".split()
)
#: Kinds without an interior: a position, an open path.
WITHOUT_INTERIOR = ("keypoint", "line")


def has_interior(table: pa.Table) -> NDArray[np.bool_]:
    """Say of each region whether its kind has an interior; without a column `kind` all have."""
    if "kind" not in table.column_names:
        return np.ones(table.num_rows, dtype=np.bool_)
    return ~np.asarray(pc.is_in(table["kind"], pa.array(WITHOUT_INTERIOR, table["kind"].type)))


def column_of(control: str) -> str:
    """Name the column of a control: its own name, with `control_` before it where a column of ours is called so.

    No two controls get one column: a name that looks like such a replacement gets the prefix too.
    """
    bare = control
    while bare.startswith("control_"):
        bare = bare.removeprefix("control_")
    return f"control_{control}" if bare in RESERVED else control


class Regions:
    """Outlines and one row of columns for each.

    Attributes
    ----------
    polygons : Polygons
        The outlines, in pixels.
    table : pyarrow.Table
        As many rows, without the outlines. For what is in it see `read_label_studio`.

    Notes
    -----
    Leaves as Arrow with the outlines as a GeoArrow column (``pa.table(regions)``, ``polars.DataFrame(regions)``,
    DuckDB), or through `to_arrow`, `to_pandas`, `to_polars`.

    Examples
    --------
    >>> import lesiongeo as lg, pyarrow as pa
    >>> triangle = lg.Polygons.from_rings([[[0, 0], [4, 0], [0, 3]]])
    >>> regions = lg.Regions(triangle, pa.table({"label": ["nevus"]}))
    >>> len(regions), regions.to_arrow().column_names
    (1, ['label', 'geometry'])
    """

    __slots__ = ("polygons", "table")

    def __init__(self, polygons: Polygons, table: pa.Table) -> None:
        if len(polygons) != table.num_rows:
            raise RegionError(f"{len(polygons)} outlines but {table.num_rows} rows; they must go together")
        self.polygons = polygons
        self.table = table

    def __len__(self) -> int:
        return len(self.polygons)

    def __repr__(self) -> str:
        """Say how much there is."""
        return f"<Regions: {len(self)} regions, columns {', '.join(self.table.column_names)}>"

    def take(self, rows: ArrayLike) -> Regions:
        """Return the regions at these rows, in that order.

        Parameters
        ----------
        rows : array_like of int or of bool
            Rows, or a mask of one entry per region.

        Returns
        -------
        Regions
            A copy.

        Raises
        ------
        IndexError
            If a row is outside.

        Examples
        --------
        >>> import lesiongeo as lg, pyarrow as pa
        >>> squares = lg.Polygons.from_rings([[[0, 0], [s, 0], [s, s]] for s in (1, 2)])
        >>> lg.Regions(squares, pa.table({"label": ["a", "b"]})).take([1]).table["label"].to_pylist()
        ['b']
        """
        chosen = np.arange(len(self))[np.asarray(rows if np.size(rows) else np.empty(0, dtype=np.int64))]
        return Regions(self.polygons.take(chosen), self.table.take(pa.array(chosen)))

    def to_arrow(self) -> pa.Table:
        """Return the table with the outlines as its last column, `geometry`.

        Returns
        -------
        pyarrow.Table
            `geometry` is GeoArrow multipolygon (lists of x/y structs), rings closed, in pixels.

        Examples
        --------
        >>> import lesiongeo as lg, pyarrow as pa
        >>> regions = lg.Regions(lg.Polygons.from_rings([[[0, 0], [4, 0], [0, 3]]]), pa.table({"label": ["a"]}))
        >>> len(regions.to_arrow()["geometry"][0].as_py()[0][0])
        4
        """
        return self.table.append_column(geometry_field(), geometry_column(self.polygons))

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the table over through the Arrow C stream interface."""
        stream: Any = self.to_arrow()
        return stream.__arrow_c_stream__(requested_schema)

    def to_pandas(self) -> pd.DataFrame:
        """Return the columns without the outlines as a pandas DataFrame.

        Returns
        -------
        pandas.DataFrame
            One row per region. For the outlines use ``regions.polygons.to_shapely()``.

        Examples
        --------
        >>> import lesiongeo as lg, pyarrow as pa
        >>> regions = lg.Regions(lg.Polygons.from_rings([[[0, 0], [4, 0], [0, 3]]]), pa.table({"label": ["a"]}))
        >>> list(regions.to_pandas().columns)
        ['label']
        """
        return self.table.to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """Return the columns without the outlines as a polars DataFrame; polars must be installed.

        Returns
        -------
        polars.DataFrame
            One row per region.
        """
        import polars as pl

        frame = pl.from_arrow(self.table)
        if not isinstance(frame, pl.DataFrame):
            raise TypeError(f"polars made a {type(frame).__name__} of a table; please report it")
        return frame
