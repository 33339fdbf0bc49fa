"""Predict whether new reviews are positive, with a family's chosen epoch and threshold.

The reviews are a column of a csv, tsv, JSON Lines or Parquet file, or one text as an argument or on
standard input. A file gets the columns `probability` and `predicted` and goes to standard output as
csv, or to `--output`, which is csv or Parquet as its name ends; a text becomes one line. Columns
become text, unless both files are Parquet.
"""

import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import typer

from epochwise import families
from epochwise.core import lock, params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import read_json, read_table
from epochwise.core.forms import TEXT, ReviewSelection
from epochwise.data.cleaning import Clean, clean_text
from epochwise.data.review_files.table import open_table, read_columns, read_typed
from epochwise.inputs.reviews.tokens import split, tokenize
from epochwise.measures.binary import at_threshold
from epochwise.results import CSV, PARQUET, Output, check_output, write_output

CHAMPION = "binary_reviews"
SHOWN = 3
"""Stages in a message."""
ADDED = ("probability", "predicted")
"""The columns that a table gets."""
WORD = r"^[\pL\pN]"
"""How words of the vocabulary begin; marks, and what stands for unknown words, do not."""


class Classifier(NamedTuple):
    """A family that reads reviews, its params, its chosen threshold, and how to clean a text."""

    family: families.Family
    params: params.Section
    threshold: float
    clean: Clean


def load(name: str | None) -> Classifier:
    """The family `name`, or the champion on reviews, with what was chosen for it.

    Raises:
        InputError: no such family, or it does not read reviews, or nothing is chosen yet.
    """
    name = name or families.champion(CHAMPION)
    if families.row(name).task != "binary":
        known = [known for known, row in families.table().items() if row.task == "binary"]
        raise InputError(
            f"the family '{name}' does not read reviews: expected one of {', '.join(known)}"
        )
    selection, remedy = paths.metrics(name, "selection.json"), f"run `dvc repro threshold@{name}`"
    if not selection.exists():
        raise InputError(f"{selection} not found: {remedy}")
    _check_current(name)
    threshold = read_json(selection, ReviewSelection, remedy)["threshold"]
    family = families.load(name)
    return Classifier(family, family.read_params(), threshold, params.read("clean", Clean))


def _check_current(name: str) -> None:
    """Refuse other params, words or members than those the family was trained with."""
    locked, stage = lock.read(), f"threshold@{name}"
    made_by = lock.upstream(locked, [stage])
    if found := sorted(made_by.keys() & lock.not_run(locked, params.load())):
        more = f" and {len(found) - SHOWN} others" if len(found) > SHOWN else ""
        raise InputError(
            f"{params.PARAMS} was changed after {', '.join(found[:SHOWN])}{more} ran: run `dvc"
            f" repro {stage}`, bring back the params that {name} was trained with, or give another"
            " --family"
        )
    # A linear model has its terms in itself.
    within = str(paths.epochs(name)) if families.row(name).learner == "linear" else ""
    if not lock.is_current(locked, stage, (within,)):
        raise InputError(
            f"what {name} was made of has been made anew since: run `dvc repro {stage}`"
        )


def probabilities(classifier: Classifier, texts: list[str]) -> np.ndarray:
    """P(1) of raw texts (n,), cleaned as the pipeline cleans; nan where no word is left.

    Says on standard error how many of the others have no word of the vocabulary, to a family that
    reads words.
    """
    clean = classifier.clean
    cleaned = np.array(
        [clean_text(text, clean.digits, clean.punctuation) for text in texts], dtype=object
    )
    likely = np.full(len(texts), np.nan)
    read = cleaned != ""
    if read.any():
        family = classifier.family
        learner = families.load_learner(family.row.learner)
        column = pa.chunked_array([cleaned[read]], pa.string())
        likely[read] = learner.probabilities(family, classifier.params, column)
        reads_words = getattr(classifier.params, "unit", "words") == "words"
        if reads_words and (strange := _count_strange(column)):
            print(
                f"{_reviews_have(strange)} no word of the vocabulary: what is predicted for them"
                " says little",
                file=sys.stderr,
            )
    return likely


def _count_strange(texts: pa.ChunkedArray) -> int:
    """How many cleaned texts have no word of the vocabulary, in which marks are no words.

    It is 0 where there is none: linear models do without.
    """
    if not paths.VOCABULARY.exists():
        return 0
    vocabulary = read_table(paths.VOCABULARY, {"word": TEXT})
    words = vocabulary.filter(pc.match_substring_regex(vocabulary["word"], WORD))
    if not len(words):
        return len(texts)
    known = pc.list_value_length(tokenize(split(texts), words))
    return int(np.count_nonzero(known.to_numpy() == 0))


def _reviews_have(count: int) -> str:
    return "1 review has" if count == 1 else f"{count} reviews have"


def predict_table(classifier: Classifier, table: pd.DataFrame, texts: list[str]) -> pd.DataFrame:
    """`table` with P(1) and the predicted class of its `texts` (n,), in two more columns.

    Both are empty for a text in which cleaning leaves no word.
    """
    likely = probabilities(classifier, texts)
    predicted = pd.Series(at_threshold(likely, classifier.threshold), table.index).astype("Int64")
    predicted = predicted.mask(np.isnan(likely))
    return table.assign(probability=likely.astype("float32"), predicted=predicted)


def predict_file(classifier: Classifier, path: Path, column: str, output: Path | None) -> None:
    """Predict for a file of reviews; say on standard error how many have nothing to read."""
    if output and output.suffix == PARQUET and path.is_file() and open_table(path).typed:
        table, texts = read_typed(path, column)
    else:
        table = read_columns(path, column)
        texts = table[column].fillna("").tolist()
    if taken := [name for name in ADDED if name in table]:
        raise InputError(f"{path} has a column '{taken[0]}', as what is added: rename it")
    predicted = predict_table(classifier, table, texts)
    write_output(output, predicted)
    empty = int(predicted["predicted"].isna().sum())
    if empty:
        print(f"{_reviews_have(empty)} no words to read and got no prediction", file=sys.stderr)


def predict_text(classifier: Classifier, text: str) -> str:
    """The predicted class of one text, and P(1), to read.

    Raises:
        InputError: cleaning leaves no word.
    """
    (likely,) = probabilities(classifier, [text])
    if np.isnan(likely):
        raise InputError(f"there is nothing to read in {text[:40]!r}: expected at least one word")
    predicted = int(likely >= classifier.threshold)
    return f"{predicted} (P(1) = {likely:.4f})"


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def main(
    text: Annotated[
        str | None, typer.Argument(help="One review; without it, standard input.")
    ] = None,
    family: Annotated[str | None, typer.Option(help="A family; the champion without it.")] = None,
    input_file: Annotated[Path | None, typer.Option("--input", help="A table of reviews.")] = None,
    column: Annotated[
        str | None, typer.Option(help="The column of the reviews.", show_default="text")
    ] = None,
    output: Output = None,
) -> None:
    """Predict for a text or a table."""
    if text is not None and input_file:
        raise InputError("found both a text and --input: give one of them")
    if output and not input_file:
        raise InputError("--output is for a table: give one with --input")
    if column and not input_file:
        raise InputError("--column is for a table: give one with --input")
    if text is not None and _is_file(text):
        raise InputError(f"'{text}' is a file: to predict for its reviews give --input {text}")
    if output and input_file and output.resolve() == input_file.resolve():
        raise InputError(f"--output is '{output}', which is the table that is read: name another")
    check_output(output, CSV, PARQUET)
    classifier = load(family)
    if input_file:
        predict_file(classifier, input_file, column or "text", output)
    else:
        if text is None:
            text = sys.stdin.buffer.read().decode("utf-8", errors="replace")
        print(predict_text(classifier, text))


if __name__ == "__main__":
    run(main)
