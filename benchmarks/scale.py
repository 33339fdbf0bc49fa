"""The text stages on generated reviews of growing number: time, memory, disk, and how they grow.

The stages are run as DVC runs them, one process each, from a Parquet file of raw reviews to
document vectors. Words follow Zipf's law over a vocabulary that grows with the reviews, as
misspellings make it grow; some reviews are copies, and all have markup. Memory is the peak of the
stage's own process. Choices of conf/ can be given, such as `engine=dask engine.workers=4`.

Word vectors are trained on a million words, whatever the number of reviews: `vectorize.word2vec`
bounds that work in the pipeline too.
"""

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pyarrow as pa
import typer

from epochwise import check
from epochwise.core import paths
from epochwise.core.cli import InputError, run
from epochwise.data.partitions import write_partitions

ROOT = Path(__file__).parent.parent
STAGES = {
    "fetch": (paths.RAW_REVIEWS,),
    "clean": (paths.CLEAN_REVIEWS,),
    "split": (paths.REVIEWS / "split",),
    "encode": (paths.VOCABULARY, paths.REVIEWS / "sequences"),
    "vectorize": (paths.WORD_VECTORS, paths.REVIEWS / "vectors"),
}
"""What each writes."""
SOURCE = "reviews.parquet"
CHOICES = (
    "reviews=table",
    f"reviews.path={SOURCE}",
    "vectorize=word2vec",
    "vectorize.word2vec.max_words=1000000",
)
CHUNK = 50_000
"""Reviews that are generated at once."""
COMMON = 60_000
"""Words that everybody writes right."""
RARE = 0.0005
"""Share of words that hardly anyone else writes: the vocabulary grows by one in 2,000 words."""
COPIES = 0.05
"""Share of reviews that are copies of another one."""
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("rating", pa.float64()),
        ("product_id", pa.string()),
        ("user_id", pa.string()),
        ("time", pa.int64()),
    ]
)


class Cost(NamedTuple):
    """What a stage took: seconds, peak memory and bytes written."""

    seconds: float
    memory: int
    disk: int


def generate(path: Path, reviews: int) -> None:
    """Write raw reviews with columns of SCHEMA to a Parquet file: the same for the same number."""
    write_partitions(path, _chunks(reviews), SCHEMA)


def _chunks(reviews: int) -> Iterator[pa.Table]:
    letters = np.random.default_rng(0).choice(list("etaoinshrdlu"), size=(COMMON, 10))
    words = np.array(["".join(row[: 2 + number % 9]) for number, row in enumerate(letters)], object)
    cumulated = np.cumsum(1 / np.arange(1, COMMON + 1))
    for start in range(0, reviews, CHUNK):
        random = np.random.default_rng([1, start])
        count = min(CHUNK, reviews - start)
        sizes = np.maximum(random.lognormal(np.log(60), 0.7, count), 1).astype(int)
        drawn = np.searchsorted(cumulated, random.random(sizes.sum()) * cumulated[-1])
        written = words[drawn]
        rare = np.flatnonzero(random.random(len(written)) < RARE)
        written[rare] = [f"w{number:x}" for number in random.integers(2**62, size=len(rare))]
        parts = np.split(written, np.cumsum(sizes)[:-1])
        texts = np.array([f"{' '.join(part)}.<br />It&#39;s so!" for part in parts], object)
        copies = random.random(count) < COPIES
        texts[copies] = texts[random.integers(count, size=copies.sum())]
        ids = random.integers(reviews // 5 + 1, size=(2, count)).astype(str)
        columns = [texts, random.choice([1.0, 2, 4, 5, 5, 5], count), *ids]
        yield pa.table([*columns, random.integers(10**9, 2 * 10**9, count)], schema=SCHEMA)


def measure(reviews: int, choices: Sequence[str], parent: Path | None) -> dict[str, Cost]:
    """The cost of each stage on generated reviews, in a folder that is removed at the end.

    Raises:
        InputError: a stage fails.
    """
    costs = {}
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        # A process that has grown would lend its peak to those that it starts.
        generator = get_context("spawn").Process(target=generate, args=(folder / SOURCE, reviews))
        generator.start()
        generator.join()
        composed = check.compose(ROOT / "conf", (*CHOICES, *choices))
        (folder / "params.yaml").write_text(composed, encoding="utf-8")
        for stage, written in STAGES.items():
            seconds, memory = _run(stage, folder)
            files = [file for path in written for file in _files(folder / path)]
            costs[stage] = Cost(seconds, memory, sum(file.stat().st_size for file in files))
    return costs


def _run(stage: str, folder: Path) -> tuple[float, int]:
    """Seconds and peak memory in bytes of a stage."""
    command = [sys.executable, "-m", f"stages.{stage}", *(["reviews"] if stage == "fetch" else [])]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"the stage {stage} ended with status {process.returncode}")
    return time.perf_counter() - started, usage.ru_maxrss * 1024


def _files(path: Path) -> list[Path]:
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def exponent(sizes: tuple[int, int], costs: tuple[float, float]) -> float:
    """How a cost grows with the size: 1 is in proportion, 0 not at all."""
    return math.log(costs[1] / costs[0]) / math.log(sizes[1] / sizes[0])


def main(
    choices: Annotated[list[str] | None, typer.Argument(help="such as engine=dask")] = None,
    rows: Annotated[
        list[int], typer.Option(help="How many reviews, up to 10,000,000; repeat it.", min=1000)
    ] = [20_000, 200_000],  # noqa: B006 (Typer copies it)
    folder: Annotated[
        Path | None, typer.Option(help="Where to work: 5 KB a review.", exists=True)
    ] = None,
) -> None:
    """Print a table for each number of reviews, with exponents from the number before."""
    before: tuple[int, dict[str, Cost]] | None = None
    for reviews in sorted(rows):
        costs = measure(reviews, choices or (), folder)
        seconds = sum(cost.seconds for cost in costs.values())
        disk = sum(cost.disk for cost in costs.values())
        costs["all"] = Cost(seconds, max(cost.memory for cost in costs.values()), disk)
        print(f"{reviews:,} reviews")
        exponents = f" {'exponents of s, peak':>21}" if before else ""
        print(f"{'stage':10} {'s':>8} {'peak MiB':>9} {'disk MB':>9}{exponents}")
        for stage, cost in costs.items():
            line = (
                f"{stage:10} {cost.seconds:8.1f} {cost.memory / 2**20:9.0f} {cost.disk / 1e6:9.1f}"
            )
            if before:
                sizes, other = (before[0], reviews), before[1][stage]
                of_time = exponent(sizes, (other.seconds, cost.seconds))
                line += f" {of_time:14.2f} {exponent(sizes, (other.memory, cost.memory)):6.2f}"
            print(line, flush=True)
        before = reviews, costs


if __name__ == "__main__":
    run(main)
