"""Tell the classes of new pictures with a family's chosen epoch.

The pictures are a file, a folder of them, or (for digits) an IDX or npz file; they are resized, and
digits should be white on black. Writes a csv with the columns `picture`, `predicted` and
`probability` to standard output or to `--output`.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

from stages.core.cli import InputError, exit_on_input_error
from stages.core.files import read_json, replacing
from stages.core.quiet import quiet

FAMILIES = ("cnn", "transfer", "scratch")


def classify(family: str, path: Path) -> pd.DataFrame:
    """A row a picture at `path`: its name, the likeliest class and P of it.

    Raises:
        InputError: there is no trained model, or there are no readable pictures.
    """
    with quiet():
        from stages.images import classifier, given
    report = Path("metrics", family, "test.json")
    if not report.exists():
        raise InputError(f"{report} not found: run `dvc repro evaluate@{family}`")
    network = classifier.chosen(family)
    names, inputs = given.read(path, network, digits=family == "cnn")
    probabilities = classifier.predict(network, inputs)
    classes = list(read_json(report)["per_class"])
    return pd.DataFrame(
        {
            "picture": names,
            "predicted": [classes[label] for label in probabilities.argmax(axis=1)],
            "probability": probabilities.max(axis=1),
        }
    )


def main() -> None:
    """Read the command line and classify."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.classify",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=Path, help="a picture, a folder, an IDX or npz file")
    parser.add_argument("--family", required=True, choices=FAMILIES)
    parser.add_argument("--output", type=Path, help="a csv file (default: standard output)")
    arguments = parser.parse_args()
    with exit_on_input_error():
        table = classify(arguments.family, arguments.pictures)
        if arguments.output:
            with replacing(arguments.output) as beside:
                table.to_csv(beside, index=False)
        else:
            table.to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
