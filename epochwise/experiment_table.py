"""The table of `dvc exp show`, all of which a terminal shows.

What there is no room for stands below, where DVC leaves it out or makes columns of `…`. Hashes of
dependencies, a column each, are not in it, nor params that are the same in all rows.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

from dvc.commands.experiments import show
from dvc.compare import TabularData
from dvc.ui import table, ui
from rich.cells import cell_len
from rich.text import Text

BORDER, BETWEEN = 1, 3
"""What a table takes beside its columns: a line, and for each a blank at both ends and a line."""
NARROWEST = 20
"""Lines of a folded cell are not shorter, whatever the terminal."""

_rich_table = table.rich_table
_show_experiments = show.show_experiments


def replace() -> None:
    """Take the place of DVC's own table."""
    table.rich_table = rich_table
    show.show_experiments = show_experiments


def show_experiments(
    experiments: TabularData,
    headers: dict[str, list[str]],
    keep: Sequence[str] = (),
    **options: Any,
) -> None:
    """Show what tells experiments apart; --csv, --md and --keep show the rest, too.

    That is hashes of dependencies, and params that are the same in all rows, which are counted.
    `headers` are the columns of metrics, params and dependencies, by these kinds.
    """
    left_out = 0
    if not (keep or options["csv"] or options["markdown"]):
        experiments.drop(*headers["deps"])
        columns = len(experiments.keys())
        experiments.drop_duplicates("cols", subset=headers["params"], ignore_empty=False)
        left_out = columns - len(experiments.keys())
    _show_experiments(experiments, headers, keep=keep, **options)
    if left_out:
        ui.write(f"Not shown are params that are the same in all rows ({left_out}): add `--keep .`")


def rich_table(
    screen: Any,
    data: Sequence[Sequence[Any]],
    headers: Sequence[str],
    pager: bool = False,
    **options: Any,
) -> None:
    """Show a table in parts that the terminal has room for, each with the first column."""
    first = max(cell_len(str(cell)) for cell in (headers[0], *(row[0] for row in data)))
    room = screen.rich_console.width - BORDER - first - 2 * BETWEEN
    cut = [[row[0], *(folded(cell, room) for cell in row[1:])] for row in data]
    cells = [[str(cell) for cell in column] for column in zip(headers, *cut, strict=True)]
    widths = [max(map(cell_len, "\n".join(column).split("\n"))) for column in cells]
    with screen.pager() if pager and screen.isatty() else nullcontext():
        for shown in parts(widths, screen.rich_console.width):
            rows = [[row[column] for column in shown] for row in cut]
            _rich_table(screen, rows, [headers[column] for column in shown], **options)


def folded(cell: Any, room: int) -> Any:
    """The cell, in lines of `room` where it is wider: of such rich shows only `…`."""
    text = str(cell)
    if cell_len(text) <= room:
        return cell
    lines = Text(text).wrap(ui.rich_console, max(room, NARROWEST))
    return "\n".join(line.plain.rstrip() for line in lines)


def parts(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """The columns of each part of a table: the first one, and as many of the others as fit.

    `widths` are those of the columns without what stands between them, `room` of the terminal.
    """
    first, *others = (width + BETWEEN for width in widths)
    shown, taken = [0], BORDER + first
    for column, width in enumerate(others, start=1):
        if len(shown) > 1 and taken + width > room:
            yield shown
            shown, taken = [0], BORDER + first
        shown.append(column)
        taken += width
    yield shown
