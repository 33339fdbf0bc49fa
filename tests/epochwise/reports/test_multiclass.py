"""The report of classifiers against scikit-learn and plain counts, from scores written here."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics import log_loss, precision_recall_fscore_support

from epochwise.core import paths
from epochwise.core.files import read_json, read_table, write_arrays, write_json, write_table
from epochwise.reports import multiclass
from epochwise.reports.curves import calibration_error
from tests.image_data import make_project

CLASSES = ["a", "b", "c", "d"]


def scored(seed: int, n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.integers(len(CLASSES), size=n), random.dirichlet(np.ones(len(CLASSES)), n)


@given(seed=st.integers(0, 2**31))
def test_the_report_equals_scikit_learn(seed: int) -> None:
    labels, probabilities = scored(seed)
    report = multiclass.report(labels, probabilities, CLASSES)
    predicted = probabilities.argmax(axis=1)
    options: dict[str, Any] = {"labels": range(len(CLASSES)), "zero_division": 0}
    for average in ("macro", "micro"):
        precision, recall, *_ = precision_recall_fscore_support(
            labels, predicted, average=average, **options
        )
        assert report[f"{average}_precision"] == pytest.approx(precision)
        assert report[f"{average}_recall"] == pytest.approx(recall)
    precision, recall, _, count = precision_recall_fscore_support(labels, predicted, **options)
    for label, name in enumerate(CLASSES):
        assert report["per_class"][name] == {
            "n": count[label],
            "precision": pytest.approx(precision[label]),
            "recall": pytest.approx(recall[label]),
        }
    assert report["accuracy"] == pytest.approx(np.mean(labels == predicted))
    assert report["log_loss"] == pytest.approx(log_loss(labels, probabilities, labels=range(4)))


def test_intervals_hold_the_figure_and_come_again() -> None:
    labels, probabilities = scored(1, 300)
    report = multiclass.report(labels, probabilities, CLASSES)
    found = multiclass.intervals(labels, probabilities, seed=1)
    assert found == multiclass.intervals(labels, probabilities, seed=1)
    for name, (low, high) in found.items():
        assert low < report[name] < high


def test_resamples_without_a_class_say_nothing_of_it() -> None:
    labels = np.repeat([0, 1, 2, 3], [2, 40, 40, 40])
    found = multiclass.intervals(labels, np.eye(4)[labels], seed=1)
    assert found["macro_recall"] == found["macro_precision"] == [1.0, 1.0]


def test_the_recall_of_a_class_without_samples_is_0() -> None:
    labels = np.array([0, 0, 1, 2])
    report = multiclass.report(labels, np.eye(4)[labels], CLASSES)
    assert report["per_class"][CLASSES[3]] == {"n": 0, "precision": 0, "recall": 0}
    assert report["macro_recall"] == 3 / 4


def test_the_confusion_has_every_pair_of_classes() -> None:
    table = multiclass.confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), ["a", "b"])
    rows = table[["x", "y", "n"]].to_numpy().tolist()
    assert rows == [["a", "a", 1], ["a", "b", 1], ["b", "a", 0], ["b", "b", 1]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pd.DataFrame]:
    """The report of the cnn from scores that are written here; its scores of test."""
    project = tmp_path_factory.mktemp("report")
    make_project(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        folder = paths.scores("cnn")
        for seed, split in enumerate(("train", "valid", "test")):
            labels, probabilities = scored(seed, 60 + seed)
            flat = probabilities.astype("float32").ravel()
            rows = pa.FixedSizeListArray.from_arrays(flat, len(CLASSES))
            columns = {"id": np.arange(len(labels)) + 7, "label": labels, "probabilities": rows}
            write_table(folder / f"{split}.parquet", pa.table(columns))
        write_json(folder / "classes.json", CLASSES)
        write_json(folder / "model.json", {"parameters": 123})
        images = np.random.default_rng(0).random((20, 28, 28, 1), "float32")
        write_arrays(folder / "hardest.npz", images=images, rows=np.arange(20))
        paths.metrics("cnn", "epochs.csv").parent.mkdir(parents=True, exist_ok=True)
        paths.metrics("cnn", "epochs.csv").write_text("epoch,train_loss,valid_loss,kept\n0,1,2,1\n")
        multiclass.write("cnn", {"epoch": 3}, seed=1)
        yield read_table(folder / "test.parquet").to_pandas()


def test_the_report_is_written_from_scores_alone(written: pd.DataFrame) -> None:
    for split, n in (("train", 60), ("valid", 61), ("test", 62)):
        report = read_json(paths.metrics("cnn", f"{split}.json"))
        assert (report["n"], report["epoch"], report["parameters"]) == (n, 3, 123)
        assert list(report) == [
            *("n", "accuracy", "log_loss", "macro_precision", "macro_recall"),
            *("micro_precision", "micro_recall", "per_class", "ci95", "epoch", "parameters"),
            "calibration_error",
        ]
    likely = np.stack(written["probabilities"])
    right = likely.argmax(axis=1) == written["label"]
    error = calibration_error(right, likely.max(axis=1))
    assert report["calibration_error"] == pytest.approx(error, rel=1e-3)
    predictions = read_table(paths.predictions("cnn")).to_pandas()
    assert predictions.columns.tolist() == ["id", "label", "probability", "predicted"]
    np.testing.assert_array_equal(predictions["id"], written["id"])
    np.testing.assert_array_equal(predictions["predicted"], likely.argmax(axis=1))
    np.testing.assert_array_equal(predictions["probability"], likely.max(axis=1))


def test_the_curves_are_those_of_test_and_of_the_epochs(written: pd.DataFrame) -> None:
    curves = pd.read_csv(paths.plot("curves", "cnn", "csv")).set_index("curve")
    assert set(curves.index) == {"calibration", "confusion", "train_loss", "valid_loss"}
    assert curves.loc["confusion", "n"].sum() == len(written)
    assert curves.loc["calibration", "n"].sum() == len(written)


def test_the_figure_is_drawn_with_the_same_bytes_again(written: pd.DataFrame) -> None:
    path = paths.plot("pictures", "cnn", "png")
    first = path.read_bytes()
    with Image.open(path) as figure:
        assert min(figure.size) > 500
    multiclass.write("cnn", {"epoch": 3}, seed=1)
    assert path.read_bytes() == first
