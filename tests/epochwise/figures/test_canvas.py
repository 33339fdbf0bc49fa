"""Figures are PNGs with the same bytes for the same content."""

from pathlib import Path

from PIL import Image

from epochwise.figures.canvas import new_figure, write_figure


def drawn(path: Path, value: float) -> bytes:
    figure = new_figure(3, 2)
    figure.subplots().plot([0, 1], [0, value])
    write_figure(path, figure)
    return path.read_bytes()


def test_the_same_content_has_the_same_bytes(tmp_path: Path) -> None:
    first = drawn(tmp_path / "first.png", 1)
    assert drawn(tmp_path / "second.png", 1) == first
    assert drawn(tmp_path / "other.png", 2) != first


def test_an_inch_is_a_hundred_pixels(tmp_path: Path) -> None:
    drawn(tmp_path / "figure.png", 1)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.size == (300, 200)
        assert "Software" not in image.info
