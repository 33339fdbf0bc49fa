"""New images for a trained network: files, folders of them, IDX and npz files."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json
from epochwise.core.images import SUFFIXES, UNREAD, load_image
from epochwise.data.image_files.arrays import read_images
from epochwise.data.image_files.folders import check_name
from epochwise.inputs.images import ImageFiles, scaled
from epochwise.training.steps import Rows

BRIGHT = 127
"""The mean of a border above which it is light; pixels go to 255."""
TOGETHER = 256
"""Images that are looked at at once."""


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
        _tell_of_dark_on_light([pixels])
        return [str(row) for row in range(len(pixels))], scaled(pixels)
    folder, files = (path.parent, [path]) if path.is_file() else (path, _listed(path))
    for file in files:
        check_name(str(file.relative_to(folder)), folder)
    if path.is_dir():
        files = list(_readable(files))
    if not files:
        raise InputError(f"{path}: found no images ({', '.join(sorted(SUFFIXES))})")
    names = [str(file.relative_to(folder)) for file in files]
    images = ImageFiles(files, network.input_shape[1:])
    if digits:
        pixels = images[:][..., 0]
        _tell_of_dark_on_light([pixels])
        return names, scaled(pixels)
    if _target_is_digits():
        starts = range(0, len(names), TOGETHER)
        _tell_of_dark_on_light(images[start : start + TOGETHER][..., 0] for start in starts)
    return names, images


def _target_is_digits() -> bool:
    """Whether the target data set is that of digits, light on black."""
    about = paths.dataset_metrics("target", "fetch")
    match read_json(about) if about.exists() else {}:
        case {"source": "digits_transfer"}:
            return True
    return False


def _tell_of_dark_on_light(parts: Iterable[np.ndarray]) -> None:
    """Say on standard error how many of images, in parts (n, h, w), are light at their border."""
    count = light = 0
    for pixels in parts:
        border = np.ones(pixels.shape[1:], bool)
        border[1:-1, 1:-1] = False
        light += int(np.count_nonzero(pixels[:, border].mean(axis=1) > BRIGHT))
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


def _readable(files: list[Path]) -> Iterator[Path]:
    for path in files:
        try:
            load_image(path)
        except InputError as error:
            print(f"left out: {error}", file=sys.stderr)
        else:
            yield path
