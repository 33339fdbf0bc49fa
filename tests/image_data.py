"""Small images to train on, written to where the pipeline has them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from epochwise.core import paths
from epochwise.core.files import write_arrays
from tests.configuration import ROOT, compose

CLASSES = 3
EACH = {"train": 8, "valid": 4, "test": 7}
"""Images of each class."""


def make_project(folder: Path, *overrides: str) -> Any:
    """Write families.yaml and params.yaml of a smoke budget to `folder`; return the params."""
    shutil.copy(ROOT / "families.yaml", folder)
    return compose(folder / "params.yaml", "budget=smoke", *overrides)


def change_params(**blocks: dict[str, Any]) -> None:
    """Change values of `train.<family>` in params.yaml of the working directory."""
    path = Path("params.yaml")
    content = yaml.load(path.read_text(), yaml.CSafeLoader)
    for family, changes in blocks.items():
        content["train"][family] |= changes
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False))


def digits(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (n, 28, 28) with a bright bar, whose place is the class, and labels (n,)."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(CLASSES), each))
    images = random.integers(0, 60, size=(len(labels), 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 9 * label + 2 : 9 * label + 7] += np.uint8(180)
    return images, labels


def write_digits(*splits: str) -> None:
    """Write the digits of `splits` below the working directory."""
    for split in splits:
        seed = list(EACH).index(split)
        images, labels = digits(EACH[split], seed)
        ids = np.arange(len(labels)) + 1000 * seed
        write_arrays(paths.digits(split), images=images, labels=labels, ids=ids)


def write_target(*splits: str) -> None:
    """Write the target data set: a folder for each class, of PNG files of 28 x 28."""
    for split in splits:
        for number, (image, label) in enumerate(zip(*digits(EACH[split], seed=5), strict=True)):
            path = paths.target(split) / "abc"[label] / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
