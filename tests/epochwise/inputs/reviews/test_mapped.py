"""Arrays on disk are those in memory, and leave nothing behind."""

import gc
from pathlib import Path

import numpy as np
import pytest

from epochwise.core import paths
from epochwise.inputs.reviews import mapped as module
from epochwise.inputs.reviews.mapped import mapped


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "IN_MEMORY", 100)
    paths.REVIEWS.mkdir(parents=True)


def open_files() -> set[str]:
    maps = Path("/proc/self/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in maps if "(deleted)" in line}


def test_a_large_array_is_on_disk_and_its_file_goes_with_it() -> None:
    before = open_files()
    x = mapped(np.full((3, 2), number) for number in range(4))
    assert isinstance(x, np.memmap) and x.shape == (12, 2) and x.dtype == np.int64
    assert x[::3, 0].tolist() == [0, 1, 2, 3]
    assert not list(paths.REVIEWS.iterdir()) and len(open_files() - before) == 1
    del x
    gc.collect()
    assert open_files() == before


def test_a_small_array_is_held_in_memory() -> None:
    ones = np.ones((3, 2))
    assert type(mapped([ones, ones])) is np.ndarray
    x = mapped([ones, ones, 2 * ones[::-1, ::-1]])
    assert type(x) is np.memmap and x[-1].tolist() == [2, 2]
