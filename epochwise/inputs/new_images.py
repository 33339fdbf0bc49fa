"""New images for a trained network: files, folders of them, IDX and npz files."""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json
from epochwise.core.images import SUFFIXES, UNREAD, load_image
from epochwise.data.image_files.arrays import holds_arrays, read_images
from epochwise.data.image_files.folders import check_name
from epochwise.inputs.images import Shape, resized, scaled
from epochwise.training.steps import Predictor, batch_size

KNOWN = ", ".join(sorted(SUFFIXES))
"""The endings of files of images, for messages."""
BRIGHT = 127
"""The mean of a border above which it is light; pixels go to 255."""
Batch = tuple[list[str], np.ndarray]
"""Names of images (n,), and what a network reads of them (n, h, w, channels)."""


def apply(network: keras.Model, path: Path, dataset: str) -> tuple[list[str], np.ndarray]:
    """Names of the images at `path` (n,), and what `network` makes of them (n, ...).

    Raises:
        InputError: as `read` does.
    """
    predictor, names, made = Predictor(network), [], []
    for called, inputs in read(path, network.input_shape[1:], dataset):
        names += called
        made.append(predictor.predict(inputs))
    return names, np.concatenate(made)


def read(path: Path, shape: Shape, dataset: str) -> Iterator[Batch]:
    """The images at `path`, resized to `shape`, as many at a time as a network predicts of.

    Those for the data set `digits` are white on black, pixels from 0 to 1, and may stand in an IDX
    or npz file too.

    Images of a folder that cannot be read are left out, and named on standard error.

    Raises:
        InputError: there are no images, or the only one cannot be read; the message names it.
    """
    digits = dataset == "digits"
    if not path.exists():
        raise InputError(f"there is no file or folder {path}")
    if not path.is_file() or path.suffix.lower() in SUFFIXES:
        batches = _of_files(path, shape)
    elif digits and holds_arrays(path):
        batches = _of_arrays(path, shape)
    else:
        arrays = ", an IDX file, an npz file" if digits else ""
        raise InputError(f"{path}: expected an image ({KNOWN}){arrays} or a folder of images")
    if digits or _target_is_digits():
        batches = _telling_of_dark_on_light(batches)
    empty = True
    for names, pixels in batches:
        yield names, scaled(pixels[..., 0]) if digits else pixels
        empty = False
    if empty:
        raise InputError(f"{path}: found no images ({KNOWN})")


def _of_arrays(path: Path, shape: Shape) -> Iterator[Batch]:
    pixels, size = read_images(path)[..., None], batch_size(shape)
    for start in range(0, len(pixels), size):
        part = pixels[start : start + size]
        yield [str(start + row) for row in range(len(part))], part


def _of_files(path: Path, shape: Shape) -> Iterator[Batch]:
    folder, files = (path.parent, [path]) if path.is_file() else (path, _listed(path))
    for file in files:
        check_name(str(file.relative_to(folder)), folder)
    decoded = _decoded(files, shape, alone=path.is_file())
    while batch := list(islice(decoded, batch_size(shape))):
        names = [str(file.relative_to(folder)) for file, _ in batch]
        yield names, np.stack([pixels for _, pixels in batch])


def _decoded(files: list[Path], shape: Shape, *, alone: bool) -> Iterator[tuple[Path, np.ndarray]]:
    for file in files:
        try:
            image = load_image(file)
        except InputError as error:
            if alone:
                raise
            print(f"left out: {error}", file=sys.stderr)
        else:
            yield file, resized(image, shape)


def _target_is_digits() -> bool:
    """Whether the target data set is that of digits, light on black."""
    about = paths.dataset_metrics("target", "fetch")
    found = read_json(about, dict[str, Any]) if about.exists() else {}
    return found.get("source") == "digits_transfer"


def _telling_of_dark_on_light(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Pass batches on, and say at the end how many of their images are light at their border."""
    count = light = 0
    for names, pixels in batches:
        yield names, pixels
        border = np.ones(pixels.shape[1:3], bool)
        border[1:-1, 1:-1] = False
        light += int(np.count_nonzero(pixels[:, border, 0].mean(axis=1) > BRIGHT))
        count += len(pixels)
    if light:
        print(
            f"{light} of {count} images are light at their border: a network that has learned"
            " light digits on black takes them for something else, so invert them",
            file=sys.stderr,
        )


def _listed(folder: Path) -> list[Path]:
    """The files of images in and below a folder that are not hidden, also in formats not read."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix.lower() in SUFFIXES | UNREAD
        and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]
