"""The report of a review family is made from its scores, and agrees with scikit-learn."""

from collections.abc import Iterator
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from sklearn import metrics as sklearn_metrics

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import read_json, read_table, write_json, write_table
from epochwise.reports import binary
from tests.configuration import ROOT
from tests.epochwise.measures.test_binary import PROBABILITIES, SAMPLES, arrays

RANDOM = np.random.default_rng(0)
SELECTION = {"epoch": 3, "threshold": 0.5}
METRICS = [
    *("accuracy", "balanced_accuracy", "log_loss", "roc_auc"),
    *("precision_0", "recall_0", "precision_1", "recall_1"),
]


def scored(count: int, **facts: Any) -> pa.Table:
    labels = RANDOM.integers(0, 2, count).astype("int8")
    likely = np.clip(0.3 + 0.4 * labels + 0.2 * RANDOM.normal(size=count), 0, 1)
    columns = {"id": range(count), "label": labels, "probability": likely.astype("float32")}
    return pa.table(columns | facts)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The scores of a family, with a report written from them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "TABLE", ROOT / families.TABLE)
        patch.chdir(tmp_path_factory.mktemp("report"))
        folder = paths.scores("mlp")
        for split, table in {
            "train": scored(80),
            "valid": scored(40),
            "test": scored(120, words=pa.array(range(1, 121), pa.int32())),
        }.items():
            write_table(folder / f"{split}.parquet", table)
        write_json(folder / "model.json", {"parameters": 17})
        paths.metrics("mlp", "epochs.csv").parent.mkdir(parents=True)
        paths.metrics("mlp", "epochs.csv").write_text("epoch,train_loss,valid_loss,kept\n0,1,2,1\n")
        binary.write("mlp", SELECTION, seed=1)
        yield "mlp"


@given(SAMPLES, PROBABILITIES)
def test_metrics_equal_scikit_learn(rows: list[tuple[int, float]], threshold: float) -> None:
    labels, likely = arrays(rows)
    predicted = likely.astype("float64") >= threshold
    clipped = np.clip(likely.astype("float64"), 1e-7, 1 - 1e-7)
    precision, recall, _, _ = sklearn_metrics.precision_recall_fscore_support(
        labels, predicted, labels=[0, 1], zero_division=0
    )
    assert binary.report(labels, likely, threshold) == pytest.approx(
        {
            "accuracy": sklearn_metrics.accuracy_score(labels, predicted),
            "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(labels, predicted),
            "log_loss": sklearn_metrics.log_loss(labels, clipped),
            "roc_auc": sklearn_metrics.roc_auc_score(labels, likely),
            "precision_0": precision[0],
            "recall_0": recall[0],
            "precision_1": precision[1],
            "recall_1": recall[1],
        }
    )


def test_resamples_without_predictions_of_a_class_say_nothing_of_its_precision() -> None:
    labels = np.repeat([0, 1], [3, 297])
    found = binary.intervals(labels, labels.astype(float), 0.5, seed=1)
    assert found["precision_0"] == found["precision_1"] == [1.0, 1.0]


def test_interval_of_the_accuracy_is_that_of_the_binomial() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 1000)
    right = np.arange(1000) % 10 > 1
    likely = np.where(right, labels, 1 - labels)
    found = binary.intervals(labels, likely, 0.5, seed=1)
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert found["accuracy"] == pytest.approx([0.8 - half, 0.8 + half], abs=0.004)
    assert list(found) == METRICS


def test_resamples_without_a_class_say_nothing_of_it() -> None:
    labels = np.array([0] * 2 + [1] * 38)
    found = binary.intervals(labels, labels.astype("float32"), 0.5, seed=1)
    assert found["recall_0"] == found["balanced_accuracy"] == [1.0, 1.0]


def test_the_roc_curve_is_thinned_and_keeps_its_area() -> None:
    labels, likely = (scored(3000)[name].to_numpy() for name in ("label", "probability"))
    curve = binary.roc_curve(labels, likely)
    assert len(curve) == binary.ROC_POINTS
    assert curve[["x", "y"]].iloc[[0, -1]].to_numpy().tolist() == [[0, 0], [1, 1]]
    area = sklearn_metrics.auc(curve["x"], curve["y"])
    assert area == pytest.approx(sklearn_metrics.roc_auc_score(labels, likely), abs=0.002)


def test_the_roc_curve_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels, likely = random.integers(0, 2, 150), random.integers(0, 20, 150) / 20
    curve = binary.roc_curve(labels, likely)
    false_1, true_1, _ = sklearn_metrics.roc_curve(labels, likely, drop_intermediate=False)
    np.testing.assert_allclose(curve["x"], false_1)
    np.testing.assert_allclose(curve["y"], true_1)


def test_the_confusion_matrix_has_all_pairs_of_classes() -> None:
    table = binary.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]))
    assert table[["x", "y", "n"]].to_numpy().tolist() == [
        [0, 0, 1],
        [0, 1, 1],
        [1, 0, 0],
        [1, 1, 1],
    ]


def test_slices_are_lengths_domains_ratings_and_classes() -> None:
    table = pa.table(
        {
            "id": range(8),
            "label": [0, 1, 1, 1, 0, 1, 0, 1],
            "probability": [0.1, 0.9, 0.2, 0.8, 0.7, 0.6, 0.3, 0.6],
            "words": [1, 2, 3, 4, 5, 6, 7, 8],
            "domain": ["tea", "tea", "tea", "tea", "soup", "soup", None, None],
            "rating": [1.0, 4.6, 4.4, 5.0, 1.0, 4.4, None, None],
        }
    )
    found = {(piece["by"], piece["slice"]): piece for piece in binary.slices(table, 0.5)}
    assert list(found) == [
        ("length", "shortest quarter, 1 to 2 words"),
        ("length", "second quarter, 3 to 4 words"),
        ("length", "third quarter, 5 to 6 words"),
        ("length", "longest quarter, 7 to 8 words"),
        *(("domain", "soup"), ("domain", "tea")),
        *(("rating", "1"), ("rating", "4"), ("rating", "5")),
        *(("class", "0"), ("class", "1")),
    ]
    assert found["domain", "tea"] == {
        "by": "domain",
        "slice": "tea",
        "n": 4,
        "accuracy": 0.75,
        "recall_0": 1.0,
        "recall_1": pytest.approx(2 / 3),
        "roc_auc": 1.0,
    }
    assert (found["rating", "4"]["n"], found["rating", "5"]["n"]) == (2, 2)
    assert found["class", "0"]["recall_1"] is None and found["class", "0"]["roc_auc"] is None
    assert found["class", "1"]["recall_1"] == pytest.approx(4 / 5)


def test_only_the_most_frequent_ratings_have_slices() -> None:
    ratings = [float(max(0, number - 50)) for number in range(100)]
    table = scored(100).append_column("rating", pa.array(ratings))
    found = [piece["slice"] for piece in binary.slices(table, 0.5) if piece["by"] == "rating"]
    assert len(found) == binary.RATINGS and found[0] == "0"


def test_only_the_largest_domains_have_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "DOMAINS", 2)
    table = scored(6, domain=["a", "b", "c", "b", "c", "c"])
    domains = [piece["slice"] for piece in binary.slices(table, 0.5) if piece["by"] == "domain"]
    assert domains == ["b", "c"]


def test_metrics_of_every_split_are_written(family: str) -> None:
    for split, n in {"train": 80, "valid": 40, "test": 120}.items():
        written = read_json(paths.metrics(family, f"{split}.json"))
        keys = ["n", *METRICS, "calibration_error", "threshold", "ci95", "epoch", "parameters"]
        assert list(written) == keys + (["slices"] if split == "test" else [])
        assert (written["n"], written["parameters"]) == (n, 17)
        assert (written["epoch"], written["threshold"]) == (3, 0.5)
        for name, (low, high) in written["ci95"].items():
            assert low <= written[name] <= high


def test_predictions_of_test_are_those_of_the_threshold(family: str) -> None:
    scores = read_table(paths.scores(family) / "test.parquet")
    written = read_table(paths.predictions(family))
    assert written.schema == pa.schema(
        [
            ("id", pa.int64()),
            ("label", pa.int8()),
            ("probability", pa.float32()),
            ("predicted", pa.int8()),
        ]
    )
    assert written.select(["id", "label", "probability"]).equals(
        scores.select(["id", "label", "probability"])
    )
    likely = written["probability"].to_numpy()
    assert written["predicted"].to_pylist() == (likely >= 0.5).astype(int).tolist()


def test_curves_and_a_figure_are_written(family: str) -> None:
    curves = pd.read_csv(paths.plot("curves", family, "csv"))
    kinds = ["roc", "calibration", "confusion", "train_loss", "valid_loss"]
    assert curves["curve"].unique().tolist() == kinds
    for kind in ("calibration", "confusion"):
        assert curves.loc[curves["curve"] == kind, "n"].sum() == 120
    height, width, _ = matplotlib.image.imread(paths.plot("pictures", family, "png")).shape
    assert width > 2 * height > 600


def test_the_same_scores_give_the_same_bytes(family: str) -> None:
    written = [
        paths.metrics(family, "test.json"),
        paths.predictions(family),
        paths.plot("curves", family, "csv"),
        paths.plot("pictures", family, "png"),
    ]
    before = [path.read_bytes() for path in written]
    binary.write(family, SELECTION, seed=1)
    assert [path.read_bytes() for path in written] == before
