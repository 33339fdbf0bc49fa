"""Figures, with the same bytes for the same content."""

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from epochwise.core.files import replacing


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches of 100 pixels, that makes room for its labels."""
    return Figure(figsize=(width, height), layout="constrained")


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
