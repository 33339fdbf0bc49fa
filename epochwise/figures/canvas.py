"""Figures, with the same bytes for the same content."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epochwise.core.files import replacing


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches of 100 pixels, that makes room for its labels."""
    return Figure(figsize=(width, height), layout="constrained")


def new_charts(width: float, height: float, title: str, columns: int) -> tuple[Figure, Any]:
    """A figure of charts side by side, and their axes (columns,), with a `title` over them.

    The margins are fixed: to measure the labels first takes as long as to draw the figure.
    """
    figure = Figure(figsize=(width, height))
    left, right, bottom, top, between = 0.65, 0.15, 0.55, 0.75, 0.75
    within = (width - left - right - between * (columns - 1)) / columns
    figure.subplots_adjust(
        left=left / width,
        right=1 - right / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=between / within,
    )
    figure.suptitle(title, fontsize=14, y=1 - 0.1 / height, va="top")
    return figure, figure.subplots(1, columns)


def write_figure(path: Path, figure: Figure) -> None:
    """Write `figure` as a PNG, laid out once: Matplotlib does so twice, for as long again."""
    options: dict[str, Any] = {"format": "png", "dpi": 100, "metadata": {"Software": None}}
    canvas = FigureCanvasAgg(figure)
    figure.dpi = options["dpi"]
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine("none")
    with replacing(path) as beside:
        canvas.print_figure(beside, **options)
