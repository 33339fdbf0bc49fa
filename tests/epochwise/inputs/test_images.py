"""Digits and target images are read as networks want them, split by split."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_arrays, write_arrays
from epochwise.inputs import images
from epochwise.training import keras_file, runtime
from tests.configuration import ROOT
from tests.image_data import EACH, write_digits, write_target


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("engine: {partition_rows: 1}\n")
    runtime.start(seed=0)


def test_digits_go_from_0_to_1() -> None:
    write_digits("train", "valid")
    digits = images.dataset("digits")
    arrays = read_arrays(paths.digits("valid"))
    samples = digits.read("valid", images.DIGIT)
    assert samples.inputs.dtype == np.float32 and samples.inputs.shape[1:] == (28, 28, 1)
    np.testing.assert_allclose(samples.inputs[..., 0] * 255, arrays["images"], atol=1e-4)
    np.testing.assert_array_equal(samples.labels, digits.labels("valid"))
    np.testing.assert_array_equal(samples.ids, arrays["ids"])
    assert digits.classes == ["0", "1", "2"]


def test_digits_have_one_shape() -> None:
    write_digits("train")
    with pytest.raises(ValueError, match=r"reads images of \(32, 32, 1\), but digits are of \(28"):
        images.dataset("digits").read("train", (32, 32, 1))


def test_target_images_are_resized_and_named_by_their_class() -> None:
    write_target("train", "test")
    target = images.dataset("target")
    assert target.classes == ["a", "b", "c"]
    samples = target.read("test", (14, 20, 3))
    assert samples.inputs.dtype == np.uint8
    assert samples.inputs.shape == samples.inputs[:].shape == (3 * EACH["test"], 14, 20, 3)
    np.testing.assert_array_equal(samples.labels, target.labels("test"))
    for label, name in zip(samples.labels, samples.ids, strict=True):
        assert name.startswith(f"{'abc'[label]}/") and (paths.target("test") / name).exists()
    grey = target.read("test", (28, 28, 1)).inputs[:][0, ..., 0]
    original = np.asarray(Image.open(paths.target("test") / samples.ids[0]))
    np.testing.assert_array_equal(grey, original)


def test_a_class_without_images_in_a_split_keeps_the_others_labels() -> None:
    write_target("train", "test")
    for path in (paths.target("test") / "a").iterdir():
        path.unlink()
    assert set(images.dataset("target").labels("test")) == {1, 2}


def test_the_base_network_and_its_features_are_those_of_the_stage_base() -> None:
    inputs = keras.Input((4,))
    network = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    keras_file.save(network, paths.BASE / "network.keras")
    made = {
        "inputs": np.ones((3, 2), "float32"),
        "labels": np.arange(3),
        "ids": np.array(["x"] * 3),
    }
    write_arrays(paths.BASE / "valid.npz", **made)
    target = images.Target()
    np.testing.assert_array_equal(target.base().weights[0], network.weights[0])
    found = target.features("valid")
    for name, expected in made.items():
        np.testing.assert_array_equal(getattr(found, name), expected)


@pytest.mark.parametrize("kept", [0, images.KEPT])
def test_rows_of_images_in_files_are_those_of_all_of_them(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "KEPT", kept)
    write_target("train")
    files = sorted(paths.target("train").rglob("*.png"))
    expected = images.read_files(files, (9, 9, 1))
    rows = images.ImageFiles(files, (9, 9, 1))
    order = np.random.default_rng(0).permutation(len(files))
    for part in (order[:5], order[3:], slice(2, 7), slice(None)):
        np.testing.assert_array_equal(rows[part], expected[part])


def test_images_that_fit_into_memory_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write_target("train")
    files = sorted(paths.target("train").rglob("*.png"))
    kept, read = images.ImageFiles(files, (9, 9, 1)), images.read_files(files, (9, 9, 1))
    kept[:4]
    files[0].unlink()
    np.testing.assert_array_equal(kept[:4], read[:4])


def test_photographs_are_streamed(tmp_path: Path) -> None:
    """Applied and trained on without as much memory as all of them take decoded."""
    photograph = tmp_path / "photograph.png"
    Image.fromarray(np.full((8, 8, 3), 7, "uint8")).save(photograph)
    for number in range(350):  # 53 MB decoded
        path = paths.target("train") / "ab"[number % 2] / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.hardlink_to(photograph)
    measured = subprocess.run(
        [sys.executable, "-c", STREAM],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert measured.returncode == 0, measured.stderr
    assert int(measured.stdout.split()[-1]) < 40_000


STREAM = """
import resource
import keras, numpy as np
from epochwise.families.base import features
from epochwise.inputs import images
from epochwise.inputs.images import Samples, Target
from epochwise.training import runtime
from epochwise.training.steps import Trainer

images.KEPT = 2**24
runtime.start(0)
inputs = keras.Input((224, 224, 3))
pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.AveragePooling2D(32)(inputs))
network = keras.Model(inputs, pooled)
classifier = keras.Model(inputs, keras.layers.Dense(2, "softmax")(pooled))
classifier.compile("sgd", "sparse_categorical_crossentropy")
classifier.optimizer.build(classifier.trainable_variables)
samples = Target().read("train", (224, 224, 3))
trainer = Trainer(classifier)
order = np.arange(len(samples.labels))

def stream(rows):
    features(network, Samples(samples.inputs[rows], samples.labels[rows], samples.ids[rows]))
    trainer.epoch((samples.inputs, samples.labels), np.split(order[rows], 6))

stream(slice(60))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
features(network, samples)
trainer.epoch((samples.inputs, samples.labels), np.split(order, len(order) // 10))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
"""Prints by how many KiB the peak of memory rises over that of a few images."""


def test_a_file_that_is_no_image_is_told() -> None:
    Path("broken.png").write_text("no image")
    with pytest.raises(InputError, match=r"broken\.png cannot be read as an image"):
        images.read_files([Path("broken.png")], (28, 28, 1))


@pytest.mark.parametrize(("channels", "behind"), [(1, 0), (3, 255)])
def test_what_is_transparent_is_black_in_grey_and_white_in_colours(
    tmp_path: Path, channels: int, behind: int
) -> None:
    pixels = np.full((2, 2, 4), 99, "uint8")
    pixels[..., 3] = [[0, 255], [255, 0]]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = images.read_files([tmp_path / "a.png"], (2, 2, channels))[0, ..., 0]
    assert found.tolist() == [[behind, 99], [99, behind]]
