"""Training on kept features gives what training on images gives."""

from pathlib import Path

import keras
import numpy as np
import pytest

from benchmarks import transfer
from epochwise.families.base import with_preprocessing
from epochwise.training import keras_file, runtime


@pytest.fixture(scope="module")
def base() -> keras.Model:
    runtime.start(1)
    inputs = keras.Input((16, 16, 3))
    return keras.Model(inputs, keras.layers.Conv2D(8, 5, activation="relu")(inputs))


def test_unequal_results_are_told(base: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match="probabilities differ by"):
        transfer.compare(with_preprocessing(base, "tf"), 20)


def test_the_images_have_both_classes() -> None:
    images, labels = transfer.synthesize(50, (4, 4, 3))
    assert images.dtype == np.uint8 and set(labels) == {0, 1}
    assert images[labels == 1].mean() > images[labels == 0].mean() + 40


def test_the_results_are_equal_and_their_ratio_is_printed(
    base: keras.Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(transfer, "EPOCHS", 2)
    path = tmp_path / "base.keras"
    keras_file.save(base, path)
    transfer.main(str(path), 20)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}, 20 images, 2 epochs; equal results"
    assert "ratio" in lines[1]
