"""Read and write tables that need not fit in memory, partition by partition.

A partition is an Arrow table of up to `partition_rows` rows. The bytes of an output depend on its
rows alone, so that another engine that keeps the order of partitions writes the same.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from epochwise.core.files import replacing

ROW_GROUP = 10_000
"""Rows of a Parquet row group, whatever the partitions are."""


def take_rows(tables: Iterable[pa.Table], rows: np.ndarray) -> Iterator[pa.Table]:
    """The rows of `tables` for which `rows` is true: a boolean (n,) for each row of all tables."""
    start = 0
    for table in tables:
        yield table.filter(pa.array(rows[start : start + len(table)]))
        start += len(table)


def write_partitions(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> int:
    """Write tables of `schema` one after another as one Parquet file; return the number of rows.

    The next table is made while one is written.
    """
    rows = 0
    with (
        replacing(path) as beside,
        pq.ParquetWriter(beside, schema) as writer,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        written: Future[None] | None = None
        for table in _regroup(tables, schema):
            if written:
                written.result()
            written = thread.submit(writer.write_table, table)
            rows += table.num_rows
        if written:
            written.result()
    return rows


def _regroup(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    rest = schema.empty_table()
    for table in tables:
        rest = pa.concat_tables([rest, table.cast(schema)])
        while rest.num_rows >= ROW_GROUP:
            yield rest.slice(0, ROW_GROUP).combine_chunks()
            rest = rest.slice(ROW_GROUP)
    yield rest.combine_chunks()
