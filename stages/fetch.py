"""Fetch one data set from its named source into data/<dataset>: checked, counted, in one form.

What is downloaded stays in the user's cache folder, so that a second run needs no network.
"""

import importlib
import pkgutil
from pathlib import Path

from stages.core.cli import InputError, run

SOURCES = Path(__file__).parent / "sources"


def main(dataset: str) -> None:
    """Fetch `dataset` as its block in params.yaml says."""
    known = [module.name for module in pkgutil.iter_modules([str(SOURCES)])]
    if dataset not in known:
        raise InputError(f"no data set '{dataset}': expected one of {', '.join(sorted(known))}")
    importlib.import_module(f"stages.sources.{dataset}").fetch()


if __name__ == "__main__":
    run(main)
