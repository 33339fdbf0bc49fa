"""IDX and npz files are read whole or refused by name."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from epochwise.core.cli import InputError
from epochwise.core.files import write_arrays
from epochwise.data.image_files.arrays import array_files, read_images, read_labelled

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, size=(6, 28, 28), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], np.uint8)


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def write_pair(folder: Path, prefix: str, compress: bool) -> None:
    folder.mkdir(exist_ok=True)
    for kind, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        content = idx(array)
        name = f"{prefix}-{kind}-ubyte"
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        else:
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("compress", [True, False])
def test_idx_files_are_read_by_the_split_in_their_names(tmp_path: Path, compress: bool) -> None:
    write_pair(tmp_path, "train", compress)
    write_pair(tmp_path, "t10k", compress)
    (tmp_path / "README.txt").write_text("not images")
    parts = read_labelled(array_files(tmp_path))
    assert set(parts) == {"train", "test"}
    for part in parts.values():
        assert np.array_equal(part.images, IMAGES) and np.array_equal(part.labels, LABELS)


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("trainX", "trainY", "testX", "testY"),
    ],
)
@pytest.mark.parametrize("name", ["digits", "train_test", "test"])
def test_npz_files_are_read_by_the_names_of_their_arrays(
    tmp_path: Path, keys: tuple[str, ...], name: str
) -> None:
    arrays = (IMAGES, LABELS[:, None], IMAGES[..., None], LABELS)
    write_arrays(tmp_path / f"{name}.npz", **dict(zip(keys, arrays, strict=True)))
    parts = read_labelled(array_files(tmp_path))
    assert set(parts) == {"train", "test"}
    assert all(np.array_equal(part.images, IMAGES) for part in parts.values())
    assert all(np.array_equal(part.labels, LABELS) for part in parts.values())


def test_npz_files_may_have_the_split_in_their_own_names(tmp_path: Path) -> None:
    for name in ("mnist_train", "mnist_test"):
        write_arrays(tmp_path / f"{name}.npz", images=IMAGES, labels=LABELS)
    assert set(read_labelled(array_files(tmp_path))) == {"train", "test"}


def test_notes_that_macos_leaves_beside_files_are_passed_over(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", compress=False)
    (tmp_path / "._train-images-idx3-ubyte").write_bytes(b"\0\5\26\7Mac OS X")
    (tmp_path / "._digits.npz").write_bytes(b"\0\5\26\7Mac OS X")
    assert {path.name[:6] for path in array_files(tmp_path)} == {"train-"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", idx(IMAGES)[:-1], "4703 bytes after the header, expected 4704"),
        ("train-images-idx3-ubyte", idx(IMAGES) + b"\0", "found more bytes after the header"),
        ("train-images-idx3-ubyte", b"\0\0\r\3" + bytes(12), "found 00 00 0d 03 at the start"),
        ("train-images-idx3-ubyte", idx(IMAGES[:, :20]), r"uint8 of shape \(6, 20, 28\)"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES))[:-9], "is damaged"),
        ("train-images-idx3-ubyte.gz", b"\x1f\x8b" + bytes(30), "is damaged"),
        ("train-images-idx3-ubyte", idx(IMAGES[:5]), "holds 5 images, .* 6 labels"),
    ],
)
def test_damaged_files_are_refused_by_name(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    write_pair(tmp_path, "train", compress=False)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_labelled(array_files(tmp_path))
    assert name in str(error.value)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=np.array([{}], object))
    with pytest.raises(InputError, match=r"a\.npz cannot be read as npz: it holds Python objec"):
        read_labelled(array_files(tmp_path))


def test_a_label_that_is_too_large_is_shown_as_it_is(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", y=np.array([0, 2**63 + 5], "uint64"))
    with pytest.raises(InputError, match=r"a\.npz:y: found the label 9223372036854775813, expecte"):
        read_labelled(array_files(tmp_path))


def test_two_arrays_for_one_place_are_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "train", compress=False)
    write_pair(tmp_path, "training", compress=True)
    with pytest.raises(InputError, match=r"both .* hold the images of 'train'"):
        read_labelled(array_files(tmp_path))


def test_missing_labels_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found neither IDX files"):
        array_files(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(IMAGES))
    with pytest.raises(InputError, match="its labels are missing"):
        read_labelled(array_files(tmp_path))
    assert np.array_equal(read_images(tmp_path / "t10k-images-idx3-ubyte"), IMAGES)


def test_files_without_images_or_without_arrays_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "labels.npz", y_test=LABELS)
    with pytest.raises(InputError, match=r"labels\.npz: found no images, expected an array \(n"):
        read_images(tmp_path / "labels.npz")
    write_arrays(tmp_path / "empty.npz")
    with pytest.raises(InputError, match=r"empty\.npz: found no arrays, expected images and label"):
        read_labelled([tmp_path / "empty.npz"])
