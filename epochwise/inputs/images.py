"""The fetched images as networks read them: digits, and the target data set of transfer."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import keras
import numpy as np

from epochwise.core import paths
from epochwise.core.files import read_arrays
from epochwise.core.forms import IMAGES, LABELS, SAMPLES, Array
from epochwise.core.images import load_image
from epochwise.training import keras_file
from epochwise.training.steps import Rows

if TYPE_CHECKING:
    from PIL import Image

Shape = tuple[int, int, int]
"""Height, width and channels of an image."""
DIGIT: Shape = (28, 28, 1)
MODES = {1: "L", 3: "RGB"}
"""Pillow's modes, by channels."""
KEPT = 2**28
"""Bytes of decoded images of a split that are kept; those of larger ones are decoded every time."""

Inputs = TypeVar("Inputs", bound=Rows, covariant=True)


class Samples(NamedTuple, Generic[Inputs]):
    """What a network reads (n, ...), the class of each (n,), and what it is called (n,)."""

    inputs: Inputs
    labels: np.ndarray
    ids: np.ndarray


class Digits:
    """The data set of digits."""

    @property
    def classes(self) -> list[str]:
        """The names of the classes: a label is a place in this list."""
        return [str(label) for label in range(self.labels("train").max() + 1)]

    def labels(self, split: str) -> np.ndarray:
        """The labels of a split, int64 (n,)."""
        return read_arrays(paths.digits(split), {"labels": LABELS})["labels"]

    def read(self, split: str, shape: Shape = DIGIT) -> Samples[np.ndarray]:
        """The digits of a split, float32 (n, 28, 28, 1), pixels from 0 to 1.

        Raises:
            ValueError: `shape` is another one.
        """
        if shape != DIGIT:
            raise ValueError(f"a network reads images of {shape}, but digits are of {DIGIT}")
        arrays = read_arrays(paths.digits(split), IMAGES | SAMPLES)
        return Samples(scaled(arrays["images"]), arrays["labels"], arrays["ids"])


class Target:
    """The target data set of transfer, and what its base network makes of it."""

    @property
    def classes(self) -> list[str]:
        """The names of the classes, sorted: a label is a place in this list."""
        return sorted(path.name for path in paths.target("train").iterdir())

    def labels(self, split: str) -> np.ndarray:
        """The labels of a split, int64 (n,)."""
        names = self.classes
        return np.array([names.index(path.parent.name) for path in self._files(split)])

    def read(self, split: str, shape: Shape) -> "Samples[ImageFiles]":
        """The images of a split, resized to `shape`, uint8 (n, *shape). Ids are CLASS/FILE."""
        files = self._files(split)
        ids = np.array([f"{path.parent.name}/{path.name}" for path in files])
        return Samples(ImageFiles(files, shape), self.labels(split), ids)

    def features(self, split: str) -> Samples[np.ndarray]:
        """The features (n, d) that the base network makes of train or valid, in their order."""
        expected = {"inputs": Array((None, None))} | SAMPLES
        return Samples(**read_arrays(paths.BASE / f"{split}.npz", expected))

    def base(self) -> keras.Model:
        """The base network, from images of 0 to 255 to features."""
        return keras_file.load(paths.BASE / "network.keras")

    def _files(self, split: str) -> list[Path]:
        folder = paths.target(split)
        return [path for name in self.classes for path in sorted((folder / name).iterdir())]


class ImageFiles:
    """Images in files, uint8 (n, *shape), resized and decoded when their rows are asked for.

    No more than KEPT bytes stay in memory: a training reads a small split once, and one that does
    not fit batch by batch in every epoch.
    """

    dtype = np.dtype("uint8")

    def __init__(self, files: Sequence[Path], shape: Shape) -> None:
        self.shape = (len(files), *shape)
        self._files = np.array(files, dtype=object)
        fits = np.prod(self.shape) <= KEPT
        self._kept = np.empty(self.shape, self.dtype) if fits else None
        self._missing = np.ones(len(files), bool)

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """The images of `rows`, a slice or numbers.

        Raises:
            InputError: a file cannot be read as an image.
        """
        if self._kept is None:
            return read_files(self._files[rows], self.shape[1:])
        numbers = np.arange(len(self._files))[rows]
        fresh = numbers[self._missing[numbers]]
        self._kept[fresh] = read_files(self._files[fresh], self.shape[1:])
        self._missing[fresh] = False
        return self._kept[numbers]


def dataset(name: str) -> Digits | Target:
    """The data set of images called `name`: digits or target."""
    return Digits() if name == "digits" else Target()


def scaled(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 (n, 28, 28) as float32 (n, 28, 28, 1) from 0 to 1."""
    return (pixels[..., None] / np.float32(255)).astype("float32")


def read_files(files: Sequence[Path] | np.ndarray, shape: Shape) -> np.ndarray:
    """Images resized to `shape`, uint8 (n, *shape).

    Raises:
        InputError: a file cannot be read as an image.
    """
    pixels = np.empty((len(files), *shape), np.uint8)
    for index, path in enumerate(files):
        image = load_image(path)
        pixels[index] = resized(image, shape)
    return pixels


def resized(image: "Image.Image", shape: Shape) -> np.ndarray:
    """An image resized to `shape`, uint8.

    What is transparent is white in colours and black, as behind digits, in shades of grey.
    """
    from PIL import Image

    height, width, channels = shape
    if image.has_transparency_data:
        behind = Image.new("RGBA", image.size, "black" if channels == 1 else "white")
        image = Image.alpha_composite(behind, image.convert("RGBA"))
    image = image.convert(MODES[channels])
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)).reshape(shape)
