"""Reconstructions are measured as Keras does."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.measures import reconstruction
from epochwise.training import runtime


@pytest.fixture(scope="module", autouse=True)
def started() -> None:
    runtime.start(seed=0)


def images(seed: int) -> tuple[np.ndarray, np.ndarray]:
    originals, outputs = np.random.default_rng(seed).random((2, 5, 4, 4, 1), "float32")
    return originals, outputs


@given(seed=st.integers(0, 2**31))
def test_reconstructions_are_measured_as_keras_does(seed: int) -> None:
    originals, outputs = images(seed)
    losses = keras.losses.binary_crossentropy(originals.reshape(5, -1), outputs.reshape(5, -1))
    np.testing.assert_allclose(
        reconstruction.cross_entropies(originals, outputs), losses, rtol=1e-5
    )
    errors = reconstruction.squared_errors(originals, outputs)
    np.testing.assert_allclose(errors.mean(), np.mean((originals - outputs) ** 2), rtol=1e-5)


@pytest.mark.parametrize("name", ["cross_entropies", "squared_errors"])
def test_an_image_is_measured_alike_alone_and_among_many(name: str) -> None:
    measure = getattr(reconstruction, name)
    pair = np.random.default_rng(1).random((2, 2 * reconstruction.ROWS + 3, 4, 4, 1), "float32")
    alone = [measure(*pair[:, row : row + 1])[0] for row in range(pair.shape[1])]
    np.testing.assert_array_equal(measure(*pair), alone)


def test_a_tenth_of_the_error_is_ten_decibels() -> None:
    assert reconstruction.psnr(np.array(0.01)) - reconstruction.psnr(np.array(0.1)) == 10


def test_an_epoch_row_is_of_both_splits() -> None:
    originals, outputs = images(1)
    row = reconstruction.epoch_row(
        {"train": originals, "valid": originals}, {"train": outputs, "valid": originals}
    )
    assert list(row) == [
        *("train_loss", "train_mse", "train_psnr"),
        *("valid_loss", "valid_mse", "valid_psnr"),
        "diff_loss",
    ]
    losses = reconstruction.cross_entropies(originals, outputs)
    assert row["train_loss"] == pytest.approx(losses.mean(), rel=1e-6)
    assert row["train_mse"] == pytest.approx(np.mean((originals - outputs) ** 2), rel=1e-5)
    assert row["train_psnr"] == pytest.approx(10 * np.log10(1 / row["train_mse"]))
    assert row["valid_mse"] == 0
    assert row["diff_loss"] == pytest.approx(row["train_loss"] - row["valid_loss"])
