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
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import file_sha256, replacing
from epochwise.training import runtime, strategy, streams
from epochwise.training.checkpoints import Checkpoints, Scored, file_name
from epochwise.training.epoch_table import live_curves, log_epoch, write_epoch_table


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
        with closing(self._checkpoints()) as checkpoints:
            history, seconds = self._resume(checkpoints)
            strategy.agree(len(history), self.folder)
            with live_curves(self.family) as live, strategy.watched():
                for scored in history:
                    log_epoch(live, scored.row)
                for epoch in range(len(history), self.epochs):
                    started = time.monotonic()
                    self._reseed(epoch)
                    self.fit(epoch)
                    history.append(self.score(epoch))
                    checkpoints.add(history, seconds + time.monotonic() - started)
                    seconds += time.monotonic() - started
                    log_epoch(live, history[-1].row)
                    self._tell(epoch, history[-1].row, seconds)
            checkpoints.write(history, seconds)
        self._finish(history, seconds)
        return history

    @property
    def folder(self) -> Path:
        """Where the training stands until it is done."""
        return paths.unfinished(self.family)

    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.folder, self.networks, self.variables, self._best, self.identity)

    def _reseed(self, epoch: int) -> None:
        states = [v for v in self.variables if v.path.endswith("seed_generator_state")]
        drawn = streams.generator("layers", self.seed, epoch).integers(2**31, size=(len(states), 2))
        for state, value in zip(states, drawn, strict=True):
            state.assign(value)

    def _resume(self, checkpoints: Checkpoints) -> tuple[list[Scored], float]:
        try:
            history, seconds = checkpoints.read()
        except InputError:
            print(f"{self.family}: what a stopped training has left is damaged: it begins anew")
            history, seconds = [], 0.0
        if history:
            print(f"{self.family}: resuming after epoch {len(history) - 1}", flush=True)
        elif self.folder.exists():
            shutil.rmtree(self.folder)
        return history, seconds

    def _best(self, history: list[Scored]) -> list[int]:
        values = [scored.row[self.keep_by] for scored in history]
        order = sorted(range(len(history)), key=lambda epoch: (values[epoch], epoch))
        return sorted(order[: self.keep_epochs])

    def _finish(self, history: list[Scored], seconds: float) -> None:
        kept = self._best(history)
        with replacing(paths.epochs(self.family)) as epochs:
            epochs.mkdir()
            for epoch in kept:
                for name in self.networks:
                    network = file_name(epoch, name)
                    shutil.copyfile(self.folder / network, epochs / network)
            self.write(history, epochs)
        table = pd.DataFrame([scored.row for scored in history])
        table.insert(0, "epoch", range(len(history)))
        table["kept"] = [int(epoch in kept) for epoch in range(len(history))]
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
