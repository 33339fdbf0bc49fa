"""How long a training took: metrics/<family>/timing.json, beside the epoch table that it left.

DVC restores the table and not its duration, which is no output. So a digest says which table the
duration is of.
"""

import hashlib
from contextlib import suppress
from typing import Any

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json


def timing(seconds: float, epochs_csv: bytes) -> dict[str, Any]:
    """The content of timing.json for the epoch table with these bytes."""
    return {
        "train_seconds": round(seconds, 1),
        "epochs_csv_sha256": hashlib.sha256(epochs_csv).hexdigest(),
    }


def train_seconds(content: object, epochs_csv: bytes) -> float | None:
    """What the content of a timing.json says of the epoch table with these bytes; None if nothing.

    The training of that table ran elsewhere then.
    """
    match content:
        case {"train_seconds": float(seconds)} if content == timing(seconds, epochs_csv):
            return seconds
    return None


def recorded_seconds(family: str) -> float | None:
    """What stands on record of the epoch table of `family` in the workspace; None if nothing."""
    with suppress(FileNotFoundError, InputError):  # damaged, as the conflict of a merge leaves it
        content = read_json(paths.metrics(family, "timing.json"))
        return train_seconds(content, paths.metrics(family, "epochs.csv").read_bytes())
    return None
