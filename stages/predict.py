"""Predict whether new reviews are positive, with a family's chosen epoch and threshold.

The reviews are a column of a csv, tsv or parquet file, or one text as an argument or on standard
input. A file becomes a csv with the columns `probability` and `predicted` added, on standard output
or in `--output`; a text becomes one line.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from stages import families
from stages.clean import Clean, clean_text
from stages.core import params
from stages.core.cli import InputError, exit_on_input_error
from stages.core.files import read_json, replacing
from stages.metrics.classification import predict
from stages.review_files.table import read_columns


def probabilities(family: families.ReviewFamily, texts: list[str]) -> np.ndarray:
    """P(1) of raw texts, float32 (n,), cleaned as the pipeline cleans."""
    digits = params.read("clean", Clean).digits
    return family.probabilities(pa.chunked_array([[clean_text(text, digits) for text in texts]]))


def load(name: str) -> tuple[families.ReviewFamily, float]:
    """The family and its chosen threshold.

    Raises:
        InputError: no such family, or it is not for reviews, or nothing is chosen yet.
    """
    family: Any = families.load(name)
    if not hasattr(family, "probabilities"):
        raise InputError(f"the family '{name}' does not read reviews: take another")
    selection = Path("metrics", name, "selection.json")
    if not selection.exists():
        raise InputError(f"{selection} not found: run `dvc repro evaluate@{name}`")
    return family, read_json(selection)["threshold"]


def predict_table(name: str, table: pd.DataFrame, column: str) -> pd.DataFrame:
    """`table` with P(1) and the predicted class of the texts in `column`, in two more columns."""
    family, threshold = load(name)
    likely = probabilities(family, table[column].fillna("").tolist())
    predicted = predict(likely, threshold).astype(int)
    return table.assign(probability=likely, predicted=predicted)


def main() -> None:
    """Read the command line and predict."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("text", nargs="?", help="one review (default: standard input)")
    parser.add_argument("--family", required=True, help="baseline, mlp, lstm, bilstm, transformer")
    parser.add_argument("--input", type=Path, help="a table of reviews")
    parser.add_argument("--column", default="text", help="the column of the reviews (text)")
    parser.add_argument("--output", type=Path, help="a csv file (default: standard output)")
    arguments = parser.parse_args()
    if arguments.text is not None and arguments.input:
        parser.error("give a text or --input, not both")
    with exit_on_input_error():
        if arguments.input:
            table = read_columns(arguments.input, arguments.column)
            predicted = predict_table(arguments.family, table, arguments.column)
            if arguments.output:
                with replacing(arguments.output) as beside:
                    predicted.to_csv(beside, index=False)
            else:
                predicted.to_csv(sys.stdout, index=False)
        else:
            text = sys.stdin.read() if arguments.text is None else arguments.text
            row = predict_table(arguments.family, pd.DataFrame({"text": [text]}), "text").iloc[0]
            print(f"{row['predicted']} (P(1) = {row['probability']:.4f})")


if __name__ == "__main__":
    main()
