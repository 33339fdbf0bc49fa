import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = [ROOT / "requirements.txt", ROOT / "requirements-gpu.txt"]
LARGEST = 1_000_000
"""Bytes of a file in git."""
LONGEST_FUNCTION = 40
"""Lines of a function."""


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """Every file that git holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def locked(lock: Path) -> list[str]:
    """The requirements of a lock file, each with its continuation lines."""
    text = lock.read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return re.split(r"\n(?=\S)", "\n".join(lines).strip())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_locked_requirement_has_a_version_and_hashes(lock: Path) -> None:
    for requirement in locked(lock):
        assert re.match(r"[a-z0-9.-]+==\S+", requirement), requirement
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", requirement), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_the_lock_names_no_index(lock: Path) -> None:
    assert "://" not in lock.read_text()
    assert not re.search(r"^\s*(-i|-f|--\w*index|--find)", lock.read_text(), re.MULTILINE)


def test_every_direct_dependency_is_locked() -> None:
    asked = re.findall(r"^[\w.-]+", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert set(asked) <= set(versions(LOCKS[0]))


def test_the_lock_for_gpus_is_the_same_but_for_tensorflow() -> None:
    """Both builds own the folder tensorflow/: one must not be laid over the other."""
    plain, gpu = map(versions, LOCKS)
    assert plain.keys() - gpu.keys() == {"tensorflow-cpu"}
    assert gpu["tensorflow"] == plain["tensorflow-cpu"] == plain["tensorflow"]
    assert gpu.items() >= {(name, plain[name]) for name in plain.keys() & gpu.keys()}
    assert all(name.startswith("nvidia-") for name in gpu.keys() - plain.keys())
    (build,) = (line for line in locked(LOCKS[1]) if line.startswith("tensorflow=="))
    assert ";" not in build.splitlines()[0]


def versions(lock: Path) -> dict[str, str]:
    """The locked versions by name."""
    pairs = (requirement.split()[0].split("==") for requirement in locked(lock))
    return {name: version for name, version in pairs}


def test_no_absolute_machine_paths(tracked: list[Path]) -> None:
    machine = re.compile(rb"(?<![\w.~}])/(?:work|root|home|Users)/\w")
    for path in tracked:
        found = machine.search(path.read_bytes())
        assert not found, f"{path}: {found}"


def test_no_large_files(tracked: list[Path]) -> None:
    for path in tracked:
        assert path.stat().st_size <= LARGEST, path


def test_names_say_what_is_inside(tracked: list[Path]) -> None:
    for path in tracked:
        for name in path.relative_to(ROOT).with_suffix("").parts:
            assert name not in {"utils", "helpers", "common", "misc"}, path


def test_the_licence_is_the_one_that_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "LICENSE").read_text()
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_python_versions_agree() -> None:
    """Of pyproject.toml, and of the Makefile that installs the lock."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["requires-python"] == ">=3.11,<3.14"
    assert project["tool"]["ruff"]["target-version"] == "py311"
    makefile = (ROOT / "Makefile").read_text()
    assert "$(filter 3.11.% 3.12.% 3.13.%,$(found))" in makefile
    assert "--python-version 3.11 " in makefile


def test_no_function_is_longer_than_forty_lines(tracked: list[Path]) -> None:
    for path in tracked:
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in {"stages", "epochwise"}:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    assert lines <= LONGEST_FUNCTION, f"{path}: {node.name} has {lines} lines"
