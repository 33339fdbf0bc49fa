"""The first weights of networks."""

from collections.abc import Iterable
from itertools import combinations

import keras
import numpy as np

ENOUGH = 100
"""So many independent numbers have a correlation below ALIKE, but for one pair in millions."""
ALIKE = 0.5


def check_drawn_apart(networks: Iterable[keras.Model]) -> None:
    """Refuse kernels of different layers that were drawn from the same numbers."""
    kernels = {
        weight.path: weight.numpy().ravel()
        for network in networks
        for weight in network.trainable_weights
        if "kernel" in weight.name and np.prod(weight.shape) >= ENOUGH
    }
    assert len(kernels) > 1
    for one, other in combinations(sorted(kernels), 2):
        size = min(len(kernels[one]), len(kernels[other]))
        found = np.corrcoef(kernels[one][:size], kernels[other][:size])[0, 1]
        assert abs(found) < ALIKE, f"{one} and {other} have a correlation of {found:.3f}"
