"""Choose a family's epoch on `valid`: the lowest of a column, among those that are left.

Reads metrics/<family>/epochs.csv, the surviving epochs (metrics/<family>/filter.json) and
data/epochs/<family>. Writes metrics/<family>/selection.json, and to models/<family> model.keras
with the networks that are part of it, such as encoder.keras.
"""

from typing import Any

import numpy as np
import pandas as pd

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.epochs import epoch_table
from epochwise.core.files import copy_epoch, read_json, write_metrics
from epochwise.core.forms import Epochs
from epochwise.measures.columns import falls


class Rule(params.Section):
    """The epoch with the lowest value of the column `lowest`; between equals the earlier."""

    lowest: str


def choose(table: pd.DataFrame, epochs: list[int], rule: Rule, family: str) -> int:
    """The epoch that the rule takes of `epochs`.

    Raises:
        InputError: the epoch table has no such column, or more is better there, or it has no number
            there; or it lacks one of `epochs`.
    """
    measured = table.columns.drop(["epoch", "kept"])
    if rule.lowest not in measured or not falls(rule.lowest):
        known = rule.lowest in measured
        problem = "of which more is better" if known else "which the epoch table does not have"
        raise InputError(
            f"select.{family}.lowest is '{rule.lowest}', {problem}: choose among"
            f" {', '.join(filter(falls, measured))}"
        )
    if lacking := sorted(set(epochs) - set(table["epoch"])):
        raise InputError(
            f"{paths.metrics(family, 'filter.json')} keeps the epochs {lacking}, which"
            f" {paths.metrics(family, 'epochs.csv')} lacks: run `dvc repro filter@{family}`"
        )
    values = table.set_index("epoch").loc[epochs, rule.lowest]
    if not np.isfinite(values.min()):
        raise InputError(
            f"{family}: in no epoch that is left the column '{rule.lowest}' is a number: lower"
            f" train.{family}.optimizer.learning_rate"
        )
    return int(values.idxmin())


def main(family: str) -> None:
    """Choose the epoch of FAMILY."""
    rule = params.read(f"select.{family}", Rule)
    table = epoch_table(family)
    kept = read_json(paths.metrics(family, "filter.json"), Epochs)
    epoch = choose(table, kept["epochs"], rule, family)
    copy_epoch(paths.epochs(family), epoch, paths.chosen(family))
    measured = table.set_index("epoch").drop(columns="kept").loc[epoch]
    selection: dict[str, Any] = {
        "epochs": kept["epochs"],
        "relaxed": kept["relaxed"],
        "epoch": epoch,
        "rule": f"lowest {rule.lowest}",
        "valid": {str(name): float(v) for name, v in measured.items() if np.isfinite(v)},
    }
    write_metrics(paths.metrics(family, "selection.json"), selection)


if __name__ == "__main__":
    run(main)
