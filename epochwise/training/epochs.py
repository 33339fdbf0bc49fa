"""Train epoch by epoch, keep every epoch, and go on after a kill as if nothing had happened.

Epoch k is a function of the state after epoch k - 1 and of k: shuffling and dropout draw from
streams made of both. So a run that resumes from its last whole epoch ends with the same bytes.
Until the last epoch is done everything stands in data/unfinished/<family>, which DVC does not know
and therefore does not remove; then it becomes the stage's outputs.
"""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import (
    file_sha256,
    read_arrays,
    read_json,
    replacing,
    write_arrays,
    write_json,
)
from epochwise.training import keras_file, runtime, strategy, streams
from epochwise.training.epoch_table import live_curves, log_epoch, write_epoch_table


@dataclass(frozen=True)
class Scored:
    """An epoch's row of the epoch table, and what else the stage keeps of it, by name."""

    row: dict[str, float]
    kept: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """One family's training: what to save, how to fit an epoch and how to score it.

    Attributes:
        networks: saved every epoch; the first as `<epoch>.keras`, others as `<epoch>.<name>.keras`.
        variables: the whole state, optimizers included, to go on from after a kill.
        fit: trains epoch `k`, counted from 0.
        score: the row and what else is kept after an epoch.
        write: writes further files of the stage, made of all epochs, to the folder it is given.
        identity: whatever the result depends on: params, inputs, code, library versions.
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
    identity: dict[str, str]
    write: Callable[[list[Scored], Path], None] = lambda _history, _folder: None

    def run(self) -> list[Scored]:
        """Train what is left to train; return the rows of all epochs and what was kept of them.

        Writes data/epochs/<family>, metrics/<family>/epochs.csv, plots/<family>/live and, for the
        leaderboard, how long it took, checkpoints included.
        """
        history, seconds = self._resume()
        strategy.agree(len(history), self.folder)
        with live_curves(self.family) as live, strategy.watched():
            for scored in history:
                log_epoch(live, scored.row)
            for epoch in range(len(history), self.epochs):
                started = time.monotonic()
                self._reseed(epoch)
                self.fit(epoch)
                history.append(self.score(epoch))
                self._checkpoint(history, seconds, started)
                seconds += time.monotonic() - started
                log_epoch(live, history[-1].row)
                self._tell(epoch, history[-1].row, seconds)
        self._finish(history, seconds)
        return history

    @cached_property
    def _savers(self) -> dict[str, keras_file.Saver]:
        return {name: keras_file.Saver(network) for name, network in self.networks.items()}

    @property
    def folder(self) -> Path:
        """Where the training stands until it is done."""
        return paths.unfinished(self.family)

    def _reseed(self, epoch: int) -> None:
        states = [v for v in self.variables if v.path.endswith("seed_generator_state")]
        drawn = streams.generator("layers", self.seed, epoch).integers(2**31, size=(len(states), 2))
        for state, value in zip(states, drawn, strict=True):
            state.assign(value)

    def _resume(self) -> tuple[list[Scored], float]:
        try:
            found = self._read()
        except (InputError, FileNotFoundError):
            print(f"{self.family}: what a stopped training has left is damaged: it begins anew")
            found = None
        if not found:
            if self.folder.exists():
                shutil.rmtree(self.folder)
            return [], 0.0
        history, state, seconds = found
        for index, variable in enumerate(self.variables):
            variable.assign(state[f"{index:04d}"])
        print(f"{self.family}: resuming after epoch {len(history) - 1}", flush=True)
        return history, seconds

    def _read(self) -> tuple[list[Scored], dict[str, np.ndarray], float] | None:
        """The epochs, the state and the duration of the same training where it was stopped."""
        progress = self.folder / "progress.json"
        saved: dict[str, Any] = read_json(progress) if progress.exists() else {}
        if saved.get("identity") != self.identity:
            return None
        history = [
            Scored(row, read_arrays(self.folder / f"{epoch:03d}.kept.npz"))
            for epoch, row in enumerate(saved["rows"])
        ]
        return history, read_arrays(self.folder / saved["state"]), saved["seconds"]

    def _checkpoint(self, history: list[Scored], seconds: float, started: float) -> None:
        epoch = len(history) - 1
        for name, saver in self._savers.items():
            saver.save(self.folder / _file_name(epoch, name))
        write_arrays(self.folder / f"{epoch:03d}.kept.npz", **history[-1].kept)
        state = f"state.{epoch % 2}.npz"
        values = {f"{i:04d}": variable.numpy() for i, variable in enumerate(self.variables)}
        write_arrays(self.folder / state, **values)
        rows = [scored.row for scored in history]
        progress: dict[str, Any] = {"identity": self.identity, "state": state, "rows": rows}
        progress["seconds"] = seconds + time.monotonic() - started
        write_json(self.folder / "progress.json", progress)
        for dropped in set(range(epoch + 1)) - set(self._kept(rows)):
            for name in self.networks:
                (self.folder / _file_name(dropped, name)).unlink(missing_ok=True)

    def _kept(self, rows: list[dict[str, float]]) -> list[int]:
        order = sorted(range(len(rows)), key=lambda epoch: (rows[epoch][self.keep_by], epoch))
        return sorted(order[: self.keep_epochs])

    def _finish(self, history: list[Scored], seconds: float) -> None:
        rows = [scored.row for scored in history]
        kept = self._kept(rows)
        with replacing(paths.epochs(self.family)) as epochs:
            epochs.mkdir()
            for epoch in kept:
                for name in self.networks:
                    file_name = _file_name(epoch, name)
                    shutil.copyfile(self.folder / file_name, epochs / file_name)
            self.write(history, epochs)
        table = pd.DataFrame(rows)
        table.insert(0, "epoch", range(len(rows)))
        table["kept"] = [int(epoch in kept) for epoch in range(len(rows))]
        write_epoch_table(self.family, table, seconds)
        shutil.rmtree(self.folder)

    def _tell(self, epoch: int, row: dict[str, float], seconds: float) -> None:
        values = "  ".join(f"{name} {value:.4f}" for name, value in row.items())
        print(f"{self.family}: epoch {epoch} of {self.epochs}, {seconds:.0f} s  {values}")
        sys.stdout.flush()


def identity(params: Any, inputs: Iterable[Path]) -> dict[str, str]:
    """What a training depends on: digests of params, inputs and our code, and library versions."""
    return {
        "params": hashlib.sha256(repr(params).encode()).hexdigest(),
        "inputs": _digest(inputs),
        "code": _digest(
            Path(str(module.__file__))
            for name, module in sorted(sys.modules.items())
            if name.startswith(("epochwise.", "stages.")) and module.__file__
        ),
        **runtime.versions(),
        **strategy.identity(),
    }


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() + b"\0" + bytes.fromhex(file_sha256(file)))
    return digest.hexdigest()


def _file_name(epoch: int, name: str) -> str:
    return f"{epoch:03d}.{name}.keras" if name else f"{epoch:03d}.keras"
