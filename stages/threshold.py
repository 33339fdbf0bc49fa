"""Choose a family's epoch and threshold on `valid`, by the rule `threshold` in params.yaml.

Reads the surviving epochs (metrics/<family>/filter.json, or all where nothing is filtered) and
data/epochs/<family>. Writes metrics/<family>/selection.json, the chosen model to models/<family>,
and precision and recall against threshold to plots/precision_recall/<family>.csv and
plots/thresholds/<family>.png.
"""

from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, NonNegativeFloat, model_validator

from epochwise.core import params, paths
from epochwise.core.cli import run
from epochwise.core.epochs import epoch_table
from epochwise.core.files import (
    copy_epoch,
    read_json,
    read_table,
    replacing,
    rounded,
    write_metrics,
)
from epochwise.core.forms import BINARY, NUMBERS, Epochs
from epochwise.measures.binary import log_losses

Objective = Literal["recall_floor", "f_beta", "youden", "cost", "fixed"]


class Costs(params.Section):
    """What one wrong prediction of each class costs; right ones cost nothing."""

    false_0: float = Field(ge=0, allow_inf_nan=False)
    false_1: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _something_costs(self) -> Self:
        if not self.false_0 + self.false_1:
            raise ValueError("false_0 and false_1 are both 0: one of them has to cost something")
        return self


class Rule(params.Section):
    """`threshold` in params.yaml.

    recall_floor: the highest recall of class 0 with a recall of class 1 of `min_recall_1` or more;
    f_beta: the highest F score of `beta_class` (van Rijsbergen 1979); youden: the highest recall_0
    + recall_1 - 1 (Youden 1950); cost: the lowest mean cost of a review; fixed: the threshold
    `value`, with the epoch of the lowest log loss. Epochs that fall short of the best by no more
    than `tolerance`, in what the rule maximises, are as good as it: the lowest log loss decides
    between them. Candidates are the multiples of `step` from 0 to 1, and 1, rounded as they are
    written.
    """

    rule: Objective
    min_recall_1: float = Field(ge=0, le=1)
    beta: float = Field(gt=0, le=1000)
    beta_class: Literal[0, 1]
    costs: Costs
    value: float = Field(ge=0, le=1)
    tolerance: NonNegativeFloat
    step: float = Field(ge=0.0001, le=0.5)

    def candidates(self) -> np.ndarray:
        """The thresholds to choose among."""
        if self.rule == "fixed":
            return np.array([rounded(self.value)])
        multiples = np.arange(0, 1, self.step).tolist()
        return np.unique(rounded([*multiples, 1.0]))


def curve(labels: np.ndarray, probabilities: np.ndarray, thresholds: np.ndarray) -> pd.DataFrame:
    """Precision and recall of both classes (n,) at each of `thresholds`, and how many go wrong.

    Columns `threshold, precision_0, recall_0, precision_1, recall_1, false_0, false_1, n`;
    `false_c` counts wrong predictions of class c, among n labels. A precision without predictions
    is 0.
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
            "n": len(labels),
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
            cost = costs.false_0 * curves["false_0"] + costs.false_1 * curves["false_1"]
            return -cost / curves["n"]
        case "fixed":
            return -curves["log_loss"]


def choose(curves: pd.DataFrame, rule: Rule) -> pd.Series:
    """The row of `curves` that the rule picks.

    Between equals decide the recall of class 1, the log loss, the earlier epoch, and the threshold
    nearer to 0.5, in this order.
    """
    found = curves.assign(objective=objective(curves, rule), far=(curves["threshold"] - 0.5).abs())
    if rule.tolerance:
        best = found.groupby("epoch")["objective"].transform("max")
        near = found[best >= best.max() - rule.tolerance]
        found = near[near["epoch"] == near.sort_values(["log_loss", "epoch"])["epoch"].iloc[0]]
    ranked = found.sort_values(
        ["objective", "recall_1", "log_loss", "epoch", "far", "threshold"],
        ascending=[False, False, True, True, True, True],
    )
    return ranked.iloc[0]


def kept_epochs(family: str) -> dict[str, Any]:
    """The epochs to choose among; all of a family whose epochs are not filtered."""
    filtered = paths.metrics(family, "filter.json")
    if filtered.exists():
        found: dict[str, Any] = read_json(filtered, Epochs)
        return found
    return {"epochs": epoch_table(family)["epoch"].tolist(), "relaxed": False}


def valid_curves(family: str, epochs: list[int], thresholds: np.ndarray) -> pd.DataFrame:
    """The curves of all `epochs` on `valid`, with the columns `epoch` and `log_loss`."""
    columns = {epoch: f"epoch_{epoch:03d}" for epoch in epochs}
    expected = {"label": BINARY} | dict.fromkeys(columns.values(), NUMBERS)
    table = read_table(paths.epochs(family) / "valid.parquet", expected)
    labels = table["label"].to_numpy()
    curves = []
    for epoch in epochs:
        likely = table[columns[epoch]].to_numpy()
        loss = float(log_losses(labels, likely).mean())
        curves.append(curve(labels, likely, thresholds).assign(epoch=epoch, log_loss=loss))
    return pd.concat(curves, ignore_index=True)


def draw(curves: pd.DataFrame, chosen: pd.Series, family: str) -> None:
    """Precision and recall of each class against threshold, a line an epoch, the choice marked."""
    from epochwise.figures.canvas import new_charts, write_figure

    title = (
        f"{family} on valid, surviving epochs: {curves['epoch'].nunique()} (bold:"
        f" {chosen['epoch']:.0f}), threshold {chosen['threshold']:g}"
    )
    figure, axes = new_charts(10, 4, title, columns=2)
    for label, axis in enumerate(axes):
        for epoch, rows in curves.groupby("epoch"):
            picked = epoch == chosen["epoch"]
            style = {"alpha": 1.0 if picked else 0.3, "linewidth": 2 if picked else 1}
            for metric, colour in ((f"recall_{label}", "C0"), (f"precision_{label}", "C1")):
                name = metric.replace("_", " of class ") if picked else None
                axis.plot(rows["threshold"], rows[metric], color=colour, label=name, **style)
        axis.axvline(chosen["threshold"], color="black", linestyle=":", linewidth=1)
        axis.set_title(f"class {label}", y=1)
        axis.set(xlabel="threshold", xlim=(0, 1), ylim=(0, 1.02))
        axis.grid(alpha=0.3)
        axis.legend(loc="lower center")
    write_figure(paths.plot("thresholds", family, "png"), figure)


def main(family: str) -> None:
    """Choose the epoch and the threshold of FAMILY."""
    rule = params.read("threshold", Rule)
    kept = kept_epochs(family)
    curves = valid_curves(family, kept["epochs"], rule.candidates())
    chosen = choose(curves, rule)
    epoch, threshold = int(chosen["epoch"]), float(chosen["threshold"])
    copy_epoch(paths.epochs(family), epoch, paths.chosen(family))
    with replacing(paths.plot("precision_recall", family, "csv")) as beside:
        curves.drop(columns=["false_0", "false_1", "n", "log_loss"]).to_csv(beside, index=False)
    draw(curves, chosen, family)
    measured = ["precision_0", "recall_0", "precision_1", "recall_1", "log_loss"]
    selection: dict[str, Any] = {
        "epochs": kept["epochs"],
        "relaxed": kept["relaxed"],
        "epoch": epoch,
        "threshold": threshold,
        "rule": rule.rule,
        "valid": {name: float(chosen[name]) for name in measured},
    }
    write_metrics(paths.metrics(family, "selection.json"), selection)


if __name__ == "__main__":
    run(main)
