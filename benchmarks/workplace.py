"""A folder with random data of a given size, as the pipeline leaves it for a family to train on."""

import shutil
from contextlib import chdir
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from PIL import Image

from epochwise import check, families
from epochwise.core import paths
from epochwise.core.files import write_arrays, write_table
from epochwise.inputs.reviews import fitted
from epochwise.inputs.reviews.document_vectors import Parts, Vectorizer
from epochwise.inputs.reviews.sequences import length_percentiles

SIZE = 300
"""Numbers of a word vector."""
SPLITS = ("train", "valid")
DIGITS = 10
"""Classes of digits."""


class Reviews(NamedTuple):
    """Reviews with as many distinct words, whose frequencies follow Zipf's law.

    Their lengths are lognormal: `words` in the median, `spread` is the deviation of the logarithm.
    """

    train: int
    valid: int
    words: int
    spread: float
    vocabulary: int


class Images(NamedTuple):
    """Digits, and images of two classes, of `side` x `side` pixels, in colour with 3 `channels`."""

    train: int
    valid: int
    side: int = 28
    channels: int = 1


def make(folder: Path, choices: list[str], data: Reviews | Images) -> None:
    """Make `folder` a project with `data`, and with params composed of conf/ with `choices`."""
    composed = check.compose(Path("conf"), choices)
    shutil.copy(families.TABLE, folder)
    random = np.random.default_rng(1)
    with chdir(folder):
        check.PARAMS.write_text(composed, encoding="utf-8")
        if isinstance(data, Reviews):
            _write_reviews(data, random)
        else:
            _write_digits(data, random)
            _write_target(data, random)


def _write_reviews(data: Reviews, random: np.random.Generator) -> None:
    shares = 1 / np.arange(1, data.vocabulary + 1)
    for split, count in zip(SPLITS, (data.train, data.valid), strict=True):
        lengths = random.lognormal(np.log(data.words), data.spread, count).astype("int32") + 1
        ids = random.choice(data.vocabulary, lengths.sum(), p=shares / shares.sum()) + 1
        tokens = pa.ListArray.from_arrays(np.append(0, lengths.cumsum(dtype="int32")), ids)
        vectors = random.standard_normal(count * SIZE, "float32")
        columns = {
            "sequences": ("tokens", tokens.cast(pa.list_(pa.int32()))),
            "vectors": ("vector", pa.FixedSizeListArray.from_arrays(vectors, SIZE)),
        }
        labels = random.integers(0, 2, count, "int8")
        for step, (name, column) in columns.items():
            table = pa.table({"review_id": np.arange(count), "label": labels, name: column})
            write_table(paths.review_split(step, split), table)
        if split == "train":
            percentiles = length_percentiles([pa.table({"tokens": tokens})])
    words = [f"w{number}" for number in range(data.vocabulary)]
    vocabulary = pa.table({"word": words, "count": np.ones(len(words), "int64")})
    embedding = random.standard_normal((len(words) + 1, SIZE), "float32")
    vectorizer = Vectorizer(Parts(np.ones(len(embedding))), np.zeros(SIZE), np.ones(SIZE))
    fitted.write_fitted(vocabulary, embedding, vectorizer, percentiles)


def _write_digits(data: Images, random: np.random.Generator) -> None:
    for split, count in zip(SPLITS, (data.train, data.valid), strict=True):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count) % DIGITS
        write_arrays(paths.digits(split), images=images, labels=labels, ids=np.arange(count))
        if split == "train":
            write_arrays(paths.BASE_DIGITS, images=images, labels=labels)


def _write_target(data: Images, random: np.random.Generator) -> None:
    for split, count in zip(SPLITS, (data.train, data.valid), strict=True):
        for number in range(count):
            shape = (data.side, data.side, data.channels)
            image = Image.fromarray(random.integers(0, 256, shape, np.uint8).squeeze())
            path = paths.target(split) / "ab"[number % 2] / f"{number:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
