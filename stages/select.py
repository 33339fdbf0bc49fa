"""Choose one family's epoch on `valid`: the lowest of a column, among those that are left.

Reads metrics/<family>/epochs.csv, the surviving epochs (metrics/<family>/filter.json) and
models/<family>/epochs. Writes metrics/<family>/selection.json and
models/<family>/model.keras with the network that is part of it beside, such as encoder.keras.
"""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.files import read_json, replacing, write_json


class Rule(params.Section):
    """The epoch with the lowest value of the column `lowest`; between equals the earlier."""

    lowest: str


def choose(table: pd.DataFrame, epochs: list[int], rule: Rule, family: str) -> int:
    """The epoch that the rule takes of `epochs`.

    Raises:
        InputError: the epoch table has no such column.
    """
    if rule.lowest not in table:
        raise InputError(
            f"params.yaml: select.{family}.lowest is '{rule.lowest}', which the epoch table does"
            f" not have: choose among {', '.join(table.columns)}"
        )
    return int(table.set_index("epoch").loc[epochs, rule.lowest].idxmin())


def main(family: str) -> None:
    """Choose for `family`."""
    rule = params.read(f"select.{family}", Rule)
    folder = Path("metrics", family)
    table = pd.read_csv(folder / "epochs.csv")
    kept = read_json(folder / "filter.json")
    epoch = choose(table, kept["epochs"], rule, family)
    for source in sorted(Path("models", family, "epochs").glob(f"{epoch:03d}.*")):
        part = source.name.split(".")[1:-1] or ["model"]
        with replacing(Path("models", family, f"{part[0]}.keras")) as beside:
            shutil.copyfile(source, beside)
    measured = table.set_index("epoch").drop(columns="kept").loc[epoch]
    selection: dict[str, Any] = {
        "epochs": kept["epochs"],
        "relaxed": kept["relaxed"],
        "epoch": epoch,
        "rule": f"lowest {rule.lowest}",
        "valid": {str(name): float(value) for name, value in measured.items()},
    }
    write_json(folder / "selection.json", selection)


if __name__ == "__main__":
    run(main)
