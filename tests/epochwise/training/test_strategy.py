"""A batch shared by two devices is learned from as on one device."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_table
from epochwise.learners import text
from epochwise.training import strategy
from tests.configuration import ROOT
from tests.epochwise.review_project import make_project, set_params

TOLERANCE = 1e-6
"""How far weights and probabilities may be apart: float32 has seven digits, and sums differ."""
RUN = """
import runpy, sys
import tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
devices = [tf.config.LogicalDeviceConfiguration()] * int(sys.argv.pop(1))
tf.config.set_logical_device_configuration(cpu, devices)
runpy.run_module("stages.train", run_name="__main__", alter_sys=True)
"""
"""The stage train, with the CPU as so many devices."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An lstm whose last batch, of 7 reviews of 60, is not divided evenly, trained on one device.

    It has no dropout, whose masks are another device's own.
    """
    folder = tmp_path_factory.mktemp("projects") / "one"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch)
        shutil.copyfile(ROOT / "families.yaml", folder / "families.yaml")
        set_params("lstm", batch_size=53, units=[4], dropout=0.0, embedding_dropout=0.0)
        family = families.load("lstm")
        text.train(family, family.read_params(), 1)
    return folder


def train(folders: list[Path], name: str, devices: int = 1) -> list[str]:
    """Train the lstm with this strategy, a worker in each of `folders`; the errors of each."""
    with started(folders, name, devices) as processes:
        return [process.communicate(timeout=120)[1] for process in processes]


@contextmanager
def started(
    folders: list[Path], name: str, devices: int = 1
) -> Iterator[list[subprocess.Popen[str]]]:
    workers = [f"127.0.0.1:{port}" for port in free_ports(len(folders))]
    command = [sys.executable, "-c", RUN, str(devices), "lstm"]
    with ExitStack() as stack:
        processes = []
        for index, folder in enumerate(folders):
            choose(folder, name)
            task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            more = {"PYTHONPATH": str(ROOT), "TF_CONFIG": json.dumps(task)}
            process = stack.enter_context(
                subprocess.Popen(
                    command, cwd=folder, env=os.environ | more, stderr=subprocess.PIPE, text=True
                )
            )
            stack.callback(process.kill)
            processes.append(process)
        yield processes


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def choose(folder: Path, name: str) -> None:
    path = folder / "params.yaml"
    content = yaml.safe_load(path.read_text())
    content["engine"]["strategy"] = name
    path.write_text(yaml.safe_dump(content))


def copies(project: Path, folder: Path, count: int) -> list[Path]:
    """As many copies of the project, which have nothing trained."""
    made = [Path(shutil.copytree(project, folder / str(index))) for index in range(count)]
    for copy in made:
        shutil.rmtree(copy / paths.epochs("lstm"))
    return made


def assert_close(folder: Path, other: Path) -> None:
    """Weights and probabilities after two epochs, and that they are not those of the start."""
    kept = paths.epochs("lstm")
    pairs = zip(
        *(keras.models.load_model(at / kept / "001.keras").get_weights() for at in (folder, other)),
        strict=True,
    )
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    tables = [read_table(at / kept / "valid.parquet") for at in (folder, other)]
    assert tables[0]["id"] == tables[1]["id"]
    for name in ("epoch_000", "epoch_001"):
        found, expected = (table[name].to_numpy() for table in tables)
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert np.abs(expected - tables[1]["epoch_000"].to_numpy()).max() > 100 * TOLERANCE


def test_two_workers_learn_what_one_process_learns_and_write_the_same(
    project: Path, tmp_path: Path
) -> None:
    workers = copies(project, tmp_path, 2)
    train(workers, "multi_worker")
    for worker in workers:
        assert_close(worker, project)
    outputs = [
        {file.name: file.read_bytes() for file in (worker / paths.epochs("lstm")).iterdir()}
        for worker in workers
    ]
    assert set(outputs[0]) == {"000.keras", "001.keras", "valid.parquet"}
    assert outputs[0] == outputs[1]


def test_one_device_learns_what_it_learns_without_a_strategy(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (other,) = copies(project, tmp_path, 1)
    choose(other, "mirrored")
    monkeypatch.chdir(other)
    family = families.load("lstm")
    text.train(family, family.read_params(), 1)
    assert_close(other, project)


@pytest.mark.long
def test_one_worker_learns_what_it_learns_without_a_strategy(project: Path, tmp_path: Path) -> None:
    (other,) = copies(project, tmp_path, 1)
    train([other], "multi_worker")
    assert_close(other, project)


@pytest.mark.long
def test_two_devices_of_a_machine_learn_what_one_learns(project: Path, tmp_path: Path) -> None:
    (other,) = copies(project, tmp_path, 1)
    train([other], "mirrored", devices=2)
    assert_close(other, project)


@pytest.mark.long
def test_a_lost_worker_is_told_and_so_are_workers_that_do_not_agree(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = copies(project, tmp_path, 2)
    for worker in workers:
        monkeypatch.chdir(worker)
        set_params("lstm", epochs=500)
    progress = [worker / paths.unfinished("lstm") / "progress.json" for worker in workers]
    with started(workers, "multi_worker") as (first, second):
        while not all(path.exists() for path in progress):
            assert first.poll() is None
            time.sleep(0.1)
        second.kill()
        assert "a worker of TF_CONFIG is lost" in first.communicate(timeout=120)[1]
    progress[1].unlink()
    for said in train(workers, "multi_worker"):
        assert re.search(r"the workers have done \[[1-9]\d*, 0\] epochs: copy the folder", said)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("multi_worker", "TF_CONFIG does not list the workers: set it for each of them"),
        ("pipeline", "'engine.strategy' is 'pipeline': input should be 'none', 'mirrored' or 'm"),
    ],
)
def test_what_cannot_be_distributed_is_told(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CONFIG", "{}")
    make_project(tmp_path, monkeypatch)
    choose(tmp_path, name)
    with pytest.raises(InputError, match=message):
        strategy.start(1)
