"""The target data set from every source, as the stage fetches it."""

import hashlib
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_arrays, read_json
from epochwise.data.sources import target
from tests.configuration import ROOT
from tests.loopback import Server

SPLITS = ("train", "valid", "test")
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fetch_target(**changes: Any) -> dict[str, Any]:
    given = {"path": str(ROOT / "sources/sklearn_digits.yaml"), "valid": 0.2, "test": 0.5}
    block = {"source": "digits_transfer", **given, "train_per_class": 2, **changes}
    target.fetch(target.Params.model_validate(block), seed=1)
    metrics: dict[str, Any] = read_json(paths.dataset_metrics("target", "fetch"))
    return metrics


def fetched_target() -> dict[str, dict[str, list[bytes]]]:
    return {
        split: {
            path.name: [file.read_bytes() for file in sorted(path.iterdir())]
            for path in sorted(paths.target(split).iterdir())
        }
        for split in SPLITS
    }


def write_images(folder: Path, split: str, count: int) -> None:
    for name in ("cat", "dog"):
        (folder / split / name).mkdir(parents=True)
        for number in range(count):
            pixels = RANDOM.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


def test_the_base_network_gets_the_first_digits_and_the_new_layers_the_others() -> None:
    metrics = fetch_target()
    base = read_arrays(paths.BASE_DIGITS)
    assert set(base["labels"]) == {0, 1, 2, 3, 4}
    splits = fetched_target()
    assert all(list(classes) == ["5", "6", "7", "8", "9"] for classes in splits.values())
    assert all(len(files) == 2 for files in splits["train"].values())
    assert metrics["train_5"] == 2 and metrics["test_5"] == len(splits["test"]["5"])
    assert {path.name for path in paths.TARGET.iterdir()} == {"base_digits.npz", "test", "trainval"}


def test_a_folder_keeps_its_splits_and_broken_images_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_images(Path("mine"), "train", 6)
    write_images(Path("mine"), "valid", 2)
    write_images(Path("mine"), "test", 3)
    Path("mine/train/cat/broken.jpg").write_bytes(b"no image")
    copy = Path("mine/test/dog/0.png").read_bytes()
    Path("mine/train/dog/copy.png").write_bytes(copy)
    metrics = fetch_target(source="folder", path="mine", train_per_class=None)
    assert (metrics["unreadable"], metrics["unreadable_names"]) == (1, ["train/cat/broken.jpg"])
    said = capsys.readouterr().out
    assert "train/cat/broken.jpg cannot be read as an image" in said
    assert "1 images are copies of some in another split" in said
    assert metrics["duplicates_dropped"] == 1
    splits = fetched_target()
    assert {split: len(classes["dog"]) for split, classes in splits.items()} == {
        "train": 6,
        "valid": 2,
        "test": 3,
    }
    assert copy in splits["test"]["dog"] and copy not in splits["train"]["dog"]
    assert len(read_arrays(paths.BASE_DIGITS)["labels"]) == 0


def test_an_archive_is_downloaded_and_unpacked(server: Server, cache: Path) -> None:
    write_images(Path("cats_and_dogs_filtered"), "train", 10)
    write_images(Path("cats_and_dogs_filtered"), "validation", 4)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for path in sorted(Path("cats_and_dogs_filtered").rglob("*.png")):
            packed.write(path)
    server.files["/target.zip"] = content.getvalue()
    pin = yaml.safe_load((ROOT / "sources/cats_dogs.yaml").read_text())
    Path("pin.yaml").write_text(yaml.safe_dump(pin | {"url": f"{server.url}/target.zip"}))
    metrics = fetch_target(source="cats_dogs", path="pin.yaml", test=0.2, train_per_class=None)
    counts = {split: metrics[f"{split}_cat"] + metrics[f"{split}_dog"] for split in SPLITS}
    assert counts == {"train": 16, "valid": 8, "test": 4}
    assert metrics["sha256"] == hashlib.sha256(content.getvalue()).hexdigest()
    again = fetch_target(
        source="cats_dogs",
        path=str(cache / pin["file"]),
        test=0.2,
        train_per_class=None,
    )
    assert {name: again[name] for name in again if name != "licence"} == {
        name: metrics[name] for name in metrics if name != "licence"
    }


def test_what_is_no_archive_is_refused_and_nothing_is_written() -> None:
    Path("target.zip").write_bytes(b"no archive")
    with pytest.raises(
        InputError, match=r"target\.zip: expected a folder, or a zip or tar archive"
    ):
        fetch_target(source="cats_dogs", path="target.zip")
    assert not list(Path().rglob("*target*/*")) and not Path("metrics").exists()


def test_names_that_are_not_utf8_are_refused(project: Path) -> None:
    write_images(Path("mine"), "train", 6)
    Path("mine/train/cat").rename(b"mine/train/c\xe4t".decode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"mine/train: the name 'c\\udce4t' is not plain UTF-8"):
        fetch_target(source="folder", path="mine")


def test_a_split_that_lacks_a_class_is_refused() -> None:
    for split in ("train", "valid", "test"):
        write_images(Path("mine"), split, 6)
    shutil.rmtree("mine/valid/dog")
    with pytest.raises(InputError, match="no image of 'dog' is left for valid, which needs some"):
        fetch_target(source="folder", path="mine")
    assert not Path("data/target").exists()


def test_a_class_of_which_no_image_can_be_read_is_refused() -> None:
    write_images(Path("mine"), "train", 6)
    for path in Path("mine/train/dog").iterdir():
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match="no image of 'dog' in train can be read"):
        fetch_target(source="folder", path="mine")
    assert not Path("data/target").exists()


def test_images_below_their_class_are_read_and_keep_their_names_apart() -> None:
    for shoot in ("a", "b"):
        write_images(Path("around/mine"), f"cut/{shoot}", 6)
        for name in ("cat", "dog"):
            folder = Path("photographs/all") / name / shoot
            folder.parent.mkdir(parents=True, exist_ok=True)
            Path("around/mine/cut", shoot, name).rename(folder)
    metrics = fetch_target(source="folder", path="photographs", train_per_class=None)
    assert sum(metrics[f"{split}_cat"] for split in SPLITS) == 12
    assert sum(len(classes["cat"]) for classes in fetched_target().values()) == 12


def test_photographs_without_their_source_are_told() -> None:
    block = {"source": "digits_transfer", "path": "photos.zip", "valid": 0.2, "test": 0.2}
    expected = r"source: digits_transfer has a pin .*, found photos\.zip: set target=folder"
    with pytest.raises(InputError, match=expected):
        params.check(block | {"train_per_class": None}, target.Params, "target")


def test_a_path_that_is_not_there_is_told() -> None:
    expected = r"target\.path is 'none': there is no such file or folder"
    with pytest.raises(InputError, match=expected):
        fetch_target(source="folder", path="none")
    assert not paths.TARGET.exists()
