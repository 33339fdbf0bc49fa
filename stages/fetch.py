"""Fetch a data set from its source into data/<dataset>: checked, counted, in one form.

What is downloaded stays in the user's cache folder, so that a second run needs no network.
"""

from importlib import import_module
from typing import Annotated

import typer

from epochwise.core import params
from epochwise.core.cli import InputError, run

DATASETS = {
    "reviews": "engine.partition_rows",
    "digits": "seed.data",
    "target": "seed.data",
}
"""The data sets, and the whole number in params.yaml that each needs beside its own block."""


def main(dataset: Annotated[str, typer.Argument(help=f"{', '.join(DATASETS)}")]) -> None:
    """Fetch `dataset` as its block in params.yaml says."""
    if dataset not in DATASETS:
        raise InputError(f"no data set '{dataset}': expected one of {', '.join(DATASETS)}")
    key = DATASETS[dataset]
    number = params.read_value(key)
    if not isinstance(number, int) or number < 0:
        raise InputError(f"{params.PARAMS}: '{key}' is {number!r}: expected a whole number from 0")
    source = import_module(f"epochwise.data.sources.{dataset}")
    source.fetch(params.read(dataset, source.Params), number)


if __name__ == "__main__":
    run(main)
