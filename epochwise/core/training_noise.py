"""How much other training seeds move the metrics of a family, as `epochwise.noise` has kept it."""

from typing import Any

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json


def read() -> dict[str, Any]:
    """The content of metrics/noise.json, by family; empty where there is no such file.

    Raises:
        InputError: the file is damaged, for instance by a conflict of git.
    """
    try:
        found = read_json(paths.NOISE) if paths.NOISE.exists() else {}
    except InputError:
        found = None
    if not isinstance(found, dict):
        raise InputError(
            f"{paths.NOISE} is damaged: take that of the last commit, with"
            f" `git checkout HEAD -- {paths.NOISE}`"
        )
    return found
