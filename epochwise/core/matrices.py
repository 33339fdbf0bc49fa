"""Matrices as columns of Arrow tables: a list of one length d in every row."""

import numpy as np
import pyarrow as pa


def lists(values: np.ndarray) -> pa.FixedSizeListArray:
    """The rows of `values` (n, d) as a column."""
    return pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])


def matrix(column: pa.ChunkedArray) -> np.ndarray:
    """The rows (n, d) of a column that `lists` has made."""
    flat: np.ndarray = column.combine_chunks().flatten().to_numpy()
    return flat.reshape(-1, column.type.list_size)
