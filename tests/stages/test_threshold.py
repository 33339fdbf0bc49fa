"""The rule that chooses an epoch and a threshold, and the stage that applies it."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from epochwise.core import paths
from epochwise.core.files import read_json, rounded, write_json, write_table
from epochwise.measures.binary import log_losses
from epochwise.reports.binary import report
from stages import threshold as stage
from stages.threshold import Rule, choose, curve, objective

RULE = {
    "rule": "recall_floor",
    "min_recall_1": 0.8,
    "beta": 1.0,
    "beta_class": 0,
    "costs": {"false_0": 1.0, "false_1": 1.0},
    "value": 0.5,
    "tolerance": 0.0,
    "step": 0.05,
}
METRICS = ("precision_0", "recall_0", "precision_1", "recall_1")
SAMPLES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 20).map(lambda n: n / 20)), min_size=4, max_size=50
).filter(lambda rows: {label for label, _ in rows} == {0, 1})


def rule(**changes: Any) -> Rule:
    return Rule.model_validate({**RULE, **changes})


def curves(rows: list[tuple[int, float]], used: Rule, epoch: int = 0) -> pd.DataFrame:
    labels, likely = (np.array(column) for column in zip(*rows, strict=True))
    loss = float(log_losses(labels, likely).mean())
    return curve(labels, likely, used.candidates()).assign(epoch=epoch, log_loss=loss)


@given(SAMPLES)
def test_curve_equals_the_report_at_every_threshold(rows: list[tuple[int, float]]) -> None:
    labels, likely = (np.array(column) for column in zip(*rows, strict=True))
    for _, point in curves(rows, rule()).iterrows():
        expected = report(labels, likely, point["threshold"])
        assert {name: point[name] for name in METRICS} == pytest.approx(
            {name: expected[name] for name in METRICS}
        )


def points(**changes: list[float]) -> pd.DataFrame:
    """Two epochs at the same threshold that differ in `changes` alone."""
    alike = {
        "epoch": [0, 1],
        "threshold": [0.5, 0.5],
        "recall_0": [0.7, 0.7],
        "recall_1": [0.9, 0.9],
        "log_loss": [0.4, 0.4],
    }
    return pd.DataFrame(alike | changes)


def test_a_rule_that_maximises_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="false_0 and false_1 are both 0: one of them has to"):
        rule(costs={"false_0": 0, "false_1": 0})


def test_between_equals_recall_log_loss_epoch_and_the_middle_decide() -> None:
    assert choose(points(recall_1=[0.85, 0.9], log_loss=[0.3, 0.4]), rule())["epoch"] == 1
    assert choose(points(log_loss=[0.5, 0.4]), rule())["epoch"] == 1
    assert choose(points(epoch=[1, 0]), rule())["epoch"] == 0
    assert choose(points(epoch=[0, 0], threshold=[0.8, 0.4]), rule())["threshold"] == 0.4
    assert choose(points(epoch=[0, 0], threshold=[0.75, 0.25]), rule())["threshold"] == 0.25


def test_within_the_tolerance_the_log_loss_decides_and_then_the_epoch() -> None:
    near = points(recall_0=[0.75, 0.5], log_loss=[0.4, 0.3])
    assert choose(near, rule(tolerance=0.25))["epoch"] == 1
    assert choose(near, rule(tolerance=0.24))["epoch"] == 0
    assert choose(points(epoch=[1, 0]), rule(tolerance=0.1))["epoch"] == 0


def test_the_tolerance_of_costs_is_that_of_a_review() -> None:
    near = points(false_0=[3, 5], false_1=[0, 0], n=[100, 100], log_loss=[0.4, 0.3])
    assert choose(near, rule(rule="cost", tolerance=0.021))["epoch"] == 1
    assert choose(near, rule(rule="cost", tolerance=0.019))["epoch"] == 0


def test_the_f_score_is_that_of_the_class_named() -> None:
    by_class = points(precision_0=[0.2, 0.9], precision_1=[0.9, 0.2])
    for label, best in ((0, 1), (1, 0)):
        assert objective(by_class, rule(rule="f_beta", beta_class=label)).idxmax() == best


@given(SAMPLES, st.floats(0, 1))
def test_recall_floor_is_kept_and_nothing_allowed_is_better(
    rows: list[tuple[int, float]], floor: float
) -> None:
    used = rule(min_recall_1=floor)
    points = curves(rows, used)
    chosen = choose(points, used)
    assert chosen["recall_1"] >= floor
    assert chosen["recall_0"] == points[points["recall_1"] >= floor]["recall_0"].max()


@given(SAMPLES)
def test_other_rules_take_the_best_of_a_loop(rows: list[tuple[int, float]]) -> None:
    costs = {"false_0": 5.0, "false_1": 1.0}
    for used in (
        rule(rule="youden"),
        rule(rule="f_beta", beta=2.0),
        rule(rule="cost", costs=costs),
    ):
        points = curves(rows, used)
        values = []
        for _, point in points.iterrows():
            p, r = point["precision_0"], point["recall_0"]
            values.append(
                {
                    "youden": point["recall_0"] + point["recall_1"] - 1,
                    "f_beta": 5 * p * r / (4 * p + r) if p + r else 0.0,
                    "cost": -(5 * point["false_0"] + point["false_1"]) / len(rows),
                }[used.rule]
            )
        assert objective(points, used).tolist() == pytest.approx(values)
        assert choose(points, used)["objective"] == pytest.approx(max(values))


def test_a_fixed_threshold_takes_the_epoch_of_the_lowest_log_loss() -> None:
    used = rule(rule="fixed", value=0.37)
    worse, better = [(0, 0.4), (1, 0.6)], [(0, 0.1), (1, 0.9)]
    points = pd.concat([curves(worse, used, 0), curves(better, used, 1)])
    chosen = choose(points, used)
    assert (chosen["epoch"], chosen["threshold"]) == (1, 0.37)


def test_among_epochs_within_the_tolerance_the_lowest_log_loss_decides() -> None:
    points = pd.DataFrame(
        {
            "epoch": [0, 0, 1, 1, 2],
            "threshold": [0.4, 0.5, 0.4, 0.5, 0.5],
            "recall_0": [0.70, 0.60, 0.69, 0.65, 0.60],
            "recall_1": [0.9, 0.9, 0.9, 0.9, 0.9],
            "log_loss": [0.5, 0.5, 0.4, 0.4, 0.1],
        }
    )
    found = {
        tolerance: choose(points, rule(tolerance=tolerance))[["epoch", "threshold"]].tolist()
        for tolerance in (0.0, 0.005, 0.02, 0.2)
    }
    assert found == {0.0: [0, 0.4], 0.005: [0, 0.4], 0.02: [1, 0.4], 0.2: [2, 0.5]}


def test_between_equals_the_earlier_epoch_and_the_threshold_nearer_to_a_half() -> None:
    rows = [(0, 0.0), (0, 0.0), (1, 1.0), (1, 1.0)]
    points = pd.concat([curves(rows, rule(), 2), curves(rows, rule(), 1)])
    chosen = choose(points, rule())
    assert (chosen["epoch"], chosen["threshold"]) == (1, 0.5)


def test_candidates_are_round_numbers_from_0_to_1() -> None:
    candidates = rule(step=0.01).candidates().tolist()
    assert len(candidates) == 101 and candidates[:4] == [0.0, 0.01, 0.02, 0.03]
    assert candidates[-1] == 1.0


@given(st.floats(0.001, 0.5))
def test_candidates_are_the_multiples_of_the_step_as_they_are_written(step: float) -> None:
    candidates = rule(step=step).candidates().tolist()
    assert candidates == rounded(candidates) == sorted(set(candidates))
    assert set(rounded([0.0, step, 1 // step * step, 1.0])) <= set(candidates)
    assert rule(rule="fixed", value=0.123456).candidates().tolist() == [0.1235]


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "best"},
        {"min_recall_1": 1.1},
        {"beta": 0.0},
        {"beta": float("inf")},
        {"beta": 1e200},
        {"costs": {"false_0": float("inf"), "false_1": 1.0}},
        {"step": 0.0},
        {"step": 1e-9},
    ],
)
def test_impossible_rules_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        rule(**changes)


@pytest.mark.parametrize(("filtered", "expected"), [([1], 1), (None, 0)])
def test_the_stage_chooses_among_the_epochs_left(
    filtered: list[int] | None, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epoch 0 separates the classes; without a filter it wins, with it only epoch 1 is left."""
    monkeypatch.chdir(tmp_path)
    scores = {"epoch_000": [0.1, 0.2, 0.8, 0.9], "epoch_001": [0.1, 0.6, 0.5, 0.9]}
    table = pa.table({"id": [0, 1, 2, 3], "label": [0, 0, 1, 1], **scores})
    write_table(paths.epochs("mlp") / "valid.parquet", table)
    for epoch in (0, 1):
        (paths.epochs("mlp") / f"{epoch:03d}.keras").write_text(f"network {epoch}")
    paths.metrics("mlp", "epochs.csv").parent.mkdir(parents=True)
    paths.metrics("mlp", "epochs.csv").write_text("epoch,kept\n0,1\n1,1\n")
    if filtered:
        write_json(paths.metrics("mlp", "filter.json"), {"epochs": filtered, "relaxed": False})
    Path("params.yaml").write_text(yaml.safe_dump({"threshold": RULE}))
    stage.main("mlp")
    selection = read_json(paths.metrics("mlp", "selection.json"))
    assert (selection["epoch"], selection["epochs"]) == (expected, filtered or [0, 1])
    assert (paths.chosen("mlp") / "model.keras").read_text() == f"network {expected}"
    assert paths.plot("thresholds", "mlp", "png").read_bytes().startswith(b"\x89PNG")
    columns = paths.plot("precision_recall", "mlp", "csv").read_text().splitlines()[0]
    assert columns == "threshold,precision_0,recall_0,precision_1,recall_1,epoch"


def test_the_stage_writes_what_it_chose_and_by_which_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels, likely = np.array([0, 0, 0, 1, 1, 1]), np.array([0.1, 0.2, 0.6, 0.28, 0.7, 0.9])
    table = pa.table({"id": range(6), "label": labels, "epoch_003": likely})
    write_table(paths.epochs("mlp") / "valid.parquet", table)
    (paths.epochs("mlp") / "003.keras").touch()
    write_json(paths.metrics("mlp", "filter.json"), {"epochs": [3], "relaxed": True})
    Path("params.yaml").write_text(yaml.safe_dump({"threshold": RULE}))
    stage.main("mlp")
    found = read_json(paths.metrics("mlp", "selection.json"))
    chosen = {name: found[name] for name in ("epoch", "threshold", "rule", "relaxed")}
    assert chosen == {"epoch": 3, "threshold": 0.25, "rule": "recall_floor", "relaxed": True}
    assert found["valid"] == pytest.approx(
        {"precision_0": 1.0, "recall_0": 2 / 3, "precision_1": 0.75, "recall_1": 1.0}
        | {"log_loss": log_losses(labels, likely).mean()},
        rel=1e-3,
    )
