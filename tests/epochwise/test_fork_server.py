"""A stage in a fork is what it is in a process of its own, but for its libraries being loaded."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from epochwise.fork_server import LIBRARIES, ForkServer
from tests.configuration import ROOT

PROBE = """
import os, sys
print("output", flush=True)
if __name__ == "__main__":
    facts = [sys.argv[1:], os.getcwd(), sys.path[0], dict(os.environ), __spec__.name]
    with open(sys.argv[1], "w") as file:
        print(facts, file=file)
"""
STAGE_THAT_WAITS = """
import pathlib, time
open("begun", "w")
while not pathlib.Path("go").exists():
    time.sleep(0.01)
open("ended", "w")
"""
STATUS_OF_PROJECT = "import sys; from epochwise.core.cli import STATUS; sys.exit(STATUS)"
SLOW = [name for name in LIBRARIES if name not in ("pydantic.main", "typer", "yaml")]
ENVIRONMENT = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "COLOUR": "blue"}


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    """A server of a process that Ctrl+C ends, whether or not it ends the tests."""
    with handling(signal.default_int_handler), started() as server:
        yield server


@contextmanager
def handling(control_c: Any) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, control_c)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def started() -> ForkServer:
    server = ForkServer()
    assert server.is_ready(None)
    return server


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> Path:
    (tmp_path / "stages").mkdir()
    write(tmp_path, PROBE)
    return tmp_path


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where servers find nothing in place of the libraries that take seconds to load."""
    folder = tmp_path / "stubs"
    for name in SLOW:
        (folder / name.replace(".", "/")).mkdir(parents=True)
        (folder / name.partition(".")[0] / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def write(project: Path, code: str, stage: str = "probe") -> None:
    (project / f"stages/{stage}.py").write_text(code)


def run(server: ForkServer, project: Path, *arguments: str) -> int:
    return server.run("stages.probe", list(arguments), str(project), ENVIRONMENT)


def test_a_module_finds_what_it_finds_in_a_process_of_its_own(
    server: ForkServer, project: Path
) -> None:
    assert run(server, project, "forked", "second") == 0
    subprocess.run(
        [sys.executable, "-m", "stages.probe", "alone", "second"],
        cwd=project,
        env=ENVIRONMENT,
        check=True,
    )
    forked, alone = ((project / name).read_text() for name in ("forked", "alone"))
    assert forked == alone.replace("alone", "forked")


@pytest.mark.usefixtures("stubs")
def test_output_and_failures_are_shown(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with started() as server:
        assert run(server, project, "forked") == 0
        write(project, "raise ValueError('no epoch left')")
        assert run(server, project) == 1
    shown = capfd.readouterr()
    assert shown.out == "output\n"
    assert "ValueError: no epoch left" in shown.err


def test_libraries_are_loaded_and_nothing_of_the_project(project: Path) -> None:
    networks = {"keras", "tensorflow"}
    with started() as server:
        for stage, expected in (("probe", set()), ("train", networks), ("probe", networks)):
            write(project, "import sys; print(*sys.modules, file=open('loaded', 'w'))", stage)
            assert server.run(f"stages.{stage}", [], str(project), ENVIRONMENT) == 0
            loaded = set((project / "loaded").read_text().split())
            assert "pandas" in loaded
            assert loaded & networks == expected
            assert not [name for name in loaded if name.partition(".")[0] == "epochwise"]


def test_code_is_that_of_the_moment(server: ForkServer, project: Path) -> None:
    for status in (3, 0, 4):
        write(project, f"import sys; sys.exit({status})  #{' ' * status}")
        assert run(server, project) == status


def test_so_is_what_is_kept_of_the_project_from_stage_to_stage(
    server: ForkServer, project: Path
) -> None:
    shared = project / "epochwise/core/cli.py"
    shared.parent.mkdir(parents=True)
    write(project, STATUS_OF_PROJECT)
    for status in (3, 3, 14):
        shared.write_text(f"STATUS = {status}")
        assert run(server, project) == status
    shared.write_text("STATUS = ")
    assert run(server, project) == 1
    shared.write_text("STATUS = 5")
    assert run(server, project) == 5


def test_what_is_kept_of_a_project_is_for_none_in_another_folder(
    server: ForkServer, project: Path
) -> None:
    for place, status in (("one", 3), ("two", 4), ("one", 3)):
        code = project / place / "epochwise/core/cli.py"
        code.parent.mkdir(parents=True, exist_ok=True)
        code.write_text(f"STATUS = {status}")
        (project / place / "stages").mkdir(exist_ok=True)
        write(project / place, STATUS_OF_PROJECT)
        assert run(server, project / place) == status


def test_a_signal_that_ends_a_module_is_told(server: ForkServer, project: Path) -> None:
    write(project, "import os; os.kill(os.getpid(), 9)")
    assert run(server, project) == -signal.SIGKILL


def test_control_c_is_for_the_stage(server: ForkServer, project: Path) -> None:
    write(project, "import os, signal; os.kill(os.getppid(), 2); os.kill(os.getpid(), 2)")
    assert run(server, project) == 1
    write(project, PROBE)
    assert run(server, project, "after") == 0


def test_control_c_does_not_end_a_server_that_loads(
    stubs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (stubs / "pandas/__init__.py").write_text("import time; time.sleep(1)")
    with ForkServer() as server:
        for _ in range(20):
            server._process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert server.is_ready(None)
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("stubs")
def test_stages_of_a_job_in_the_background_ignore_control_c(project: Path) -> None:
    write(project, "import os; os.kill(os.getpid(), 2)")
    with handling(signal.SIG_IGN), started() as server:
        assert run(server, project) == 0


@pytest.mark.usefixtures("stubs")
def test_the_end_of_the_server_is_that_of_its_stage(project: Path) -> None:
    write(project, "import os; os.kill(os.getppid(), 15)")
    with started() as server:
        assert run(server, project) == -signal.SIGTERM
        assert not server.is_ready()


@pytest.mark.usefixtures("stubs")
def test_a_stage_whose_dvc_was_killed_ends_without_a_word(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(project, STAGE_THAT_WAITS)
    with started() as server:
        server._connection.send(("stages.probe", [], str(project), ENVIRONMENT, True))
        while not (project / "begun").exists():
            time.sleep(0.01)
        server._connection.close()
        (project / "go").touch()
        assert server._process.wait(timeout=30) == 0
    assert (project / "ended").exists()
    assert capfd.readouterr().err == ""


def test_a_server_that_cannot_load_is_never_ready_and_says_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "pandas.py").write_text("raise ImportError('no pandas')")
    monkeypatch.setenv("PYTHONPATH", f"{project}:{ROOT}")
    monkeypatch.chdir(project)
    with ForkServer() as server:
        assert not server.is_ready(None)
    assert capfd.readouterr().err == ""


def test_where_keras_cannot_load_a_stage_that_needs_it_says_so(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "keras.py").write_text("raise ImportError('no keras')")
    write(project, "import keras", "train")
    monkeypatch.setenv("PYTHONPATH", str(project))
    with started() as server:
        assert server.run("stages.train", [], str(project), ENVIRONMENT) == 1
        assert run(server, project, "forked") == 0
    assert capfd.readouterr().err.count("ImportError: no keras") == 1


@pytest.mark.parametrize("arguments", [["--help"], []])
def test_who_starts_it_by_hand_is_told_what_it_is(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "epochwise.fork_server", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("The `dvc` of the environment starts it.\n")
