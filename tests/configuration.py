"""conf/ composed as `make params` and `dvc exp run -S` do it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from epochwise import check

ROOT = Path(__file__).parent.parent


def compose(target: Path, *choices: str) -> Any:
    """Write the composition to `target`, and return it."""
    text = composition(*choices)
    target.write_text(text, encoding="utf-8")
    return yaml.load(text, yaml.CSafeLoader)


@cache
def composition(*choices: str) -> str:
    """What conf/ is composed to, which takes a quarter of a second and stays the same."""
    return check.compose(ROOT / "conf", choices)
