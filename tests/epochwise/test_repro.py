import signal
import subprocess
import sys
from pathlib import Path

import networkx as nx
import psutil
import pytest
from dvc.repo import Repo

from epochwise.core.cli import InputError
from epochwise.repro import REST, side_by_side, targets
from tests.configuration import ROOT


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_all_stages_are_reproduced_and_none_by_both_at_once() -> None:
    graph = Repo().index.graph
    reviews, images = (
        {stage for name in names for stage in needed(graph, name)} for names in targets()
    )
    assert not reviews & images
    assert {stage.addressing for stage in graph} == reviews | images | set(REST)


def needed(graph: nx.DiGraph, name: str) -> set[str]:
    """The names of a stage and of those that it needs."""
    (found,) = [stage for stage in graph if stage.addressing == name]
    return {stage.addressing for stage in (found, *nx.descendants(graph, found))}


def test_both_run_at_once(tmp_path: Path) -> None:
    """Each waits until the other has begun."""
    code = """
import sys, time
from pathlib import Path
Path(sys.argv[1]).touch()
end = time.monotonic() + 60
while not Path(sys.argv[2]).exists():
    if time.monotonic() > end: sys.exit("alone")
    time.sleep(0.01)
"""
    ours, theirs = str(tmp_path / "reviews"), str(tmp_path / "images")
    side_by_side([[*python(code), ours, theirs], [*python(code), theirs, ours]])


def test_no_line_is_torn(capfd: pytest.CaptureFixture[str]) -> None:
    code = "for _ in range(200): print('{0}', end='', flush=True); print('{0}', flush=True)"
    side_by_side([python(code.format("reviews")), python(code.format("images"))])
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == ["imagesimages"] * 200 + ["reviewsreviews"] * 200


def test_what_is_not_utf8_stops_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    side_by_side([python("import os; os.write(1, b'\\xff!\\n')")])
    assert capfd.readouterr().out == "\ufffd!\n"


def test_sigterm_ends_all_that_was_started(tmp_path: Path) -> None:
    """Both commands, and what these have started themselves, as DVC has its stage."""
    stage = "import sys, time; print('begun', flush=True); time.sleep(600)"
    started = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {stage!r}])"
    both = f"""
from epochwise.core.cli import run
from epochwise.repro import side_by_side
def main() -> None:
    side_by_side([{python(started)!r}] * 2)
run(main)
"""
    command = python(both)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)] == ["begun\n"] * 2
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert len(children) == 4
    assert psutil.wait_procs(children, timeout=30)[1] == []


def test_a_failure_is_shown_again_below_what_the_other_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    failing = python("import sys; print('training'); sys.exit('ERROR: no epoch left')")
    other = python("import time; time.sleep(0.5); print('evaluated')")
    with pytest.raises(InputError, match=r"(?s)^dvc repro failed:.*ERROR: no epoch left$"):
        side_by_side([failing, other])
    assert capfd.readouterr().out.splitlines()[-1] == "evaluated"
