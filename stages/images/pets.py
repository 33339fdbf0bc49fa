"""The fetched photographs, as networks read them."""

from pathlib import Path

import numpy as np

from stages.core.cli import InputError
from stages.images.digits import Samples

FOLDER = Path("data/pets")
BASE = Path("models/transfer/base")
"""What the stage base makes: network.keras and, as npz files, its features of train and valid."""
CHANNELS = {1: "L", 3: "RGB"}
"""Pillow's modes."""


def folder(split: str) -> Path:
    """The folder of a split: train, valid or test."""
    return (FOLDER if split == "test" else FOLDER / "trainval") / split


def classes() -> list[str]:
    """The names of the classes, sorted: a label is a place in this list."""
    return sorted(path.name for path in folder("train").iterdir())


def read(split: str, shape: tuple[int, int, int]) -> Samples:
    """The photographs of a split, resized to `shape` (height, width, channels), uint8 (n, *shape).

    Ids are CLASS/FILE.
    """
    names = classes()
    paths = [path for name in names for path in sorted((folder(split) / name).iterdir())]
    return Samples(
        read_files(paths, shape),
        np.array([names.index(path.parent.name) for path in paths]),
        np.array([f"{path.parent.name}/{path.name}" for path in paths]),
    )


def read_files(paths: list[Path], shape: tuple[int, int, int]) -> np.ndarray:
    """Pictures resized to `shape` (height, width, channels), uint8 (n, *shape).

    Raises:
        InputError: a file cannot be read as a picture.
    """
    from PIL import Image

    height, width, channels = shape
    pictures = np.empty((len(paths), *shape), np.uint8)
    for index, path in enumerate(paths):
        try:
            with Image.open(path) as image:
                picture = image.convert(CHANNELS[channels])
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{path} cannot be read as a picture: {error}") from None
        resized = picture.resize((width, height), Image.Resampling.BILINEAR)
        pictures[index] = np.asarray(resized).reshape(shape)
    return pictures
