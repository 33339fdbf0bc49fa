"""The table that a command writes for its user: csv, or Parquet, as the name of the file tells."""

import csv
import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
import pyarrow as pa
import typer

from epochwise.core.cli import InputError
from epochwise.core.files import replacing, write_table

CSV, PARQUET = ".csv", ".parquet"
Output = Annotated[
    Path | None,
    typer.Option(help="A csv or Parquet file.", show_default="standard output", dir_okay=False),
]
"""The option `--output` of a command that writes to standard output without it."""


def check_output(path: Path | None, *suffixes: str) -> None:
    """Make sure, before anything is computed, that a table can be written to `path`.

    Raises:
        InputError: the name ends in none of `suffixes`, or there is no folder for the file.
    """
    if path and path.suffix not in suffixes:
        expected = " or ".join(suffixes)
        raise InputError(f"--output is '{path}', expected a name that ends in {expected}")
    if path and not path.parent.is_dir():
        raise InputError(f"--output is '{path}', but there is no folder '{path.parent}': make it")
    if path and path.exists() and not path.is_file():
        raise InputError(f"--output is '{path}', which is no plain file: name another one")


def write_output(path: Path | None, frame: pd.DataFrame) -> None:
    """Write `frame` to the file `path`, or as csv to standard output.

    Raises:
        InputError: no file can be made there.
    """
    if path is None:
        frame.to_csv(sys.stdout, index=False, quoting=_quoting(frame))
        return
    try:
        if path.suffix == PARQUET:
            write_table(path.resolve(), pa.Table.from_pandas(frame, preserve_index=False))
        else:
            with replacing(path.resolve()) as beside:
                frame.to_csv(beside, index=False, quoting=_quoting(frame))
    except FileNotFoundError as error:
        reason = os.strerror(error.errno or 0)
        raise InputError(f"--output is '{path}': {reason}: name another place") from None
    print(f"{path}: {len(frame)} rows", file=sys.stderr)


def _quoting(frame: pd.DataFrame) -> Literal[0, 2]:
    """Which values of a csv file to quote, by Python's csv."""
    texts = frame.select_dtypes(["object", "string"])
    # Only a quoted carriage return is part of a value for every reader of csv.
    returns = any(texts[name].str.contains("\r", regex=False).any() for name in texts)
    return csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
