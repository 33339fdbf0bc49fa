"""The tables of results in the README are those of the metrics in the same commit."""

import json
import subprocess
from typing import Any

import pytest

from epochwise import families
from tests.configuration import ROOT

TABLE = families.table()
SEEDED = {
    "binary": ("roc_auc", 3),
    "multiclass": ("accuracy", 3),
    "reconstruction": ("cross_entropy", 3),
    "generation": ("frechet", 1),
}
"""By task the metric of which the README has a mean of seeds, and its decimal places."""


def committed(path: str) -> str:
    """A file of HEAD: a rebuild changes the metrics in the folder on another processor."""
    done = subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no git repository has {path}: {done.stderr.strip()}")
    return done.stdout


@pytest.mark.parametrize("family", TABLE)
def test_the_readme_has_the_figures_of_the_metrics(family: str) -> None:
    metrics = json.loads(committed("metrics/leaderboard.json"))[family]
    noise = json.loads(committed("metrics/noise.json"))[family]
    assert row(family, metrics, noise) in committed("README.md").splitlines()


def row(family: str, metrics: dict[str, Any], noise: dict[str, Any]) -> str:
    """The line of a family in the README, from its entries in the leaderboard and in the noise."""
    name, places = SEEDED[TABLE[family].task]
    assert noise["repeats"] == 5
    seeds = noise["metrics"][name]
    spread = f"{seeds['mean']:.{places}f} ± {seeds['std']:.{places}f}"
    if TABLE[family].task != "binary":
        return f"| {family} | {told(family, metrics)} | {spread} |"
    cells = [
        interval(metrics, "roc_auc"),
        spread,
        interval(metrics, "accuracy"),
        f"{metrics['recall_0']:.3f}",
        f"{metrics['recall_1']:.3f}",
        f"{metrics['epoch']}, {metrics['threshold']}",
        against(metrics, "roc_auc"),
    ]
    return f"| {family} | {' | '.join(cells)} |"


def told(family: str, metrics: dict[str, Any]) -> str:
    """What the README says of an image family on test."""
    task = TABLE[family].task
    if task == "multiclass":
        rival = f"; \N{MINUS SIGN} {TABLE[family].rival} " if TABLE[family].rival else ""
        return f"accuracy {interval(metrics, 'accuracy')}{rival}{against(metrics, 'accuracy')}"
    if task == "reconstruction":
        return (
            f"cross-entropy {interval(metrics, 'cross_entropy')}, PSNR {metrics['psnr']:.1f} dB;"
            f" classes read from its code {metrics['probe_accuracy']:.3f},"
            f" from PCA of its size {metrics['pca_probe_accuracy']:.3f}"
        )
    return (
        f"Fréchet distance {interval(metrics, 'frechet', 1)} (the train split's own:"
        f" {metrics['frechet_of_train']:.1f}), {metrics['classes_of_200']} classes among 200 images"
    )


def interval(metrics: dict[str, Any], name: str, places: int = 3) -> str:
    low, high = metrics["ci95"][name]
    return f"{metrics[name]:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def against(metrics: dict[str, Any], name: str) -> str:
    """The difference from the rival and its p; nothing where there is none."""
    compared = [value for key, value in metrics.items() if key.startswith("against_")]
    return "".join(f"{one[name]['difference']:+.3f} (p {one[name]['p']:.3f})" for one in compared)
