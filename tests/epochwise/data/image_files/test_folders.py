"""Images in folders are found by split and class, and those that cannot be read are named."""

import errno
import shutil
from pathlib import Path

import pytest
from PIL import Image

from epochwise.core.cli import InputError
from epochwise.data.image_files.folders import list_images, readable


def write_image(path: Path, brightness: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (brightness, 0, 0)).save(path)


def test_images_are_listed_by_split_and_class_wherever_they_stand(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        for name in ("cat", "dog"):
            write_image(tmp_path / "deep/er" / split / name / "1.jpg")
    (tmp_path / "deep/er/train/cat/notes.txt").write_text("no image")
    (tmp_path / "deep/er/train/cat/.hidden.jpg").write_text("no image")
    images = list_images(tmp_path)
    assert {split: list(classes) for split, classes in images.items()} == {
        "train": ["cat", "dog"],
        "valid": ["cat", "dog"],
    }
    assert [path.name for path in images["train"]["cat"]] == ["1.jpg"]
    assert list(list_images(tmp_path / "deep/er/train")) == ["train"]


def test_images_in_no_folder_of_a_class_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat/1.jpg", "dog/1.jpg", "2.jpg", "3.png"):
        write_image(tmp_path / "train" / name)
    assert sum(map(len, list_images(tmp_path)["train"].values())) == 2
    said = capsys.readouterr().out
    assert said == "2 images are in no folder of a class, and left out: train/2.jpg …\n"


def test_a_link_to_a_folder_above_is_refused_and_others_are_followed(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_image(tmp_path / "elsewhere" / name / "1.jpg")
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("cat", "dog"):
        (folder / name).symlink_to(tmp_path / "elsewhere" / name)
    images = list_images(folder)["train"]
    assert {name: len(files) for name, files in images.items()} == {"cat": 1, "dog": 1}
    (tmp_path / "elsewhere/cat/up").symlink_to(folder)
    with pytest.raises(InputError, match="is a link to a folder that it stands in: remove it"):
        list_images(folder)


def test_images_of_one_class_or_an_unknown_one_are_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "train/cat/1.jpg")
    (tmp_path / "train/dog").mkdir()
    (tmp_path / "train/dog/notes.txt").touch()
    message = "found no images of two classes or more, but 1 .jpg, 1 .txt: expected train.*, .png"
    with pytest.raises(InputError, match=message):
        list_images(tmp_path)
    write_image(tmp_path / "train/dog/1.jpg")
    write_image(tmp_path / "test/cow/1.jpg")
    with pytest.raises(InputError, match="found the class 'cow', which train does not have"):
        list_images(tmp_path)


@pytest.mark.parametrize("place", ["", "train"])
def test_what_macos_puts_into_an_archive_is_no_image(tmp_path: Path, place: str) -> None:
    for name in ("cat", "dog"):
        write_image(tmp_path / "pets" / place / name / "1.jpg")
        write_image(tmp_path / "__MACOSX/pets" / place / name / "._1.jpg")
        write_image(tmp_path / "pets" / place / name / "._1.jpg")
    write_image(tmp_path / "pets/__MACOSX/1.jpg")
    ((part, classes),) = list_images(tmp_path).items()
    assert part == "train" and list(classes) == ["cat", "dog"]
    assert [path.name for files in classes.values() for path in files] == ["1.jpg", "1.jpg"]


def test_hidden_files_are_not_counted(tmp_path: Path) -> None:
    write_image(tmp_path / "cat/1.jpg")
    write_image(tmp_path / "cat/._1.jpg")
    with pytest.raises(InputError, match=r"two classes or more, but 1 \.jpg: expected"):
        list_images(tmp_path)


def test_an_image_that_the_system_refuses_is_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "dog"):
        write_image(tmp_path / f"{name}/1.jpg")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(PermissionError, match=r"cat/1\.jpg"):
        readable(list_images(tmp_path))


def test_unreadable_images_are_found(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        write_image(tmp_path / f"train/{name}/1.jpg")
        write_image(tmp_path / f"train/{name}/2.png")
    whole = (tmp_path / "train/cat/1.jpg").read_bytes()
    (tmp_path / "train/cat/cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "train/dog/page.jpg").write_text("<html>not found</html>")
    kept, unreadable = readable(list_images(tmp_path))
    assert [path.name for path in unreadable] == ["cut.jpg", "page.jpg"]
    assert [path.name for path in kept["train"]["cat"]] == ["1.jpg", "2.png"]


def test_a_folder_of_images_beside_the_splits_is_refused(tmp_path: Path) -> None:
    for split in ("Training", "Testing", "holdout"):
        for name in ("cat", "dog"):
            write_image(tmp_path / split / name / "1.jpg")
    with pytest.raises(
        InputError, match="holdout has images, but its name is that of no split, as"
    ):
        list_images(tmp_path)
    shutil.rmtree(tmp_path / "holdout")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/read.me").touch()
    assert list(list_images(tmp_path)) == ["test", "train"]


@pytest.mark.parametrize("outside", ["b/train/x", "y"])
def test_images_outside_of_the_place_of_the_splits_are_refused(
    tmp_path: Path, outside: str
) -> None:
    for name in ("a/train/x", "a/train/y", outside):
        write_image(tmp_path / name / "1.png")
    told = rf"a has the splits train, but .*{outside}/1\.png is outside of it"
    with pytest.raises(InputError, match=told):
        list_images(tmp_path)


def test_an_archive_in_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "images.zip").touch()
    with pytest.raises(InputError, match=r"but 1 \.zip: unpack the archives, and expected train"):
        list_images(tmp_path)


def test_two_folders_for_one_split_are_refused(tmp_path: Path) -> None:
    for split in ("train", "val", "Validation"):
        for name in ("cat", "dog"):
            write_image(tmp_path / split / name / "1.jpg")
    with pytest.raises(InputError, match=r"both .*/Validation and .*/val hold 'valid': keep one"):
        list_images(tmp_path)
