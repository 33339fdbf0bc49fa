"""The leaderboard compares families on the same samples and shows one table per task."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import write_json, write_table
from epochwise.measures.binary import at_threshold, compared_metrics
from epochwise.measures.bootstrap import mcnemar, resamples
from stages.leaderboard import (
    COLUMNS,
    Sampled,
    compare,
    curves,
    entries,
    main,
    outdated,
    plotted,
    sample,
    tables,
)

RANDOM = np.random.default_rng(0)


def drawn(labels: np.ndarray, probabilities: np.ndarray, threshold: float = 0.5) -> Sampled:
    predicted = at_threshold(probabilities, threshold)
    measure = partial(compared_metrics, labels, predicted, probabilities)
    return sample(np.arange(len(labels)), predicted == labels, measure, seed=1)


def test_a_model_does_not_differ_from_itself() -> None:
    ours = drawn(RANDOM.integers(0, 2, 200), RANDOM.random(200))
    found = compare(ours, ours)
    assert found.pop("mcnemar_p") == 1
    assert list(found) == ["roc_auc", "balanced_accuracy", "recall_0", "recall_1", "accuracy"]
    assert all((test["difference"], test["p"]) == (0, 1) for test in found.values())


def test_a_clear_gain_in_accuracy_is_significant() -> None:
    labels = RANDOM.integers(0, 2, 400)
    wrong = np.where(RANDOM.random(400) < 0.5, labels, 1 - labels)
    theirs, ours = (
        drawn(labels, likely.astype(float))
        for likely in (wrong, np.where(RANDOM.random(400) < 0.5, labels, wrong))
    )
    found = compare(ours, theirs)
    low, high = found["accuracy"]["ci95"]
    gain = ours.right.mean() - theirs.right.mean()
    assert found["accuracy"]["difference"] == pytest.approx(gain)
    assert 0 < low < gain < high
    assert found["accuracy"]["p"] < 0.01 and found["mcnemar_p"] < 0.01
    assert compare(theirs, ours)["accuracy"]["difference"] == pytest.approx(-gain)


def write_family(family: str, ids: list[str], predicted: list[int]) -> None:
    table = pa.table({"id": ids, "label": [0, 1, 1], "predicted": predicted})
    write_table(paths.predictions(family), table)
    metrics: dict[str, Any] = {"accuracy": 0.5, "log_loss": 0.1, "epoch": 3}
    metrics |= {"macro_precision": 0.5, "macro_recall": 0.25, "ci95": {"accuracy": [0.4, 0.6]}}
    write_json(paths.metrics(family, "test.json"), metrics)


def test_transfer_is_compared_with_scratch_image_by_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {name: row for name, row in families.table().items() if name in ("transfer", "scratch")}
    monkeypatch.chdir(tmp_path)
    write_family("transfer", ["a", "b", "c"], [0, 1, 0])
    write_family("scratch", ["a", "b", "c"], [1, 0, 0])
    found = entries(table, seed=1)
    assert found["transfer"]["against_scratch"]["accuracy"]["difference"] == pytest.approx(2 / 3)
    assert "against_scratch" not in found["scratch"]
    shown = tables(table, found)
    assert list(shown) == ["Images, one of several classes"]
    rows = shown["Images, one of several classes"].set_index("family")
    assert rows.loc["transfer", "accuracy"] == "0.500 [0.400, 0.600]"
    assert rows.loc["transfer", "accuracy - scratch"].startswith("+0.667 (p ")
    assert rows.loc["scratch", "accuracy - scratch"] == "-"
    assert rows.loc["scratch", "train"] == "-"


def test_predictions_in_another_order_are_compared_sample_by_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {name: row for name, row in families.table().items() if name in ("transfer", "scratch")}
    monkeypatch.chdir(tmp_path)
    write_family("transfer", ["a", "b", "c"], [0, 1, 0])
    shuffled = pa.table({"id": ["c", "a", "b"], "label": [1, 0, 1], "predicted": [0, 0, 1]})
    write_family("scratch", ["a", "b", "c"], [0, 1, 0])
    write_table(paths.predictions("scratch"), shuffled)
    found = entries(table, seed=1)["transfer"]["against_scratch"]
    assert (found["accuracy"]["difference"], found["mcnemar_p"]) == (0, 1)
    for family, order in (("transfer", [0, 1, 2]), ("scratch", [2, 0, 1])):
        columns = {"id": ["a", "b", "c"], "label": [0, 1, 1], "probability": [0.6, 0.9, 0.2]}
        write_table(paths.predictions(family), pa.table(columns).take(order))
        numbers = dict.fromkeys(("epoch", *COLUMNS["binary"]), 0)
        write_json(paths.metrics(family, "test.json"), {**numbers, "threshold": 0.5})
    reviews = {name: row.model_copy(update={"task": "binary"}) for name, row in table.items()}
    found = entries(reviews, seed=1)["transfer"]["against_scratch"]
    assert (found["roc_auc"]["difference"], found["mcnemar_p"]) == (0, 1)
    write_family("transfer", ["a", "b", "c"], [0, 1, 0])
    write_family("scratch", ["a", "b", "d"], [0, 1, 0])
    with pytest.raises(InputError, match=r"of other samples: run `dvc repro evaluate@transfer"):
        entries(table, seed=1)


def test_curves_keep_the_names_of_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = {name: row for name, row in families.table().items() if name in ("lstm", "cnn")}
    monkeypatch.chdir(tmp_path)
    for family in table:
        path = paths.plot("curves", family, "csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("curve,x,y,n\nroc,0.25,1.0,\nconfusion,0,1,12\n")
    found = curves(table)
    assert found["confusion"].to_csv(index=False).splitlines() == [
        "family,curve,x,y,n",
        "lstm,confusion,0,1,12",
        "cnn,confusion,0,1,12",
    ]


def test_the_difference_is_that_of_test_itself_and_each_threshold_its_own() -> None:
    labels = RANDOM.integers(0, 2, 60)
    probabilities = RANDOM.random(60)
    right = [(probabilities >= threshold) == labels for threshold in (0.3, 0.7)]
    found = compare(*(drawn(labels, probabilities, threshold) for threshold in (0.3, 0.7)))
    assert found["accuracy"]["difference"] == pytest.approx(right[0].mean() - right[1].mean())
    assert found["mcnemar_p"] == mcnemar(*right) < 1


@pytest.mark.parametrize(
    ("family", "other", "metric", "best"),
    [
        ("lstm", "mlp", "roc_auc", 0.9),
        ("cnn", "cnn", "accuracy", 0.9),
        ("autoencoder", "conv_autoencoder", "cross_entropy", 0.1),
        ("gan", "gan", "frechet", 0.1),
    ],
)
def test_the_best_stands_first(family: str, other: str, metric: str, best: float) -> None:
    rows = {"first": families.row(family), "second": families.row(other)}
    columns = COLUMNS[rows["first"].task]
    entry = {name: 0.5 for name in columns} | {"epoch": 0, "train_seconds": None}
    (shown,) = tables(rows, {"second": entry, "first": entry | {metric: best}}).values()
    assert columns[0] == metric and shown["family"].tolist() == ["first", "second"]


def test_what_is_plotted_has_the_ends_of_its_interval() -> None:
    entry = {"roc_auc": 0.8, "log_loss": 0.4, "ci95": {"roc_auc": [0.7, 0.9], "log_loss": [0, 1]}}
    found = plotted({"lstm": families.row("lstm")}, {"lstm": entry})
    assert found.to_dict("records") == [
        {"family": "lstm", "metric": "roc_auc", "value": 0.8, "low": 0.7, "high": 0.9}
    ]


def test_the_interval_of_a_difference_is_of_all_resamples_and_not_of_test_itself() -> None:
    right = np.ones(9, bool)
    ours, theirs = (
        Sampled(np.arange(9), right, pd.DataFrame({"roc_auc": RANDOM.random(1001)}))
        for _ in range(2)
    )
    differences = (ours.metrics - theirs.metrics)["roc_auc"].to_numpy()
    ends = np.percentile(differences[1:], [2.5, 97.5])
    assert compare(ours, theirs)["roc_auc"]["ci95"] == pytest.approx(ends.tolist(), rel=1e-9)


def test_a_leaderboard_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(families, "TABLE", families.TABLE.resolve())
    monkeypatch.chdir(tmp_path)
    expected = r"leaderboard\.json not found: run `dvc repro --force -s leaderboard`"
    with pytest.raises(InputError, match=expected):
        main(show=True)


def test_a_family_that_is_no_more_is_not_shown() -> None:
    assert tables({}, {"old": {"roc_auc": 0.8}}) == {}


def test_resamples_without_a_class_say_nothing_of_a_difference() -> None:
    labels = np.array([0] * 2 + [1] * 38)
    weights = np.concatenate(list(resamples(40, seed=1)))
    defined = np.count_nonzero(weights[:, :2].sum(axis=1))
    found = compare(drawn(labels, labels.astype(float)), drawn(labels, 1.0 - labels))
    assert found["roc_auc"]["p"] == found["accuracy"]["p"] == pytest.approx(2 / (defined + 1))


def test_a_leaderboard_names_what_was_evaluated_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown: dict[str, dict[str, Any]] = {
        "lstm": {"roc_auc": 0.8, "against_baseline": {}},
        "mlp": {"roc_auc": 0.7},
    }
    for family, area in (("lstm", 0.8), ("mlp", 0.75), ("bilstm", 0.9)):
        write_json(paths.metrics(family, "test.json"), {"roc_auc": area})
    assert outdated(shown, ["lstm", "mlp", "bilstm"]) == ["mlp", "bilstm"]
