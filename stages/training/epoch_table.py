"""What a training leaves for the stages after it: the epoch table, and P(1) of every epoch."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from dvclive import Live

from stages.core.files import replacing, write_json, write_table


def live_curves(family: str) -> Live:
    """A new log of DVCLive for the training of `family`, in `plots/<family>/live`."""
    return Live(f"plots/{family}/live", save_dvc_exp=False, dvcyaml=None, report=None)


def log_epoch(live: Live, row: dict[str, float]) -> None:
    """Add a row of the epoch table to the live curves."""
    for name, value in row.items():
        live.log_metric(name, value)
    live.next_step()


def write_epoch_table(family: str, table: pd.DataFrame, seconds: float) -> None:
    """Write `metrics/<family>/epochs.csv`, and how long the training of just that table took.

    The duration is no output of the pipeline, since it differs from run to run.
    """
    path = Path("metrics", family, "epochs.csv")
    with replacing(path) as beside:
        table.to_csv(beside, index=False)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    write_json(
        Path("metrics", family, "timing.json"),
        {"train_seconds": round(seconds, 1), "epochs_csv_sha256": digest},
    )


def write_scores(
    family: str, split: str, ids: pa.ChunkedArray, labels: pa.ChunkedArray, scores: list[np.ndarray]
) -> None:
    """Write `data/scores/<family>/<split>.parquet`: `id, label, epoch_000…`, P(1) as float32."""
    columns = {epoch_column(epoch): pa.array(score) for epoch, score in enumerate(scores)}
    table = pa.table({"id": ids, "label": labels, **columns})
    write_table(scores_path(family, split), table)


def scores_path(family: str, split: str) -> Path:
    """Where `write_scores` writes."""
    return Path("data/scores", family, f"{split}.parquet")


def epoch_column(epoch: int) -> str:
    """The column of the scores of `epoch`."""
    return f"epoch_{epoch:03d}"
