import sys

import networkx as nx
import pytest
from dvc.repo import Repo

from epochwise import families
from epochwise.core.cli import InputError
from epochwise.repro import side_by_side, targets


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_every_family_is_reproduced_by_one_of_the_two() -> None:
    reviews, images = targets()
    assert sorted(reviews + images) == sorted(f"evaluate@{name}" for name in families.table())


def test_the_two_have_no_stage_in_common() -> None:
    graph = Repo().index.graph
    needed = [
        {stage for last in names for stage in nx.descendants(graph, by_name(graph, last))}
        for names in targets()
    ]
    assert all(len(stages) > 10 for stages in needed)
    assert not needed[0] & needed[1]


def by_name(graph: nx.DiGraph, name: str) -> object:
    (found,) = [stage for stage in graph if stage.addressing == name]
    return found


def test_both_run_at_once_and_no_line_is_torn(capfd: pytest.CaptureFixture[str]) -> None:
    code = "import time\nfor _ in range(200): print('{0}', end=''); print('{0}')"
    side_by_side([python(code.format("reviews")), python(code.format("images"))])
    lines = capfd.readouterr().out.splitlines()
    assert sorted(lines) == ["imagesimages"] * 200 + ["reviewsreviews"] * 200


def test_a_failure_is_shown_again_below_what_the_other_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    failing = python("import sys; print('training'); sys.exit('ERROR: no epoch left')")
    other = python("import time; time.sleep(0.5); print('evaluated')")
    with pytest.raises(InputError, match=r"(?s)^dvc repro failed:.*ERROR: no epoch left$"):
        side_by_side([failing, other])
    assert capfd.readouterr().out.splitlines()[-1] == "evaluated"
