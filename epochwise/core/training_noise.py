"""How much other training seeds move the metrics of a family, as `epochwise.noise` has kept it."""

from typing import Any

from epochwise.core import paths
from epochwise.core.files import read_json
from epochwise.core.forms import Noise


def read() -> dict[str, Any]:
    """The content of metrics/noise.json, by family; empty where there is no such file.

    Raises:
        InputError: the file is damaged, for instance by a conflict of git.
    """
    remedy = f"take that of the last commit, with `git checkout HEAD -- {paths.NOISE}`"
    return read_json(paths.NOISE, dict[str, Noise], remedy) if paths.NOISE.exists() else {}
