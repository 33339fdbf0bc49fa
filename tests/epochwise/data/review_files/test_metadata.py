import struct
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from epochwise.core.cli import InputError
from epochwise.data.review_files.table import read_columns
from tests.forked import FORKS


def test_no_byte_of_the_metadata_of_parquet_can_end_the_process(tmp_path: Path) -> None:
    # Each file is read in a fork first, which takes long where TensorFlow is loaded, as here.
    with ProcessPoolExecutor(1, FORKS) as small:
        refused, size = small.submit(refused_bytes, tmp_path / "t.parquet").result()
    assert refused > size / 6


def refused_bytes(path: Path) -> tuple[int, int]:
    """How many bytes of the metadata of a file are missed where every other one changes; all."""
    pq.write_table(pa.table({"text": ["good"], "nested": [["a"]]}), path, store_schema=False)
    content = path.read_bytes()
    (size,) = struct.unpack("<I", content[-8:-4])
    refused = 0
    for place in range(len(content) - 8 - size, len(content) - 8, 2):
        changed = bytearray(content)
        changed[place] = (changed[place] + 16) % 256
        path.write_bytes(changed)
        try:
            read_columns(path, "text")
        except InputError:
            refused += 1
    return refused, size
