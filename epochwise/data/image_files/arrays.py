"""Images of 28 x 28 and their labels in IDX files (LeCun's format, gzipped or not) or npz files.

The name of an array says which split it belongs to: train, valid (or val), test (or t10k). Its
number of axes says whether it holds images or labels.
"""

import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from epochwise.core.cli import InputError
from epochwise.core.unpacking import DAMAGE, most_bytes, opened

SIZE = 28
"""Height and width of an image."""
PARTS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "t10k": "test",
}
"""Words in names, and the split that they mean."""
WHOLE = "train"
"""The part of images whose name says nothing: to be divided."""
NAMES = re.compile(r"^[^.].*(idx\d|ubyte|\.npz$)", re.IGNORECASE)
"""How IDX and npz files are called."""
UNSIGNED_BYTES = 8
"""IDX's code of the type uint8, the only one that is read."""
MOST_AXES = 4


class Labelled(NamedTuple):
    """Images, uint8 (n, 28, 28), and their classes, int64 (n,), from 0."""

    images: np.ndarray
    labels: np.ndarray


def read_labelled(paths: Sequence[Path]) -> dict[str, Labelled]:
    """The images in files, by split.

    Raises:
        InputError: a file is damaged, or its arrays are not images of 28 x 28 with a label each.
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
    if not found:
        raise InputError(
            f"{', '.join(map(str, paths))}: found no arrays, expected images and labels"
        )
    return {part: _pair(part, found) for part in sorted({part for part, _ in found})}


def read_images(path: Path) -> np.ndarray:
    """The images of one file, uint8 (n, 28, 28), without the labels that it may hold.

    Raises:
        InputError: the file is damaged, or holds no images of 28 x 28.
    """
    found = [_recognize(name, array) for name, array in _read(path)]
    images = [array for kind, array in found if kind == "images"]
    if not any(map(len, images)):
        raise InputError(f"{path}: found no images, expected an array (n, {SIZE}, {SIZE})")
    return np.concatenate(images)


def holds_arrays(path: Path) -> bool:
    """Whether a file is called as IDX and npz files are, or begins as an IDX file does."""
    if NAMES.search(path.name):
        return True
    try:
        with opened(path) as file:
            return file.read(2) == bytes(2)
    except DAMAGE:
        return False


def array_files(path: Path) -> list[Path]:
    """The IDX and npz files in a folder, or `path` itself if it is a file.

    Raises:
        InputError: there are none.
    """
    if path.is_file():
        return [path]
    files = [file for file in sorted(path.glob("*")) if file.is_file() and NAMES.search(file.name)]
    if not files:
        raise InputError(
            f"{path}: found neither IDX files (such as train-images-idx3-ubyte.gz) nor npz files:"
            " correct digits.path"
        )
    return files


def _read(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    if path.suffix.lower() == ".npz":
        for key, array in _read_npz(path).items():
            yield f"{path}:{key}", array
        return
    try:
        with opened(path) as file:
            yield str(path), _read_idx(file, path)
    except DAMAGE as error:
        raise InputError(f"{path} is damaged: {error}: get it again") from None


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > most_bytes(path):
            raise ValueError(f"it unpacks to {size} bytes")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = dict(arrays)
        if other := [name for name, array in found.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"{other[0]!r} in it is no array")
    # Of a damaged file, zipfile, its decompressors and numpy's parser raise whatever they meet.
    except Exception as error:
        pickled = "it holds Python objects, expected arrays of numbers: convert it with astype"
        trouble = pickled if "allow_pickle" in str(error) else error
        raise InputError(f"{path} cannot be read as npz: {trouble}") from None
    return found


def _read_idx(file: IO[bytes], path: Path) -> np.ndarray:
    start = file.read(4)
    if len(start) < 4 or start[:3] != bytes([0, 0, UNSIGNED_BYTES]) or start[3] > MOST_AXES:
        raise InputError(
            f"{path}: found {start.hex(' ')} at the start, expected the header of an IDX file of"
            " unsigned bytes (00 00 08 01 for labels, 00 00 08 03 for images)"
        )
    sizes = file.read(4 * start[3])
    if len(sizes) < 4 * start[3]:
        raise InputError(f"{path}: its header is cut short: get it again")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    expected = math.prod(shape)
    content = file.read(min(expected, most_bytes(path)) + 1)
    if len(content) != expected:
        raise InputError(
            f"{path}: found {'more' if len(content) > expected else len(content)} bytes after the"
            f" header, expected {expected} for the shape {shape}: get it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _recognize(name: str, array: np.ndarray) -> tuple[str, np.ndarray]:
    """Whether an array is images or labels, without axes of length 1 at its end."""
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[1:] == (SIZE, SIZE) and array.dtype == np.uint8:
        return "images", array
    if array.ndim == 1 and array.dtype.kind in "iu":
        if array.max(initial=0) > np.iinfo("int64").max:
            raise InputError(f"{name}: found the label {array.max()}, expected 0, 1, 2 and so on")
        return "labels", array.astype("int64")
    raise InputError(
        f"{name}: found {array.dtype} of shape {array.shape}, expected uint8 images (n, {SIZE},"
        f" {SIZE}) or integer labels (n,)"
    )


def _pair(part: str, found: dict[tuple[str, str], tuple[str, np.ndarray]]) -> Labelled:
    for kind, other in (("images", "labels"), ("labels", "images")):
        if (part, kind) not in found:
            raise InputError(f"{found[part, other][0]}: its {kind} are missing")
    (images_name, images), (labels_name, labels) = found[part, "images"], found[part, "labels"]
    if len(images) != len(labels):
        raise InputError(
            f"{images_name} holds {len(images)} images, {labels_name} {len(labels)} labels:"
            " expected a label for each image"
        )
    return Labelled(images, labels)


def _words(name: str) -> list[str]:
    """The words of an array's key in a npz file, and after them those of the file's name."""
    file, _, key = Path(name).name.partition(".npz:")
    return re.findall(r"t10k|[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", f"{key} {file}").lower())
