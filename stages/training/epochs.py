"""Train epoch by epoch, keep every epoch, and go on after a kill as if nothing had happened.

Epoch k is a function of the state after epoch k - 1 and of k: shuffling and dropout draw from
seeds made of both. So a run that resumes from its last whole epoch ends with the same bytes.
Until the last epoch is done everything stands in `models/<family>/unfinished`, which DVC does
not know and therefore does not remove; then it becomes the stage's outputs.
"""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from stages.core.files import read_arrays, read_json, replacing, write_arrays, write_json
from stages.training import keras_file
from stages.training.epoch_table import live_curves, log_epoch, write_epoch_table


@dataclass(frozen=True)
class Scored:
    """An epoch's row of the epoch table, and what it predicted for each split (n,)."""

    row: dict[str, float]
    scores: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """One family's training: what to save, how to fit an epoch and how to score it.

    Attributes:
        networks: saved every epoch; the first as `<epoch>.keras`, others as `<epoch>.<name>.keras`.
        variables: the whole state, optimizers included, to go on from after a kill.
        fit: trains epoch `k`, counted from 0.
        score: the row and the predictions after an epoch.
        identity: whatever the result depends on: params, inputs, code.
    """

    family: str
    epochs: int
    keep_epochs: int | None
    keep_by: str
    seed: int
    networks: dict[str, keras.Model]
    variables: list[keras.Variable]
    fit: Callable[[int], None]
    score: Callable[[int], Scored]
    identity: Any

    def run(self) -> list[Scored]:
        """Train what is left to train; write models, epoch table and live curves.

        Returns the rows and predictions of all epochs. Writes `models/<family>/epochs`,
        `metrics/<family>/epochs.csv`, `plots/<family>/live` and, for the leaderboard, the
        training's duration.
        """
        unfinished = Path("models", self.family, "unfinished")
        history, seconds = self._resume(unfinished)
        with live_curves(self.family) as live:
            for scored in history:
                log_epoch(live, scored.row)
            for epoch in range(len(history), self.epochs):
                started = time.monotonic()
                self._reseed(epoch)
                self.fit(epoch)
                scored = self.score(epoch)
                seconds += time.monotonic() - started
                self._checkpoint(unfinished, epoch, scored, seconds)
                history.append(scored)
                log_epoch(live, scored.row)
                self._tell(epoch, scored.row, seconds)
        self._finish(unfinished, history, seconds)
        return history

    def _reseed(self, epoch: int) -> None:
        keras.utils.set_random_seed(int(np.random.default_rng([self.seed, epoch]).integers(2**31)))
        states = [v for v in self.variables if v.path.endswith("seed_generator_state")]
        seeds = np.random.default_rng([self.seed, epoch, 1]).integers(2**31, size=(len(states), 2))
        for state, value in zip(states, seeds, strict=True):
            state.assign(value)

    def _resume(self, unfinished: Path) -> tuple[list[Scored], float]:
        progress = unfinished / "progress.json"
        if not progress.exists() or read_json(progress)["identity"] != self.identity:
            if unfinished.exists():
                shutil.rmtree(unfinished)
            return [], 0.0
        saved = read_json(progress)
        state = read_arrays(unfinished / saved["state"])
        for index, variable in enumerate(self.variables):
            variable.assign(state[f"{index:04d}"])
        history = [
            Scored(row, read_arrays(unfinished / f"{epoch:03d}.scores.npz"))
            for epoch, row in enumerate(saved["rows"])
        ]
        print(f"{self.family}: resuming after epoch {len(history) - 1}", flush=True)
        return history, saved["seconds"]

    def _checkpoint(self, unfinished: Path, epoch: int, scored: Scored, seconds: float) -> None:
        for name, network in self.networks.items():
            keras_file.save(network, unfinished / _file_name(epoch, name))
        write_arrays(unfinished / f"{epoch:03d}.scores.npz", **scored.scores)
        state = f"state.{epoch % 2}.npz"
        values = {f"{i:04d}": variable.numpy() for i, variable in enumerate(self.variables)}
        write_arrays(unfinished / state, **values)
        progress = unfinished / "progress.json"
        rows = read_json(progress)["rows"] if progress.exists() else []
        rows.append(scored.row)
        write_json(
            progress,
            {"identity": self.identity, "state": state, "seconds": seconds, "rows": rows},
        )
        for dropped in set(range(epoch + 1)) - set(self._kept(rows)):
            for name in self.networks:
                (unfinished / _file_name(dropped, name)).unlink(missing_ok=True)

    def _kept(self, rows: list[dict[str, float]]) -> list[int]:
        order = sorted(range(len(rows)), key=lambda epoch: (rows[epoch][self.keep_by], epoch))
        return sorted(order[: self.keep_epochs])

    def _finish(self, unfinished: Path, history: list[Scored], seconds: float) -> None:
        rows = [scored.row for scored in history]
        kept = self._kept(rows)
        with replacing(Path("models", self.family, "epochs")) as epochs:
            epochs.mkdir()
            for epoch in kept:
                for name in self.networks:
                    file_name = _file_name(epoch, name)
                    shutil.copyfile(unfinished / file_name, epochs / file_name)
        table = pd.DataFrame(rows)
        table.insert(0, "epoch", range(len(rows)))
        table["kept"] = [int(epoch in kept) for epoch in range(len(rows))]
        write_epoch_table(self.family, table, seconds)
        shutil.rmtree(unfinished)

    def _tell(self, epoch: int, row: dict[str, float], seconds: float) -> None:
        values = "  ".join(f"{name} {value:.4f}" for name, value in row.items())
        print(f"{self.family}: epoch {epoch} of {self.epochs}, {seconds:.0f} s  {values}")
        sys.stdout.flush()


def identity(params: Any, inputs: list[Path]) -> dict[str, str]:
    """What a training depends on, as digests: params, input files, and the project's code."""
    return {
        "params": hashlib.sha256(repr(params).encode()).hexdigest(),
        "inputs": _digest(inputs),
        "code": _digest(
            Path(str(module.__file__))
            for name, module in sorted(sys.modules.items())
            if name.startswith("stages.") and module.__file__
        ),
        "keras": keras.__version__,
    }


def _digest(paths: Any) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def _file_name(epoch: int, name: str) -> str:
    return f"{epoch:03d}.{name}.keras" if name else f"{epoch:03d}.keras"
