"""conf/ composed as `dvc exp run -S` does it."""

from pathlib import Path
from typing import Any

import yaml
from dvc.utils.hydra import compose_and_dump

ROOT = Path(__file__).parent.parent


def compose(target: Path, *overrides: str) -> Any:
    """Write the composition to `target`, and return it."""
    plugins = str(ROOT / "hydra_plugins")
    compose_and_dump(target, str(ROOT / "conf"), None, "config", plugins, list(overrides))
    return yaml.safe_load(target.read_text(encoding="utf-8"))
