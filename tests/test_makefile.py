import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import dvc
import pytest

ROOT = Path(__file__).parent.parent
OFFLINE = "--no-index\n"
LAUNCHER = "epochwise/launcher.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile, what it copies, and requirements that ask for nothing."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "epochwise").mkdir()
    shutil.copy(ROOT / LAUNCHER, tmp_path / LAUNCHER)
    (tmp_path / "requirements.txt").write_text(OFFLINE)
    return tmp_path


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHON")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", *arguments], cwd=checkout, env=environment, capture_output=True, text=True
    )


def python_that(checkout: Path, script: str) -> str:
    path = checkout / "another_python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PYTHON={path}"


def test_make_alone_shows_the_targets(checkout: Path) -> None:
    done = make(checkout)
    assert done.returncode == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["make", "repro"],
        ["make", "params"],
        ["make", "review"],
        ["make", "test"],
        ["make", "test-long"],
        ["make", "lock"],
        ["make", "gpu"],
        ["make", "audit"],
    ]


@pytest.mark.parametrize("target", ["repro", "params", "review", "test", "lock"])
@pytest.mark.parametrize("version", ["3.9.2", "3.14.0", "3.1.13"])
def test_wrong_python_is_said_in_one_line(checkout: Path, target: str, version: str) -> None:
    done = make(checkout, target, python_that(checkout, f"echo Python {version}"))
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert f"Python 3.11, 3.12 or 3.13 is needed, found 'Python {version}'" in line
    assert "run 'make PYTHON=/path/to/python3.11'" in line
    assert not (checkout / ".venv").exists()


def test_absent_python_is_said_in_one_line(checkout: Path) -> None:
    done = make(checkout, "repro", "PYTHON=/nowhere/python3.11")
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert "Python 3.11, 3.12 or 3.13 is needed" in line
    assert "/nowhere/python3.11" in line


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_missing_venv_module_is_said_in_one_line(checkout: Path, version: str) -> None:
    script = (
        f'if [ "$1" = --version ]; then echo Python {version}.9; exit; fi\n'
        "echo \"No module named 'ensurepip'\" >&2; exit 1"
    )
    done = make(checkout, "repro", python_that(checkout, script))
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "has no venv module" in line
    assert f"apt-get install python{version}-venv)" in line
    assert not (checkout / ".venv").exists()


def test_the_pipeline_comes_with_a_page_for_its_plots(checkout: Path) -> None:
    done = make(checkout, "--dry-run", "repro", f"PYTHON={sys.executable}")
    commands = [line for line in done.stdout.splitlines() if line.startswith("python -m")]
    assert commands[0] == "python -m epochwise.review --template"
    assert "python -m epochwise.repro" in commands


@pytest.mark.long
def test_a_failed_installation_leaves_nothing_and_the_next_make_repairs(checkout: Path) -> None:
    here = f"PYTHON={sys.executable}"
    requirements = checkout / "requirements.txt"
    requirements.write_text(f"{OFFLINE}nothing-of-this-name==1 --hash=sha256:{'0' * 64}\n")
    done = make(checkout, ".venv/installed", here)
    assert done.returncode != 0
    assert "nothing-of-this-name" in done.stderr
    assert not (checkout / ".venv").exists()

    requirements.write_text(OFFLINE)
    interrupted = checkout / ".venv" / "lib" / "half"
    interrupted.mkdir(parents=True)
    assert make(checkout, ".venv/installed", here).returncode == 0
    assert (checkout / ".venv/bin/python").exists()
    assert not interrupted.exists()
    assert "up to date" in make(checkout, ".venv/installed", here).stdout


def test_dvc_of_the_environment_is_the_nearest_checkouts(checkout: Path) -> None:
    """Put in the place of pip's script, as often as one likes; it needs no activation."""
    script = checkout / ".venv/bin/dvc"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!{sys.executable}\n# -*- coding: utf-8 -*-\nimport re\nraise SystemExit\n")
    script.chmod(0o755)
    (checkout / ".venv/installed").touch()
    for _ in range(2):
        os.utime(checkout / LAUNCHER)
        assert make(checkout, ".venv/bin/dvc", f"PYTHON={sys.executable}").returncode == 0
    launcher = (ROOT / LAUNCHER).read_text()
    assert script.read_text() == f"#!{sys.executable}\n# -*- coding: utf-8 -*-\n{launcher}"

    ours = "import os, sys; print(sys.argv[1:], os.environ['PATH'].split(os.pathsep)[0])"
    (checkout / "epochwise/dvc.py").write_text(ours)
    (checkout / "docs").mkdir()
    for folder in (checkout, checkout / "docs"):
        assert _said(script, folder) == f"['--version'] {Path(sys.executable).parent}"
    (checkout / "epochwise/dvc.py").unlink()
    assert _said(script, checkout) == dvc.__version__


def _said(script: Path, folder: Path) -> str:
    done = subprocess.run([script, "--version"], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_gpu_asks_for_a_lock_of_its_own_whatever_is_installed(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv/installed").touch()
    (checkout / "requirements-gpu.txt").write_text(OFFLINE)
    done = make(checkout, "--dry-run", "gpu", f"PYTHON={sys.executable}")
    assert done.returncode == 0, done.stderr
    assert "-m venv --clear .venv" in done.stdout
    assert re.findall(r"--requirement (\S+)", done.stdout) == ["requirements-gpu.txt"]


@pytest.mark.long
def test_gpu_installs_a_lock_of_its_own_whatever_is_installed(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv/installed").touch()
    gpu = checkout / "requirements-gpu.txt"
    gpu.write_text(f"{OFFLINE}nothing-of-this-name==1 --hash=sha256:{'0' * 64}\n")
    done = make(checkout, "gpu", f"PYTHON={sys.executable}")
    assert done.returncode != 0
    assert "nothing-of-this-name" in done.stderr
