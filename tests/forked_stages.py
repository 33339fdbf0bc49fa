"""The modules of stages, and others, run as the project's DVC runs them: in forks."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Self, TextIO

import psutil

from epochwise.fork_server import ForkServer
from tests.configuration import ROOT


class Forked:
    """What `subprocess.run([python, "-m", …])` gives, without the time that TensorFlow loads."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        """Start the process, whose output goes to files in `folder`."""
        self._environment = environment
        self._streams = [(folder / name).open("w+") for name in ("stdout", "stderr")]
        shown = [os.dup(descriptor) for descriptor in (1, 2)]
        for descriptor, stream in enumerate(self._streams, 1):
            os.dup2(stream.fileno(), descriptor)
        try:
            self._server = ForkServer()
        finally:
            for descriptor, kept in enumerate(shown, 1):
                os.dup2(kept, descriptor)
                os.close(kept)
        assert self._server.is_ready(None)
        # With the first stage that needs them, the libraries of networks are loaded for all.
        self.succeed(ROOT, "stages.train", "--help")

    def run(self, project: Path, module: str, *arguments: str) -> CompletedProcess[str]:
        """Run `python -m module arguments` in `project`."""
        for stream in self._streams:
            stream.seek(0)
            stream.truncate()
        status = self._server.run(module, list(arguments), str(project), self._environment)
        return CompletedProcess((module, *arguments), status, *map(_content, self._streams))

    def succeed(self, project: Path, module: str, *arguments: str) -> str:
        """The standard output of `run`, which must not fail."""
        done = self.run(project, module, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def kill(self, project: Path, when: Callable[[], bool], module: str, *arguments: str) -> None:
        """Kill `python -m module arguments` in `project` as soon as it is time to."""
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(self.run, project, module, *arguments)
            while not when():
                assert not running.done(), running.result()
                time.sleep(0.01)
            (stage,) = psutil.Process(self._server._process.pid).children()
            stage.kill()
        assert running.result().returncode == -signal.SIGKILL

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.__exit__()
        for stream in self._streams:
            stream.close()


def _content(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read()
