"""Commands say what is wrong in one line, and what they do with --help."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from epochwise.core.cli import without
from tests import forked
from tests.configuration import ROOT

COMMAND = '''"""Greet somebody."""
from pathlib import Path
from epochwise.core.cli import InputError, run


def main(name: str, loud: bool = False) -> None:
    if name == "nobody":
        raise InputError("there is nobody: name somebody")
    if name == "file":
        Path("missing.txt").read_text()
    if name == "everybody":
        for _ in range(100_000):
            print("hello, everybody")
    if name == "bug":
        raise ValueError("a fault of ours")
    print(name.upper() if loud else name)


if __name__ == "__main__":
    run(main)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "greet.py").write_text(COMMAND)
    return tmp_path


def greet(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(
        "greet", *arguments, cwd=folder, env={"PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    )


def test_arguments_and_flags_are_read_from_the_signature(folder: Path) -> None:
    assert greet(folder, "Ada", "--loud").stdout == "ADA\n"


def test_help_is_the_docstring_without_colours(folder: Path) -> None:
    shown = greet(folder, "--help").stdout
    assert shown.startswith("Usage: python -m greet [OPTIONS]")
    assert "Greet somebody." in shown and "\x1b" not in shown


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "error: there is nobody: name somebody\n"),
        ("file", "error: missing.txt not found: run `dvc repro` to build it\n"),
    ],
)
def test_bad_input_is_one_line_and_status_1(folder: Path, name: str, message: str) -> None:
    done = greet(folder, name)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


def test_it_ends_quietly_where_nobody_reads_on(folder: Path) -> None:
    command = [sys.executable, "-m", "greet", "everybody"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == b"hello, everybody\n"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_fault_of_ours_keeps_its_traceback(folder: Path) -> None:
    done = greet(folder, "bug")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_without_a_package_it_cannot_be_imported_and_afterwards_it_can() -> None:
    with without("wave", "json"):
        assert importlib.import_module("json") is json  # loaded already
        with pytest.raises(ImportError):
            importlib.import_module("wave")
    assert importlib.import_module("wave").open


def test_an_unknown_option_is_told(folder: Path) -> None:
    done = greet(folder, "Ada", "--lout")
    assert done.returncode == 2 and "No such option: --lout" in done.stderr
