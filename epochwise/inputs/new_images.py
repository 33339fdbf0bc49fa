"""New images for a trained network: files, folders of them, IDX and npz files."""

import sys
from collections.abc import Iterator
from pathlib import Path

import keras

from epochwise.core.cli import InputError
from epochwise.core.images import SUFFIXES, UNREAD, load_image
from epochwise.data.image_files.archive import UNUSABLE
from epochwise.data.image_files.arrays import read_images
from epochwise.inputs.images import ImageFiles, scaled
from epochwise.training.steps import Rows


def read(path: Path, network: keras.Model, dataset: str) -> tuple[list[str], Rows]:
    """Names of the images at `path` (n,), and what `network` reads of them (n, h, w, channels).

    Images are resized, and those of the target data set decoded when their rows are asked for. A
    network for the data set `digits` reads white on black, pixels from 0 to 1, and IDX and npz
    files too.

    Images of a folder that cannot be read are left out, and named on standard error.

    Raises:
        InputError: there are no images, or the only one cannot be read; the message names it.
    """
    digits = dataset == "digits"
    if not path.exists():
        raise InputError(f"there is no file or folder {path}")
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        if not digits or path.suffix.lower() in UNREAD:
            raise InputError(
                f"{path}: expected an image ({', '.join(sorted(SUFFIXES))}) or a folder of images"
            )
        pixels = read_images(path)
        return [str(row) for row in range(len(pixels))], scaled(pixels)
    files = [path] if path.is_file() else list(_readable(path))
    if not files:
        raise InputError(f"{path}: found no images ({', '.join(sorted(SUFFIXES))})")
    names = [file.name if path.is_file() else str(file.relative_to(path)) for file in files]
    images = ImageFiles(files, network.input_shape[1:])
    return names, scaled(images[:][..., 0]) if digits else images


def _readable(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part[0] == "." for part in path.relative_to(folder).parts)
        if path.is_file() and path.suffix.lower() in SUFFIXES | UNREAD and not hidden:
            if UNUSABLE.search(path.name):
                raise InputError(f"{folder}: the name {path.name!r} is not plain UTF-8: rename it")
            try:
                load_image(path)
            except InputError as error:
                print(f"left out: {error}", file=sys.stderr)
            else:
                yield path
