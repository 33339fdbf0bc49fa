"""A matrix comes back as it was, from a file and from one row group or several."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epochwise.core.matrices import lists, matrix


@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_matrix_is_written_and_read(rows: int, dtype: str, tmp_path: Path) -> None:
    values = np.arange(3 * rows, dtype=dtype).reshape(rows, 3)
    path = tmp_path / "matrix.parquet"
    pq.write_table(pa.table({"row": lists(values)}), path, row_group_size=2)
    read = matrix(pq.read_table(path)["row"])
    assert read.dtype == values.dtype
    np.testing.assert_array_equal(read, values)
