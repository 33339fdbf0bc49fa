"""Train a family: a model an epoch, the epoch table and the training curves."""

from epochwise import families
from epochwise.core import params
from epochwise.core.cli import run
from epochwise.core.settings import Seed


def main(family: str) -> None:
    """Train FAMILY as `train.FAMILY` in params.yaml says."""
    found = families.load(family)
    learner = families.load_learner(found.row.learner)
    learner.train(found, found.read_params(), params.read("seed", Seed).training)


if __name__ == "__main__":
    run(main)
