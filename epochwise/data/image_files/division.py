"""Divide images into train, valid and test, where their source does not."""

from collections.abc import Container, Hashable, Iterable
from math import ceil

import numpy as np
from pydantic import Field

from epochwise.core import params
from epochwise.core.cli import InputError


class Division(params.Section):
    """The shares of splits that the source lacks.

    `test` is a share of all images to train on, `valid` a share of those that are left then.
    """

    valid: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)


def divide(
    labels: dict[str, np.ndarray], division: Division, seed: int, key: str
) -> dict[str, tuple[str, np.ndarray]]:
    """For each split its part of the source and, in ascending order, the rows of it.

    `labels` (n,) are those of the source's parts: "train", perhaps "valid" and "test"; a part
    that is the only one is divided, whatever its name. Classes keep their shares. `key` is the
    block of params.yaml, for messages.

    Raises:
        InputError: a class has too few images to be divided.
    """
    ours = "train" if "train" in labels else next(iter(labels))
    if "train" not in labels and len(labels) > 1:
        raise InputError(f"{key}: found {' and '.join(sorted(labels))}, expected train beside them")
    rows = np.arange(len(labels[ours]))
    divided = {}
    for split, share in (("test", division.test), ("valid", division.valid)):
        if split in labels and split != ours:
            divided[split] = split, np.arange(len(labels[split]))
        else:
            rows, cut = _cut(rows, labels[ours], share, seed, f"{key}.{split}")
            divided[split] = ours, cut
    return {"train": (ours, rows)} | divided


def unseen(keys: Iterable[Hashable], seen: Container[Hashable]) -> np.ndarray:
    """Which of the `keys` of images are not among `seen`, bool (n,)."""
    return np.array([key not in seen for key in keys], bool)


def _cut(
    rows: np.ndarray, labels: np.ndarray, share: float, seed: int, key: str
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    classes, counts = np.unique(labels[rows], return_counts=True)
    size = ceil(share * len(rows))
    if not (len(counts) <= size <= len(rows) - len(counts) and counts.min() > 1):
        raise InputError(
            f"'{key}' is {share:g}: {size} of {len(rows)} images cannot be set apart so that both"
            f" sides have some of each of {len(classes)} classes (the smallest,"
            f" '{classes[counts.argmin()]}', has {counts.min()}): give more images, or another"
            " share"
        )
    rest, cut = train_test_split(rows, test_size=size, stratify=labels[rows], random_state=seed)
    return np.sort(rest), np.sort(cut)
