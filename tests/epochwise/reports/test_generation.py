"""The report of the gan, from scores written here."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from epochwise.core import paths
from epochwise.core.files import read_json, read_table, write_json, write_table
from epochwise.measures.generation import frechet_distance
from epochwise.reports import generation
from tests.image_data import make_project

GENERATED, SIZE, STEPS = 250, 4, 30
ROUNDED = 5.1e-4
"""How far four digits are from the number that they stand for."""


def features(seed: int, n: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, SIZE)).astype("float32")


def lists(values: np.ndarray) -> pa.FixedSizeListArray:
    return pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])


def test_the_interval_lies_around_the_figure_and_holds_that_of_other_sets() -> None:
    """The mean figure of sets of this size lies in nearly all of them."""
    random = np.random.default_rng(0)
    sets = [(random.normal(size=(80, 10)), random.normal(1, 1, size=(80, 10))) for _ in range(40)]
    figures = [frechet_distance(*pair) for pair in sets]
    held = 0
    for seed, (pair, figure) in enumerate(zip(sets[:20], figures[:20], strict=True)):
        low, high = generation.frechet_interval(*pair, seed)
        assert low < figure < high
        held += int(low < np.mean(figures) < high)
    assert held >= 17


def test_the_interval_comes_again_and_is_not_below_0() -> None:
    first, second = features(0, 30), features(1, 30)
    found = generation.frechet_interval(first, second, seed=1)
    assert found == generation.frechet_interval(first, second, seed=1)
    assert found[0] >= 0.0
    assert found != generation.frechet_interval(first, second, seed=2)


def test_the_share_of_each_class_is_of_generated_and_of_real_images() -> None:
    found = generation.classes(np.array([1, 3, 0]), np.array([0, 0, 2, 2]))
    rows = found[["curve", "x", "y", "n"]].to_numpy().tolist()
    assert rows == [
        *(["generated", 0, 0.25, 1], ["generated", 1, 0.75, 3], ["generated", 2, 0.0, 0]),
        *(["real", 0, 0.5, 2], ["real", 1, 0.0, 0], ["real", 2, 0.5, 2]),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scores of the gan: 250 images, the last 50 of a class of their own."""
    project = tmp_path_factory.mktemp("report")
    make_project(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        random = np.random.default_rng(0)
        folder = paths.scores("gan")
        for seed, split in enumerate(("train", "valid", "test")):
            columns = {"id": np.arange(40 + seed), "label": np.arange(40 + seed) % 3}
            columns["features"] = lists(features(seed, 40 + seed))
            write_table(folder / f"{split}.parquet", pa.table(columns))
        pixels = random.integers(0, 256, size=(GENERATED, 784), dtype=np.uint8)
        columns = {"id": np.arange(GENERATED), "pixels": lists(pixels)}
        columns |= {"features": lists(features(9, GENERATED))}
        columns |= {"predicted": np.repeat([0, 1, 3], [150, 50, 50])}
        write_table(folder / "generated.parquet", pa.table(columns))
        losses = {
            "step": np.arange(STEPS),
            "discriminator": np.ones(STEPS),
            "generator": np.zeros(STEPS),
        }
        write_table(folder / "losses.parquet", pa.table(losses))
        progress = {"step": np.repeat([15, 30], 10), "pixels": lists(pixels[:20])}
        write_table(folder / "progress.parquet", pa.table(progress))
        write_json(folder / "classes.json", ["0", "1", "2", "3", "4"])
        write_json(folder / "model.json", {"parameters": 123})
        epochs = paths.metrics("gan", "epochs.csv")
        epochs.parent.mkdir(parents=True, exist_ok=True)
        names = "epoch,discriminator_loss,generator_loss,valid_frechet,classes,kept"
        epochs.write_text(f"{names}\n0,1,2,3,4,1\n")
        generation.write("gan", {"epoch": 3}, seed=1)
        yield folder


def test_the_report_is_written_from_scores_alone(folder: Path) -> None:
    for seed, split in enumerate(("train", "valid", "test")):
        report = read_json(paths.metrics("gan", f"{split}.json"))
        assert (report["n"], report["generated"]) == (40 + seed, GENERATED)
        assert (report["epoch"], report["parameters"]) == (3, 123)
        ours, train = (
            frechet_distance(other, features(seed, 40 + seed))
            for other in (features(9, GENERATED), features(0, 40))
        )
        assert report["frechet"] == pytest.approx(ours, rel=ROUNDED)
        if split == "train":
            assert "frechet_of_train" not in report
        else:
            assert report["frechet_of_train"] == pytest.approx(train, rel=ROUNDED)
        assert report["histogram"] == {"0": 150, "1": 50, "2": 0, "3": 50, "4": 0}
        assert (report["classes"], report["classes_of_200"]) == (3, 2)
        assert list(report["ci95"]) == ["frechet"]
    predictions = read_table(paths.predictions("gan"))
    assert predictions.schema.names == ["id", "pixels"] and len(predictions) == GENERATED


def test_the_curves_are_losses_by_step_and_epoch_and_classes(folder: Path) -> None:
    curves = pd.read_csv(paths.plot("curves", "gan", "csv")).groupby("curve").size()
    assert curves.to_dict() == {
        **{"discriminator": STEPS, "generator": STEPS, "generated": 5, "real": 5},
        **{"discriminator_loss": 1, "generator_loss": 1, "valid_frechet": 1},
    }


def test_the_figure_is_drawn_with_the_same_bytes_again(folder: Path) -> None:
    path = paths.plot("pictures", "gan", "png")
    first = path.read_bytes()
    with Image.open(path) as figure:
        assert min(figure.size) > 400
    losses = read_table(folder / "losses.parquet").to_pandas()
    generation.draw("gan", read_table(folder / "generated.parquet"), losses, epoch=3)
    assert path.read_bytes() == first


def test_repeated_images_do_not_shift_the_interval() -> None:
    """Between sets so close, every resampled distance is above the figure."""
    sets = features(0, 60), features(1, 60)
    low, high = generation.frechet_interval(*sets, seed=1)
    assert low < frechet_distance(*sets) < high
