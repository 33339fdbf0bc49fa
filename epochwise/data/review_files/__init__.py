"""Read files of reviews as partitions of one schema: what a file lacks is null."""

from typing import Any

import pyarrow as pa

RAW_SCHEMA = pa.schema(
    [
        ("review_id", pa.int64()),
        ("text", pa.string()),
        ("rating", pa.float64()),
        ("label", pa.int8()),
        ("product_id", pa.string()),
        ("user_id", pa.string()),
        ("time", pa.int64()),
        ("domain", pa.string()),
        ("split", pa.string()),
    ]
)
"""`rating` is on the scale of its source. `label` is 0 or 1, null where neither a label of the
source nor a rating decides: where there is a rating all the same, it is a neutral one."""


def raw_table(columns: dict[str, Any]) -> pa.Table:
    """A table of RAW_SCHEMA from the `columns` that a file has, `review_id` among them."""
    size = len(columns["review_id"])
    return pa.table(
        [
            pa.array(columns[field.name], field.type)
            if field.name in columns and not isinstance(columns[field.name], pa.Array)
            else columns.get(field.name, pa.nulls(size, field.type))
            for field in RAW_SCHEMA
        ],
        schema=RAW_SCHEMA,
    )
