"""`python -m MODULE` in a fork of a process that has DVC and pandas loaded: quicker than anew.

Nothing of the project is loaded there, nor of TensorFlow: what a module imports of these it finds
as in a process of its own.
"""

import os
import runpy
import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

LIBRARIES = [
    "dvc.cli.parser",
    "dvc.commands.repro",
    "dvc.repo.experiments",
    "dvc.repo.index",
    "dvc.repo.plots",
    "dvc.repo.stage",
    "dvc.utils.strictyaml",
    "dvc_s3",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "matplotlib.font_manager",
    "networkx",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pydantic.main",
    "scipy.stats",
    "typer",
]
PREFIXES = (sys.prefix, sys.base_prefix)
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(LIBRARIES)


def run(
    module: str, *arguments: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a module in the folder `cwd`, with the environment `env`: that of the tests if None."""
    with TemporaryDirectory() as folder:
        streams = [Path(folder) / name for name in ("out", "err")]
        command = [module, *arguments]
        process = FORKS.Process(target=_become, args=(command, cwd, env or {**os.environ}, streams))
        process.start()
        process.join()
        shown = [path.read_text(encoding="utf-8") for path in streams]
        return subprocess.CompletedProcess(command, process.exitcode or 0, *shown)


def _become(command: list[str], cwd: Path, env: dict[str, str], streams: list[Path]) -> None:
    for descriptor, path in enumerate(streams, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    given = [place for place in env.get("PYTHONPATH", "").split(os.pathsep) if place]
    sys.path[:] = [str(cwd), *given, *(place for place in sys.path if place.startswith(PREFIXES))]
    sys.argv[1:] = command[1:]
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
