"""Where a training stands on disk, to go on from there after a kill.

What an epoch leaves is written by a thread, beside the epochs that follow. Of epochs that are
quicker than SECONDS several are written at once, so that no training waits for its checkpoints.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import keras
import numpy as np

from epochwise.core.cli import InputError
from epochwise.core.files import read_arrays, read_json, write_arrays, write_json
from epochwise.core.forms import Array, Form
from epochwise.training import keras_file, strategy

SECONDS = 2.0
"""How much finished work a kill may take away, beside the epoch that it hits."""
State = Literal["state.0.npz", "state.1.npz"]
STATES = get_args(State)
"""Written by turns: the one that is in use stays until the next is whole."""


class Progress(Form):
    """What says where a training stands."""

    identity: dict[str, str]
    state: State
    seconds: float
    rows: list[dict[str, float]]


@dataclass(frozen=True)
class Scored:
    """An epoch's row of the epoch table, and what else the stage keeps of it, by name."""

    row: dict[str, float]
    kept: dict[str, np.ndarray] = field(default_factory=dict)


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: where they are.
        networks: saved as `file_name` says.
        variables: the whole state, optimizers included, to go on from.
        best: the epochs whose networks are kept, of all epochs until then; what it leaves out once
            never comes back.
        identity: what the training depends on: it goes on from checkpoints with the same only.
    """

    def __init__(
        self,
        folder: Path,
        networks: Mapping[str, keras.Model],
        variables: list[keras.Variable],
        best: Callable[[list[Scored]], list[int]],
        identity: dict[str, str],
    ) -> None:
        self._folder, self._variables, self._best = folder, variables, best
        self._identity = identity
        self._savers = {name: keras_file.Saver(network) for name, network in networks.items()}
        self._taken: dict[int, dict[str, keras_file.Content]] = {}
        self._written, self._turn, self._begun = 0, 0, time.monotonic()
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None

    def read(self) -> tuple[list[Scored], float]:
        """The epochs until the last checkpoint and the seconds they took; none where there is none.

        The variables are set to what they were then.

        Raises:
            InputError: a file is missing or damaged.
        """
        progress = self._folder / "progress.json"
        saved = read_json(progress, Progress) if progress.exists() else {}
        if saved.get("identity") != self._identity:
            return [], 0.0
        if len({tuple(row) for row in saved["rows"]}) > 1:
            raise InputError(f"{progress}: rows have different keys")
        history = [
            Scored(row, read_arrays(self._folder / _kept_name(epoch)))
            for epoch, row in enumerate(saved["rows"])
        ]
        shapes = {
            f"{index:04d}": Array(tuple(variable.shape), (np.number, np.bool_))
            for index, variable in enumerate(self._variables)
        }
        # Before one variable is set: a training that begins anew begins with those it has.
        state = read_arrays(self._folder / saved["state"], shapes)
        for epoch in self._best(history):
            for name in self._savers:
                if not (network := self._folder / file_name(epoch, name)).exists():
                    raise InputError(f"{network} not found")
        for index, variable in enumerate(self._variables):
            variable.assign(state[f"{index:04d}"])
        self._written, self._turn = len(history), STATES.index(saved["state"]) + 1
        return history, saved["seconds"]

    def add(self, history: list[Scored], seconds: float) -> None:
        """Take what the last epoch of `history` leaves, and begin to write it if it is time to.

        Raises:
            OSError: what was begun before could not be written.
        """
        epoch, best = len(history) - 1, self._best(history)
        if epoch in best:
            self._taken[epoch] = {name: saver.content() for name, saver in self._savers.items()}
        self._taken = {epoch: taken for epoch, taken in self._taken.items() if epoch in best}
        if strategy.devices() > 1:  # all workers have to go on from the same epoch
            self.write(history, seconds)
        elif time.monotonic() - self._begun >= SECONDS:
            self._begin(history, seconds)

    def write(self, history: list[Scored], seconds: float) -> None:
        """Write what is not written yet of `history`, whose last epoch was added; wait for it.

        Raises:
            OSError: it could not be written.
        """
        self._wait()  # what is being written may be all of it
        if self._written < len(history):
            self._begin(history, seconds)
            self._wait()

    def close(self) -> None:
        """Wait for the end of what was begun."""
        self._thread.shutdown()

    def _wait(self) -> None:
        if self._writing:
            self._writing.result()

    def _begin(self, history: list[Scored], seconds: float) -> None:
        self._wait()
        self._begun = time.monotonic()
        state = {f"{i:04d}": variable.numpy() for i, variable in enumerate(self._variables)}
        taken, self._taken = self._taken, {}
        self._writing = self._thread.submit(self._write, list(history), seconds, state, taken)

    def _write(
        self,
        history: list[Scored],
        seconds: float,
        state: dict[str, np.ndarray],
        taken: dict[int, dict[str, keras_file.Content]],
    ) -> None:
        for epoch, contents in taken.items():
            for name, content in contents.items():
                keras_file.write(self._folder / file_name(epoch, name), content)
        for epoch in range(self._written, len(history)):
            write_arrays(self._folder / _kept_name(epoch), **history[epoch].kept)
        state_name = STATES[self._turn % len(STATES)]
        write_arrays(self._folder / state_name, **state)
        progress = {"identity": self._identity, "state": state_name, "seconds": seconds}
        rows = [scored.row for scored in history]
        write_json(self._folder / "progress.json", progress | {"rows": rows})
        self._written, self._turn = len(history), self._turn + 1
        for dropped in set(range(len(history))) - set(self._best(history)):
            for name in self._savers:
                (self._folder / file_name(dropped, name)).unlink(missing_ok=True)


def file_name(epoch: int, name: str) -> str:
    """Where a network is saved: `<epoch>.<name>.keras`, the first one `<epoch>.keras`."""
    return f"{epoch:03d}.{name}.keras" if name else f"{epoch:03d}.keras"


def _kept_name(epoch: int) -> str:
    return f"{epoch:03d}.kept.npz"
