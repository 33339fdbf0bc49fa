"""conf/ composed as `make params` and `dvc exp run -S` do it."""

from pathlib import Path
from typing import Any

import yaml

from epochwise import check

ROOT = Path(__file__).parent.parent


def compose(target: Path, *choices: str) -> Any:
    """Write the composition to `target`, and return it."""
    target.write_text(check.compose(ROOT / "conf", choices), encoding="utf-8")
    return yaml.safe_load(target.read_text(encoding="utf-8"))
