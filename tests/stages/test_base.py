"""The stage base leaves a network, and what it makes of the target images."""

from pathlib import Path

import numpy as np
import pytest

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import write_arrays
from epochwise.inputs.images import Target
from stages import base
from tests.image_data import CLASSES, digits, make_project, write_target


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_target("train", "valid")


def test_the_features_are_those_of_the_network_that_is_kept() -> None:
    images, labels = digits(each=8, seed=0)
    write_arrays(paths.BASE_DIGITS, images=images, labels=labels)
    base.main()
    assert {path.name for path in paths.BASE.iterdir()} == {
        "network.keras",
        "train.npz",
        "valid.npz",
    }
    target = Target()
    network = target.base()
    assert network.input_shape == (None, 28, 28, 1)
    for split in ("train", "valid"):
        features, read = target.features(split), target.read(split, network.input_shape[1:])
        np.testing.assert_array_equal(
            features.inputs, network.predict(read.inputs[:], 256, verbose=0)
        )
        np.testing.assert_array_equal(features.labels, read.labels)
        np.testing.assert_array_equal(features.ids, read.ids)
        assert len(np.unique(features.labels)) == CLASSES


def test_nothing_is_written_where_there_are_no_digits_to_learn_from() -> None:
    nothing = np.empty((0, 28, 28), "uint8")
    write_arrays(paths.BASE_DIGITS, images=nothing, labels=np.empty(0, "int64"))
    with pytest.raises(InputError, match=r"which needs target\.source digits_transfer"):
        base.main()
    assert not paths.BASE.exists()
