"""Ours against the plain way, all of it in one run: a Markdown table of ratios.

Every row is measured in turn, plain and ours, and the medians count. `docs/performance.md` says
what each row is.
"""

import os
import platform
from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from benchmarks import networks, starts, text
from benchmarks.rows import Row, table
from epochwise.core.cli import InputError, quiet, run
from epochwise.core.progress import track

SIDE = {True: 256, False: 2048}
"""Of the square matrices whose product is the peak, quick or not."""
IMAGES, REVIEWS = {True: 8, False: 40}, {True: 50, False: 20_000}
"""Of the rows of features and of text stages, quick or not."""

Step = tuple[str, Callable[[], list[Row]]]


def main(
    only: Annotated[str, typer.Option(help="Rows to measure, such as lstm,cnn,clean.")] = "",
    repeats: Annotated[int, typer.Option(help="Of every way.", min=1)] = 5,
    is_quick: Annotated[bool, typer.Option("--quick", help="Smallest sizes: a trial.")] = False,
) -> None:
    """Print the table."""
    chosen = choose(steps(repeats, is_quick), only)
    peak = networks.matrix_peak(SIDE[is_quick])
    rows = [row for _, step in track(chosen, len(chosen), "benchmarks") for row in step()]
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    print(f"products of matrices: {peak / 1e9:.0f} GFLOP/s at the peak; medians of {repeats}\n")
    print("\n".join(table(rows)))


def steps(repeats: int, is_quick: bool) -> list[Step]:
    """Everything that can be measured, by name."""
    found: list[Step] = [
        (case.family, partial(networks.measure, case, repeats)) for case in networks.cases(is_quick)
    ]
    found.append(("features", partial(_features, IMAGES[is_quick], repeats)))
    found.append(("text", partial(text.rows, REVIEWS[is_quick], repeats)))
    found += [(stage, partial(starts.measure, stage, repeats)) for stage in starts.stages()]
    found.append(("fork", partial(starts.measure_fork, repeats)))
    return found


def choose(found: list[Step], only: str) -> list[Step]:
    """The steps that `only` names, or all.

    Raises:
        InputError: there is none of a name.
    """
    names = {name for name in only.split(",") if name}
    known = dict.fromkeys(name for name, _ in found)
    if unknown := names - set(known):
        raise InputError(
            f"--only {', '.join(sorted(unknown))}: expected some of {', '.join(known)}"
        )
    return [step for step in found if not names or step[0] in names]


def _features(images: int, repeats: int) -> list[Row]:
    with quiet():
        from benchmarks import transfer
    return transfer.rows("mobilenet", images, repeats)


if __name__ == "__main__":
    run(main)
