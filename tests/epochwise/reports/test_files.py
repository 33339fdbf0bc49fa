"""The files that every report writes."""

from pathlib import Path

import pandas as pd
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import read_json
from epochwise.reports.files import headline, write_curves, write_metrics
from tests.configuration import ROOT

METRICS = {
    "n": 3,
    "roc_auc": 0.84148388,
    "balanced_accuracy": 0.74170957,
    "ci95": {"roc_auc": [0.826, 0.855], "balanced_accuracy": [0.725, 0.757]},
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "TABLE", ROOT / families.TABLE)
    monkeypatch.chdir(tmp_path)
    paths.metrics("lstm", "epochs.csv").parent.mkdir(parents=True)
    table = "epoch,train_loss,valid_loss,valid_roc_auc,kept\n0,0.5,0.6,0.7,1\n1,0.4,0.7,0.8,0\n"
    paths.metrics("lstm", "epochs.csv").write_text(table)


def test_a_headline_has_one_digit_more_than_its_interval_carries() -> None:
    assert headline(METRICS, "binary") == {"roc_auc": 0.841, "bacc": 0.742}
    wide = METRICS | {"ci95": {"roc_auc": [0.5, 1.0], "balanced_accuracy": [0.74, 0.74]}}
    assert headline(wide, "binary") == {"roc_auc": 0.84, "bacc": 0.7417}
    write_metrics("lstm", "test", METRICS)
    assert read_json(paths.headline("lstm")) == {"roc_auc": 0.841, "bacc": 0.742}


def test_curves_are_in_long_form_with_the_losses_of_every_epoch() -> None:
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
