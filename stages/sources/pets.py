"""Pictures to move a network to: digits it has not seen, cats and dogs, or a folder of classes."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import PositiveInt

from stages.core import params
from stages.core.cli import InputError
from stages.core.files import file_sha256, replacing, write_arrays, write_json
from stages.download import Bundled, Url, fetch_url
from stages.picture_files.archive import is_archive, unpack
from stages.picture_files.arrays import SIZE, Labelled
from stages.picture_files.division import SPLITS, Division, divide, unseen
from stages.picture_files.photos import Photos, list_photos, readable
from stages.picture_files.sklearn_digits import sklearn_digits

FOLDER = Path("data/pets")
METRICS = Path("metrics/pets/fetch.json")
FIRST_NEW_DIGIT = 5
"""The digits below it are for the base network, the others to move it to."""


class Pets(Division):
    """`pets` in params.yaml.

    `path` is a pin in sources/, an archive, or a folder. `train_per_class` cuts the pictures of a
    class to train on (null: all).
    """

    source: Literal["digits_transfer", "cats_dogs", "folder"]
    path: str
    train_per_class: PositiveInt | None


def choose_photos(photos: Photos, pets: Pets, seed: int) -> dict[str, dict[str, list[Path]]]:
    """The files of each split by class: divided, cut, and without copies across splits.

    Raises:
        InputError: a class has no pictures left.
    """
    files = {
        part: [(name, path) for name, paths in classes.items() for path in paths]
        for part, classes in photos.items()
    }
    labels = {part: np.array([name for name, _ in pairs]) for part, pairs in files.items()}
    rows = divide(labels, pets, seed, "pets")
    chosen: dict[str, dict[str, list[Path]]] = {}
    seen: set[bytes] = set()
    for split in reversed(SPLITS):
        part, indices = rows[split]
        pairs = [files[part][index] for index in indices]
        contents = [path.read_bytes() for _, path in pairs]
        kept = unseen(contents, seen)
        seen.update(contents)
        by_class: dict[str, list[Path]] = {name: [] for name, _ in pairs}
        for (name, path), keep in zip(pairs, kept, strict=True):
            if keep:
                by_class[name].append(path)
        chosen[split] = by_class
    random = np.random.default_rng(seed)
    for name, paths in chosen["train"].items():
        drawn = random.permutation(len(paths))[: pets.train_per_class]
        chosen["train"][name] = [paths[index] for index in sorted(drawn)]
    for split, classes in chosen.items():
        for name, paths in classes.items():
            if not paths:
                raise InputError(f"pets: no readable picture of '{name}' is left for {split}")
    return chosen


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


def fetch_photos(folder: Path, pets: Pets, seed: int) -> dict[str, Any]:
    """Write `folder`/{trainval/{train,valid},test}/CLASS/ files; return terms and counts.

    Raises:
        InputError: the source is missing or not what it should be.
    """
    path = Path(pets.path)
    found: dict[str, Any] = {"licence": "the user's own"}
    if not path.exists():
        raise InputError(f"pets.path in params.yaml: there is no file or folder {path}")
    for_base = Labelled(np.empty((0, SIZE, SIZE), "uint8"), np.empty(0, "int64"))
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        if pets.source == "digits_transfer":
            found["licence"] = params.read_file(path, Bundled).licence
            path = Path(scratch) / "digits"
            for_base = write_digits(path)
        if path.suffix == ".yaml":
            found["licence"] = params.read_file(path, Url).licence
            path = fetch_url(path)
        if is_archive(path):
            found["sha256"] = file_sha256(path)
            unpack(path, Path(scratch) / "unpacked")
            path = Path(scratch) / "unpacked"
        if not path.is_dir():
            raise InputError(f"{path}: expected a folder, or a zip or tar archive, of pictures")
        photos, unreadable = readable(list_photos(path))
        for broken in unreadable:
            print(f"fetch: {broken.relative_to(path)} cannot be read as a picture: left out")
        found["unreadable"] = len(unreadable)
        found["unreadable_names"] = [str(broken.relative_to(path)) for broken in unreadable]
        counts: Counter[str] = Counter()
        for split, classes in choose_photos(photos, pets, seed).items():
            for name, paths in classes.items():
                counts[f"{split}_{name}"] = len(paths)
                target = (folder if split == "test" else folder / "trainval") / split / name
                target.mkdir(parents=True)
                for file in paths:
                    shutil.copyfile(file, target / file.name)
    write_arrays(folder / "base.npz", **for_base._asdict())
    return found | {name: counts[name] for name in sorted(counts)}


def fetch() -> None:
    """Write data/pets, with base.npz for a base to learn from, and metrics/pets/fetch.json."""
    pets = params.read("pets", Pets)
    with replacing(FOLDER) as folder:
        folder.mkdir()
        found = fetch_photos(folder, pets, params.read_value("seed"))
    write_json(METRICS, {"source": pets.source, **found})
