"""SNAP's blocks of lines become one review each, and none is lost."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from epochwise.core.cli import InputError
from epochwise.data.review_files.snap import read_snap

FIRST = "product/productId: B1\nreview/profileName: A\nB\nreview/score: 1.0\nreview/text: so\n"
SECOND = "product/productId: B2\nreview/score: 5.0\nreview/text: good\n"


def read(folder: Path, content: str) -> list[dict[str, Any]]:
    (folder / "f.txt").write_text(content, encoding="latin-1")
    return pa.concat_tables(read_snap(folder / "f.txt", 9)).to_pylist()


@pytest.mark.parametrize("blank", ["\n", " \n", "\t\n", "\r\n", "\n\n"])
def test_blank_lines_part_reviews(tmp_path: Path, blank: str) -> None:
    found = read(tmp_path, FIRST + blank + SECOND + blank)
    assert [(row["product_id"], row["text"], row["label"]) for row in found] == [
        ("B1", "so", 0),
        ("B2", "good", 1),
    ]


def test_a_text_goes_on_after_a_blank_line(tmp_path: Path) -> None:
    (row,) = read(tmp_path, FIRST + "\nand more\n")
    assert row["text"] == "so and more"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (FIRST + SECOND, "line 6: 'product/productId' is there twice in the review that begins in"),
        ("Reviews\n" + FIRST, "line 1: found 'Reviews', expected 'product/productId"),
    ],
)
def test_lines_that_belong_to_no_review_are_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("review/score: five", "line 1 has 'five' as its 'review/score', expected a number$"),
        ("review/score: 1\nreview/time: now", "'now' as its 'review/time', expected a number$"),
        (f"review/score: 1\nreview/time: {2**63}", f"'{2**63}' as its 'review/time', expected a"),
    ],
)
def test_what_is_no_number_is_told_by_its_key(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, f"{line}\nreview/text: so\n")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_file_without_a_review_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"f\.txt has no review: is it complete\?"):
        read(tmp_path, content)
