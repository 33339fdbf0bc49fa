"""Apply a family's chosen epoch to every split: no other stage reads the split test."""

from epochwise import families
from epochwise.core import params
from epochwise.core.cli import run
from epochwise.core.settings import Seed


def main(family: str) -> None:
    """Score FAMILY with the networks in models/FAMILY; write data/scores/FAMILY."""
    found = families.load(family)
    learner = families.load_learner(found.row.learner)
    learner.score(found, found.read_params(), params.read("seed", Seed).training)


if __name__ == "__main__":
    run(main)
