"""Pictures of 28 x 28 and their labels in IDX files (LeCun's format, gzipped or not) or npz files.

Which split an array belongs to is in its name: train, valid (or val), test (or t10k); which of the
two it is, in its number of axes.
"""

import gzip
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from stages.core.cli import InputError

SIZE = 28
"""Height and width of a picture."""
PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "test": "test",
    "t10k": "test",
}
"""Words in names, and the split they stand for."""
WHOLE = "train"
"""The part of pictures whose name says nothing: to be divided."""
UNSIGNED_BYTES = 8
"""IDX's code of the type uint8, the only one that is read."""


class Labelled(NamedTuple):
    """Pictures, uint8 (n, 28, 28), and their classes, int64 (n,), from 0."""

    images: np.ndarray
    labels: np.ndarray


def read_labelled(paths: Iterable[Path]) -> dict[str, Labelled]:
    """The pictures in files, by split.

    Raises:
        InputError: a file is damaged, or its arrays are not pictures of 28 x 28 with a label each.
    """
    found: dict[tuple[str, str], tuple[str, np.ndarray]] = {}
    for path in paths:
        for name, array in _read(path):
            part = next((PARTS[word] for word in _words(name) if word in PARTS), WHOLE)
            kind, array = _recognize(name, array)
            if (part, kind) in found:
                raise InputError(
                    f"both {found[part, kind][0]} and {name} hold the {kind} of '{part}': keep one,"
                    " or tell them apart by train, valid or test in their names"
                )
            found[part, kind] = name, array
    return {part: _pair(part, found) for part in sorted({part for part, _ in found})}


def read_images(path: Path) -> np.ndarray:
    """The pictures of one file, uint8 (n, 28, 28), whatever labels stand beside them.

    Raises:
        InputError: the file is damaged, or holds no pictures of 28 x 28.
    """
    found = [_recognize(name, array) for name, array in _read(path)]
    images = [array for kind, array in found if kind == "images"]
    if not images:
        raise InputError(f"{path}: found no pictures, expected an array (n, {SIZE}, {SIZE})")
    return np.concatenate(images)


def array_files(path: Path) -> list[Path]:
    """The IDX and npz files in a folder, or `path` itself if it is a file.

    Raises:
        InputError: there are none.
    """
    if path.is_file():
        return [path]
    files = [file for file in sorted(path.glob("*")) if re.search(r"idx\d|ubyte|\.npz$", file.name)]
    if not files:
        raise InputError(
            f"{path}: found neither IDX files (such as train-images-idx3-ubyte.gz) nor npz files:"
            " correct digits.path in params.yaml"
        )
    return files


def _read(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as arrays:
                for key in arrays.files:
                    yield f"{path}:{key}", arrays[key]
        except (ValueError, OSError, zipfile.BadZipFile, zlib.error) as error:
            raise InputError(f"{path} cannot be read as npz: {error}") from None
        return
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            yield str(path), _read_idx(gzip.GzipFile(fileobj=raw) if packed else raw, path)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged: {error}: fetch it again") from None


def _read_idx(file: gzip.GzipFile | BinaryIO, path: Path) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] != UNSIGNED_BYTES:
        raise InputError(
            f"{path}: found {start.hex(' ')} at the start, expected the header of an IDX file of"
            " unsigned bytes (00 00 08 01 for labels, 00 00 08 03 for pictures)"
        )
    shape = tuple(int(size) for size in np.frombuffer(file.read(4 * start[3]), ">u4"))
    content = file.read(math.prod(shape) + 1)
    if len(shape) != start[3] or len(content) != math.prod(shape):
        raise InputError(
            f"{path}: found {'more' if len(content) > math.prod(shape) else len(content)} bytes"
            f" after the header, expected {math.prod(shape)} for the shape {shape}: fetch it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _recognize(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Whether an array is images or labels, without axes of length 1 at its end."""
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[1:] == (SIZE, SIZE) and array.dtype == np.uint8:
        return "images", array
    if array.ndim == 1 and array.dtype.kind in "iu":
        return "labels", array.astype("int64")
    raise InputError(
        f"{name}: found {array.dtype} of shape {array.shape}, expected uint8 pictures (n, {SIZE},"
        f" {SIZE}) or integer labels (n,)"
    )


def _pair(part: str, found: dict[tuple[str, str], tuple[str, np.ndarray]]) -> Labelled:
    for kind, other in (("images", "labels"), ("labels", "images")):
        if (part, kind) not in found:
            raise InputError(f"{found[part, other][0]}: its {kind} are missing")
    (images_name, images), (labels_name, labels) = found[part, "images"], found[part, "labels"]
    if len(images) != len(labels):
        raise InputError(
            f"{images_name} holds {len(images)} pictures, {labels_name} {len(labels)} labels:"
            " expected as many"
        )
    return Labelled(images, labels)


def _words(name: str) -> list[str]:
    stem = Path(name).name.lower()
    return re.findall(r"t10k|[a-z]+", stem)
