"""Put the scores of the review families where an ensemble reads them: a folder for each split.

An ensemble learns from what its members make of valid. Beside one another, as data/scores/<family>
has them, the splits would make it depend on the scores of test too.

Reads data/scores/<family> of every family that an ensemble may have. Writes
data/reviews/stack/{train,valid,test}/<family>.parquet and data/reviews/stack/models/<family>.json.
"""

import shutil

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import run
from epochwise.core.files import replacing


def main() -> None:
    """Copy the scores of every family, and the size of its model."""
    for family in families.members():
        scores = paths.scores(family)
        copies = {
            scores / f"{split}.parquet": paths.stacked(split, family) for split in paths.SPLITS
        }
        copies[scores / "model.json"] = paths.stacked_model(family)
        for source, target in copies.items():
            with replacing(target) as beside:
                shutil.copyfile(source, beside)


if __name__ == "__main__":
    run(main)
