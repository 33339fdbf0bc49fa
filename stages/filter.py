"""Filter a family's epochs: which of them generalise, by the rule `filter.<family>` in params.yaml.

Reads metrics/<family>/epochs.csv. Writes metrics/<family>/filter.json, and the statistical
overview of the epoch table to metrics/<family>/epochs_overview.csv.
"""

from math import inf
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import FiniteFloat

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.epochs import epoch_table
from epochwise.core.files import SIGNIFICANT, replacing, write_metrics


class Rule(params.Section):
    """An epoch survives if each column is strictly below or above its bound.

    If none does, `relax` takes the epoch that violates the bounds least, `fail` stops.
    """

    below: dict[str, FiniteFloat]
    above: dict[str, FiniteFloat]
    on_empty: Literal["relax", "fail"]


def survivors(table: pd.DataFrame, rule: Rule, family: str) -> dict[str, Any]:
    """The epochs that the rule keeps, of those whose model is on disk (column `kept`).

    Returns:
        `epochs`, whether the rule was `relaxed`, and by how much the survivors miss each bound.

    Raises:
        InputError: a column of the rule is not in the table, or no number in any epoch; or no epoch
            survives and the rule says `fail`: the message says how close each came.
    """
    table = table[table["kept"] == 1].set_index("epoch")
    for column in (*rule.below, *rule.above):
        if column not in table:
            raise InputError(
                f"filter.{family} names the column '{column}', which the epoch table"
                f" does not have: choose among {', '.join(table.columns)}"
            )
    holds, by = _against(table, rule)
    epochs = table.index[holds.all(axis=1)]
    relaxed = epochs.empty
    if relaxed and rule.on_empty == "fail":
        raise InputError(_how_close(by, family))
    if relaxed:
        epochs = pd.Index([by.sum(axis=1).idxmin()])
        if not np.isfinite(by.loc[epochs]).all(axis=None):
            raise InputError(
                f"{family}: each epoch has a column of filter.{family} that is not a number: lower"
                f" train.{family}.optimizer.learning_rate, or take the column out of the rule"
            )
    return {
        "epochs": [int(epoch) for epoch in epochs],
        "relaxed": relaxed,
        "missed": {str(bound): float(far) for bound, far in by.loc[epochs].max().items() if far},
    }


def _against(table: pd.DataFrame, rule: Rule) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Whether each epoch (row) is within each bound (column), and by how much it misses it."""
    holds, missed = {}, {}
    for column, bound in rule.below.items():
        holds[f"{column} < {bound:g}"] = table[column] < bound
        missed[f"{column} < {bound:g}"] = (table[column] - bound).clip(lower=0.0).fillna(inf)
    for column, bound in rule.above.items():
        holds[f"{column} > {bound:g}"] = table[column] > bound
        missed[f"{column} > {bound:g}"] = (bound - table[column]).clip(lower=0.0).fillna(inf)
    return pd.DataFrame(holds, index=table.index), pd.DataFrame(missed, index=table.index)


def _how_close(missed: pd.DataFrame, family: str) -> str:
    lines = [
        f"epoch {epoch}: "
        + ", ".join(f"{bound} missed by {by:.4f}" for bound, by in row.items() if by)
        for epoch, row in missed.iterrows()
    ]
    return (
        f"{family}: no epoch passes filter.{family}: widen its bounds, train longer,"
        " or set on_empty: relax\n  " + "\n  ".join(lines)
    )


def main(family: str) -> None:
    """Filter the epochs of FAMILY."""
    table = epoch_table(family)
    found = survivors(table, params.read(f"filter.{family}", Rule), family)
    write_metrics(paths.metrics(family, "filter.json"), found)
    with replacing(paths.metrics(family, "epochs_overview.csv")) as beside:
        overview = table.drop(columns=["epoch", "kept"]).describe()
        overview.to_csv(beside, index_label="statistic", float_format=f"%.{SIGNIFICANT}g")
    if found["relaxed"]:
        print(f"{family}: no epoch passes the filter; epoch {found['epochs'][0]} violates it least")


if __name__ == "__main__":
    run(main)
