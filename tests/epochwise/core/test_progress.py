"""Progress: plain lines where there is no terminal, and the items as they are."""

import pytest

from epochwise.core.progress import track


def test_elsewhere_than_on_a_terminal_each_step_is_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(track("ab", 2, "clean")) == ["a", "b"]
    assert capsys.readouterr().out.splitlines() == ["clean: 1 of 2 (0 s)", "clean: 2 of 2 (0 s)"]


def test_an_unknown_total_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track([1], None, "fetch")) == [1]
    assert capsys.readouterr().out == "fetch: 1 (0 s)\n"


def test_nothing_is_taken_before_it_is_asked_for() -> None:
    items = iter([1, 2, 3])
    assert next(track(items, 3, "x")) == 1
    assert list(items) == [2, 3]
