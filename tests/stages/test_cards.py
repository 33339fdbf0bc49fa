"""Model cards tell what the pipeline keeps of a family, and nothing else."""

import html
import re
from pathlib import Path
from typing import Any

import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import write_json
from stages.cards import card, repeated
from tests.epochwise.reports.test_escaping import HOSTILE, MARKDOWN

TABLE = families.table()
BINARY: dict[str, Any] = {
    "n": 2831,
    "roc_auc": 0.8612,
    "accuracy": 0.7722,
    "threshold": 0.2,
    "epoch": 5,
    "parameters": 5_432_100,
    "ci95": {"roc_auc": [0.847, 0.874]},
    "slices": [
        {"by": "domain", "slice": "film", "n": 2000, "accuracy": 0.75, "roc_auc": None},
        {"by": "domain", "slice": "a|b\nc", "n": 1, "accuracy": 1.0, "roc_auc": None},
        {"by": "domain", "slice": "product", "n": 831, "accuracy": 0.8, "roc_auc": 0.9},
    ],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(
        paths.dataset_metrics("reviews", "fetch"),
        {"source": "snippets", "licence": "MIT", "rows": 9},
    )
    splits = {name: {"n": n} for name, n in (("train", 9908), ("valid", 1416), ("test", 2831))}
    write_json(paths.dataset_metrics("reviews", "split"), {"by": "random", **splits})
    fetched = {"source": "digits_transfer", "licence": "CC BY 4.0", "unreadable": 0}
    fetched |= {
        "train_5": 2,
        "train_6": 2,
        "valid_5": 18,
        "valid_6": 18,
        "test_5": 90,
        "test_6": 91,
    }
    write_json(paths.dataset_metrics("target", "fetch"), fetched)


def write_reports(family: str, metrics: dict[str, Any]) -> None:
    for split in ("valid", "test"):
        write_json(paths.metrics(family, f"{split}.json"), metrics)


def test_the_card_of_an_ensemble_has_the_weights_of_its_members() -> None:
    write_reports("ensemble", BINARY | {"weights": {"lstm": 0.1234, "intercept": -0.5}})
    found = card("ensemble", TABLE["ensemble"], {})
    assert "Source `snippets`: 9,908 train" in found
    assert "| lstm | 0.123 |\n| intercept | -0.500 |\n" in found
    write_reports("lstm", BINARY)
    assert "Weights" not in card("lstm", TABLE["lstm"], {})


def test_a_card_has_data_choice_metrics_slices_limits_and_cost() -> None:
    write_reports("lstm", BINARY)
    found = card("lstm", TABLE["lstm"], {})
    assert found.startswith("# lstm\n")
    for line in (
        "Source `snippets`: 9,908 train, 1,416 valid, 2,831 test. Terms: MIT.",
        "| roc_auc | 0.861 [0.847, 0.874] | 0.861 |",
        "| domain: product | 831 | 0.800 | 0.900 |",
        "| domain: film | 2000 | 0.750 |  |",
        "| domain: a&#124;b c | 1 | 1.000 |  |",
        "5,432,100 parameters.",
    ):
        assert line in found
    assert "Epoch 5, threshold 0.2: by the rules `filter` and `threshold` of params.yaml" in found
    assert "## Limits" in found and "## Classes" not in found
    write_reports("baseline", BINARY)
    assert "by the rule `threshold` of params" in card("baseline", TABLE["baseline"], {})


def test_test_and_valid_stand_in_columns_of_their_own() -> None:
    write_reports("lstm", BINARY)
    of_valid: dict[str, Any] = {"n": 1416, "roc_auc": 0.8712, "accuracy": 0.7833, "epoch": 4}
    of_valid |= {"threshold": 0.3, "ci95": {"roc_auc": [0.85, 0.89]}, "parameters": 1}
    write_json(paths.metrics("lstm", "valid.json"), of_valid)
    found = card("lstm", TABLE["lstm"], {})
    for line in (
        "| metric | test [95 %] | valid |",
        "| roc_auc | 0.861 [0.847, 0.874] | 0.871 |",
        "| accuracy | 0.772 | 0.783 |",
        "| domain: product | 831 | 0.800 | 0.900 |",
        "on 1,416 samples of valid. The 2,831 of test were read after that.",
    ):
        assert line in found


def test_repeats_of_which_one_metric_is_another_are_of_another_training() -> None:
    noise = {"metrics": {"roc_auc": {"values": [0.8, 0.9]}, "bacc": {"values": [0.7, 0.75]}}}
    assert repeated(noise, {"roc_auc": 0.9, "bacc": 0.75}) is noise
    assert repeated(noise, {"roc_auc": 0.9, "bacc": 0.76}) is None
    assert repeated(None, {"roc_auc": 0.9}) is None


def test_noise_is_told_where_it_is_known() -> None:
    write_reports("lstm", BINARY)
    measured = {"mean": 0.8591, "std": 0.0042, "values": [0.857, 0.8612]}
    noise = {"lstm": {"repeats": 5, "metrics": {"roc_auc": measured}}}
    found = card("lstm", TABLE["lstm"], noise)
    assert "| metric | test [95 %] | valid | test, mean ± deviation of 5 seeds |" in found
    assert "| roc_auc | 0.861 [0.847, 0.874] | 0.861 | 0.859 ± 0.004 |" in found
    assert "| accuracy | 0.772 | 0.772 | |" in found
    write_reports("lstm", BINARY | {"roc_auc": 0.861})
    assert "seeds" not in card("lstm", TABLE["lstm"], noise), "of another training"


def test_small_numbers_have_three_digits() -> None:
    metrics = {
        "n": 9,
        "mse": 0.00539,
        "epoch": 3,
        "parameters": 10,
        "ci95": {"mse": [0.005, 0.006]},
    }
    write_reports("autoencoder", metrics)
    write_json(paths.dataset_metrics("digits", "fetch"), {"source": "sklearn", "licence": "MIT"})
    found = card("autoencoder", TABLE["autoencoder"], {})
    assert "| mse | 0.00539 [0.00500, 0.00600] | 0.00539 |" in found


def test_classes_of_images_are_listed_with_their_counts() -> None:
    metrics = {"n": 181, "accuracy": 0.9, "epoch": 3, "parameters": 10, "ci95": {}}
    metrics |= {"per_class": {"5": {"n": 90, "precision": 0.5, "recall": 1.0}}}
    write_reports("transfer", metrics)
    found = card("transfer", TABLE["transfer"], {})
    assert "4 train, 36 valid, 181 test" in found
    assert "| 5 | 90 | 0.500 | 1.000 |" in found
    assert "by the rules `filter` and `select` of params.yaml" in found


def test_names_of_the_data_are_no_markup() -> None:
    of_class = {"n": 1, "precision": 0.5, "recall": 1.0}
    plain = ["cats_and_dogs", "0-9", "a, b (c): d", "Größe 3.5"]
    metrics: dict[str, Any] = {"n": 9, "epoch": 3, "parameters": 10}
    metrics |= {
        "per_class": {name: of_class for name in [HOSTILE, "@team", *plain]},
        "slices": [{"by": "domain", "slice": HOSTILE, "n": 1, "accuracy": 1.0}],
    }
    write_reports("transfer", metrics)
    found = card("transfer", TABLE["transfer"], {})
    rendered = MARKDOWN.render(found)
    assert not re.search(r"<(a|img|s|em|!--|/details)\b", rendered)
    assert rendered.count("<code>") == 3  # ours: the source and the two rules
    assert not re.search(r"@\w|#1|://|www\.", html.unescape(rendered))
    rows = [line for line in found.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {4, 5}
    for name in plain:
        assert f"| {name} | 1 | 0.500 | 1.000 |" in rows
