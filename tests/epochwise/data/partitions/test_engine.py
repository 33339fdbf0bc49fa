"""The text stages write the same bytes in one process and on a cluster, even if a worker dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from distributed import Client, KilledWorker

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import write_table
from epochwise.core.settings import Engine
from epochwise.data.partitions import engine as module
from epochwise.data.partitions.engine import started
from epochwise.data.review_files import RAW_SCHEMA
from stages import clean, encode, split, vectorize
from tests.configuration import ROOT
from tests.stages.test_vectorize import block

ROWS = 7
"""Rows of a partition: 200 reviews make 29."""
STAGES: list[Callable[[], None]] = [clean.main, split.main, encode.main, vectorize.main]


class Cluster:
    """A scheduler and two workers of one thread each, processes that do not have our code."""

    def __init__(self, address: str, start: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.address, self.start = address, start
        self.workers: list[subprocess.Popen[bytes]] = []

    def fill(self) -> None:
        """Start workers in place of those that a test has killed."""
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        self.workers += [self.start() for _ in range(2 - len(self.workers))]
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)

    def alive(self) -> int:
        with Client(self.address, set_as_default=False) as client:
            return len(client.nthreads())


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    running.fill()
    return running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    at = folder / "scheduler.json"
    dask = [sys.executable, "-m", "dask"]
    quiet: dict[str, Any] = {"cwd": folder, "stderr": subprocess.DEVNULL}
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    worker = [*dask, "worker", "--scheduler-file", str(at), "--no-nanny", "--nthreads", "1", *local]
    with ExitStack() as stack:

        def start(command: list[str]) -> subprocess.Popen[bytes]:
            process = stack.enter_context(subprocess.Popen(command, **quiet))
            stack.callback(process.kill)
            return process

        start([*dask, "scheduler", "--scheduler-file", str(at), "--port", "0", *local])
        with Client(scheduler_file=str(at), set_as_default=False) as client:
            address = client.scheduler.address
        yield Cluster(address, partial(start, worker))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Raw reviews with markup, doubles and two classes."""
    monkeypatch.chdir(tmp_path)
    paths.RAW_REVIEWS.parent.mkdir(parents=True)
    rows = [
        {
            "review_id": n,
            "text": f"<b>Tea</b> no. {n % 150} &amp; it\u2019s w{n % 13} {n % 3 > 0}!",
            "label": int(n % 3 > 0),
        }
        for n in range(200)
    ]
    filled = [dict.fromkeys(RAW_SCHEMA.names) | row for row in rows]
    write_table(paths.RAW_REVIEWS, pa.Table.from_pylist(filled, schema=RAW_SCHEMA))


def run(stages: Iterable[Callable[[], None]], **engine: Any) -> dict[str, bytes]:
    """Run `stages` with these params of the engine: the bytes of every file written."""
    content = {
        "seed": {"data": 1, "training": 1},
        "engine": {"partition_rows": ROWS} | engine,
        "clean": {"digits": "keep", "punctuation": "keep", "drop_duplicates": True},
        "split": {"by": "random", "valid": 0.1, "test": 0.2},
        "encode": {"min_count": 1, "max_words": None, "unknown_token": False},
        "vectorize": block(),
    }
    Path("params.yaml").write_text(yaml.safe_dump(content))
    for stage in stages:
        stage()
    files = [file for root in ("data", "metrics") for file in sorted(Path(root).rglob("*.*"))]
    return {str(file): file.read_bytes() for file in files if file != paths.RAW_REVIEWS}


def numbers(stop: int) -> Path:
    """A file with a row for every number."""
    path = Path("numbers.parquet")
    write_table(path, pa.table({"number": range(stop)}))
    return path


def number(table: pa.Table) -> Any:
    """That of the first row."""
    return table["number"][0].as_py()


def test_a_cluster_writes_what_one_process_writes(cluster: Cluster) -> None:
    expected = run(STAGES)
    assert len(expected) == 17
    assert run(STAGES, name="dask", scheduler=cluster.address) == expected
    assert run(STAGES, name="dask", workers=2) == expected


def test_a_worker_that_is_killed_midway_changes_nothing(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run([clean.main])
    killed: list[int] = []

    def killing(*which: Any) -> Iterator[pa.Table]:
        for number, table in enumerate(partitions(*which)):
            if number == 10 and not killed:
                os.kill(cluster.workers[0].pid, signal.SIGKILL)
                killed.append(cluster.workers[0].wait())
            yield table

    partitions = module.partitions
    monkeypatch.setattr(module, "partitions", killing)
    assert cluster.alive() == 2
    assert run([clean.main], name="dask", scheduler=cluster.address) == expected
    assert killed == [-signal.SIGKILL] and cluster.alive() == 1


def test_the_death_of_the_one_worker_that_has_the_function_changes_nothing(
    cluster: Cluster,
) -> None:
    with (
        Client(cluster.address, set_as_default=False) as client,
        started(Engine(name="dask", scheduler=cluster.address, partition_rows=1)) as over,
    ):
        made = map(number, over(pa.Table.combine_chunks, numbers(50)))
        assert next(made) == 0
        holders: list[str] = []
        while len(holders) != 1:
            # What Dask does every other second: of a result that no task waits for one copy stays.
            client.amm.run_once()
            (holders,) = [at for key, at in client.who_has().items() if "call" not in str(key)]
        processes = client.run(os.getpid)
        os.kill(processes[holders[0]], signal.SIGKILL)
        assert list(made) == list(range(1, 50))
        assert cluster.alive() == 1


def test_processes_of_this_machine_are_the_default_and_leave_ports_to_others(
    recwarn: pytest.WarningsRecorder,
) -> None:
    def where(_: pa.Table) -> int:
        return os.getpid()

    expected = run([clean.main])
    with started(Engine(name="dask", workers=2, partition_rows=1)) as over:
        assert len({os.getpid(), *over(where, numbers(20))}) == 3
        assert run([clean.main], name="dask") == expected
    assert not recwarn.list


def test_partitions_are_read_as_they_are_needed(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, a few are in memory."""
    taken: list[pa.Table] = []

    def noted(*which: Any) -> Iterator[pa.Table]:
        for table in partitions(*which):
            taken.append(table)
            yield table

    partitions = module.partitions
    monkeypatch.setattr(module, "partitions", noted)
    with started(Engine(name="dask", scheduler=cluster.address, partition_rows=1)) as over:
        made = map(number, over(pa.Table.combine_chunks, numbers(50)))
        assert next(made) == 0 and len(taken) <= module.AHEAD * 2
        assert list(made) == list(range(1, 50))


def test_what_a_function_raises_is_raised_here(cluster: Cluster) -> None:
    def refuse(table: pa.Table) -> None:
        raise InputError(f"no {len(table)}")

    with (
        pytest.raises(InputError, match="no 1"),
        started(Engine(name="dask", scheduler=cluster.address, partition_rows=1)) as over,
    ):
        list(over(refuse, numbers(5)))


@pytest.mark.parametrize("error", [CancelledError, KilledWorker])
def test_the_loss_of_all_workers_is_told(error: type[Exception]) -> None:
    class Lost:
        def submit(self, *_: Any, **__: Any) -> None:
            raise error.__new__(error)

    expected = f"the Dask cluster lost its workers or its scheduler .{error.__name__}.: start it"
    with pytest.raises(InputError, match=expected):
        list(module._map(Lost(), number, [pa.table({"number": [0]})]))


@pytest.mark.filterwarnings("ignore:Mismatched versions found")
def test_workers_with_other_libraries_are_refused(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version of the process is read once: here, so that ours is another one."""
    from distributed import versions

    monkeypatch.setattr(versions, "_version_cached", lambda name: "0.1")
    with (
        pytest.raises(InputError, match=r"has ftfy \S+, expected 0\.1 as here: install require"),
        started(Engine(name="dask", scheduler=cluster.address, partition_rows=1)),
    ):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "tcp://127.0.0.1", "tls://127.0.0.1:9"])
def test_a_scheduler_that_is_not_there_is_told(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.2)
    begun = time.monotonic()
    with (
        pytest.raises(InputError, match=r"engine\.scheduler .* no scheduler with workers answered"),
        started(Engine(name="dask", scheduler=address, partition_rows=1)),
    ):
        pass
    assert time.monotonic() - begun < 10


def test_one_process_imports_no_dask() -> None:
    run([])
    code = "import sys; from stages import clean; clean.main(); print('distributed' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split()[-1] == "False"
