"""The report of a family that turns images into codes and back: what its chosen epoch is worth."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from epochwise.core import paths
from epochwise.core.files import read_arrays, read_json, read_table, write_table
from epochwise.core.forms import ANY, NUMBERS, PLACES, ROWS, Array, Model
from epochwise.core.matrices import matrix
from epochwise.measures import bootstrap
from epochwise.measures.reconstruction import psnr
from epochwise.reports.curves import write_curves
from epochwise.reports.files import write_metrics

SCORED = {
    "id": ANY,
    "label": PLACES,
    "cross_entropy": NUMBERS,
    "mse": NUMBERS,
    "code": ROWS,
    "pixels": ROWS,
}
"""The columns of scores."""
SHOWN = ("original", "noisy", "reconstruction")
"""What is shown of an image, one over the other."""


def write(family: str, selection: dict[str, Any], seed: int) -> None:
    """Write the report of `family` from its scores, with the epoch of `selection`.

    Writes the metrics of every split, the predictions for test, the curves and the figure; `seed`
    draws the resamples of the 95 % intervals.
    """
    folder = paths.scores(family)
    parameters = read_json(folder / "model.json", Model)["parameters"]
    splits = {
        split: read_table(folder / f"{split}.parquet", SCORED, {"noisy_mse": NUMBERS})
        for split in paths.SPLITS
    }
    for split, scored in splits.items():
        metrics = measure(scored, seed) | {"epoch": selection["epoch"], "parameters": parameters}
        if split == "test":
            metrics |= probe(splits["train"], scored)
        write_metrics(family, split, metrics)
    columns = ["id", "label", "cross_entropy", "mse", "code"]
    write_table(paths.predictions(family), splits["test"].select(columns))
    write_curves(family, errors(splits["test"]))
    draw(family)


def measure(scored: pa.Table, seed: int) -> dict[str, Any]:
    """`n, cross_entropy, mse, psnr` of all images, with 95 % bootstrap intervals in `ci95`.

    The PSNR is that of the mean squared error. Of noisy images also `noisy_psnr`, that of what was
    read, and `gain_db`, by how much the reconstruction is better.
    """
    losses, squares = (scored[name].to_numpy() for name in ("cross_entropy", "mse"))

    def weighted(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(axis=1)
        mse = weights @ squares / total
        return {"cross_entropy": weights @ losses / total, "mse": mse, "psnr": psnr(mse)}

    figures = weighted(np.ones((1, len(losses))))
    metrics: dict[str, Any] = {
        "n": len(losses),
        **{name: float(values[0]) for name, values in figures.items()},
        "ci95": bootstrap.intervals(weighted, len(losses), seed),
    }
    if "noisy_mse" in scored.schema.names:
        noisy = float(psnr(scored["noisy_mse"].to_numpy().mean()))
        metrics |= {"noisy_psnr": noisy, "gain_db": metrics["psnr"] - noisy}
    return metrics


def probe(train: pa.Table, test: pa.Table) -> dict[str, float | int]:
    """What a code is worth: how well a linear classifier reads classes from it, beside PCA.

    Returns:
        `code_size`; `probe_accuracy` on test, of logistic regression on the codes of train;
        `pca_size`, as many components (fewer where there are fewer images); `pca_probe_accuracy`,
        of the same on them; and the squared error `pca_mse` of their reconstructions.
    """
    from sklearn.decomposition import PCA

    tables = {"train": train, "test": test}
    labels = {name: table["label"].to_numpy() for name, table in tables.items()}
    codes = {name: matrix(table["code"]) for name, table in tables.items()}
    pixels = {name: matrix(table["pixels"]) / np.float32(255) for name, table in tables.items()}
    size = codes["train"].shape[1]
    pca = PCA(min(size, *pixels["train"].shape), svd_solver="full").fit(pixels["train"])
    projected = {name: pca.transform(values) for name, values in pixels.items()}
    restored = pca.inverse_transform(projected["test"])
    return {
        "code_size": size,
        "probe_accuracy": _accuracy(codes, labels),
        "pca_size": int(pca.n_components_),
        "pca_probe_accuracy": _accuracy(projected, labels),
        "pca_mse": float(np.square(restored - pixels["test"]).mean(dtype="float64")),
    }


def errors(test: pa.Table) -> pd.DataFrame:
    """The mean cross-entropy `y` and the number `n` of the images of each class `x`."""
    columns = {"x": test["label"].to_numpy(), "y": test["cross_entropy"].to_numpy()}
    by_class = pd.DataFrame(columns).groupby("x")["y"].agg(["mean", "size"]).reset_index()
    return by_class.rename(columns={"mean": "y", "size": "n"}).assign(curve="errors")


def draw(family: str) -> None:
    """Draw originals over what was read of them, where that is noisy, and reconstructions."""
    from epochwise.figures.canvas import write_figure
    from epochwise.figures.grids import rows_figure

    images = dict.fromkeys(SHOWN, Array((None, 28, 28, 1)))
    noisy = {"noisy": images.pop("noisy")}
    shown = read_arrays(paths.scores(family) / "shown.npz", images, noisy)
    names: list[str] = [name for name in SHOWN if name in shown]
    figure = rows_figure(np.stack([shown[name] for name in names]), names, f"{family} on test")
    write_figure(paths.plot("pictures", family, "png"), figure)


def _accuracy(inputs: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> float:
    """Accuracy on test of logistic regression on standardised inputs (n, d) of train."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cg", tol=1e-6))
    fitted = model.fit(inputs["train"], labels["train"])
    return float(fitted.score(inputs["test"], labels["test"]))
