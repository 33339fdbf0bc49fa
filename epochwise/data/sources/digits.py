"""Digits of 28 x 28 pixels: scikit-learn's, MNIST, Fashion-MNIST, or files in a folder."""

from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import file_sha256, replacing, write_arrays, write_json
from epochwise.data.download import Bundled, Url, Urls, fetch_url, fetch_urls
from epochwise.data.image_files.arrays import Labelled, array_files, read_labelled
from epochwise.data.image_files.division import Division, divide, unseen
from epochwise.data.image_files.sklearn_digits import sklearn_digits

SHOWN = 20
"""Labels in a message."""
FEWEST = 2
"""Images of a split: one alone has no deviation."""


class Params(Division):
    """`digits` in params.yaml.

    `path` is a file or a folder in any case, as it is a dependency of the stage: the pin in
    sources/ of what is downloaded, or the user's own IDX or npz files.
    """

    source: Literal["sklearn", "mnist", "fashion_mnist", "folder"]
    path: str

    @model_validator(mode="after")
    def _fits_source(self) -> Self:
        if self.source == "sklearn" and Path(self.path).suffix != ".yaml":
            raise ValueError(
                f"source: sklearn has a pin as its path, found {self.path}: set digits=folder"
            )
        return self


class Opened(NamedTuple):
    """Images by part of the source, their terms, and the SHA-256 of each file they come from."""

    parts: dict[str, Labelled]
    licence: str
    sha256: dict[str, str]


def open_source(digits: Params) -> Opened:
    """The images that `digits` names.

    Raises:
        InputError: files are missing, damaged, or not what the source says.
    """
    path = Path(digits.path)
    if not path.exists():
        raise InputError(f"digits.path is '{path}': there is no such file or folder")
    if digits.source == "sklearn":
        pin = params.read_file(path, Bundled)
        return Opened({"train": sklearn_digits()}, pin.licence, {})
    licence = "the user's own"
    files = [path]
    if path.suffix == ".yaml" and digits.source == "mnist":
        licence, files = params.read_file(path, Url).licence, [fetch_url(path)]
    elif path.suffix == ".yaml":
        licence, files = params.read_file(path, Urls).licence, fetch_urls(path)
    else:
        files = array_files(path)
    return Opened(read_labelled(files), licence, {file.name: file_sha256(file) for file in files})


def check_classes(parts: dict[str, Labelled]) -> None:
    """Refuse labels that are not 0, 1, 2 ... in the part to train on.

    Raises:
        InputError: a class is missing, or there are no images.
    """
    labels = np.concatenate([part.labels for part in parts.values()])
    found = np.unique(parts.get("train", next(iter(parts.values()))).labels)
    if len(found) == 0:
        raise InputError("digits: found no images to train on: check the files of digits.path")
    low, high = int(labels.min()), max(int(labels.max()), 1)
    if low < 0 or len(found) <= high:
        more = " ..." if len(found) > SHOWN else ""
        raise InputError(
            f"digits: found the labels {found[:SHOWN].tolist()}{more} to train on, expected every"
            f" class from 0 to {high}: check the label files of digits.path"
        )


def write_splits(
    folder: Path, parts: dict[str, Labelled], division: Division, seed: int
) -> dict[str, int]:
    """Write `images, labels, ids` of each split to npz files in `folder`; return counts.

    An image that is in test is dropped from valid and train, one that is in valid from train.
    `ids` number the images of all parts in their order.

    Raises:
        InputError: a split has no image of a class but those that another split has, too.
    """
    rows = divide({part: labels for part, (_, labels) in parts.items()}, division, seed, "digits")
    starts = dict(
        zip(parts, np.cumsum([0, *(len(part.labels) for part in parts.values())]), strict=False)
    )
    counts: Counter[str] = Counter()
    seen: set[bytes] = set()
    for split in reversed(paths.SPLITS):
        part, chosen = rows[split]
        images, labels = parts[part].images[chosen], parts[part].labels[chosen]
        keys = [sha256(image.tobytes()).digest() for image in images]
        kept = unseen(keys, seen)
        seen.update(keys)
        counts["duplicates_dropped"] += int(np.count_nonzero(~kept))
        counts[split] = int(np.count_nonzero(kept))
        if len(lost := np.setdiff1d(labels, labels[kept])):
            raise InputError(
                f"digits: every image of class {lost[0]} in {split} is in another split, too: add"
                " others to digits.path"
            )
        for label, count in enumerate(np.bincount(labels[kept])):
            counts[f"label_{label}"] += int(count)
        write_arrays(
            folder / paths.digits(split).relative_to(paths.DIGITS),
            images=images[kept],
            labels=labels[kept],
            ids=(chosen + starts[part])[kept],
        )
    return {name: counts[name] for name in sorted(counts)}


def fetch(digits: Params, seed: int) -> None:
    """Write data/digits/{trainval/{train,valid},test}.npz and metrics/digits/fetch.json.

    Raises:
        InputError: the source is missing or not what it should be, or a split has one image alone.
    """
    parts, licence, hashes = open_source(digits)
    check_classes(parts)
    if empty := [part for part, (_, labels) in parts.items() if not len(labels)]:
        raise InputError(f"digits: no image is in {empty[0]}: add some to digits.path")
    with replacing(paths.DIGITS) as folder:
        folder.mkdir()
        counts = write_splits(folder, parts, digits, seed)
        for split in paths.SPLITS:
            if counts[split] < FEWEST:
                raise InputError(
                    f"digits: {split} has {counts[split]} image, expected {FEWEST} at least: add"
                    " others to digits.path"
                )
    metrics = {"source": digits.source, "licence": licence, "sha256": hashes, **counts}
    write_json(paths.dataset_metrics("digits", "fetch"), metrics)
