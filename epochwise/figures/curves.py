"""The figure of a binary classifier: ROC curve, reliability curve and confusion matrix."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from epochwise.figures.canvas import new_charts, write_figure


def draw_report(
    path: Path, title: str, metrics: dict[str, Any], curves: list[pd.DataFrame]
) -> None:
    """Draw the `curves` roc, calibration and confusion (columns x, y, n) side by side, as a PNG.

    `metrics` are those of the report; the threshold is marked on the ROC curve.
    """
    roc, calibration, confused = curves
    figure, (left, middle, right) = new_charts(13, 4.8, title, columns=3)
    threshold = f"threshold {metrics['threshold']:g}"
    _draw_curve(left, roc, f"ROC curve, area {metrics['roc_auc']:.3f}")
    left.plot(1 - metrics["recall_0"], metrics["recall_1"], "o", color="C3", label=threshold)
    left.set(xlabel="share of class 0 predicted as 1", ylabel="recall of class 1")
    left.legend(loc="lower right")
    _draw_curve(middle, calibration, f"Reliability, error {metrics['calibration_error']:.3f}")
    middle.plot(calibration["x"], calibration["y"], "o", color="C0")
    middle.set(xlabel="mean probability of class 1", ylabel="share of class 1")
    _draw_confusion(right, confused)
    right.set_title(f"Confusion, {threshold}", y=1)
    write_figure(path, figure)


def _draw_curve(axes: Any, curve: pd.DataFrame, title: str) -> None:
    axes.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
    axes.plot(curve["x"], curve["y"], color="C0", linewidth=2)
    axes.set_title(title, y=1)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
    axes.set_box_aspect(1)
    axes.grid(alpha=0.3)


def _draw_confusion(axes: Any, confused: pd.DataFrame) -> None:
    table = confused.pivot(index="x", columns="y", values="n").to_numpy()
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        text = f"{table[row, column]:,}\n{share:.1%}"
        color = "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=14)
    axes.set(xticks=[0, 1], yticks=[0, 1], xlabel="predicted class", ylabel="actual class")
    axes.set_box_aspect(1)
