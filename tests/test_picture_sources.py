"""Digits and pets from every source, as the stage fetches them."""

import gzip
import hashlib
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from stages.core.cli import InputError
from stages.core.files import read_arrays, read_json
from stages.picture_files.sklearn_digits import sklearn_digits
from stages.sources import digits, pets
from tests.configuration import ROOT
from tests.loopback import Server

SPLITS = ("train", "valid", "test")
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pictures(count: int) -> tuple[np.ndarray, np.ndarray]:
    images = RANDOM.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
    return images, np.arange(count, dtype=np.uint8) % 10


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes())


def fetch_digits(**changes: Any) -> dict[str, Any]:
    given = {"path": str(ROOT / "sources/sklearn_digits.yaml"), "valid": 0.2, "test": 0.2}
    params = {"seed": 1, "digits": {"source": "sklearn", **given, **changes}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    digits.fetch()
    metrics: dict[str, Any] = read_json(Path("metrics/digits/fetch.json"))
    return metrics


def fetched_digits() -> dict[str, dict[str, np.ndarray]]:
    folder = Path("data/digits")
    paths = {split: folder / "trainval" / f"{split}.npz" for split in ("train", "valid")}
    return {
        split: read_arrays(path) for split, path in {**paths, "test": folder / "test.npz"}.items()
    }


def test_the_digits_of_scikit_learn_are_resized_and_divided_once() -> None:
    metrics = fetch_digits()
    splits = fetched_digits()
    images, labels = sklearn_digits()
    assert images.shape == (1797, 28, 28) and images.max() == 255
    assert sum(metrics[split] for split in SPLITS) + metrics["duplicates_dropped"] == len(images)
    for split, arrays in splits.items():
        assert metrics[split] == len(arrays["images"])
        assert np.array_equal(arrays["images"], images[arrays["ids"]])
        assert np.array_equal(arrays["labels"], labels[arrays["ids"]])
    ids = np.concatenate([arrays["ids"] for arrays in splits.values()])
    assert len(np.unique(ids)) == len(ids)


def test_the_same_digits_are_fetched_twice() -> None:
    contents = []
    for _ in range(2):
        fetch_digits()
        files = sorted(path for path in Path("data").rglob("*") if path.is_file())
        contents.append({path: path.read_bytes() for path in files})
    assert contents[0] == contents[1] and len(contents[0]) == 3


def test_no_picture_of_test_is_in_train_or_valid() -> None:
    images, labels = pictures(200)
    Path("mine").mkdir()
    copies = (
        np.concatenate([images[:150], images[:20]]),
        np.concatenate([labels[:150], labels[:20]]),
    )
    for name, (x, y) in {"train": copies, "test": (images[140:], labels[140:])}.items():
        Path(f"mine/{name}-images-idx3-ubyte.gz").write_bytes(idx(x))
        Path(f"mine/{name}-labels-idx1-ubyte.gz").write_bytes(idx(y))
    metrics = fetch_digits(source="folder", path="mine")
    seen = {
        split: {picture.tobytes() for picture in arrays["images"]}
        for split, arrays in fetched_digits().items()
    }
    assert len(seen["test"]) == metrics["test"] == 60
    assert not seen["train"] & seen["valid"]
    assert not seen["test"] & (seen["train"] | seen["valid"])
    assert metrics["duplicates_dropped"] >= 10
    assert len(seen["train"] | seen["valid"]) == 140


def test_mnist_is_downloaded_and_verified(server: Server, cache: Path) -> None:
    (x_train, y_train), (x_test, y_test) = pictures(100), pictures(50)
    content = io.BytesIO()
    np.savez(content, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    server.files["/mnist.npz"] = content.getvalue()
    pin = yaml.safe_load((ROOT / "sources/mnist.yaml").read_text())
    pin |= {
        "url": f"{server.url}/mnist.npz",
        "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
    }
    Path("pin.yaml").write_text(yaml.safe_dump(pin))
    metrics = fetch_digits(source="mnist", path="pin.yaml")
    assert {split: metrics[split] for split in SPLITS} == {"train": 80, "valid": 20, "test": 50}
    assert metrics["sha256"] == {"mnist.npz": pin["sha256"]}
    assert metrics["licence"] == pin["licence"]


def test_fashion_mnist_is_downloaded_and_verified(server: Server, cache: Path) -> None:
    pin = yaml.safe_load((ROOT / "sources/fashion_mnist.yaml").read_text())
    for split, (images, labels) in {"train": pictures(100), "t10k": pictures(50)}.items():
        for name, array in (
            (f"{split}-images-idx3-ubyte.gz", images),
            (f"{split}-labels-idx1-ubyte.gz", labels),
        ):
            server.files[f"/{name}"] = idx(array)
            assert name in pin["md5"]
            pin["md5"][name] = hashlib.md5(server.files[f"/{name}"]).hexdigest()
    Path("pin.yaml").write_text(yaml.safe_dump(pin | {"base": f"{server.url}/"}))
    metrics = fetch_digits(source="fashion_mnist", path="pin.yaml")
    assert {split: metrics[split] for split in SPLITS} == {"train": 80, "valid": 20, "test": 50}


def test_missing_classes_and_files_are_refused_and_nothing_is_written() -> None:
    images, labels = pictures(100)
    Path("mine").mkdir()
    np.savez("mine/a.npz", x_train=images, y_train=np.where(labels == 3, 4, labels))
    with pytest.raises(
        InputError, match=r"found the labels \[0, 1, 2, 4, .*every class from 0 to 9"
    ):
        fetch_digits(source="folder", path="mine")
    with pytest.raises(InputError, match="there is no file or folder none"):
        fetch_digits(source="folder", path="none")
    assert not Path("data").exists() and not Path("metrics").exists()


def fetch_pets(**changes: Any) -> dict[str, Any]:
    given = {"path": str(ROOT / "sources/sklearn_digits.yaml"), "valid": 0.2, "test": 0.5}
    block = {"source": "digits_transfer", **given, "train_per_class": 2, **changes}
    Path("params.yaml").write_text(yaml.safe_dump({"seed": 1, "pets": block}))
    pets.fetch()
    metrics: dict[str, Any] = read_json(Path("metrics/pets/fetch.json"))
    return metrics


def fetched_pets() -> dict[str, dict[str, list[bytes]]]:
    folder = Path("data/pets")
    return {
        split: {
            path.name: [file.read_bytes() for file in sorted(path.iterdir())]
            for path in sorted((folder / place / split).iterdir())
        }
        for split, place in (("train", "trainval"), ("valid", "trainval"), ("test", "."))
    }


def photographs(folder: Path, split: str, count: int) -> None:
    for name in ("cat", "dog"):
        (folder / split / name).mkdir(parents=True)
        for number in range(count):
            pixels = RANDOM.integers(0, 256, size=(8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


def test_the_base_sees_the_first_digits_and_the_new_layers_the_others() -> None:
    metrics = fetch_pets()
    base = read_arrays(Path("data/pets/base.npz"))
    assert set(base["labels"]) == {0, 1, 2, 3, 4}
    splits = fetched_pets()
    assert all(list(classes) == ["5", "6", "7", "8", "9"] for classes in splits.values())
    assert all(len(files) == 2 for files in splits["train"].values())
    assert metrics["train_5"] == 2 and metrics["test_5"] == len(splits["test"]["5"])
    assert {path.name for path in Path("data/pets").iterdir()} == {"base.npz", "test", "trainval"}


def test_a_folder_keeps_its_splits_and_broken_pictures_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    photographs(Path("mine"), "train", 6)
    photographs(Path("mine"), "valid", 2)
    photographs(Path("mine"), "test", 3)
    Path("mine/train/cat/broken.jpg").write_bytes(b"no picture")
    copy = Path("mine/test/dog/0.png").read_bytes()
    Path("mine/train/dog/copy.png").write_bytes(copy)
    metrics = fetch_pets(source="folder", path="mine", train_per_class=None)
    assert (metrics["unreadable"], metrics["unreadable_names"]) == (1, ["train/cat/broken.jpg"])
    assert "train/cat/broken.jpg cannot be read as a picture" in capsys.readouterr().out
    splits = fetched_pets()
    assert {split: len(classes["dog"]) for split, classes in splits.items()} == {
        "train": 6,
        "valid": 2,
        "test": 3,
    }
    assert copy in splits["test"]["dog"] and copy not in splits["train"]["dog"]
    assert len(read_arrays(Path("data/pets/base.npz"))["labels"]) == 0


def test_an_archive_is_downloaded_and_unpacked(server: Server, cache: Path) -> None:
    photographs(Path("cats_and_dogs_filtered"), "train", 10)
    photographs(Path("cats_and_dogs_filtered"), "validation", 4)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for path in sorted(Path("cats_and_dogs_filtered").rglob("*.png")):
            packed.write(path)
    server.files["/pets.zip"] = content.getvalue()
    pin = yaml.safe_load((ROOT / "sources/cats_dogs.yaml").read_text())
    Path("pin.yaml").write_text(yaml.safe_dump(pin | {"url": f"{server.url}/pets.zip"}))
    metrics = fetch_pets(source="cats_dogs", path="pin.yaml", test=0.2, train_per_class=None)
    counts = {split: metrics[f"{split}_cat"] + metrics[f"{split}_dog"] for split in SPLITS}
    assert counts == {"train": 16, "valid": 8, "test": 4}
    assert metrics["sha256"] == hashlib.sha256(content.getvalue()).hexdigest()
    again = fetch_pets(
        source="cats_dogs",
        path=str(cache / pin["file"]),
        test=0.2,
        train_per_class=None,
    )
    assert {name: again[name] for name in again if name != "licence"} == {
        name: metrics[name] for name in metrics if name != "licence"
    }


def test_what_is_no_archive_is_refused_and_nothing_is_written() -> None:
    Path("pets.zip").write_bytes(b"no archive")
    with pytest.raises(InputError, match=r"pets\.zip: expected a folder, or a zip or tar archive"):
        fetch_pets(source="cats_dogs", path="pets.zip")
    assert not list(Path().rglob("*pets*/*")) and not Path("metrics").exists()
