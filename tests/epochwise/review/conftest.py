import json
from pathlib import Path

import pytest
import yaml

from epochwise.noise import digest
from tests.epochwise.review.project import TASKS, Project, digits, reconstructions

NOISE = {
    "repeats": 5,
    "metrics": {
        "roc_auc": {"mean": 0.8, "std": 0.002},
        "balanced_accuracy": {"mean": 0.7, "std": 0.002},
        "recall_0": {"mean": 0.7, "std": 0.01},
        "recall_1": {"mean": 0.7, "std": 0.01},
    },
}
"""Of the lstm with the params of main."""
CHAMPIONS = {"champions": {"binary_reviews": {"family": "lstm"}}}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The branch main, and a branch for each kind of change; the workspace is that of main."""
    project = Project(tmp_path_factory.mktemp("project"))
    project.create()
    project.give_reviews("lstm", 1.0, "trained once, epoch 3")
    project.give_reviews("mlp", 1.0, "trained once")
    project.give("cnn", digits(20), "trained once", accuracy=0.9)
    project.give("autoencoder", reconstructions(0.3), "trained once", cross_entropy=0.3)
    project.give_gan(0.2, "trained once")
    project.write("metrics/champions.json", json.dumps(CHAMPIONS))
    project.write(
        "cards/lstm.md", "# lstm\n\n<script>alert(1)</script> | [x](javascript:alert(1))\n"
    )
    project.run("main")
    locked = yaml.safe_load((project.root / "dvc.lock").read_text())
    noise = NOISE | {"digest": digest(locked, "lstm")}
    project.write("metrics/noise.json", json.dumps({"lstm": noise}))
    project.git("add", "metrics/noise.json")
    project.git("commit", "-qm", "noise")
    _threshold(project)
    _retrained(project)
    _experiment(project)
    project.git("checkout", "-q", "main")
    project.dvc("checkout", "-q")
    return project


def _threshold(project: Project) -> None:
    """Another threshold of the same model."""
    project.git("checkout", "-qb", "threshold")
    project.give_reviews("lstm", 1.0, "trained once, epoch 3", threshold=0.8)
    project.run("threshold")


def _retrained(project: Project) -> None:
    """All families trained anew, one with known noise; other params, other data."""
    project.git("checkout", "-qB", "retrained", "main")
    project.params({name: {"epochs": 9 if name == "lstm" else 5} for name in TASKS})
    project.give_reviews("lstm", 1.6, "again")
    project.give_reviews("mlp", 1.6, "again")
    project.give("cnn", digits(19), "again", accuracy=0.905)
    project.give("autoencoder", reconstructions(0.2), "trained once", cross_entropy=0.2)
    project.give_gan(0.9, "trained once!")
    project.write("metrics/reviews/clean.json", json.dumps({"dropped": {"duplicate": 4}}))
    project.run("retrained")


def _experiment(project: Project) -> None:
    """An experiment of DVC: params changed, one family run, nothing committed."""
    project.git("checkout", "-q", "main")
    project.dvc("checkout", "-q")
    project.give("cnn", digits(60), "trained once", accuracy=0.7)
    project.dvc("repro", "-q", "train@cnn")
    project.dvc("exp", "save", "-q", "-n", "exp-worse")
    project.git("reset", "-q", "--hard")


@pytest.fixture
def clone(project: Project, tmp_path: Path) -> Project:
    """A clone of the project with its branches, and nothing in its cache."""
    root = tmp_path / "clone"
    project.git("clone", "-q", str(project.root), str(root))
    found = Project(root)
    for branch in ("threshold", "retrained"):
        found.git("branch", "-q", branch, f"origin/{branch}")
    return found
