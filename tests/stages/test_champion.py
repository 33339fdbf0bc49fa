"""The champion is the best on valid; what noise cannot tell apart goes to the cheapest."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json, write_json
from stages import champion as stage
from stages.champion import Champion, choose, groups

METRIC = {
    "binary": "roc_auc",
    "multiclass": "accuracy",
    "reconstruction": "cross_entropy",
    "generation": "frechet",
}


def rule(**changes: Any) -> Champion:
    return Champion.model_validate({"metric": METRIC, "deviations": 2.0, "noise": 0.0, **changes})


def reports(**values: tuple[float, int]) -> dict[str, Any]:
    return {
        family: {"roc_auc": value, "cross_entropy": value, "parameters": parameters}
        for family, (value, parameters) in values.items()
    }


def test_the_best_wins_where_there_is_no_noise() -> None:
    found = choose("roc_auc", reports(a=(0.85, 9), b=(0.86, 900), c=(0.84, 1)), {}, rule())
    assert found == {"family": "b", "metric": "roc_auc", "value": 0.86, "ties": []}


@pytest.mark.parametrize("metric", ["cross_entropy", "calibration_error"])
def test_less_is_better_for_losses(metric: str) -> None:
    ours = {name: {metric: value, "parameters": 1} for name, value in (("a", 0.1), ("b", 0.2))}
    assert choose(metric, ours, {}, rule())["family"] == "a"


def test_a_metric_that_reports_do_not_have_is_told() -> None:
    ours = {"a": reports(a=(0.1, 9))["a"] | {"threshold": 0.4}}
    for metric in ("f1", "threshold"):
        refused = rf"is '{metric}', by which a cannot .*: choose among roc_auc, cross_entropy$"
        with pytest.raises(InputError, match=refused):
            choose(metric, ours, {}, rule())
    with pytest.raises(ValidationError, match="metric lacks the task 'multiclass'"):
        rule(metric={"binary": "roc_auc"})


def test_a_tie_goes_to_the_fewest_parameters() -> None:
    ours = reports(a=(0.860, 900), b=(0.856, 9), c=(0.840, 1))
    found = choose("roc_auc", ours, {}, rule(noise=0.002))
    assert (found["family"], found["ties"]) == ("b", ["a"])


def test_deviations_of_both_families_count() -> None:
    """Apart by no more than twice the deviation of a difference, sqrt(0.003^2 + 0.004^2)."""
    noise = {
        name: {"valid": {"roc_auc": {"std": std}}} for name, std in (("a", 0.003), ("b", 0.004))
    }
    assert choose("roc_auc", reports(a=(0.86, 9), b=(0.8501, 1)), noise, rule())["family"] == "b"
    assert choose("roc_auc", reports(a=(0.86, 9), b=(0.8499, 1)), noise, rule())["family"] == "a"


def test_the_value_is_the_champion_s_own() -> None:
    found = choose("roc_auc", reports(a=(0.86, 9), b=(0.855, 1)), {}, rule(noise=0.01))
    assert (found["family"], found["value"]) == ("b", 0.855)


def test_among_equally_cheap_ones_the_better_wins_and_then_the_name() -> None:
    found = choose("roc_auc", reports(b=(0.86, 1), a=(0.85, 1)), {}, rule(noise=0.1))
    assert found["family"] == "b"
    assert choose("roc_auc", reports(b=(0.86, 1), a=(0.86, 1)), {}, rule())["family"] == "a"


@pytest.mark.parametrize(("deviation", "expected"), [(0.001, "a"), (0.01, "b")])
def test_measured_noise_comes_before_the_assumed_one(deviation: float, expected: str) -> None:
    test = {"roc_auc": {"std": 1.0}}
    noise = {name: {"metrics": test, "valid": {"roc_auc": {"std": deviation}}} for name in "ab"}
    ours = reports(a=(0.860, 900), b=(0.850, 9))
    assert choose("roc_auc", ours, noise, rule(noise=0.1))["family"] == expected


def test_families_compete_on_the_same_task_and_data() -> None:
    found = groups(families.table())
    assert found["multiclass_digits"] == ["cnn"]
    assert found["multiclass_target"] == ["transfer", "scratch"]
    assert found["binary_reviews"] == [
        "baseline",
        "nb_linear",
        "nb_characters",
        "mlp",
        "lstm",
        "bilstm",
        "transformer",
        "ensemble",
    ]


def test_the_stage_reads_the_reports_on_valid_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are none of test. Of a task the last family has the highest value of the metric."""
    table = families.table()
    monkeypatch.setattr(families, "TABLE", families.TABLE.resolve())
    monkeypatch.chdir(tmp_path)
    for place, (family, row) in enumerate(table.items()):
        report = {METRIC[row.task]: place / 20, "parameters": 9}
        write_json(paths.metrics(family, "valid.json"), report)
    block = {"metric": METRIC, "deviations": 2.0, "noise": 0.0}
    Path("params.yaml").write_text(yaml.safe_dump({"champion": block}))
    stage.main()
    found = read_json(paths.CHAMPIONS)["champions"]
    assert {group: chosen["family"] for group, chosen in found.items()} == {
        "binary_reviews": "ensemble",
        "multiclass_digits": "cnn",
        "multiclass_target": "scratch",
        "reconstruction_digits": "autoencoder",
        "generation_digits": "gan",
    }
