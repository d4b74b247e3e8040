"""Tables become files: Parquet (outlines as GeoParquet 1.1), CSV, small JSON; same input, same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from .regions import Regions
from .specs import specs_of

__all__ = ["SPECS_KEY", "parquet_options", "unguarded", "write_json", "write_table"]

#: Polygons per row group: nested columns above about 2 GB per group break readers.
ROWS_PER_GROUP = 250_000

#: Pixels have no coordinate reference system, and saying nothing would mean longitude and latitude.
GEO_METADATA = {
    "version": "1.1.0",
    "primary_column": "geometry",
    "columns": {
        "geometry": {
            "encoding": "multipolygon",
            "geometry_types": ["MultiPolygon"],
            "crs": None,
            "edges": "planar",
        }
    },
}


#: Key of a Parquet file's metadata under which the definitions of its numbers stand, as a JSON list of ids.
SPECS_KEY = "lesiongeo.specs"


def write_table(table: pa.Table | Regions, path: Path) -> None:
    """Write a table by the ending of its path: .parquet or .csv.

    Regions keep their outlines in Parquet and lose them in CSV. Parquet names the definitions of its numbers in its
    metadata. In CSV, texts that a spreadsheet would take for a formula get a leading apostrophe, and lists become JSON.
    """
    if path.suffix == ".csv":
        plain = table.table if isinstance(table, Regions) else table
        with path.open("wb") as file:
            pyarrow.csv.write_csv(_for_csv(plain), file)
        return
    arrow: pa.Table = table.to_arrow() if isinstance(table, Regions) else table
    metadata = {SPECS_KEY: json.dumps(specs_of([arrow]))}
    if isinstance(table, Regions):
        metadata["geo"] = json.dumps(GEO_METADATA, sort_keys=True)
    arrow = arrow.replace_schema_metadata(metadata)
    # Opened here: a path with a colon would be taken for an address.
    with path.open("wb") as file:
        pyarrow.parquet.write_table(arrow, file, row_group_size=ROWS_PER_GROUP, **parquet_options(arrow.schema))


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """How columns are written: coordinates with their bytes sorted by place, everything else by dictionaries.

    Nothing repeats in coordinates as the editor writes them, but the upper bytes of neighbours are alike: sorted, they
    take a tenth less room in half the time.
    """
    leaves = [path for field in schema for path in _leaves(field.name, field.type)]
    coordinates = [path for path in leaves if path.startswith("geometry.")]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "use_dictionary": [path for path in leaves if path not in coordinates],
        "use_byte_stream_split": coordinates,
    }


def _leaves(path: str, kind: pa.DataType) -> list[str]:
    """Paths of the columns of numbers and texts that Parquet makes of a column."""
    if pa.types.is_list(kind):
        return _leaves(f"{path}.list.element", kind.value_type)
    if pa.types.is_struct(kind):
        return [leaf for field in kind for leaf in _leaves(f"{path}.{field.name}", field.type)]
    return [path]


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a small JSON file: sorted keys, UTF-8; numbers that JSON does not have are an error."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


#: First characters of what a spreadsheet takes for a formula, as OWASP lists them; the last four are full-width.
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_FORMULA_FIRST = "^([" + "".join(f"\\x{{{ord(one):x}}}" for one in FORMULA) + "])"


def unguarded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Take the apostrophe away again that a text of a CSV file got."""
    return pc.replace_substring_regex(column, _FORMULA_FIRST.replace("^", "^'"), r"\1")


def _for_csv(table: pa.Table) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_list(column.type):
            texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist()]
            column = pa.array(texts, pa.string())
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = pc.replace_substring_regex(column, _FORMULA_FIRST, r"'\1")
        if name.startswith(tuple(FORMULA)):
            name = f"'{name}"
        while name in columns:
            name = f"'{name}"
        columns[name] = column
    return pa.table(columns)
