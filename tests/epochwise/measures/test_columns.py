"""The columns that params.yaml may name are those that are measured."""

import csv
import json

import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.measures import columns
from tests.configuration import ROOT


@pytest.fixture(params=families.params.read_file(ROOT / families.TABLE, families.Table).families)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def task(family: str) -> str:
    table = families.params.read_file(ROOT / families.TABLE, families.Table)
    return table.families[family].task


def test_epoch_tables_have_the_columns(family: str) -> None:
    with (ROOT / paths.metrics(family, "epochs.csv")).open() as file:
        found = next(csv.reader(file))
    assert sorted(found) == sorted(["epoch", *columns.EPOCHS[task(family)], "kept"])


def test_reports_have_the_numbers(family: str) -> None:
    report = json.loads((ROOT / paths.metrics(family, "valid.json")).read_text())
    assert all(isinstance(report[name], float) for name in columns.REPORTS[task(family)])


def test_less_is_better_of_all_losses_errors_and_distances() -> None:
    reported = {name for names in columns.REPORTS.values() for name in names}
    losses = {name for name in reported if name.endswith(("loss", "error", "entropy"))}
    assert losses | {"mse", "frechet"} == columns.LOWEST


def test_the_lowest_is_never_the_worst() -> None:
    assert "valid_frechet" in columns.LOSSES["generation"]
    assert columns.LOSSES["reconstruction"] == [
        "train_loss",
        "valid_loss",
        "train_mse",
        "valid_mse",
        "diff_loss",
    ]
    assert columns.LOSSES["multiclass"] == [
        "train_loss",
        "valid_loss",
        "diff_loss",
        "diff_accuracy",
    ]
