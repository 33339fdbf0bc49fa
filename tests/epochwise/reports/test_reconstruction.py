"""The report of autoencoders, the probe among it, from scores written here."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from epochwise.core import paths
from epochwise.core.files import read_json, read_table, write_arrays, write_json, write_table
from epochwise.reports import reconstruction
from tests.image_data import make_project

CODE = 3


def scores(seed: int, n: int = 60, noisy: bool = False) -> pa.Table:
    """Codes whose first number tells the two classes apart, and pixels of which none does."""
    random = np.random.default_rng(seed)
    labels = random.integers(2, size=n)
    codes = random.normal(size=(n, CODE)).astype("float32")
    codes[:, 0] += 10 * labels
    pixels = random.integers(0, 256, size=(n, 784), dtype=np.uint8)
    columns: dict[str, Any] = {"id": np.arange(n) + 7, "label": labels}
    columns |= {"cross_entropy": random.random(n), "mse": random.random(n)}
    if noisy:
        columns["noisy_mse"] = random.random(n)
    for name, values in (("code", codes), ("pixels", pixels)):
        columns[name] = pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
    return pa.table(columns)


def test_the_figures_are_means_and_lie_in_their_intervals() -> None:
    table = scores(0)
    found = reconstruction.measure(table, seed=1)
    assert list(found) == ["n", "cross_entropy", "mse", "psnr", "ci95"]
    assert found["mse"] == pytest.approx(table["mse"].to_numpy().mean())
    assert found["psnr"] == pytest.approx(10 * np.log10(1 / found["mse"]))
    assert found == reconstruction.measure(table, seed=1)
    for name, (low, high) in found["ci95"].items():
        assert low < found[name] < high


def test_of_noisy_images_the_gain_is_told() -> None:
    table = scores(0, noisy=True)
    found = reconstruction.measure(table, seed=1)
    assert found["noisy_psnr"] == pytest.approx(
        -10 * np.log10(table["noisy_mse"].to_numpy().mean())
    )
    assert found["gain_db"] == pytest.approx(found["psnr"] - found["noisy_psnr"])


def test_the_probe_reads_from_codes_what_pixels_do_not_tell() -> None:
    train, test = scores(0), scores(1)
    labels = test["label"].to_numpy().copy()
    labels[:6] = 1 - labels[:6]  # six of sixty that no code tells rightly
    found = reconstruction.probe(train, test.set_column(1, "label", pa.array(labels)))
    assert (found["code_size"], found["pca_size"]) == (CODE, CODE)
    assert found["probe_accuracy"] == 0.9
    assert found["pca_probe_accuracy"] < 0.8
    flat = [np.stack(table["pixels"].to_pandas()) / 255 for table in (train, test)]
    pca = PCA(CODE, svd_solver="full").fit(flat[0])
    restored = pca.inverse_transform(pca.transform(flat[1]))
    assert found["pca_mse"] == pytest.approx(np.mean((restored - flat[1]) ** 2), rel=1e-4)


def test_a_probe_of_few_images_has_few_components() -> None:
    few = scores(0, n=2).set_column(1, "label", pa.array([0, 1]))
    assert reconstruction.probe(few, few)["pca_size"] == 2


def test_errors_are_the_means_of_the_classes() -> None:
    table = scores(0)
    known = table.select(["label", "cross_entropy"]).to_pandas().groupby("label")["cross_entropy"]
    found = reconstruction.errors(table)
    assert found["curve"].unique().tolist() == ["errors"]
    np.testing.assert_allclose(found.set_index("x")["y"], known.mean())
    np.testing.assert_array_equal(found.set_index("x")["n"], known.size())


@pytest.mark.parametrize("family", ["autoencoder", "denoising_autoencoder"])
def test_the_report_is_written_from_scores_alone(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    folder, noisy = paths.scores(family), family == "denoising_autoencoder"
    for seed, split in enumerate(("train", "valid", "test")):
        write_table(folder / f"{split}.parquet", scores(seed, 60 + seed, noisy))
    write_json(folder / "model.json", {"parameters": 123})
    names = ("original", "noisy", "reconstruction") if noisy else ("original", "reconstruction")
    image = np.random.default_rng(0).random((2, 28, 28, 1), "float32")
    write_arrays(folder / "shown.npz", **dict.fromkeys(names, image))
    epochs = paths.metrics(family, "epochs.csv")
    epochs.parent.mkdir(parents=True, exist_ok=True)
    epochs.write_text("epoch,train_loss,valid_loss,kept\n0,1.5,2.5,1\n")
    reconstruction.write(family, {"epoch": 3}, seed=1)
    for split, n in (("train", 60), ("valid", 61), ("test", 62)):
        report = read_json(paths.metrics(family, f"{split}.json"))
        assert (report["n"], report["epoch"], report["parameters"]) == (n, 3, 123)
        assert ("probe_accuracy" in report) == (split == "test")
        assert ("gain_db" in report) == noisy
    predictions = read_table(paths.predictions(family))
    assert predictions.schema.names == ["id", "label", "cross_entropy", "mse", "code"]
    curves = pd.read_csv(paths.plot("curves", family, "csv"))
    assert set(curves["curve"]) == {"errors", "train_loss", "valid_loss"}
    with Image.open(paths.plot("pictures", family, "png")) as figure:
        assert figure.size[1] > 75 * len(names)


def test_the_probe_does_not_depend_on_the_scale_of_the_code() -> None:
    def small(table: pa.Table) -> pa.Table:
        codes = np.stack(table["code"].to_pandas()).astype("float32") * np.float32(1e-6)
        column = pa.FixedSizeListArray.from_arrays(codes.ravel(), CODE)
        return table.set_column(table.schema.get_field_index("code"), "code", column)

    train, test = scores(0), scores(1)
    assert reconstruction.probe(small(train), small(test))["probe_accuracy"] == 1.0
