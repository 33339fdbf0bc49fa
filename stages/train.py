"""Train one family: a model an epoch, the epoch table and the training curves."""

from stages import families
from stages.core.cli import run


def main(family: str) -> None:
    """Train `family` as `train.<family>` in params.yaml says."""
    families.load(family).train()


if __name__ == "__main__":
    run(main)
