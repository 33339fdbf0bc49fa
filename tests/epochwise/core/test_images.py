"""Images of others are decoded whole, the right way up."""

import errno
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from epochwise.core.cli import InputError
from epochwise.core.images import load_image

ORIENTATION = 0x0112
"""The tag of EXIF; 6: the first row of the picture is the last column of what is stored."""


def test_a_photograph_is_the_way_up_that_its_camera_has_noted(tmp_path: Path) -> None:
    stored = Image.fromarray(np.array([[0, 0, 0], [255, 255, 255]], "uint8"))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored.save(tmp_path / "a.png", exif=exif)
    found = np.asarray(load_image(tmp_path / "a.png"))
    np.testing.assert_array_equal(found, [[255, 0]] * 3)


def test_a_damaged_note_of_the_camera_does_not_matter(tmp_path: Path) -> None:
    stored = Image.new("L", (3, 2), 9)
    stored.save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff")
    assert load_image(tmp_path / "a.jpg").size == (3, 2)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EIO])
def test_what_the_system_refuses_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(OSError, match=os.strerror(number)) as error:
        load_image(tmp_path / "a.png")
    assert (error.value.errno, error.value.filename) == (number, str(tmp_path / "a.png"))


def test_a_place_in_the_file_that_is_none_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seek(*_: object, **__: object) -> None:
        with (tmp_path / "a.png").open("wb") as file:
            file.seek(-1)

    monkeypatch.setattr(Image, "open", seek)
    with pytest.raises(InputError, match=r"a\.png cannot be read as an image"):
        load_image(tmp_path / "a.png")


def test_images_of_16_bits_keep_their_shades(tmp_path: Path) -> None:
    shades = np.arange(256, dtype="uint16").reshape(16, 16) * 257
    Image.fromarray(shades).save(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(load_image(tmp_path / "a.png")), shades // 257)


@pytest.mark.parametrize("frames", [1, 2])
def test_images_that_take_long_for_their_bytes_are_refused(tmp_path: Path, frames: int) -> None:
    """JPEG alone, or as the first of several pictures in the file of a stereo camera."""
    image = Image.new("L", (64, 64))
    more: dict[str, Any] = {"append_images": [image] * (frames - 1)}
    if frames > 1:
        more |= {"format": "MPO", "save_all": True}
    image.save(tmp_path / "a.jpg", progressive=True, **more)
    content = (tmp_path / "a.jpg").read_bytes()
    assert np.asarray(load_image(tmp_path / "a.jpg")).shape == (64, 64)
    end = content.index(b"\xff\xd9")
    scan = content.rindex(b"\xff\xda", 0, end)
    (tmp_path / "a.jpg").write_bytes(content[:scan] + content[scan:end] * 60 + content[end:])
    with pytest.raises(InputError, match="JPEG of more than 50 scans is unsupported: convert it"):
        load_image(tmp_path / "a.jpg")


def test_long_images_of_other_kinds_are_refused(tmp_path: Path) -> None:
    header = struct.pack("<IHHI IiiHHIIiiII", 0, 0, 0, 1078, 40, 4, 4, 1, 8, 1, 0, 0, 0, 256, 0)
    rows = (b"\4\1\0\0") * 4 + b"\0\1"
    (tmp_path / "a.bmp").write_bytes(b"BM" + header + bytes(1024) + rows)
    with pytest.raises(InputError, match="BMP with run lengths is unsupported: convert it"):
        load_image(tmp_path / "a.bmp")


def test_a_kind_of_image_that_nothing_here_decodes_is_not_to_be_got_again(tmp_path: Path) -> None:
    header = struct.pack("<IHHI IiiHHIIiiII", 0, 0, 0, 54, 40, 4, 4, 1, 2, 0, 0, 0, 0, 0, 0)
    (tmp_path / "a.bmp").write_bytes(b"BM" + header + bytes(99))
    with pytest.raises(InputError, match=r"Unsupported BMP pixel depth \(2\): convert it to PNG$"):
        load_image(tmp_path / "a.bmp")


def test_what_a_telephone_writes_behind_a_photograph_does_not_count(tmp_path: Path) -> None:
    """Of a film of some megabytes, two bytes in a hundred thousand look like a scan."""
    Image.new("RGB", (64, 48), "red").save(tmp_path / "a.jpg", progressive=True)
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"\xff\xda" * 99)
    assert load_image(tmp_path / "a.jpg").size == (64, 48)


def test_an_image_of_too_many_pixels_is_not_said_to_be_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (64, 48)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)
    with pytest.raises(InputError, match=r"a\.png cannot be read .* limit .*: make it smaller$"):
        load_image(tmp_path / "a.png")
