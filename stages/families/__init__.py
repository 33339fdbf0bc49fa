"""The model families: one module a family, each with an object `family` of the contract below."""

import importlib
import pkgutil
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from stages.core.cli import InputError
from stages.core.params import Section
from stages.core.quiet import quiet


class Family(Protocol):
    """What the stages ask of every family."""

    @property
    def schema(self) -> type[Section]:
        """The schema of its params, `train.<family>`."""

    def train(self) -> None:
        """Fit, write the models, the epoch table and the scores."""

    def evaluate(self) -> None:
        """Score the chosen model and write the reports."""


class ReviewFamily(Family, Protocol):
    """A family that tells positive reviews from negative ones."""

    def probabilities(self, texts: pa.ChunkedArray) -> np.ndarray:
        """P(1) of cleaned texts, float32 (n,), by the chosen model."""


def load(name: str) -> Family:
    """The family called `name`.

    Raises:
        InputError: no such family; the message lists those that exist.
    """
    known = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    if name not in known:
        raise InputError(f"no family '{name}': expected one of {', '.join(known)}")
    with quiet():
        family: Family = importlib.import_module(f"stages.families.{name}").family
    return family
