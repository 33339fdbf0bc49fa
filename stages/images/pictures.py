"""Grids of pictures."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from stages.core.figures import new_figure, write_figure

INCHES = 0.75
"""Side of a picture in a grid."""


def write_rows(path: Path, rows: np.ndarray, names: list[str], title: str) -> None:
    """Write a PNG of pictures (rows, columns, h, w) or (..., channels), with a name for a row."""
    width = rows.shape[1] * INCHES + max(map(len, names)) * 0.09
    figure = new_figure(width, len(rows) * INCHES + 0.4)
    axes = figure.subplots(*rows.shape[:2], squeeze=False)
    for line, name, pictures in zip(axes, names, rows, strict=True):
        for axis, picture in zip(line, pictures, strict=True):
            axis.set_axis_off()
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
