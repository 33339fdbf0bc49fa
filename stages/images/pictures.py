"""Grids of pictures."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from stages.core.figures import new_figure, write_figure

INCHES = 0.75
"""Side of a picture in a grid."""


def write_rows(path: Path, rows: dict[str, np.ndarray], title: str) -> None:
    """Write rows of pictures, each (n, h, w) or (n, h, w, channels), with their names, as a PNG."""
    columns = max(len(pictures) for pictures in rows.values())
    names = max(len(name) for name in rows) * 0.09
    figure = new_figure(columns * INCHES + names, len(rows) * INCHES + 0.4)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, picture in zip(line, pictures, strict=False):
            _draw(axis, picture)
        line[0].text(
            -0.1, 0.5, name, ha="right", va="center", fontsize=9, transform=line[0].transAxes
        )
    figure.suptitle(title, fontsize=10)
    write_figure(path, figure)


def write_captioned(
    path: Path, pictures: np.ndarray, captions: list[tuple[str, str]], title: str
) -> None:
    """Write pictures (n, h, w) or (n, h, w, channels), each with a caption and its colour."""
    columns = min(5, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = new_figure(columns * 1.7, rows * 1.75 + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, picture, (caption, colour) in zip(axes, pictures, captions, strict=False):
        _draw(axis, picture)
        axis.set_title(caption, fontsize=9, color=colour)
    figure.suptitle(title, fontsize=10)
    write_figure(path, figure)


def _draw(axis: Axes, picture: np.ndarray) -> None:
    whole = 255 if picture.dtype == np.uint8 else 1
    axis.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=whole)
