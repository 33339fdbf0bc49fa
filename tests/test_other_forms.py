"""What the pipeline has written is told by name where it has another form than it had then."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from epochwise import families, noise
from epochwise.core import paths, training_noise
from epochwise.core.cli import InputError
from epochwise.core.files import write_arrays, write_table
from epochwise.inputs import images, new_images
from epochwise.inputs.reviews import fitted, texts
from epochwise.learners import ensemble, linear
from epochwise.reports import binary, generation, multiclass, reconstruction
from epochwise.training import epoch_table
from stages import (
    cards,
    champion,
    clean,
    encode,
    evaluate,
    leaderboard,
    select,
    split,
    threshold,
    vectorize,
)
from tests.configuration import ROOT

FORMS: list[Any] = [None, [], "text", 7, {}, {"epochs": [], "epoch": -1, "champions": []}]
LEADERBOARD = "run `dvc repro --force -s leaderboard`"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("params.yaml", "families.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    paths.metrics("cnn", "epochs.csv").parent.mkdir(parents=True)
    paths.metrics("cnn", "epochs.csv").write_text("epoch,valid_loss,kept\n0,0.5,1\n")


@pytest.mark.parametrize(
    ("path", "read"),
    [
        (paths.metrics("lstm", "filter.json"), lambda: threshold.kept_epochs("lstm")),
        (paths.metrics("cnn", "filter.json"), lambda: select.main("cnn")),
        (paths.metrics("lstm", "selection.json"), lambda: evaluate.main("lstm")),
        (paths.metrics("cnn", "selection.json"), lambda: evaluate.main("cnn")),
        (paths.scores("lstm") / "model.json", lambda: binary.write("lstm", {"threshold": 0}, 1)),
        (paths.scores("cnn") / "classes.json", lambda: multiclass.write("cnn", {}, 1)),
        (paths.scores("gan") / "classes.json", lambda: generation.write("gan", {}, 1)),
        (
            paths.scores("autoencoder") / "model.json",
            lambda: reconstruction.write("autoencoder", {}, 1),
        ),
        (paths.metrics("baseline", "test.json"), lambda: leaderboard.entries(families.table(), 1)),
        (paths.metrics("baseline", "valid.json"), champion.main),
        (
            paths.metrics("cnn", "test.json"),
            lambda: cards.card("cnn", families.row("cnn"), {}),
        ),
        (paths.CHAMPIONS, lambda: families.champion("binary_reviews")),
    ],
)
@pytest.mark.parametrize("form", FORMS, ids=json.dumps)
def test_json_of_another_form_is_told(path: Path, read: Callable[[], Any], form: Any) -> None:
    refuse(path, json.dumps(form), read, ".*dvc repro")


@pytest.mark.parametrize(
    ("path", "read", "remedy"),
    [
        (paths.NOISE, training_noise.read, "git checkout HEAD -- metrics/noise.json"),
        (
            paths.LEADERBOARD,
            lambda: leaderboard.read_leaderboard(families.table()),
            "dvc repro --force -s leaderboard",
        ),
        (
            paths.metrics("lstm", "valid.json"),
            lambda: noise.read.__wrapped__(None, paths.metrics("lstm", "valid.json")),
            "dvc repro",
        ),
        (
            paths.dataset_metrics("target", "fetch"),
            new_images._target_is_digits,
            "dvc repro",
        ),
    ],
)
@pytest.mark.parametrize("form", [None, [], "text", 7], ids=json.dumps)
def test_json_that_may_be_empty_is_told_with_what_mends_it(
    path: Path, read: Callable[[], Any], remedy: str, form: Any
) -> None:
    refuse(path, json.dumps(form), read, f".*{remedy}")


def refuse(path: Path, content: str, read: Callable[[], Any], message: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))} is damaged {message}"):
        read()


@pytest.mark.parametrize(
    ("path", "read"),
    [
        (paths.RAW_REVIEWS, clean.main),
        (paths.CLEAN_REVIEWS, split.main),
        (paths.review_split("split", "train"), encode.main),
        (paths.review_split("split", "train"), lambda: texts.read_texts("train")),
        (paths.review_split("split", "test"), texts.read_test),
        (paths.review_split("sequences", "train"), vectorize.main),
        (fitted.VOCABULARY, fitted.read_vocabulary),
        (
            paths.stacked("train", "baseline"),
            lambda: ensemble.train(
                families.load("ensemble"), families.load("ensemble").read_params(), 1
            ),
        ),
        (
            paths.chosen("baseline") / "model.parquet",
            lambda: linear.probabilities(families.load("baseline"), None, pa.chunked_array([[""]])),
        ),
        (
            paths.epochs("lstm") / "valid.parquet",
            lambda: threshold.valid_curves("lstm", [0], np.ones(1)),
        ),
        (
            paths.epochs("baseline") / "train.parquet",
            lambda: epoch_table.read_single_epoch("baseline", "train"),
        ),
        (paths.predictions("lstm"), lambda: leaderboard.sampled("lstm", "binary", 1)),
        (paths.predictions("cnn"), lambda: leaderboard.sampled("cnn", "multiclass", 1)),
    ],
)
def test_a_table_without_its_columns_is_told(path: Path, read: Callable[[], Any]) -> None:
    write_table(path, pa.table({"x": [1, 2]}))
    with pytest.raises(InputError, match=rf"^{path} is damaged \(column '\w+' is missing\): run"):
        read()


@pytest.mark.parametrize(
    ("path", "read"),
    [
        (paths.digits("train"), lambda: images.Digits().read("train")),
        (paths.digits("train"), lambda: images.Digits().labels("train")),
        (paths.BASE / "train.npz", lambda: images.Target().features("train")),
        (fitted.VECTORIZER, fitted.read_vectorizer),
    ],
)
def test_arrays_of_other_names_are_told(path: Path, read: Callable[[], Any]) -> None:
    write_arrays(path, x=np.arange(3))
    with pytest.raises(InputError, match=rf"^{path} is damaged \(array '\w+' is missing\): run"):
        read()


@pytest.mark.parametrize("name", ["paragraphs", "semantic"])
def test_a_model_of_documents_of_another_form_is_told(name: str) -> None:
    write_arrays(fitted.VECTORIZER, mean=np.zeros(2), scale=np.ones(2))
    assert fitted.read_vectorizer().parts.idf is None
    write_arrays(fitted.PARTS[name], x=np.arange(3))
    with pytest.raises(
        InputError, match=rf"^{fitted.PARTS[name]} is damaged \(array '\w+' is miss"
    ):
        fitted.read_vectorizer()


def test_curves_of_another_form_are_told() -> None:
    path = paths.plot("curves", "lstm", "csv")
    table = {"lstm": families.row("lstm")}
    refuse(path, "curve,x\nroc,1\n", lambda: leaderboard.curves(table), r"\(column 'y' is missing")


ENTRY = {
    **dict.fromkeys(leaderboard.COLUMNS["binary"], 0.5),
    "epoch": 3,
    "threshold": 0.5,
    "train_seconds": None,
    "ci95": {"accuracy": [0.4, 0.6]},
    "against_baseline": {"roc_auc": {"difference": 0.1, "p": 0.5}, "mcnemar_p": 0.5},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"roc_auc": None}, r"'lstm\.roc_auc' is None: input should be a valid number"),
        ({"ci95": {"accuracy": [0.4]}}, r"'lstm\.ci95\.accuracy' is \[0\.4\]: list should have"),
        ({"against_baseline": {"roc_auc": 0.5}}, r"'lstm\.against_baseline\.roc_auc' is 0\.5: "),
    ],
)
def test_a_leaderboard_of_another_version_is_told_by_its_keys(
    change: dict[str, Any], message: str
) -> None:
    table = {"lstm": families.row("lstm")}
    paths.LEADERBOARD.write_text(json.dumps({"lstm": ENTRY}))
    assert len(leaderboard.tables(table, leaderboard.read_leaderboard(table))) == 1
    content = json.dumps({"lstm": ENTRY | change})
    refuse(paths.LEADERBOARD, content, lambda: leaderboard.read_leaderboard(table), f".*{message}")
    content = json.dumps({"lstm": {key: ENTRY[key] for key in ENTRY.keys() - {"train_seconds"}}})
    missing = r"\(key 'lstm\.train_seconds' is missing\): run `dvc repro --force -s leaderboard`"
    refuse(paths.LEADERBOARD, content, lambda: leaderboard.read_leaderboard(table), missing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": "0.9"}, r"\('accuracy' is '0\.9': input should be a valid number"),
        ({"parameters": None}, r"\('parameters' is None: "),
        ({"slices": [{"by": "domain"}]}, r"\(key 'slices\.0\.slice' is missing; key 'slices\.0\.n"),
        ({"per_class": {"a": 1}}, r"\('per_class\.a' is 1: "),
        ({"threshold": 1.5}, r"\('threshold' is 1\.5: "),
        ({"weights": {"lstm": None}}, r"\('weights\.lstm' is None: "),
    ],
)
def test_a_report_that_was_edited_is_told_by_its_keys(change: dict[str, Any], message: str) -> None:
    report = {"n": 9, "epoch": 0, "parameters": 3, "accuracy": 0.9}
    for name in ("test.json", "valid.json"):
        paths.metrics("cnn", name).write_text(json.dumps(report | change))
    with pytest.raises(InputError, match=rf"^metrics/cnn/test\.json is damaged {message}"):
        cards.card("cnn", families.row("cnn"), {})
