"""Streams of random numbers: the same again, and none like another."""

import itertools

import numpy as np
import pytest

from epochwise.training import streams


def drawn(stream: streams.Stream, seed: int, place: int) -> tuple[float, ...]:
    return tuple(streams.generator(stream, seed, place).random(4))


@pytest.mark.parametrize("stream", streams.KEYS)
def test_a_stream_comes_again(stream: streams.Stream) -> None:
    assert drawn(stream, 1, 2) == drawn(stream, 1, 2)


def test_streams_seeds_and_places_differ() -> None:
    """latent shares the numbers of epoch, at a place behind the last epoch."""
    kinds = [stream for stream in streams.KEYS if stream != "latent"]
    places = itertools.product(kinds, (1, 2), range(3))
    found = [drawn(stream, seed, place) for stream, seed, place in places]
    assert len(set(found)) == len(found)


def test_noise_of_train_and_valid_differ() -> None:
    train, valid = (streams.generator("score_noise", 1, split).random(100) for split in (0, 1))
    assert not np.isin(train, valid).any()
