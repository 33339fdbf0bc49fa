"""What every training leaves: the epoch table, live curves, and how long it took."""

import time

import pandas as pd
import pyarrow as pa
from dvclive import Live

from epochwise.core import paths
from epochwise.core.files import read_table, replacing, write_json, write_table
from epochwise.core.forms import ANY, BINARY, SHARES
from epochwise.core.timing import recorded_seconds, timing

NUMBERS = "%.6g"
"""Finer than other numbers in git: epochs that differ by less are still chosen among."""
ALIKE = 2.0
"""By what factor the times of one training differ with other work on the machine."""
SHORT = 10.0
"""Seconds within which a training is mostly the start of its libraries."""


def live_curves(family: str) -> Live:
    """A new log of DVCLive for the training of `family`."""
    return Live(str(paths.live(family)), save_dvc_exp=False, dvcyaml=None, report=None)


def log_epoch(live: Live, row: dict[str, float]) -> None:
    """Add a row of the epoch table to the live curves."""
    for name, value in row.items():
        live.log_metric(name, value)
    live.next_step()


def write_epoch_table(family: str, table: pd.DataFrame, seconds: float) -> None:
    """Write metrics/<family>/epochs.csv, and beside it how long the training of that table took.

    The duration differs from run to run, so it is no output of the pipeline. The digest says which
    table it is of. Where the same table took about as long before, the time on record stays: the
    rest is other work on the machine, which is no change to review.
    """
    path = paths.metrics(family, "epochs.csv")
    with replacing(path) as beside:
        table.to_csv(beside, index=False, float_format=NUMBERS)
    before = recorded_seconds(family)
    if before is None or not _is_alike(before, seconds):
        write_json(paths.metrics(family, "timing.json"), timing(seconds, path.read_bytes()))


def _is_alike(*seconds: float) -> bool:
    shorter, longer = sorted(seconds)
    return longer < max(ALIKE * shorter, SHORT)


def write_single_epoch(
    family: str, model: pa.Table, likely: dict[str, pa.Table], row: dict[str, float], started: float
) -> None:
    """Write what a training without epochs leaves: `model` as epoch 0, and `row` of it.

    `likely` are the reviews of valid, and of other splits to be kept, with the column
    `epoch_column(0)`; `started` is when the training began, by `time.monotonic`.
    """
    with replacing(paths.epochs(family)) as folder:
        folder.mkdir()
        write_table(folder / "000.parquet", model)
        for split, reviews in likely.items():
            write_table(folder / f"{split}.parquet", reviews)
    with live_curves(family) as live:
        log_epoch(live, row)
    table = pd.DataFrame([{"epoch": 0, **row, "kept": 1}])
    write_epoch_table(family, table, time.monotonic() - started)


def read_single_epoch(family: str, split: str) -> pa.Table:
    """Reviews of a split that `write_single_epoch` has kept, P(1) in the column `probability`."""
    columns = {"id": ANY, "label": BINARY, epoch_column(0): SHARES}
    table = read_table(paths.epochs(family) / f"{split}.parquet", columns)
    return table.rename_columns({epoch_column(0): "probability"})


def epoch_column(epoch: int) -> str:
    """The column that holds what `epoch` predicts."""
    return f"epoch_{epoch:03d}"
