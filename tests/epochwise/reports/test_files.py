"""The metrics that every report writes."""

from pathlib import Path

import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import read_json
from epochwise.reports.files import headline, write_metrics
from tests.configuration import ROOT

METRICS = {
    "n": 3,
    "roc_auc": 0.84148388,
    "balanced_accuracy": 0.74170957,
    "ci95": {"roc_auc": [0.826, 0.855], "balanced_accuracy": [0.725, 0.757]},
}


def test_a_headline_has_one_digit_more_than_its_interval_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "TABLE", ROOT / families.TABLE)
    monkeypatch.chdir(tmp_path)
    assert headline(METRICS, "binary") == {"roc_auc": 0.841, "bacc": 0.742}
    wide = METRICS | {"ci95": {"roc_auc": [0.5, 1.0], "balanced_accuracy": [0.74, 0.74]}}
    assert headline(wide, "binary") == {"roc_auc": 0.84, "bacc": 0.7417}
    write_metrics("lstm", "test", METRICS)
    assert read_json(paths.headline("lstm")) == {"roc_auc": 0.841, "bacc": 0.742}
