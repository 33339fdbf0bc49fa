"""Grids show every image, in its row and with its caption."""

from pathlib import Path

import numpy as np
import pytest

from epochwise.figures.canvas import new_figure, write_figure
from epochwise.figures.grids import captioned_figure, draw_rows, rows_figure

IMAGES = np.random.default_rng(0).random((2, 3, 28, 28, 1))


def shown(figure: object) -> list[np.ndarray]:
    """The images of a figure, in the order of its axes."""
    return [axis.images[0].get_array().data for axis in figure.axes if axis.images]  # type: ignore[attr-defined]


def test_rows_show_every_image_in_its_place() -> None:
    figure = rows_figure(IMAGES, ["original", "other"], "two rows")
    np.testing.assert_array_equal(shown(figure), IMAGES.reshape(6, 28, 28))
    names = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert names == ["original", "other"]
    assert figure.get_suptitle() == "two rows"


def test_rows_fill_a_part_of_a_figure() -> None:
    figure = new_figure(4, 4)
    left, right = figure.subfigures(1, 2)  # type: ignore[misc]
    draw_rows(left, IMAGES, ["a", "b"], "left")
    assert len(left.axes) == 6 and not right.axes


@pytest.mark.parametrize(("count", "places"), [(3, 3), (7, 10)])
def test_captions_stand_over_their_images_in_rows_of_five(count: int, places: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, size=(count, 8, 8, 3), dtype=np.uint8)
    captions = [(f"image {index}", "firebrick") for index in range(count)]
    figure = captioned_figure(images, captions, "captioned")
    assert len(figure.axes) == places
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == [f"image {index}" for index in range(count)] + [""] * (places - count)
    np.testing.assert_array_equal(shown(figure), images)


def test_black_and_white_are_those_of_the_pixels_not_of_the_image() -> None:
    for dtype, white in (("uint8", 255), ("float32", 1)):
        dim = np.ones((1, 8, 8, 1), dtype)
        (axis,) = captioned_figure(dim, [("", "black")], "").axes
        assert axis.images[0].get_clim() == (0, white)


def test_the_same_figure_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first.png", "second.png"):
        write_figure(tmp_path / name, rows_figure(IMAGES, ["a", "b"], "title"))
    first = (tmp_path / "first.png").read_bytes()
    assert first == (tmp_path / "second.png").read_bytes()
    assert b"matplotlib" not in first.lower()
