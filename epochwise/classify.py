"""Classify new images with a family's chosen epoch.

The images are a file, a folder of them, or (for digits) an IDX or npz file; they are resized, and
digits should be white on black. Writes a table with the columns `image`, `predicted` and
`probability` to standard output as csv, or to `--output`, which is csv or Parquet as its name ends.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from epochwise import families
from epochwise.core import lock, paths
from epochwise.core.cli import InputError, quiet, run
from epochwise.core.files import read_json
from epochwise.core.forms import Classes
from epochwise.results import CSV, PARQUET, Output, check_output, write_output

CHAMPION = "multiclass_target"


def classify(family: str | None, path: Path) -> pd.DataFrame:
    """A row for each image at `path`: its name, the likeliest class and its probability.

    Without a family, by the champion on the target data set.

    Raises:
        InputError: the family is none that classifies images, there is no trained model, or there
            are no readable images.
    """
    family = family or families.champion(CHAMPION)
    known = {name: row for name, row in families.table().items() if row.task == "multiclass"}
    if family not in known:
        raise InputError(
            f"no family '{family}' classifies images: expected one of {', '.join(sorted(known))}"
        )
    with quiet():
        from epochwise.inputs import new_images
        from epochwise.training import keras_file
    model, classes = paths.chosen(family) / "model.keras", paths.scores(family) / "classes.json"
    remedy = f"run `dvc repro score@{family}`"
    for needed in (model, classes):
        if not needed.exists():
            raise InputError(f"{needed} not found: {remedy}")
    if not lock.is_current(lock.read(), f"score@{family}", (str(paths.chosen(family)),)):
        raise InputError(f"{classes} is of another training: {remedy}")
    network, called = keras_file.load(model), read_json(classes, Classes, remedy)
    if network.output_shape != (None, len(called)):
        raise InputError(f"{model} does not tell the classes of {classes}: {remedy}")
    names, probabilities = new_images.apply(network, path, known[family].dataset)
    return pd.DataFrame(
        {
            "image": names,
            "predicted": [called[label] for label in probabilities.argmax(axis=1)],
            "probability": probabilities.max(axis=1),
        }
    )


def main(
    images: Annotated[Path, typer.Argument(help="An image, a folder, an IDX or npz file.")],
    family: Annotated[
        str | None, typer.Option(help="A family; without it the champion on photographs.")
    ] = None,
    output: Output = None,
) -> None:
    """Classify and write the table."""
    check_output(output, CSV, PARQUET)
    write_output(output, classify(family, images))


if __name__ == "__main__":
    run(main)
