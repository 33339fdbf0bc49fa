"""Choose one family's epoch and threshold on `valid`, by the rule `threshold` in params.yaml.

Reads the surviving epochs (metrics/<family>/filter.json; a family without it has the one epoch 0),
data/scores/<family>/valid.parquet and models/<family>/epochs. Writes
metrics/<family>/selection.json, models/<family>/model.keras (or .parquet) and the curves of
precision and recall against threshold, plots/<family>/thresholds.csv and .png.
"""

import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, NonNegativeFloat, PositiveFloat

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.files import read_json, read_table, replacing, write_json
from stages.metrics.classification import log_losses
from stages.training.epoch_table import epoch_column, scores_path

Objective = Literal["recall_floor", "f_beta", "youden", "cost", "fixed"]


class Costs(params.Section):
    """What one wrong prediction of each class costs; right ones cost nothing."""

    false_0: NonNegativeFloat
    false_1: NonNegativeFloat


class Rule(params.Section):
    """`threshold` in params.yaml.

    recall_floor: the highest recall of class 0 with a recall of class 1 of `min_recall_1` or more;
    f_beta: the highest F score of `beta_class` (van Rijsbergen 1979); youden: the highest
    recall_0 + recall_1 - 1 (Youden 1950); cost: the lowest cost; fixed: the threshold `value`,
    with the epoch of the lowest log loss. Candidates are the multiples of `step` from 0 to 1.
    """

    rule: Objective
    min_recall_1: float = Field(ge=0, le=1)
    beta: PositiveFloat
    beta_class: Literal[0, 1]
    costs: Costs
    value: float = Field(ge=0, le=1)
    step: float = Field(gt=0, le=0.5)

    def candidates(self) -> np.ndarray:
        """The thresholds to choose among."""
        if self.rule == "fixed":
            return np.array([self.value])
        steps = round(1 / self.step)
        return np.append(np.round(np.arange(steps) * self.step, 10), 1.0)


def curve(labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> pd.DataFrame:
    """Precision and recall of both classes (n,) at each of `thresholds`, and how many go wrong.

    Columns `threshold, precision_0, recall_0, precision_1, recall_1, false_0, false_1`; `false_c`
    counts wrong predictions of class c. A precision without predictions is 0.
    """
    ones = np.sort(probabilities[labels == 1].astype("float64"))
    zeros = np.sort(probabilities[labels == 0].astype("float64"))
    false_0 = np.searchsorted(ones, thresholds)
    true_0 = np.searchsorted(zeros, thresholds)
    true_1, false_1 = len(ones) - false_0, len(zeros) - true_0
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "precision_0": true_0 / np.maximum(true_0 + false_0, 1),
            "recall_0": true_0 / max(len(zeros), 1),
            "precision_1": true_1 / np.maximum(true_1 + false_1, 1),
            "recall_1": true_1 / max(len(ones), 1),
            "false_0": false_0,
            "false_1": false_1,
        }
    )


def objective(curves: pd.DataFrame, rule: Rule) -> pd.Series:
    """What the rule maximises, for each row of `curves`; minus infinity where it is not allowed."""
    match rule.rule:
        case "recall_floor":
            return curves["recall_0"].where(curves["recall_1"] >= rule.min_recall_1, -np.inf)
        case "f_beta":
            precision = curves[f"precision_{rule.beta_class}"]
            recall = curves[f"recall_{rule.beta_class}"]
            weighted = rule.beta**2 * precision + recall
            score = (1 + rule.beta**2) * precision * recall / weighted.where(weighted > 0, 1.0)
            return score
        case "youden":
            return curves["recall_0"] + curves["recall_1"] - 1
        case "cost":
            costs = rule.costs
            return -(costs.false_0 * curves["false_0"] + costs.false_1 * curves["false_1"])
        case "fixed":
            return -curves["log_loss"]


def choose(curves: pd.DataFrame, rule: Rule) -> pd.Series:
    """The row of `curves` that the rule picks.

    Between equals decide the recall of class 1, the log loss, the earlier epoch, and the threshold
    nearer to 0.5, in this order.
    """
    ranked = curves.assign(
        objective=objective(curves, rule), far=(curves["threshold"] - 0.5).abs()
    ).sort_values(
        ["objective", "recall_1", "log_loss", "epoch", "far", "threshold"],
        ascending=[False, False, True, True, True, True],
    )
    return ranked.iloc[0]


def valid_curves(family: str, epochs: list[int], thresholds: np.ndarray) -> pd.DataFrame:
    """The curves of all `epochs` on `valid`, with the columns `epoch` and `log_loss`."""
    path = scores_path(family, "valid")
    table = read_table(path, ["label", *map(epoch_column, epochs)])
    labels = table["label"].to_numpy()
    curves = []
    for epoch in epochs:
        likely = table[epoch_column(epoch)].to_numpy()
        loss = float(log_losses(labels, likely).mean())
        curves.append(curve(labels, likely, thresholds).assign(epoch=epoch, log_loss=loss))
    return pd.concat(curves, ignore_index=True)


def picture(curves: pd.DataFrame, chosen: pd.Series, family: str, path: Path) -> None:
    """Precision and recall of each class against threshold, a line an epoch, the choice marked."""
    from stages.core.figures import new_figure, write_figure

    figure = new_figure(10, 4)
    axes = figure.subplots(1, 2, sharey=True)
    for label, axis in enumerate(axes):
        for epoch, rows in curves.groupby("epoch"):
            picked = epoch == chosen["epoch"]
            style = {"alpha": 1.0 if picked else 0.3, "linewidth": 2 if picked else 1}
            for metric, colour in ((f"recall_{label}", "C0"), (f"precision_{label}", "C1")):
                name = metric.replace("_", " of class ") if picked else None
                axis.plot(rows["threshold"], rows[metric], color=colour, label=name, **style)
        axis.axvline(chosen["threshold"], color="black", linestyle=":", linewidth=1)
        axis.set(xlabel="threshold", xlim=(0, 1), ylim=(0, 1.02), title=f"class {label}")
        axis.grid(alpha=0.3)
        axis.legend(loc="lower center")
    figure.suptitle(
        f"{family} on valid: {curves['epoch'].nunique()} surviving epochs (bold: epoch"
        f" {chosen['epoch']:.0f}), threshold {chosen['threshold']:g}"
    )
    write_figure(path, figure)


def main(family: str) -> None:
    """Choose for `family`."""
    rule = params.read("threshold", Rule)
    filtered = Path("metrics", family, "filter.json")
    kept: dict[str, Any] = (
        read_json(filtered) if filtered.exists() else {"epochs": [0], "relaxed": False}
    )
    curves = valid_curves(family, kept["epochs"], rule.candidates())
    chosen = choose(curves, rule)
    epoch, threshold = int(chosen["epoch"]), float(chosen["threshold"])
    source = _model(Path("models", family, "epochs"), epoch)
    with replacing(Path("models", family, f"model{source.suffix}")) as beside:
        shutil.copyfile(source, beside)
    with replacing(Path("plots", family, "thresholds.csv")) as beside:
        curves.drop(columns=["false_0", "false_1", "log_loss"]).to_csv(beside, index=False)
    picture(curves, chosen, family, Path("plots", family, "thresholds.png"))
    measured = ["precision_0", "recall_0", "precision_1", "recall_1", "log_loss"]
    selection: dict[str, Any] = {
        "epochs": kept["epochs"],
        "relaxed": kept["relaxed"],
        "epoch": epoch,
        "threshold": threshold,
        "rule": rule.rule,
        "valid": {name: float(chosen[name]) for name in measured},
    }
    write_json(Path("metrics", family, "selection.json"), selection)


def _model(folder: Path, epoch: int) -> Path:
    found = sorted(folder.glob(f"{epoch:03d}.*"))
    if not found:
        raise InputError(f"{folder} has no model of epoch {epoch}: run `dvc repro` to build it")
    return found[0]


if __name__ == "__main__":
    run(main)
