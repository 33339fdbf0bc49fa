"""Epochs of every network, plain against ours, each in a process of its own.

Both start from the same params and the same random data. Checkpoints count on neither side, and
neither does the first epoch, which makes the graphs.
"""

import multiprocessing
import os
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import forkserver
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import yaml

from benchmarks.rows import Measured, Row, alternate
from benchmarks.workplace import Images, Reviews, make
from epochwise import check, families
from epochwise.core.cli import quiet

SHORT = Reviews(train=3200, valid=400, words=20, spread=0.4, vocabulary=17_000)
"""As the embedded reviews, a third of them."""
LONG = Reviews(train=1600, valid=200, words=90, spread=0.8, vocabulary=77_000)
"""As reviews of food are: some batches of them."""
SOURCE = Reviews(train=750, valid=200, words=90, spread=0.8, vocabulary=65_854)
"""The textbook's vocabulary, and 3 to 5 batches."""
VECTORS = SOURCE._replace(train=2048, words=1, vocabulary=10)
"""A batch of the textbook's mlp, which reads no words."""
DIGITS = {"default": Images(train=1149, valid=288), "source": Images(train=3840, valid=960)}
"""The embedded digits; 30 batches of the textbook's."""
TARGET = {"default": Images(train=10, valid=90), "source": Images(10, 2, side=224, channels=3)}
"""The embedded target data set; one batch of photographs."""
QUICK: dict[str, Reviews | Images] = {
    "reviews": Reviews(train=40, valid=20, words=6, spread=0.5, vocabulary=50),
    "digits": Images(train=20, valid=10),
    "target": Images(train=4, valid=4),
}
"""Enough to see that all runs."""
CONTEXT = multiprocessing.get_context("forkserver")


class Case(NamedTuple):
    """What a family is trained on: choices of conf/, and data."""

    family: str
    size: str
    choices: list[str]
    data: Reviews | Images


def cases(is_quick: bool) -> list[Case]:
    """Every network at every size, or at the smallest."""
    source = yaml.safe_load(check.compose(Path("conf"), ["budget=source"]))["train"]
    found = []
    for name, row in families.table().items():
        # One epoch of the base: it shall be there, not be good.
        base = ["train.cnn.epochs=1"] if row.dataset == "target" else []
        if row.training != families.NETWORKS:
            continue
        if is_quick:
            found.append(Case(name, "smoke", ["budget=smoke", *base], QUICK[row.dataset]))
        elif row.dataset == "reviews":
            found += _review_cases(name, source[name])
        elif row.dataset == "digits":
            few = ["train.gan.steps_per_epoch=20"] if name == "gan" else []
            found.append(Case(name, "default", [], DIGITS["default"]))
            found.append(Case(name, "source", ["budget=source", *few], DIGITS["source"]))
        else:
            vgg = ["budget=source", "target=cats_dogs", "transfer.weights=null"]
            found.append(Case(name, "default", base, TARGET["default"]))
            found.append(Case(name, "source", vgg, TARGET["source"]))
    return found


def _review_cases(name: str, source: dict[str, Any]) -> list[Case]:
    if "length" not in source:
        return [
            Case(name, "default", [], SHORT),
            Case(name, "source", ["budget=source"], VECTORS),
        ]
    found = []
    for kind, data in {"short": SHORT, "long": LONG}.items():
        length = source["length"]
        textbook = [f"train.{name}.length={length}"]
        found.append(Case(name, f"{kind} reviews, {length} words at most", textbook, data))
        found.append(Case(name, f"{kind} reviews, default", [], data))
    return [*found, Case(name, "source", ["budget=source"], SOURCE)]


def measure(case: Case, repeats: int) -> list[Row]:
    """Train both ways in turn."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        make(Path(folder), case.choices, case.data)
        in_process(_make_models, folder, case.family)
        plain, ours = (stack.enter_context(_process()) for _ in range(2))
        operations = [
            process.submit(_enter, folder, case.family, way).result()
            for process, way in ((plain, "plain"), (ours, "ours"))
        ]
        (_, slow), (_, fast) = alternate(
            lambda: plain.submit(_epoch).result(), lambda: ours.submit(_epoch).result(), repeats
        )
        memory = [process.submit(_peak).result() for process in (plain, ours)]
        measured = [Measured(*way) for way in zip((slow, fast), operations, memory, strict=True)]
    return [Row(case.family, case.size, *measured)]


def matrix_peak(side: int) -> float:
    """The operations a second of products of matrices of `side` rows, in TensorFlow."""
    peak: float = in_process(_matrix_peak, side)
    return peak


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, called in a process of its own."""
    with _process() as process:
        return process.submit(function, *arguments).result()


def _process() -> ProcessPoolExecutor:
    """A process that has loaded what all need, and is silent: it raises what goes wrong."""
    CONTEXT.set_forkserver_preload(["benchmarks.ways"])
    with quiet():
        forkserver.ensure_running()
    return ProcessPoolExecutor(1, CONTEXT)


def _matrix_peak(side: int) -> float:
    from benchmarks import ways

    return ways.matrix_peak(side)


def _make_models(folder: str, name: str) -> None:
    from benchmarks import ways

    os.chdir(folder)
    ways.make_models(name)


def _enter(folder: str, name: str, way: Any) -> float:
    """Prepare a training in this process, and train an epoch; return the operations of one."""
    from benchmarks import ways

    global _way
    os.chdir(folder)
    _way = ways.prepare(name, way)
    _way.epoch()
    return _way.operations


def _epoch() -> None:
    _way.epoch()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


_way: Any
