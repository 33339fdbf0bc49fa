"""A small project in git and DVC: families whose stages copy what a test gives them."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from tests import forked

PIPELINE = """
vars: [families.yaml]
stages:
  train:
    foreach: ${families}
    do:
      cmd: cp -r given/${key}/. .
      deps: ["given/${key}"]
      params: ["train.${key}"]
      outs:
        - data/epochs/${key}
        - data/scores/${key}
        - data/predictions/${key}/test.parquet
        - models/${key}
        - plots/curves/${key}.csv
        - plots/pictures/${key}.png
        - metrics/${key}/test.json: {cache: false}
        - metrics/${key}/selection.json: {cache: false}
"""
TASKS = {
    "lstm": "binary",
    "mlp": "binary",
    "cnn": "multiclass",
    "autoencoder": "reconstruction",
    "gan": "generation",
}
REVIEWS, IMAGES = 400, 200
IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
}


class Project:
    """The project in the folder `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self) -> None:
        """An empty repository of git and DVC, with the pipeline and every family."""
        self.git("init", "-q", "-b", "main")
        self.dvc("init", "-q")
        self.write("dvc.yaml", PIPELINE)
        rows = {name: {"task": task} for name, task in TASKS.items()}
        self.write("families.yaml", yaml.safe_dump({"families": rows}, sort_keys=False))
        self.params({name: {"epochs": 5} for name in TASKS})
        self.write(".gitignore", "/data\n/models\n/plots\n")
        counts = {"train": {"n": 2000}, "valid": {"n": 200}, "test": {"n": REVIEWS}}
        self.write("metrics/reviews/split.json", json.dumps(counts))
        self.write("metrics/reviews/clean.json", json.dumps({"dropped": {"duplicate": 3}}))

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file of the project."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def params(self, train: dict[str, Any]) -> None:
        """Write params.yaml."""
        self.write("params.yaml", yaml.safe_dump({"train": train}, sort_keys=False))

    def give(self, family: str, predictions: pd.DataFrame, model: str, **metrics: Any) -> None:
        """What the stage of `family` will find: predictions, the bytes of a model, metrics."""
        folder = f"given/{family}"
        chosen = {"epoch": 3} | {k: v for k, v in metrics.items() if k == "threshold"}
        self.write(f"{folder}/data/epochs/{family}/003.keras", model.partition(" ")[0])
        self.write(f"{folder}/models/{family}/model.keras", model)
        self.write(f"{folder}/data/predictions/{family}/test.parquet", parquet(predictions))
        self.write(f"{folder}/data/scores/{family}/model.json", "{}")
        self.write(f"{folder}/plots/curves/{family}.csv", curves(metrics.get("roc_auc", 0.5)))
        self.write(f"{folder}/plots/pictures/{family}.png", picture(len(model)))
        test = {"n": len(predictions), "parameters": 1000, "epoch": 3} | metrics
        self.write(f"{folder}/metrics/{family}/test.json", json.dumps(test))
        self.write(f"{folder}/metrics/{family}/selection.json", json.dumps(chosen))

    def give_reviews(
        self, family: str, distance: float, model: str, threshold: float = 0.5
    ) -> None:
        """A model of reviews that parts the classes by `distance` standard deviations."""
        table = reviews(distance, threshold)
        hits = table["predicted"] == table["label"]
        metrics = {"roc_auc": 0.7 + distance / 20, "balanced_accuracy": float(hits.mean())}
        for label in (0, 1):
            metrics[f"recall_{label}"] = float(hits[table["label"] == label].mean())
        self.give(family, table, model, threshold=threshold, accuracy=float(hits.mean()), **metrics)

    def give_gan(self, distance: float, model: str) -> None:
        """A generator whose images lie `distance` from those of test."""
        random = np.random.default_rng(0)
        test = pd.DataFrame(
            {"id": range(IMAGES), "features": list(random.normal(size=(IMAGES, 3)))}
        )
        made = pd.DataFrame({"features": list(random.normal(distance, size=(IMAGES, 3)))})
        predictions = pd.DataFrame({"id": range(IMAGES), "pixels": [[len(model)]] * IMAGES})
        self.give("gan", predictions, model, frechet=distance)
        for name, table in (("test", test), ("generated", made)):
            self.write(f"given/gan/data/scores/gan/{name}.parquet", parquet(table))

    def run(self, message: str) -> None:
        """Reproduce the pipeline and commit what it made."""
        self.dvc("repro", "-q")
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def git(self, *arguments: str) -> str:
        """Run git; what it prints."""
        command = ["git", *arguments]
        return _output(
            subprocess.run(
                command, cwd=self.root, env=_environment(), capture_output=True, text=True
            )
        )

    def dvc(self, *arguments: str) -> str:
        """Run DVC; what it prints."""
        return _output(forked.run("dvc", *arguments, cwd=self.root, env=_environment()))


def _environment() -> dict[str, str]:
    return os.environ | IDENTITY | {"DVC_NO_ANALYTICS": "1"}


def _output(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.args}: {done.stdout}{done.stderr}"
    return done.stdout


def reviews(distance: float, threshold: float = 0.5) -> pd.DataFrame:
    """Predictions of a model that parts the classes by `distance`; all models err alike."""
    random = np.random.default_rng(0)
    labels = np.arange(REVIEWS) % 2
    scores = random.normal(size=REVIEWS) + distance * (labels - 0.5)
    likely = (1 / (1 + np.exp(-scores))).astype("float32")
    table = pd.DataFrame({"id": np.arange(REVIEWS), "label": labels, "probability": likely})
    return table.assign(predicted=(likely >= threshold).astype(int))


def digits(wrong: int) -> pd.DataFrame:
    """Predictions for images, the first `wrong` of which are mistaken."""
    labels = np.arange(IMAGES) % 10
    predicted = np.where(np.arange(IMAGES) < wrong, (labels + 1) % 10, labels)
    table = {"id": np.arange(IMAGES), "label": labels, "probability": 0.9, "predicted": predicted}
    return pd.DataFrame(table)


def reconstructions(loss: float) -> pd.DataFrame:
    """Reconstructions with a mean cross-entropy of about `loss`."""
    losses = loss + np.random.default_rng(0).normal(0, 0.01, IMAGES)
    return pd.DataFrame({"id": np.arange(IMAGES), "label": 0, "cross_entropy": losses})


def parquet(table: pd.DataFrame) -> bytes:
    """A table as a Parquet file."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def curves(bend: float) -> str:
    """Curves of a family in long form."""
    x = np.linspace(0, 1, 11)
    rows = [
        pd.DataFrame({"curve": "roc", "x": x, "y": x ** (1 - bend), "n": np.nan}),
        pd.DataFrame({"curve": "calibration", "x": x, "y": x**bend, "n": 40}),
    ]
    text: str = pd.concat(rows).to_csv(index=False)
    return text


def picture(shade: int) -> bytes:
    """A small picture."""
    content = io.BytesIO()
    Image.new("RGB", (40, 20), (shade % 256, 90, 120)).save(content, "PNG")
    return content.getvalue()
