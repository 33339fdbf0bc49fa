"""Pictures from outside: read whole or refused by name, divided without leaks, unpacked safely."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from stages.core.cli import InputError
from stages.core.files import write_arrays
from stages.picture_files import archive
from stages.picture_files.archive import is_archive, unpack
from stages.picture_files.arrays import array_files, read_images, read_labelled
from stages.picture_files.division import Division, divide, unseen
from stages.picture_files.photos import list_photos, readable

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, size=(6, 28, 28), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], np.uint8)
DIVISION = Division(valid=0.25, test=0.2)


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
    (tmp_path / "README.txt").write_text("not pictures")
    parts = read_labelled(array_files(tmp_path))
    assert set(parts) == {"train", "test"}
    for part in parts.values():
        assert np.array_equal(part.images, IMAGES) and np.array_equal(part.labels, LABELS)


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_npz_files_are_read_by_the_names_of_their_arrays(
    tmp_path: Path, keys: tuple[str, ...]
) -> None:
    arrays = (IMAGES, LABELS[:, None], IMAGES[..., None], LABELS)
    write_arrays(tmp_path / "digits.npz", **dict(zip(keys, arrays, strict=True)))
    parts = read_labelled(array_files(tmp_path))
    assert set(parts) == {"train", "test"}
    assert all(np.array_equal(part.images, IMAGES) for part in parts.values())
    assert all(np.array_equal(part.labels, LABELS) for part in parts.values())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", idx(IMAGES)[:-1], "4703 bytes after the header, expected 4704"),
        ("train-images-idx3-ubyte", idx(IMAGES) + b"\0", "found more bytes after the header"),
        ("train-images-idx3-ubyte", b"\0\0\r\3" + bytes(12), "found 00 00 0d 03 at the start"),
        ("train-images-idx3-ubyte", idx(IMAGES[:, :20]), r"uint8 of shape \(6, 20, 28\)"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES))[:-9], "is damaged"),
        ("train-images-idx3-ubyte.gz", b"\x1f\x8b" + bytes(30), "is damaged"),
        ("train-images-idx3-ubyte", idx(IMAGES[:5]), "holds 5 pictures, .* 6 labels"),
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
    with pytest.raises(InputError, match=r"a\.npz cannot be read as npz"):
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


@settings(deadline=None, max_examples=300)  # the first call imports scikit-learn
@given(
    counts=st.lists(st.integers(10, 40), min_size=2, max_size=5),
    valid=st.floats(0.2, 0.5),
    test=st.floats(0.2, 0.5),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_division_keeps_every_row_once_and_the_shares_of_classes(
    counts: list[int], valid: float, test: float, seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    division = Division(valid=valid, test=test)
    divided = divide({"train": labels}, division, seed, "digits")
    rows = np.concatenate([rows for _, rows in divided.values()])
    assert np.array_equal(np.sort(rows), np.arange(len(labels)))
    cut = labels[divided["test"][1]]
    assert abs(len(cut) - test * len(labels)) < 1
    for label, count in enumerate(counts):
        assert abs(np.sum(cut == label) - len(cut) * count / len(labels)) < 1
    again = divide({"train": labels}, division, seed, "digits")
    assert all(np.array_equal(divided[split][1], again[split][1]) for split in divided)


def test_a_split_of_the_source_is_kept_and_a_lone_one_divided() -> None:
    labels = np.tile([0, 1], 50)
    divided = divide({"test": labels}, DIVISION, 1, "digits")
    assert {split: (part, len(rows)) for split, (part, rows) in divided.items()} == {
        "train": ("test", 60),
        "valid": ("test", 20),
        "test": ("test", 20),
    }
    divided = divide({"train": labels, "test": labels[:10]}, DIVISION, 1, "digits")
    assert {split: (part, len(rows)) for split, (part, rows) in divided.items()} == {
        "train": ("train", 75),
        "valid": ("train", 25),
        "test": ("test", 10),
    }
    with pytest.raises(InputError, match="found test and valid, expected train beside them"):
        divide({"valid": labels, "test": labels}, DIVISION, 1, "digits")
    with pytest.raises(InputError, match=r"'pets\.test' of 3 pictures cannot be cut off"):
        divide({"train": np.array([0, 1, 2])}, DIVISION, 1, "pets")


def test_unseen_marks_copies() -> None:
    assert unseen([b"a", b"b"], {b"b"}).tolist() == [True, False]


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def tarred(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.linkname = kind, 3 * (kind == tarfile.REGTYPE), "/etc/passwd"
        file.addfile(entry, io.BytesIO(b"abc"))
    return path


def test_archives_unpack_with_their_folders(tmp_path: Path) -> None:
    unpack(zipped(tmp_path / "a.zip", ("x/y.txt", b"abc"), ("z.txt", b"")), tmp_path / "zip")
    unpack(tarred(tmp_path / "a.tar.gz", "x/y.txt"), tmp_path / "tar")
    for folder in ("zip", "tar"):
        assert (tmp_path / folder / "x/y.txt").read_bytes() == b"abc"
    assert is_archive(tmp_path / "a.zip") and is_archive(tmp_path / "a.tar.gz")
    assert not is_archive(tmp_path / "zip/x/y.txt")


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/out.txt", "..\\out.txt"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    packed = [zipped(tmp_path / "a.zip", (name, b"abc")), tarred(tmp_path / "a.tar.gz", name)]
    for number, path in enumerate(packed):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match="leads out of the folder"):
            unpack(path, tmp_path / f"inner{number}")
        assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / f"inner{number}"}


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    packed = [zipped(tmp_path / "a.zip", (link, b"/etc/passwd"))]
    packed += [tarred(tmp_path / "s.tar.gz", "link", tarfile.SYMTYPE)]
    packed += [tarred(tmp_path / "d.tar.gz", "device", tarfile.CHRTYPE)]
    for path in packed:
        with pytest.raises(InputError, match="is a link or a device"):
            unpack(path, tmp_path / f"{path.name}.inner")


def test_a_bomb_stops_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SMALL", 1000)
    path = zipped(tmp_path / "bomb.zip", ("zeros", bytes(3_000_000)))
    with pytest.raises(InputError, match="as a decompression bomb does"):
        unpack(path, tmp_path / "inner")
    allowed = archive.MOST_RATIO * path.stat().st_size
    assert sum(file.stat().st_size for file in (tmp_path / "inner").iterdir()) <= allowed
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    with pytest.raises(InputError, match="more than 1 files"):
        unpack(zipped(tmp_path / "many.zip", ("a", b""), ("b", b"")), tmp_path / "many")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip", ("a", bytes(range(256)) * 9)).read_bytes())
    content[40:60] = bytes(20)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "inner")


def photograph(path: Path, brightness: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (brightness, 0, 0)).save(path)


def test_photos_are_listed_by_split_and_class_wherever_they_stand(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        for name in ("cat", "dog"):
            photograph(tmp_path / "deep/er" / split / name / "1.jpg")
    (tmp_path / "deep/er/train/cat/notes.txt").write_text("no picture")
    (tmp_path / "deep/er/train/cat/.hidden.jpg").write_text("no picture")
    photos = list_photos(tmp_path)
    assert {split: list(classes) for split, classes in photos.items()} == {
        "train": ["cat", "dog"],
        "valid": ["cat", "dog"],
    }
    assert [path.name for path in photos["train"]["cat"]] == ["1.jpg"]
    assert list(list_photos(tmp_path / "deep/er/train")) == ["train"]


def test_photos_of_one_class_or_an_unknown_one_are_refused(tmp_path: Path) -> None:
    photograph(tmp_path / "train/cat/1.jpg")
    with pytest.raises(InputError, match="found no pictures of two classes"):
        list_photos(tmp_path)
    photograph(tmp_path / "train/dog/1.jpg")
    photograph(tmp_path / "test/cow/1.jpg")
    with pytest.raises(InputError, match="found the class 'cow', which train does not have"):
        list_photos(tmp_path)


def test_unreadable_photos_are_found(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        photograph(tmp_path / f"train/{name}/1.jpg")
        photograph(tmp_path / f"train/{name}/2.png")
    whole = (tmp_path / "train/cat/1.jpg").read_bytes()
    (tmp_path / "train/cat/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "train/dog/page.jpg").write_text("<html>not found</html>")
    kept, unreadable = readable(list_photos(tmp_path))
    assert [path.name for path in unreadable] == ["cut.jpg", "page.jpg"]
    assert [path.name for path in kept["train"]["cat"]] == ["1.jpg", "2.png"]
