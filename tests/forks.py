"""Commands of DVC as processes of their own, in less time: forks of one that has DVC loaded.

Each has arguments, a folder, an environment and output of its own, as after `python -m`.
"""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "dvc.cli.parser",
        "dvc.repo.experiments",
        "dvc.repo.stage",
        "networkx",
        "dvc_s3",
        "tests.forks",
    ]
)


def run(
    folder: Path, environment: Mapping[str, str], module: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m module arguments` in `folder`."""
    with tempfile.TemporaryDirectory() as told:
        output, errors = Path(told, "output"), Path(told, "errors")
        process = CONTEXT.Process(
            target=_become, args=(folder, dict(environment), [module, *arguments], output, errors)
        )
        process.start()
        process.join()
        return subprocess.CompletedProcess(
            [module, *arguments],
            process.exitcode or 0,
            output.read_text(encoding="utf-8"),
            errors.read_text(encoding="utf-8"),
        )


def _become(
    folder: Path, environment: dict[str, str], command: list[str], output: Path, errors: Path
) -> None:
    for path, stream in ((output, sys.stdout), (errors, sys.stderr)):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[1:] = command[1:]
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
