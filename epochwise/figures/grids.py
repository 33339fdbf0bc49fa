"""Grids of images."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from epochwise.figures.canvas import new_figure

INCHES = 0.75
"""Side of an image in a grid."""
COLUMNS = 5
"""Captioned images in a row."""


def rows_figure(rows: np.ndarray, names: list[str], title: str) -> Figure:
    """A figure of images (rows, columns, h, w) or (..., channels), with a name for each row."""
    width = rows.shape[1] * INCHES + max(map(len, names)) * 0.09
    figure = new_figure(width, len(rows) * INCHES + 0.4)
    draw_rows(figure, rows, names, title)
    return figure


def draw_rows(figure: FigureBase, rows: np.ndarray, names: list[str], title: str) -> None:
    """Fill `figure`, or a part of one, with what `rows_figure` shows."""
    axes = figure.subplots(*rows.shape[:2], squeeze=False)
    for line, name, images in zip(axes, names, rows, strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.set_axis_off()
            _draw(axis, image)
        line[0].text(
            -0.1, 0.5, name, ha="right", va="center", fontsize=9, transform=line[0].transAxes
        )
    figure.suptitle(title, fontsize=10)


def captioned_figure(images: np.ndarray, captions: list[tuple[str, str]], title: str) -> Figure:
    """A figure of images (n, h, w) or (n, h, w, channels), each with a caption and its colour."""
    columns = min(COLUMNS, len(images))
    rows = -(-len(images) // columns)
    figure = new_figure(columns * 1.7, rows * 1.75 + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, image, (caption, colour) in zip(axes, images, captions, strict=False):
        _draw(axis, image)
        axis.set_title(caption, fontsize=9, color=colour)
    figure.suptitle(title, fontsize=10)
    return figure


def _draw(axis: Axes, image: np.ndarray) -> None:
    whole = 255 if image.dtype == np.uint8 else 1
    axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=whole)
