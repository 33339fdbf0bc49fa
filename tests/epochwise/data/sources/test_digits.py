"""Digits from every source, as the stage fetches them."""

import gzip
import hashlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_arrays, read_json, write_arrays
from epochwise.data.image_files.sklearn_digits import sklearn_digits
from epochwise.data.sources import digits
from tests.configuration import ROOT
from tests.loopback import Server

SPLITS = ("train", "valid", "test")
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def random_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    images = RANDOM.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
    return images, np.arange(count, dtype=np.uint8) % 10


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.tobytes())


def fetch_digits(**changes: Any) -> dict[str, Any]:
    given = {"path": str(ROOT / "sources/sklearn_digits.yaml"), "valid": 0.2, "test": 0.2}
    block = {"source": "sklearn", **given, **changes}
    digits.fetch(digits.Params.model_validate(block), seed=1)
    metrics: dict[str, Any] = read_json(paths.dataset_metrics("digits", "fetch"))
    return metrics


def fetched_digits() -> dict[str, dict[str, np.ndarray]]:
    return {split: read_arrays(paths.digits(split)) for split in SPLITS}


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


def test_no_image_of_test_is_in_train_or_valid() -> None:
    images, labels = random_images(200)
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
        split: {image.tobytes() for image in arrays["images"]}
        for split, arrays in fetched_digits().items()
    }
    assert len(seen["test"]) == metrics["test"] == 60
    assert not seen["train"] & seen["valid"]
    assert not seen["test"] & (seen["train"] | seen["valid"])
    assert metrics["duplicates_dropped"] >= 10
    assert len(seen["train"] | seen["valid"]) == 140


def test_mnist_is_downloaded_and_verified(server: Server, cache: Path) -> None:
    (x_train, y_train), (x_test, y_test) = random_images(100), random_images(50)
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
    for split, (images, labels) in {"train": random_images(100), "t10k": random_images(50)}.items():
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
    images, labels = random_images(100)
    Path("mine").mkdir()
    np.savez("mine/a.npz", x_train=images, y_train=np.where(labels == 3, 4, labels))
    with pytest.raises(
        InputError, match=r"found the labels \[0, 1, 2, 4, .*every class from 0 to 9"
    ):
        fetch_digits(source="folder", path="mine")
    with pytest.raises(InputError, match=r"digits.path is 'none': there is no such file or folder"):
        fetch_digits(source="folder", path="none")
    assert not Path("data").exists() and not Path("metrics").exists()


def test_images_that_another_split_has_are_not_all_there_is() -> None:
    images, labels = random_images(100)
    Path("mine").mkdir()
    np.savez("mine/a.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(InputError, match=r"digits: every image of class 0 in \w+ is in another sp"):
        fetch_digits(source="folder", path="mine")
    assert not Path("data/digits").exists() and not Path("metrics").exists()


@pytest.mark.parametrize("labels", [[], [0, 2**40], [-1, 0, 1]])
def test_labels_that_are_no_classes_are_refused(labels: list[int]) -> None:
    Path("mine").mkdir()
    images = np.zeros((len(labels), 28, 28), np.uint8)
    np.savez("mine/a.npz", x_train=images, y_train=np.array(labels, np.int64))
    with pytest.raises(InputError, match=r"digits: found (no images|the labels)"):
        fetch_digits(source="folder", path="mine")


def test_a_split_of_one_image_is_refused() -> None:
    images, labels = random_images(50)
    train = {"x_train": images, "y_train": labels}
    write_arrays(Path("mine.npz"), **train, x_test=images[:1] // 2, y_test=labels[:1])
    with pytest.raises(InputError, match=r"digits: test has 1 image, expected 2 at least: add"):
        fetch_digits(source="folder", path="mine.npz")
    assert not paths.DIGITS.exists()


def test_a_split_without_images_is_refused() -> None:
    images, labels = random_images(50)
    train = {"x_train": images, "y_train": labels}
    write_arrays(Path("mine.npz"), **train, x_test=images[:0], y_test=labels[:0])
    with pytest.raises(InputError, match=r"digits: no image is in test: add some to digits\.path"):
        fetch_digits(source="folder", path="mine.npz")


def test_a_folder_without_its_source_is_told() -> None:
    Path("mine").mkdir()
    block = {"source": "sklearn", "path": "mine", "valid": 0.2, "test": 0.2}
    with pytest.raises(InputError, match="source: sklearn has a pin as its path, found mine: set"):
        params.check(block, digits.Params, "digits")
