"""The fetched digits, as networks read them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.core.files import read_arrays

FOLDER = Path("data/digits")


class Samples(NamedTuple):
    """What a network reads (n, ...), the class of each (n,), and what it is called (n,)."""

    inputs: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


def path(split: str) -> Path:
    """The file of a split: train, valid or test."""
    return (FOLDER if split == "test" else FOLDER / "trainval") / f"{split}.npz"


def read(split: str) -> Samples:
    """The digits of a split, float32 (n, 28, 28, 1), pixels from 0 to 1."""
    arrays = read_arrays(path(split))
    return Samples(scaled(arrays["images"]), arrays["labels"], arrays["ids"])


def scaled(images: np.ndarray) -> np.ndarray:
    """Pixels uint8 (n, 28, 28) as float32 (n, 28, 28, 1) from 0 to 1."""
    return (images[..., None] / np.float32(255)).astype("float32")
