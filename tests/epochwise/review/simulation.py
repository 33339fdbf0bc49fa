"""Predictions of simulated models, whose differences and training noise are known exactly."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

CUT = 0.55
"""The score from which 1 is predicted."""
SHARED = 0.7
"""Share of a score's variance that all models see alike: what makes pairs of them."""
METRICS = ("roc_auc", "balanced_accuracy", "recall_0", "recall_1")


@dataclass(frozen=True)
class Simulated:
    """A family: each training draws how far it parts the classes from N(mean, noise²).

    A score is normal with variance 1, around 0 for class 0 and around what was drawn for class 1.
    """

    mean: float
    noise: float

    def trainings(self, count: int, random: np.random.Generator) -> np.ndarray:
        """How far the classes are parted (count,) after as many trainings."""
        return random.normal(self.mean, self.noise, count)

    def expected(self) -> dict[str, float]:
        """Metrics on the population, the mean over trainings."""
        return {name: float(values @ _WEIGHTS) for name, values in self._metrics().items()}

    def deviation(self) -> dict[str, float]:
        """Standard deviation over trainings of the metrics on the population."""
        expected = self.expected()
        return {
            name: float(np.sqrt(np.square(values - expected[name]) @ _WEIGHTS))
            for name, values in self._metrics().items()
        }

    def _metrics(self) -> dict[str, np.ndarray]:
        parted = self.mean + self.noise * _NODES
        recall_0, recall_1 = np.full_like(parted, ndtr(CUT)), ndtr(parted - CUT)
        return {
            "roc_auc": ndtr(parted / np.sqrt(2)),
            "balanced_accuracy": (recall_0 + recall_1) / 2,
            "recall_0": recall_0,
            "recall_1": recall_1,
        }


def predictions(
    parted: np.ndarray, samples: int, random: np.random.Generator
) -> list[pd.DataFrame]:
    """What models that part the classes so far predict of the same random samples."""
    labels = np.arange(samples) % 2
    common = random.normal(size=samples)
    found = []
    for distance in parted:
        own = random.normal(size=samples)
        score = distance * labels + np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * own
        columns = {"id": np.arange(samples), "label": labels, "probability": ndtr(score)}
        found.append(pd.DataFrame(columns | {"predicted": (score >= CUT).astype(int)}))
    return found


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
