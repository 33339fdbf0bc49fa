"""A training keeps its epochs, and goes on after a stop as if nothing had happened."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from epochwise.core import paths
from epochwise.core.files import read_arrays, read_json, write_arrays, write_json
from epochwise.training import checkpoints, epochs, runtime, streams
from epochwise.training.checkpoints import Scored
from epochwise.training.epochs import Training
from epochwise.training.steps import Predictor, Trainer

EPOCHS = 4
INPUTS = np.random.default_rng(0).random((8, 3)).astype("float32")


class StopError(Exception):
    pass


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(tmp_path, monkeypatch)


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    Path("params.yaml").write_text("engine: {threads: 2, partition_rows: 9}\n")


def training(
    keep_epochs: int | None = None, stop_after: int = EPOCHS, params: str = "same"
) -> Training:
    """A network with dropout, whose epochs draw an order and random numbers."""
    runtime.start(1)
    inputs = keras.Input((3,))
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(4)(inputs))
    network = keras.Model(inputs, keras.layers.Dense(1)(x))
    network.compile("adam", "mse")
    network.optimizer.build(network.trainable_variables)
    trainer, predictor = Trainer(network), Predictor(network)

    def fit(epoch: int) -> None:
        if epoch == stop_after:
            raise StopError
        order = streams.generator("epoch", 1, epoch).permutation(len(INPUTS))
        trainer.epoch((INPUTS, INPUTS[:, :1]), np.split(order, 4))

    def score(epoch: int) -> Scored:
        made = predictor.predict(INPUTS)[:, 0]
        return Scored({"valid_loss": [3.0, 1.0, 2.0, 4.0][epoch]}, {"valid": made})

    def write(history: list[Scored], into: Path) -> None:
        np.save(into / "valid.npy", np.stack([scored.kept["valid"] for scored in history]))

    return Training(
        family="mlp",
        epochs=EPOCHS,
        keep_epochs=keep_epochs,
        keep_by="valid_loss",
        seed=1,
        networks={"": network},
        variables=[*network.variables, *network.optimizer.variables],
        fit=fit,
        score=score,
        identity=epochs.identity(params, []),
        write=write,
    )


@pytest.fixture
def a_checkpoint_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was never stopped."""
    return trained(tmp_path_factory.mktemp("whole"), EPOCHS)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that was stopped after two epochs."""
    return trained(tmp_path_factory.mktemp("stopped"), 2)


def trained(folder: Path, stop_after: int) -> Path:
    with pytest.MonkeyPatch.context() as patch, suppress(StopError):
        enter(folder, patch)
        patch.setattr(checkpoints, "SECONDS", 0.0)
        training(stop_after=stop_after).run()
    return folder


def outputs(folder: Path = Path()) -> dict[str, bytes]:
    kept, table = paths.epochs("mlp"), paths.metrics("mlp", "epochs.csv")
    files = [*(folder / kept).iterdir(), folder / table]
    return {path.name: path.read_bytes() for path in files}


def test_every_epoch_is_kept_with_a_row_and_what_else_the_stage_writes(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(whole)
    assert set(outputs()) == {*(f"00{k}.keras" for k in range(EPOCHS)), "valid.npy", "epochs.csv"}
    table = pd.read_csv(paths.metrics("mlp", "epochs.csv"))
    assert table.columns.tolist() == ["epoch", "valid_loss", "kept"]
    assert not paths.unfinished("mlp").exists()
    assert read_json(paths.metrics("mlp", "timing.json"))["train_seconds"] > 0


@pytest.mark.parametrize("seconds", [0.0, 1e9], ids=["after every epoch", "at the end"])
def test_only_the_best_epochs_are_kept(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS", seconds)
    training(keep_epochs=2).run()
    assert {name for name in outputs() if name.endswith(".keras")} == {"001.keras", "002.keras"}
    assert pd.read_csv(paths.metrics("mlp", "epochs.csv"))["kept"].tolist() == [0, 1, 1, 0]


@pytest.mark.usefixtures("a_checkpoint_an_epoch")
def test_a_training_that_is_stopped_after_every_epoch_ends_with_the_same_bytes(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for stop_after in range(1, EPOCHS):
        with pytest.raises(StopError):
            training(stop_after=stop_after).run()
    training().run()
    resumed = [line for line in capsys.readouterr().out.splitlines() if "resuming" in line]
    assert resumed == [f"mlp: resuming after epoch {epoch}" for epoch in range(EPOCHS - 1)]
    assert outputs() == outputs(whole)


def test_epochs_in_quick_succession_share_a_checkpoint(
    whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkpoints, "SECONDS", 1e9)
    with pytest.raises(StopError):
        training(stop_after=3).run()
    assert not paths.unfinished("mlp").joinpath("progress.json").exists()
    training().run()
    assert "resuming" not in capsys.readouterr().out
    assert outputs() == outputs(whole)


@pytest.mark.usefixtures("a_checkpoint_an_epoch")
def test_no_checkpoint_is_written_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def write_slowly(path: Path, content: Any) -> None:
        time.sleep(0.1)
        written.append(len(content["rows"]))

    monkeypatch.setattr(checkpoints, "write_json", write_slowly)
    training().run()
    assert written == [1, 2, 3, 4]


def test_a_checkpoint_that_cannot_be_written_ends_the_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paths.unfinished("mlp").parent.mkdir(parents=True)
    paths.unfinished("mlp").parent.joinpath("mlp").write_text("no folder")
    with pytest.raises(OSError, match="mlp"):
        training().run()


@pytest.mark.parametrize("name", ["state.1.npz", "000.kept.npz", "progress.json"])
def test_a_damaged_checkpoint_begins_anew(
    name: str, whole: Path, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(stopped, ".", dirs_exist_ok=True)
    damaged = paths.unfinished("mlp") / name
    damaged.write_bytes(damaged.read_bytes()[:50])
    training().run()
    assert capsys.readouterr().out.startswith("mlp: what a stopped training has left is damaged")
    assert outputs() == outputs(whole)


def without_rows(folder: Path) -> None:
    content = read_json(folder / "progress.json")
    write_json(folder / "progress.json", {**content, "rows": None})


def with_one_row_of_other_keys(folder: Path) -> None:
    content = read_json(folder / "progress.json")
    rows = [*content["rows"][:-1], {"loss": 1.0}]
    write_json(folder / "progress.json", {**content, "rows": rows})


def with_a_last_variable_of_another_shape(folder: Path) -> None:
    path = folder / read_json(folder / "progress.json")["state"]
    state = read_arrays(path)
    write_arrays(path, **state | {max(state): np.zeros((9, 9))})


def without_a_network(folder: Path) -> None:
    min(folder.glob("*.keras")).unlink()


@pytest.mark.parametrize(
    "change",
    [
        without_rows,
        with_one_row_of_other_keys,
        with_a_last_variable_of_another_shape,
        without_a_network,
    ],
)
def test_a_checkpoint_of_another_form_begins_anew(
    change: Callable[[Path], None],
    whole: Path,
    stopped: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(stopped, ".", dirs_exist_ok=True)
    change(paths.unfinished("mlp"))
    training().run()
    assert capsys.readouterr().out.startswith("mlp: what a stopped training has left is damaged")
    assert outputs() == outputs(whole)


@pytest.mark.parametrize(
    ("params", "change"),
    [
        ("other", lambda patch: None),
        ("same", lambda patch: patch.setattr(runtime, "versions", lambda: {"tensorflow": "0.1"})),
    ],
    ids=["other params", "another TensorFlow"],
)
def test_another_training_starts_anew(
    params: str,
    change: Callable[[pytest.MonkeyPatch], None],
    stopped: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(stopped, ".", dirs_exist_ok=True)
    change(monkeypatch)
    training(params=params).run()
    assert "mlp: epoch 0 of 4" in capsys.readouterr().out


def test_the_identity_holds_inputs_versions_and_threads(tmp_path: Path) -> None:
    read = tmp_path / "train.parquet"
    found = []
    for content in (b"one", b"another", b"one"):
        read.write_bytes(content)
        found.append(epochs.identity("params", [tmp_path]))
    assert found[0] == found[2] != found[1]
    assert runtime.versions().keys() == {"keras", "tensorflow", "threads"}
    assert runtime.versions().items() <= epochs.identity("params", []).items()
