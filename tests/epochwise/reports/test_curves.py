"""The curves that reports write: of epoch tables, and of calibration."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core import paths
from epochwise.reports.curves import calibration_curve, calibration_error, write_curves
from tests.epochwise.measures.test_binary import SAMPLES, arrays

RANDOM = np.random.default_rng(0)


def test_curves_are_in_long_form_with_the_losses_of_every_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths.metrics("lstm", "epochs.csv").parent.mkdir(parents=True)
    table = "epoch,train_loss,valid_loss,valid_roc_auc,kept\n0,0.5,0.6,0.7,1\n1,0.4,0.7,0.8,0\n"
    paths.metrics("lstm", "epochs.csv").write_text(table)
    roc = pd.DataFrame({"curve": "roc", "x": [0.0, 0.25], "y": [0.0, 1.0]})
    confused = pd.DataFrame({"curve": "confusion", "x": ["cat"], "y": ["dog"], "n": [12]})
    write_curves("lstm", pd.concat([roc, confused]))
    assert paths.plot("curves", "lstm", "csv").read_text().splitlines() == [
        "curve,x,y,n",
        "roc,0.0,0.0,",
        "roc,0.25,1.0,",
        "confusion,cat,dog,12",
        "train_loss,0,0.5,",
        "train_loss,1,0.4,",
        "valid_loss,0,0.6,",
        "valid_loss,1,0.7,",
    ]


def test_bins_of_the_calibration_curve_have_the_same_size() -> None:
    likely = RANDOM.permutation(np.linspace(0, 1, 1000))
    labels = (RANDOM.random(1000) < likely).astype(int)
    curve = calibration_curve(labels, likely)
    assert curve["n"].tolist() == [100] * 10
    assert curve["x"].to_numpy() == pytest.approx(np.arange(0.05, 1, 0.1), abs=0.001)
    assert np.average(curve["y"], weights=curve["n"]) == pytest.approx(labels.mean())


def test_a_probability_on_an_edge_is_in_the_bin_above() -> None:
    likely = np.arange(11) / 10  # the edges are all of them but the first and the last
    curve = calibration_curve(np.zeros(11), likely)
    assert curve["n"].tolist() == [1] * 9 + [2]


@given(SAMPLES, st.randoms())
def test_calibration_does_not_depend_on_the_order_of_samples(
    rows: list[tuple[int, float]], random: Any
) -> None:
    error = calibration_error(*arrays(rows))
    random.shuffle(rows)
    assert calibration_error(*arrays(rows)) == pytest.approx(error)
    assert 0 <= error <= 1


def test_calibration_error_is_the_mean_distance_of_probability_and_share() -> None:
    likely = np.repeat([0.2, 0.9], 50)
    labels = np.concatenate([np.arange(50) < 10, np.arange(50) < 30]).astype(int)
    assert calibration_error(labels, likely) == pytest.approx(0.5 * 0 + 0.5 * 0.3)
