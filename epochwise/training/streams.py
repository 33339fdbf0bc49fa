"""Streams of random numbers: each use has its own, made of the seed, its name and its place.

A stream depends on nothing that was drawn before, so that a training that resumes after epoch k
draws what one that was never stopped draws.
"""

from typing import Literal

import numpy as np

Stream = Literal["epoch", "layers", "input_noise", "score_noise", "latent", "test_latent", "scored"]
KEYS: dict[Stream, tuple[int, ...]] = {
    "epoch": (),
    "layers": (1,),
    "input_noise": (2,),
    "score_noise": (3,),
    "latent": (),
    "test_latent": (5,),
    "scored": (4,),
}
"""What tells the streams of one seed and place apart."""


def generator(stream: Stream, seed: int, place: int) -> np.random.Generator:
    """The random numbers of `stream` at a `place`, such as an epoch or the number of a split.

    epoch: the order of samples; layers: the states of dropout and of augmentation; input_noise:
    noise on what a network reads in training; score_noise: the same when it is scored; latent: what
    a generator draws images from, at the place behind the last epoch; test_latent: the same for
    test; scored: which samples are scored after an epoch.
    """
    return np.random.default_rng([seed, place, *KEYS[stream]])
