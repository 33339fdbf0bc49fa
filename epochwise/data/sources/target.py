"""Images to move a network to: digits it has not seen, cats and dogs, or a folder of classes."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import PositiveInt, model_validator

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import file_sha256, replacing, write_arrays, write_json
from epochwise.data.download import Bundled, Url, fetch_url
from epochwise.data.image_files.archive import is_archive, unpack
from epochwise.data.image_files.arrays import SIZE, Labelled
from epochwise.data.image_files.division import Division, divide, unseen
from epochwise.data.image_files.folders import ImageFiles, list_images, readable
from epochwise.data.image_files.sklearn_digits import sklearn_digits

FIRST_NEW_DIGIT = 5
"""The digits below it are for the base network, the others to move it to."""


class Params(Division):
    """`target` in params.yaml: the target data set of transfer learning.

    `path` is a pin in sources/, an archive, or a folder. `train_per_class` limits the images of a
    class to train on (null: all).
    """

    source: Literal["digits_transfer", "cats_dogs", "folder"]
    path: str
    train_per_class: PositiveInt | None

    @model_validator(mode="after")
    def _fits_source(self) -> Self:
        if self.source == "digits_transfer" and Path(self.path).suffix != ".yaml":
            raise ValueError(
                f"source: digits_transfer has a pin as its path, found {self.path}: set"
                " target=folder"
            )
        return self


class Opened(NamedTuple):
    """A folder of images, their terms and perhaps hash, and the digits for a base network."""

    folder: Path
    about: dict[str, str]
    base_digits: Labelled


def open_source(target: Params, scratch: Path) -> Opened:
    """The images that `target` names; `scratch` is a folder for what has to be unpacked.

    Raises:
        InputError: the source is missing or not what it should be.
    """
    path = Path(target.path)
    if not path.exists():
        raise InputError(f"target.path is '{path}': there is no such file or folder")
    if target.source == "digits_transfer":
        licence = params.read_file(path, Bundled).licence
        return Opened(scratch / "digits", {"licence": licence}, write_digits(scratch / "digits"))
    about = {"licence": "the user's own"}
    if path.suffix == ".yaml":
        about = {"licence": params.read_file(path, Url).licence}
        path = fetch_url(path)
    if is_archive(path):
        about["sha256"] = file_sha256(path)
        unpack(path, scratch / "unpacked")
        path = scratch / "unpacked"
    if not path.is_dir():
        raise InputError(f"{path}: expected a folder, or a zip or tar archive, of images")
    return Opened(path, about, Labelled(np.empty((0, SIZE, SIZE), "uint8"), np.empty(0, "int64")))


def write_digits(folder: Path) -> Labelled:
    """Write the digits from FIRST_NEW_DIGIT on to `folder`/CLASS/; return the others."""
    from PIL import Image

    images, labels = sklearn_digits()
    new = labels >= FIRST_NEW_DIGIT
    for index in np.flatnonzero(new):
        path = folder / str(labels[index]) / f"{index:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[index]).save(path)
    return Labelled(images[~new], labels[~new])


def choose_images(
    images: ImageFiles, target: Params, seed: int, counts: Counter[str]
) -> dict[str, dict[str, list[Path]]]:
    """The files of each split by class: divided, limited, and without copies, which are counted.

    Raises:
        InputError: a class has no images left.
    """
    files = {
        part: [(name, path) for name, listed in classes.items() for path in listed]
        for part, classes in images.items()
    }
    labels = {part: np.array([name for name, _ in pairs]) for part, pairs in files.items()}
    classes = sorted({name for listed in images.values() for name in listed})
    rows = divide(labels, target, seed, "target")
    chosen: dict[str, dict[str, list[Path]]] = {}
    seen: set[str] = set()
    for split in reversed(paths.SPLITS):
        part, indices = rows[split]
        pairs = [files[part][index] for index in indices]
        contents = [file_sha256(path) for _, path in pairs]
        kept = unseen(contents, seen)
        seen.update(contents)
        chosen[split] = {name: [] for name in classes}
        for (name, path), keep in zip(pairs, kept, strict=True):
            if keep:
                chosen[split][name].append(path)
        counts["duplicates_dropped"] += int(np.count_nonzero(~kept))
    random = np.random.default_rng(seed)
    for name, listed in chosen["train"].items():
        drawn = random.permutation(len(listed))[: target.train_per_class]
        chosen["train"][name] = [listed[index] for index in sorted(drawn)]
    for split, by_class in chosen.items():
        if empty := [name for name, listed in by_class.items() if not listed]:
            raise InputError(
                f"target: no image of '{empty[0]}' is left for {split}, which needs some of every"
                " class: add images"
            )
    return chosen


def write_splits(folder: Path, source: Opened, target: Params, seed: int) -> dict[str, Any]:
    """Write the images to `folder`/{trainval/{train,valid},test}/CLASS/; return counts.

    Raises:
        InputError: there are no images of two classes, or none is left of one.
    """
    try:
        images, unreadable = readable(list_images(source.folder))
    except InputError as error:  # tells of the archive, not of where it was unpacked
        raise InputError(str(error).replace(str(source.folder), target.path)) from None
    names = [str(path.relative_to(source.folder)) for path in unreadable]
    for name in names:
        print(f"fetch: {name} cannot be read as an image and is left out")
    for part, classes in images.items():
        if empty := [name for name, files in classes.items() if not files]:
            raise InputError(f"target: no image of '{empty[0]}' in {part} can be read")
    counts: Counter[str] = Counter()
    for split, classes in choose_images(images, target, seed, counts).items():
        for name, files in classes.items():
            counts[f"{split}_{name}"] = len(files)
            place = folder / paths.target(split).relative_to(paths.TARGET) / name
            place.mkdir(parents=True)
            for file in files:
                shutil.copyfile(file, _free(place / file.name))
    if copies := counts["duplicates_dropped"]:
        print(f"fetch: {copies} images are copies of some in another split and are left out")
    counted = {name: counts[name] for name in sorted(counts)}
    return {"unreadable": len(names), "unreadable_names": names, **counted}


def _free(path: Path) -> Path:
    """`path`, with a number if it is taken: by an image of another folder below the same class."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_stem(f"{path.stem}_{number}")
    return free


def fetch(target: Params, seed: int) -> None:
    """Write data/target, with digits for a base network, and metrics/target/fetch.json.

    Raises:
        InputError: the source is missing or not what it should be.
    """
    with replacing(paths.TARGET) as folder:
        folder.mkdir()
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            source = open_source(target, Path(scratch))
            counts = write_splits(folder, source, target, seed)
        write_arrays(folder / paths.BASE_DIGITS.name, **source.base_digits._asdict())
    metrics = {"source": target.source, **source.about, **counts}
    write_json(paths.dataset_metrics("target", "fetch"), metrics)
