"""Fetch a data set from its source into data/<dataset>: checked, counted, in one form.

What is downloaded stays in the user's cache folder, so that a second run needs no network.
"""

from importlib import import_module
from typing import Annotated

import typer

from epochwise.core import params
from epochwise.core.cli import InputError, run
from epochwise.core.settings import Engine, Seed

DATASETS = ("reviews", "digits", "target")


def main(dataset: Annotated[str, typer.Argument(help=f"{', '.join(DATASETS)}")]) -> None:
    """Fetch `dataset` as its block in params.yaml says."""
    if dataset not in DATASETS:
        raise InputError(f"no data set '{dataset}': expected one of {', '.join(DATASETS)}")
    rows, seed = params.read("engine", Engine).partition_rows, params.read("seed", Seed).data
    source = import_module(f"epochwise.data.sources.{dataset}")
    source.fetch(params.read(dataset, source.Params), rows if dataset == "reviews" else seed)


if __name__ == "__main__":
    run(main)
