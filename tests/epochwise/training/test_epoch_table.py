"""The epoch table, its duration, and the live curves."""

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from epochwise.core import paths
from epochwise.core.files import read_json
from epochwise.training.epoch_table import (
    epoch_column,
    live_curves,
    log_epoch,
    write_epoch_table,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_numbers_keep_six_digits_and_the_duration_names_its_table() -> None:
    table = pd.DataFrame([{"epoch": 0, "train_loss": 0.123456789, "kept": 1}])
    write_epoch_table("lstm", table, 12.34)
    path = paths.metrics("lstm", "epochs.csv")
    assert path.read_text() == "epoch,train_loss,kept\n0,0.123457,1\n"
    assert read_json(paths.metrics("lstm", "timing.json")) == {
        "train_seconds": 12.3,
        "epochs_csv_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


@pytest.mark.parametrize(
    ("before", "after", "on_record"),
    [
        (40.0, 79.9, 40.0),
        (79.9, 40.0, 79.9),
        (40.0, 80.1, 80.1),
        (80.1, 40.0, 40.0),
        (1.0, 9.9, 1.0),
    ],
)
def test_the_time_of_a_table_changes_where_it_is_another(
    before: float, after: float, on_record: float
) -> None:
    table = pd.DataFrame([{"epoch": 0, "train_loss": 0.5, "kept": 1}])
    timing = paths.metrics("lstm", "timing.json")
    write_epoch_table("lstm", table, before)
    write_epoch_table("lstm", table, after)
    assert read_json(timing)["train_seconds"] == on_record
    write_epoch_table("lstm", table.assign(train_loss=0.4), before)
    assert read_json(timing)["train_seconds"] == before
    timing.write_text("<<<<<<< HEAD")
    write_epoch_table("lstm", table.assign(train_loss=0.4), after)
    assert read_json(timing)["train_seconds"] == after


def test_live_curves_have_a_step_for_each_epoch() -> None:
    with live_curves("lstm") as live:
        for loss in (0.5, 0.25):
            log_epoch(live, {"train_loss": loss})
    (curve,) = paths.live("lstm").rglob("train_loss.tsv")
    assert curve.read_text().splitlines() == ["step\ttrain_loss", "0\t0.5", "1\t0.25"]


def test_columns_sort_as_epochs_do() -> None:
    columns = [epoch_column(epoch) for epoch in range(200)]
    assert columns == sorted(columns) and columns[7] == "epoch_007"
