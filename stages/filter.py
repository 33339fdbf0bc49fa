"""Filter one family's epochs: which of them generalise, by the rule `filter.<family>`.

Reads metrics/<family>/epochs.csv. Writes metrics/<family>/filter.json, and the statistical
overview of the epoch table to metrics/<family>/epochs_overview.csv.
"""

from pathlib import Path
from typing import Any, Literal

import pandas as pd

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.files import replacing, write_json


class Rule(params.Section):
    """An epoch survives if each column is strictly below or above its bound.

    If none does, `relax` takes the epoch that violates the bounds least, `fail` stops.
    """

    below: dict[str, float]
    above: dict[str, float]
    on_empty: Literal["relax", "fail"]


def survivors(table: pd.DataFrame, rule: Rule, family: str) -> dict[str, Any]:
    """The epochs that the rule keeps, of those whose model is on disk (column `kept`).

    Returns:
        `epochs`, whether the rule was `relaxed`, and by how much the survivors miss each bound.

    Raises:
        InputError: a column of the rule is not in the table; or no epoch survives and the rule
            says `fail`: the message says how close each came.
    """
    table = table[table["kept"] == 1].set_index("epoch")
    for column in (*rule.below, *rule.above):
        if column not in table:
            raise InputError(
                f"params.yaml: filter.{family} names the column '{column}', which the epoch table"
                f" does not have: choose among {', '.join(table.columns)}"
            )
    holds, missed = {}, {}
    for column, bound in rule.below.items():
        holds[f"{column} < {bound:g}"] = table[column] < bound
        missed[f"{column} < {bound:g}"] = (table[column] - bound).clip(lower=0.0)
    for column, bound in rule.above.items():
        holds[f"{column} > {bound:g}"] = table[column] > bound
        missed[f"{column} > {bound:g}"] = (bound - table[column]).clip(lower=0.0)
    by = pd.DataFrame(missed, index=table.index)
    epochs = table.index[pd.DataFrame(holds, index=table.index).all(axis=1)]
    relaxed = epochs.empty
    if relaxed and rule.on_empty == "fail":
        raise InputError(_how_close(by, family))
    if relaxed:
        epochs = pd.Index([by.sum(axis=1).idxmin()])
    return {
        "epochs": [int(epoch) for epoch in epochs],
        "relaxed": relaxed,
        "missed": {str(bound): float(far) for bound, far in by.loc[epochs].max().items() if far},
    }


def _how_close(missed: pd.DataFrame, family: str) -> str:
    lines = [
        f"epoch {epoch}: "
        + ", ".join(f"{bound} missed by {by:.4f}" for bound, by in row.items() if by)
        for epoch, row in missed.iterrows()
    ]
    return (
        f"{family}: no epoch passes filter.{family} in params.yaml: widen its bounds, train longer,"
        " or set on_empty: relax\n  " + "\n  ".join(lines)
    )


def main(family: str) -> None:
    """Filter the epochs of `family`."""
    rule = params.read(f"filter.{family}", Rule)
    table = pd.read_csv(Path("metrics", family, "epochs.csv"))
    kept = survivors(table, rule, family)
    write_json(Path("metrics", family, "filter.json"), kept)
    with replacing(Path("metrics", family, "epochs_overview.csv")) as beside:
        overview = table.drop(columns=["epoch", "kept"]).describe()
        overview.to_csv(beside, index_label="statistic")
    if kept["relaxed"]:
        print(f"{family}: no epoch passes the filter; epoch {kept['epochs'][0]} violates it least")


if __name__ == "__main__":
    run(main)
