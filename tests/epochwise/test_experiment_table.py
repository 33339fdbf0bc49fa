"""The parts of a table, and what is not in it; tests/test_headlines.py has a whole one."""

from typing import Any

import pytest
from dvc.compare import TabularData
from dvc.ui import ui
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from epochwise.experiment_table import folded, parts, rich_table, show_experiments


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(20, 200))
def test_parts_have_every_column_once_and_fit(widths: list[int], room: int) -> None:
    """As rich sets a table with lines above and below: a blank at both ends, three between."""
    found = list(parts(widths, room))
    first, *others = range(len(widths))
    assert [column for shown in found for column in shown if column != first] == others
    for shown, after in zip(found, [*found[1:], None], strict=True):
        taken = sum(widths[column] + 2 for column in shown) + len(shown) + 1
        assert shown[0] == first
        assert taken <= room or len(shown) <= 2
        if after:
            assert taken + widths[after[1]] + 3 > room, "one more would have fitted"


@pytest.mark.parametrize("width", [60, 160])
def test_a_cell_that_is_wider_than_the_terminal_is_shown_in_lines(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ui, "_enabled", True)
    monkeypatch.setattr(ui, "rich_console", Console(width=width))
    words = [f"word{number}" for number in range(60)]
    column = {"train.mlp.optimizer": {"no_wrap": True, "overflow": "ellipsis"}}
    data = [["idea", " ".join(words), "0.787"], ["main", "adam", "0.78"]]
    headers = ["Experiment", "train.mlp.optimizer", "bacc"]
    rich_table(ui, data, headers, header_styles=column, borders="horizontals")
    shown = capsys.readouterr().out
    assert "…" not in shown
    assert all(cell in shown for cell in [*words, "adam", "0.787", "0.78"])
    assert max(len(line) for line in shown.splitlines()) <= width


@given(st.text(min_size=1), st.integers(20, 60))
def test_lines_of_a_cell_are_no_wider_than_their_room(text: str, room: int) -> None:
    """As wide as a terminal shows them, where characters of Chinese take two places."""
    assert all(cell_len(line) <= room for line in str(folded(text, room)).split("\n"))
    line = "\u5b57" * 20
    assert folded(line * 2, 40) == f"{line}\n{line}"


@pytest.mark.parametrize(
    ("options", "whole"),
    [({}, False), ({"keep": ["data"]}, True), ({"csv": True}, True), ({"markdown": True}, True)],
)
def test_what_tells_no_rows_apart_is_shown_where_it_is_asked_for(
    options: dict[str, Any],
    whole: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ui, "_enabled", True)
    monkeypatch.setattr(ui, "rich_console", Console(width=160))
    row = {"Experiment": "idea", "rev": "1234567", "typ": "branch_base", "parent": None}
    row |= {"Created": "-", "State": "-", "Executor": "-"}
    row |= {"m/lstm:bacc": "0.787", "data/test": "d41d8cd98f00b204"}
    row |= {"train.lstm.epochs": "6", "train.lstm.length": "200"}
    table = TabularData(list(row), fill_value="-")
    for length in ("200", "-"):
        table.append(list((row | {"train.lstm.length": length}).values()))
    params = ["train.lstm.epochs", "train.lstm.length"]
    headers = {"metrics": ["m/lstm:bacc"], "params": params, "deps": ["data/test"]}
    settings = {"pager": False, "csv": False, "markdown": False, "only_changed": False}
    show_experiments(table, headers, **(settings | options))
    shown = capsys.readouterr().out
    assert all(told in shown for told in ("idea", "0.787", "train.lstm.length", "200"))
    assert ("data/test" in shown and "d41d8cd98f00b204" in shown) == whole
    assert ("train.lstm.epochs" in shown) == whole
    told = "Not shown are params that are the same in all rows (1): add `--keep .`"
    assert shown.splitlines()[-1] == told or whole
