"""Arrays that are larger than memory should be: on disk, without a name, for as long as used."""

import tempfile
from collections.abc import Iterable
from itertools import chain

import numpy as np

from epochwise.core import paths

IN_MEMORY = 1 << 28
"""Bytes of an array that is held in memory all the same: batches are made faster from there."""


def mapped(parts: Iterable[np.ndarray]) -> np.ndarray:
    """`parts` (m, ...), one at least, one after another as one array (n, ...), on disk if large.

    Its file has no name, so that nothing is left of it when the process ends, however it ends.
    """
    held: list[np.ndarray] = []
    rest = iter(parts)
    for part in rest:
        held.append(part)
        if sum(array.nbytes for array in held) > IN_MEMORY:
            return _on_disk(chain(held, rest))
    return np.concatenate(held)


def _on_disk(parts: Iterable[np.ndarray]) -> np.ndarray:
    with tempfile.TemporaryFile(dir=paths.REVIEWS) as file:
        rows = 0
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
            rows += len(part)
        file.flush()
        return np.memmap(file, part.dtype, "r", shape=(rows, *part.shape[1:]))
