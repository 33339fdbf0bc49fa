"""params.yaml is checked, and what is wrong is told by its key."""

from pathlib import Path

import pytest

from epochwise.core import params
from epochwise.core.cli import InputError


class Inner(params.Section):
    size: int


class Outer(params.Section):
    name: str
    inner: Inner


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text("outer: {name: a, inner: {size: 3}}\nseed: 1\n")
    return path


def test_a_section_is_read_by_its_dotted_key(file: Path) -> None:
    assert params.read("outer", Outer, file) == Outer(name="a", inner=Inner(size=3))
    assert params.read("outer.inner", Inner, file).size == 3
    assert params.read_value("seed", file) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("outer: {name: a, inner: {sise: 3}}", r"unknown key 'outer.inner.sise' \(did you mean 's"),
        ("outer: {name: a, inner: {}}", "key 'outer.inner.size' is missing"),
        ("outer: {name: 1, inner: {size: 3}}", "'outer.name' is 1: input should be a valid string"),
        ("outter: 1", r"key 'outer' is missing \(did you mean 'outter'\?\)"),
        ("outer: [", "is not valid YAML"),
    ],
)
def test_slips_are_told_with_their_key(content: str, message: str, file: Path) -> None:
    file.write_text(content)
    with pytest.raises(InputError, match=message):
        params.read("outer", Outer, file)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run from the project's root folder"):
        params.load(tmp_path / "none.yaml")
