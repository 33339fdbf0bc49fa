import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from epochwise.core.cli import InputError
from stages import filter as stage
from stages.filter import Rule, survivors

RULE = {
    "below": {"diff_recall_0": 0.05},
    "above": {"train_recall_0": 0.8},
    "on_empty": "relax",
}


def rule(**changes: Any) -> Rule:
    return Rule.model_validate({**RULE, **changes})


def table(*rows: tuple[float, float], kept: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"epoch": epoch, "diff_recall_0": diff, "train_recall_0": recall, "kept": kept}
            for epoch, (diff, recall) in enumerate(rows)
        ]
    )


def test_bounds_are_strict() -> None:
    epochs = table((0.05, 0.9), (0.049, 0.8), (0.049, 0.801))
    assert survivors(epochs, rule(), "mlp") == {"epochs": [2], "relaxed": False, "missed": {}}


def test_relax_takes_the_epoch_that_misses_least_and_says_so() -> None:
    found = survivors(table((0.30, 0.9), (0.04, 0.7), (0.06, 0.79)), rule(), "mlp")
    assert found["epochs"] == [2] and found["relaxed"]
    assert found["missed"] == pytest.approx(
        {"diff_recall_0 < 0.05": 0.01, "train_recall_0 > 0.8": 0.01}
    )


def test_an_epoch_that_equals_its_bound_is_relaxed_to_as_the_nearest() -> None:
    found = survivors(table((0.06, 0.9), (0.05, 0.9)), rule(), "mlp")
    assert (found["epochs"], found["relaxed"], found["missed"]) == ([1], True, {})


def test_fail_lists_how_close_each_epoch_came() -> None:
    with pytest.raises(InputError) as error:
        survivors(table((0.30, 0.9), (0.04, 0.7)), rule(on_empty="fail"), "mlp")
    message = str(error.value)
    assert "filter.mlp" in message and "on_empty: relax" in message
    assert "epoch 0: diff_recall_0 < 0.05 missed by 0.2500" in message
    assert "epoch 1: train_recall_0 > 0.8 missed by 0.1000" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_columns_that_are_no_numbers_in_any_epoch_are_told(value: float) -> None:
    with pytest.raises(InputError, match=r"mlp: each epoch has a column of filter\.mlp that is"):
        survivors(table((value, 0.9), (value, 0.9)), rule(), "mlp")
    assert survivors(table((value, 0.9), (0.9, 0.9)), rule(), "mlp")["epochs"] == [1]


def test_a_bound_is_a_number() -> None:
    with pytest.raises(ValidationError, match="finite number"):
        rule(below={"diff_recall_0": float("nan")})


def test_epochs_without_a_model_on_disk_are_left_out() -> None:
    epochs = pd.concat([table((0.01, 0.9), kept=0), table((0.02, 0.9))], ignore_index=True)
    epochs["epoch"] = [0, 1]
    assert survivors(epochs, rule(), "mlp")["epochs"] == [1]


def test_a_rule_about_an_absent_column_is_refused() -> None:
    with pytest.raises(InputError, match=r"filter\.mlp names the column 'diff_recal_0'"):
        survivors(table((0.01, 0.9)), rule(below={"diff_recal_0": 0.1}), "mlp")


def test_stage_writes_survivors_and_overview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("metrics/mlp").mkdir(parents=True)
    table((0.01, 0.9), (0.03, 0.7)).to_csv("metrics/mlp/epochs.csv", index=False)
    Path("params.yaml").write_text(yaml.safe_dump({"filter": {"mlp": RULE}}))
    stage.main("mlp")
    assert json.loads(Path("metrics/mlp/filter.json").read_text())["epochs"] == [0]
    overview = pd.read_csv("metrics/mlp/epochs_overview.csv", index_col="statistic")
    assert list(overview.index) == ["count", "mean", "std", "min", "25%", "50%", "75%", "max"]
    assert list(overview.columns) == ["diff_recall_0", "train_recall_0"]
    assert overview.loc["mean", "diff_recall_0"] == pytest.approx(0.02)


def test_misses_of_an_epoch_add_up_and_one_that_is_no_number_is_the_farthest() -> None:
    bounds = {"below": {"diff_recall_0": 0.05}, "above": {"train_recall_0": 0.8}}
    epochs = table((0.15, 0.9), (0.11, 0.74), (float("nan"), 0.9))
    assert survivors(epochs, rule(**bounds), "mlp")["epochs"] == [0]
