"""The report of a family that draws images: how close they come to the real ones."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import read_json, read_table, write_table
from epochwise.core.forms import (
    ANY,
    NUMBERS,
    ROWS,
    WHOLE,
    Classes,
    Model,
    lists_of,
    place_among,
)
from epochwise.core.matrices import matrix
from epochwise.measures.bootstrap import interval
from epochwise.measures.generation import COUNTED, frechet_distance
from epochwise.reports.curves import write_curves
from epochwise.reports.files import write_metrics

PIXELS = lists_of(28 * 28)
RESAMPLES = 200
"""Of the interval of the Fréchet distance, each of which takes some milliseconds."""
SHOWN = (4, 5)
"""Rows and columns of generated images that are shown."""
EPOCHS_SHOWN = 6
"""Epochs whose images are shown, at most."""


def write(family: str, selection: dict[str, Any], seed: int) -> None:
    """Write the report of `family` from its scores, with the epoch of `selection`.

    Writes what the images drawn are worth beside those of every split, the images, the curves and
    the figure; `seed` draws the resamples of the 95 % intervals.
    """
    folder = paths.scores(family)
    known = len(read_json(folder / "classes.json", Classes))
    parameters = read_json(folder / "model.json", Model)["parameters"]
    columns = {"id": ANY, "pixels": PIXELS, "features": ROWS, "predicted": place_among(known)}
    drawn = read_table(folder / "generated.parquet", columns)
    predicted = drawn["predicted"].to_numpy()
    histogram = np.bincount(predicted, minlength=known)
    features = partial(_features, folder, drawn["features"].type.list_size)
    ours, train = matrix(drawn["features"]), features("train")
    for split in paths.SPLITS:
        real = features(split)
        metrics: dict[str, Any] = {
            "n": len(real),
            "generated": len(ours),
            "frechet": frechet_distance(ours, real),
            # Of train itself it is 0, of which a sum has other last digits on other processors.
            **({} if split == "train" else {"frechet_of_train": frechet_distance(train, real)}),
            "classes": int(np.count_nonzero(histogram)),
            "classes_of_200": len(np.unique(predicted[:COUNTED])),
            "histogram": {str(label): int(n) for label, n in enumerate(histogram)},
            "ci95": {"frechet": frechet_interval(ours, real, seed)},
            "epoch": selection["epoch"],
            "parameters": parameters,
        }
        write_metrics(family, split, metrics)
    write_table(paths.predictions(family), drawn.select(["id", "pixels"]))
    columns = {"step": WHOLE, "discriminator": NUMBERS, "generator": NUMBERS}
    losses = read_table(folder / "losses.parquet", columns).to_pandas()
    labels = read_table(folder / "test.parquet", {"label": place_among(known)})["label"].to_numpy()
    points = [steps(losses), classes(histogram, labels)]
    write_curves(family, pd.concat(points, ignore_index=True))
    draw(family, drawn, losses, selection["epoch"])


def frechet_interval(features: np.ndarray, others: np.ndarray, seed: int) -> list[float]:
    """A 95 % bootstrap interval around the Fréchet distance of two sets (n, d), (m, d).

    Resampling repeats images, which raises every resampled distance by about as much: the quantiles
    are shifted so that their mean is the observed distance. The bias that small sets give the
    distance itself is not corrected.
    """
    from threadpoolctl import threadpool_limits

    random = np.random.default_rng(seed)

    def resampled(values: np.ndarray) -> np.ndarray:
        return values[random.integers(len(values), size=len(values))]

    with threadpool_limits(1):  # with matrices as small as these, threads wait for each other
        drawn = [frechet_distance(resampled(features), resampled(others)) for _ in range(RESAMPLES)]
    low, high = interval(np.array(drawn))
    shift = frechet_distance(features, others) - float(np.mean(drawn))
    return [max(low + shift, 0.0), max(high + shift, 0.0)]


def steps(losses: pd.DataFrame) -> pd.DataFrame:
    """The losses of `discriminator` and `generator`, a curve each: step `x`, loss `y`."""
    long = losses.melt(id_vars="step", var_name="curve", value_name="y")
    return long.rename(columns={"step": "x"})


def classes(histogram: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """The share `y` and the number `n` of each class `x`, among `generated` and `real` images."""
    counts = {"generated": histogram, "real": np.bincount(labels, minlength=len(histogram))}
    return pd.concat(
        pd.DataFrame({"curve": name, "x": range(len(n)), "y": n / n.sum(), "n": n})
        for name, n in counts.items()
    )


def draw(family: str, drawn: pa.Table, losses: pd.DataFrame, epoch: int) -> None:
    """Draw generated images; beside them the losses, and the same noise as training goes on."""
    from epochwise.figures.canvas import new_figure, write_figure
    from epochwise.figures.grids import draw_rows

    figure = new_figure(13, 5.2)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(6, 7))[0]
    count = SHOWN[0] * SHOWN[1]
    images = _images(drawn.slice(0, count)).reshape(*SHOWN, 28, 28)
    draw_rows(left, images, [""] * SHOWN[0], f"{family}: images drawn by epoch {epoch}")
    upper, lower = right.subfigures(2, 1, squeeze=False, height_ratios=(4, 6))[:, 0]
    axes = upper.subplots()
    for name in ("discriminator", "generator"):
        axes.plot(losses["step"], losses[name], label=name, linewidth=0.7)
    axes.set(xlabel="step", ylabel="log loss")
    axes.legend()
    columns = {"step": WHOLE, "pixels": PIXELS}
    progress = read_table(paths.scores(family) / "progress.parquet", columns)
    after = progress["step"].to_numpy()
    known = np.unique(after)
    shown = known[np.unique(np.linspace(0, len(known) - 1, EPOCHS_SHOWN).round().astype(int))]
    rows = np.stack([_images(progress)[after == step] for step in shown])
    names = [f"step {step}" for step in shown]
    draw_rows(lower, rows, names, "The same noise as training goes on")
    write_figure(paths.plot("pictures", family, "png"), figure)


def _features(folder: Path, size: int, split: str) -> np.ndarray:
    table = read_table(folder / f"{split}.parquet", {"features": lists_of(size)})
    return matrix(table["features"])


def _images(table: pa.Table) -> np.ndarray:
    return matrix(table["pixels"]).reshape(-1, 28, 28)
