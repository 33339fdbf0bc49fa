"""Score one family's chosen model once on `test`, and on train and valid to show the gap."""

from stages import families
from stages.core.cli import run


def main(family: str) -> None:
    """Evaluate `family` with the epoch and threshold in metrics/<family>/selection.json."""
    families.load(family).evaluate()


if __name__ == "__main__":
    run(main)
