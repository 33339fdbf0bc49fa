"""The rule that chooses an epoch without a threshold."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json, write_json
from stages import select as stage
from stages.select import Rule, choose

TABLE = pd.DataFrame({"epoch": [0, 1, 2, 3], "valid_loss": [0.5, 0.2, 0.2, 0.1], "kept": 1})


def test_the_lowest_of_the_epochs_left_is_taken_and_the_earlier_of_equals() -> None:
    assert choose(TABLE, [0, 1, 2], Rule(lowest="valid_loss"), "cnn") == 1
    assert choose(TABLE, [0, 1, 2, 3], Rule(lowest="valid_loss"), "cnn") == 3


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"select\.cnn\.lowest is 'valid_los', .* valid_loss"):
        choose(TABLE, [0], Rule(lowest="valid_los"), "cnn")
    with pytest.raises(InputError, match=r"lowest is 'epoch', .*: choose among valid_loss$"):
        choose(TABLE, [0], Rule(lowest="epoch"), "cnn")


def test_a_column_without_a_number_is_told() -> None:
    table = TABLE.assign(valid_loss=[float("nan"), float("inf"), 0.5, 0.6])
    assert choose(table, [0, 1, 2], Rule(lowest="valid_loss"), "cnn") == 2
    with pytest.raises(InputError, match="cnn: in no epoch that is left the column 'valid_loss'"):
        choose(table, [0, 1], Rule(lowest="valid_loss"), "cnn")


def test_a_column_of_which_more_is_better_is_refused() -> None:
    table = TABLE.assign(valid_accuracy=0.9, diff_accuracy=0.1)
    with pytest.raises(
        InputError, match=r"'valid_accuracy', of which more is better: .* diff_accuracy$"
    ):
        choose(table, [0], Rule(lowest="valid_accuracy"), "cnn")
    assert choose(table, [0], Rule(lowest="diff_accuracy"), "cnn") == 0


def test_an_epoch_that_the_table_lacks_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"filter\.json keeps the epochs \[4, 9\], which .*epochs\.csv"
    ):
        choose(TABLE, [9, 1, 4], Rule(lowest="valid_loss"), "cnn")


def test_the_stage_copies_the_networks_of_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths.epochs("cnn").mkdir(parents=True)
    for epoch in range(4):
        (paths.epochs("cnn") / f"{epoch:03d}.keras").write_text(f"network {epoch}")
        (paths.epochs("cnn") / f"{epoch:03d}.features.keras").write_text(f"features {epoch}")
    write_json(paths.metrics("cnn", "filter.json"), {"epochs": [0, 2], "relaxed": True})
    TABLE.to_csv(paths.metrics("cnn", "epochs.csv"), index=False)
    rule = {"select": {"cnn": {"lowest": "valid_loss"}}}
    Path("params.yaml").write_text(yaml.safe_dump(rule))
    stage.main("cnn")
    copied = {path.name: path.read_text() for path in paths.chosen("cnn").iterdir()}
    assert copied == {"model.keras": "network 2", "features.keras": "features 2"}
    assert read_json(paths.metrics("cnn", "selection.json")) == {
        "epochs": [0, 2],
        "relaxed": True,
        "epoch": 2,
        "rule": "lowest valid_loss",
        "valid": {"valid_loss": 0.2},
    }
