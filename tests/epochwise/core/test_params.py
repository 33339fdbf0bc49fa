"""params.yaml is checked, and what is wrong is told by its key."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

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
    path.write_text("outer: {name: a, inner: {size: 3}}\n")
    return path


def test_a_section_is_read_by_its_dotted_key(file: Path) -> None:
    assert params.read("outer", Outer, file) == Outer(name="a", inner=Inner(size=3))
    assert params.read("outer.inner", Inner, file).size == 3


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


SCALARS = [
    *("010", "0o10", "0x1F", "0b1", "5:30", "+7", "1_0", "1e-05", "1E5", "-.5", "3."),
    *(".inf", "yes", "No", "on", "True", "~", "null", "null5", ""),
    *("-0x1f", "1_0.5", "1e5", "-1_0", ".5e3", "6.", "0", "-0", "12e03"),
]


@given(st.dictionaries(st.text("abc", min_size=1), st.sampled_from(SCALARS)))
def test_yaml_is_read_as_dvc_reads_it(content: dict[str, str]) -> None:
    text = "".join(f"{key}: {value}\n" for key, value in content.items())
    expected = YAML(typ="safe", pure=True).load(text)
    assert params.parse(text.encode()) == yaml.load(text, params.QuickLoader) == expected


def test_a_key_that_is_there_twice_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"params.yaml is not valid YAML: the key 'a' is there twi"
    ):
        params.parse(b"b: &b {a: 1}\na: {<<: *b, a: 2}\na: 3\n")
    assert params.parse(b"b: &b {a: 1}\nc: {<<: *b, a: 2}\n")["c"] == {"a": 2}
