"""Tables of several batches as one: the columns of all, and types that hold the values of all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["concat", "conform", "union"]


def union(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Return the columns of all schemas, in the order of first appearance.

    A control that answered with numbers in one batch and with texts in another becomes a column of texts, as it does
    where both stand in one batch.
    """
    fields: dict[str, pa.Field] = {}
    metadata = None
    for schema in schemas:
        metadata = metadata or schema.metadata
        for one in schema:
            before = fields.get(one.name)
            if before is None:
                fields[one.name] = one
            elif before.type != one.type:
                fields[one.name] = before.with_type(_common(before.type, one.type))
    return pa.schema(list(fields.values()), metadata=metadata)


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if pa.types.is_null(one):
        return other
    if pa.types.is_null(other):
        return one
    if _numeric(one) and _numeric(other):
        return pa.float64()
    return pa.string()


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table with exactly these columns; what it does not have is null."""
    if table.schema.equals(schema):
        return table.replace_schema_metadata(schema.metadata)
    columns = []
    for one in schema:
        at = table.schema.get_field_index(one.name)
        column = pa.chunked_array([pa.nulls(table.num_rows, one.type)]) if at < 0 else table.column(at)
        columns.append(column if column.type == one.type else _cast(column, one.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_string(kind) and pa.types.is_nested(column.type):
        texts = [None if value is None else json.dumps(value, ensure_ascii=False) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(texts, kind)])
    return pc.cast(column, kind)


def concat(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of all tables below each other, with the columns of all."""
    schema = union(table.schema for table in tables)
    return pa.concat_tables([conform(table, schema) for table in tables])
