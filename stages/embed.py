"""Embed new pictures: the codes of an autoencoder, or the features of the cnn.

The pictures are a file, a folder of them, or an IDX or npz file of 28 x 28 pixels; they are resized
and should be white on black. Writes a Parquet table with the columns `picture` and `code`.
"""

import argparse
from pathlib import Path

import pyarrow as pa

from stages.core.cli import exit_on_input_error
from stages.core.files import write_table
from stages.core.quiet import quiet

PARTS = {
    "autoencoder": "encoder",
    "conv_autoencoder": "encoder",
    "denoising_autoencoder": "encoder",
    "cnn": "features",
}
"""The network of each family that embeds."""


def embed(family: str, path: Path) -> pa.Table:
    """A row a picture at `path`: its name and its code, float32 (d,).

    Raises:
        InputError: there is no trained model, or there are no readable pictures.
    """
    with quiet():
        from stages.images import classifier, given
        from stages.training import keras_file
    network = keras_file.load(Path("models", family, f"{PARTS[family]}.keras"))
    names, inputs = given.read(path, network, digits=True)
    codes = classifier.predict(network, inputs)
    values = pa.FixedSizeListArray.from_arrays(codes.ravel(), codes.shape[1])
    return pa.table({"picture": names, "code": values})


def main() -> None:
    """Read the command line and embed."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.embed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=Path, help="a picture, a folder, an IDX or npz file")
    parser.add_argument("--family", required=True, choices=sorted(PARTS))
    parser.add_argument("--output", type=Path, required=True, help="a Parquet file")
    arguments = parser.parse_args()
    with exit_on_input_error():
        table = embed(arguments.family, arguments.pictures)
        write_table(arguments.output, table)
    print(f"{arguments.output}: {len(table)} pictures")


if __name__ == "__main__":
    main()
