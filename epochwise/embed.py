"""Embed new images: the codes of an autoencoder, or the features of the cnn.

The images are a file, a folder of them, or an IDX or npz file of 28 x 28 pixels; they are resized
and should be white on black. Writes a Parquet table with the columns `image` and `code`.
"""

from pathlib import Path
from typing import Annotated

import pyarrow as pa
import typer

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError, quiet, run
from epochwise.core.files import write_table
from epochwise.core.matrices import lists
from epochwise.results import PARQUET, check_output


def embed(family: str, path: Path) -> pa.Table:
    """A row for each image at `path`: its name and its code, float32 (d,).

    Raises:
        InputError: the family is none that embeds, there is no trained model, or there are no
            readable images.
    """
    known = {name: row for name, row in families.table().items() if row.embeds}
    if family not in known:
        raise InputError(
            f"no family '{family}' embeds images: expected one of {', '.join(sorted(known))}"
        )
    with quiet():
        from epochwise.inputs import new_images
        from epochwise.training import keras_file
    encoder = paths.chosen(family) / f"{known[family].embeds}.keras"
    if not encoder.exists():
        raise InputError(f"{encoder} not found: run `dvc repro select@{family}`")
    network = keras_file.load(encoder)
    names, codes = new_images.apply(network, path, known[family].dataset)
    return pa.table({"image": names, "code": lists(codes)})


def main(
    images: Annotated[Path, typer.Argument(help="An image, a folder, an IDX or npz file.")],
    family: Annotated[str, typer.Option(help="A family with a code: embeds in families.yaml.")],
    output: Annotated[Path, typer.Option(help="A Parquet file.", dir_okay=False)],
) -> None:
    """Embed and write the table."""
    check_output(output, PARQUET)
    table = embed(family, images)
    write_table(output, table)
    print(f"{output}: {len(table)} images")


if __name__ == "__main__":
    run(main)
