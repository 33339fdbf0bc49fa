"""Put the scores of a review family where an ensemble reads them: a folder for each split.

An ensemble learns from what its members make of valid. Beside one another, as data/scores/<family>
has them, the splits would make it depend on the scores of test too.

Reads data/scores/<family>. Writes data/reviews/stack/{train,valid,test}/<family>.parquet, and
data/reviews/stack/models/<family>.json.
"""

import shutil

from epochwise.core import paths
from epochwise.core.cli import run
from epochwise.core.files import replacing

SPLITS = ("train", "valid", "test")


def main(family: str) -> None:
    """Copy the scores of FAMILY, and the size of its model."""
    scores = paths.scores(family)
    copies = {scores / f"{split}.parquet": paths.stacked(split, family) for split in SPLITS}
    for source, target in {**copies, scores / "model.json": paths.stacked_model(family)}.items():
        with replacing(target) as beside:
            shutil.copyfile(source, beside)


if __name__ == "__main__":
    run(main)
