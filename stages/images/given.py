"""New pictures for a trained network: files, folders of them, IDX and npz files."""

from pathlib import Path

import keras
import numpy as np

from stages.core.cli import InputError
from stages.images import pets
from stages.images.digits import scaled
from stages.picture_files.arrays import read_images
from stages.picture_files.photos import SUFFIXES


def read(path: Path, network: keras.Model, digits: bool) -> tuple[list[str], np.ndarray]:
    """Names of the pictures at `path` (n,), and what `network` reads of them (n, h, w, channels).

    Pictures are resized. A network for `digits` reads white on black, pixels from 0 to 1, and
    IDX and npz files too.

    Raises:
        InputError: there are no pictures, or one cannot be read; the message names it.
    """
    if not path.exists():
        raise InputError(f"there is no file or folder {path}")
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        if not digits:
            raise InputError(f"{path}: expected a picture or a folder of pictures")
        images = read_images(path)
        return [str(row) for row in range(len(images))], scaled(images)
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [file for file in files if file.is_file() and file.suffix.lower() in SUFFIXES]
    if not files:
        raise InputError(f"{path}: found no pictures ({', '.join(sorted(SUFFIXES))})")
    pictures = pets.read_files(files, network.input_shape[1:])
    names = [file.name if path.is_file() else str(file.relative_to(path)) for file in files]
    return names, scaled(pictures[..., 0]) if digits else pictures
