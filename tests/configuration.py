"""conf/ composed as `make params` and `dvc exp run -S` do it."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from epochwise import check

ROOT = Path(__file__).parent.parent


def compose(target: Path, *choices: str) -> Any:
    """Write the composition to `target`, and return it."""
    text = _composed(choices)
    target.write_text(text, encoding="utf-8")
    return yaml.load(text, yaml.CSafeLoader)


@cache
def _composed(choices: tuple[str, ...]) -> str:
    return check.compose(ROOT / "conf", choices)
