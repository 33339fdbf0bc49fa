"""Make the frozen base network of the family transfer, and run it once over every picture.

Reads `transfer` in params.yaml and data/pets. Writes to models/transfer/base network.keras, which
takes pictures of 0 to 255, and its features of train and valid.
"""

from stages.core.cli import run
from stages.core.quiet import quiet


def main() -> None:
    """Make the base and its features."""
    with quiet():
        from stages.images import base
    base.make()


if __name__ == "__main__":
    run(main)
