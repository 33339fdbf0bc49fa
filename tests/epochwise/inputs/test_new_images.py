"""New images come from a file, a folder or arrays, as the network reads them."""

import gzip
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import write_arrays, write_json
from epochwise.inputs import new_images
from epochwise.inputs.images import DIGIT, Shape
from epochwise.training.steps import VALUES, batch_size

TARGET = (16, 12, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, size=(2, 28, 28), dtype=np.uint8)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, image in zip(("b.png", "below/a.png"), PIXELS, strict=True):
        path = Path("new", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    Path("new/notes.txt").write_text("not an image")


def read(path: str, shape: Shape = DIGIT) -> tuple[list[str], np.ndarray]:
    """All batches at once: of digits, or of images for the target data set."""
    dataset = "digits" if shape == DIGIT else "target"
    names, inputs = zip(*new_images.read(Path(path), shape, dataset), strict=True)
    return [*chain(*names)], np.concatenate(inputs)


def test_a_folder_is_read_with_what_is_below_it() -> None:
    names, inputs = read("new")
    assert names == ["b.png", "below/a.png"]
    np.testing.assert_allclose(inputs[..., 0], PIXELS / 255, rtol=1e-6)


def test_a_network_of_target_images_reads_their_colours_from_0_to_255() -> None:
    names, inputs = read("new/b.png", TARGET)
    assert names == ["b.png"]
    assert inputs.dtype == np.uint8 and inputs.shape == (1, 16, 12, 3)


def test_a_network_of_digits_reads_arrays_too() -> None:
    write_arrays(Path("new.npz"), images=PIXELS)
    names, inputs = read("new.npz")
    assert names == ["0", "1"]
    np.testing.assert_allclose(inputs[..., 0], PIXELS / 255, rtol=1e-6)
    with pytest.raises(InputError, match=r"new\.npz: expected an image \(\.bmp, .* or a folder"):
        read("new.npz", TARGET)
    write_arrays(Path("none.npz"), images=PIXELS[:0])
    with pytest.raises(InputError, match=r"^none\.npz: found no images, expected an array"):
        read("none.npz")


def test_an_idx_file_is_known_by_its_first_bytes_too() -> None:
    header = b"\0\0\x08\x03" + np.array(PIXELS.shape, ">u4").tobytes()
    Path("digits.gz").write_bytes(gzip.compress(header + PIXELS.tobytes()))
    assert read("digits.gz")[0] == ["0", "1"]
    Path("cut.gz").write_bytes(Path("digits.gz").read_bytes()[:9])
    for name in ("cut.gz", "new/notes.txt"):
        with pytest.raises(InputError, match=rf"^{name}: expected an image \(.*, an IDX file, an"):
            read(name)


def test_images_of_a_folder_that_cannot_be_read_are_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("new/cut.png").write_bytes(Path("new/b.png").read_bytes()[:99])
    Path("new/photo.heic").write_bytes(b"....ftypheic")
    names, inputs = read("new", TARGET)
    assert names == ["b.png", "below/a.png"] and inputs.shape == (2, 16, 12, 3)
    cut, photo = capsys.readouterr().err.splitlines()
    assert cut.startswith("left out: new/cut.png cannot be read as an image: ")
    expected = "left out: new/photo.heic cannot be read as an image in JPEG, PNG, BMP, GIF, WEBP: "
    assert photo == f"{expected}convert it, or get it again"
    with pytest.raises(InputError, match=r"^new/cut\.png cannot be read as an image"):
        read("new/cut.png", TARGET)


@pytest.mark.parametrize("name", ["new/caf\udce9/a.png", "new/caf\udce9.png"])
def test_names_that_are_not_utf8_are_refused_before_anything_is_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Image.fromarray(PIXELS[0]).save(name)
    monkeypatch.setattr(new_images, "load_image", None)
    with pytest.raises(InputError, match=r"^new: the name 'caf.udce9.* is not plain UTF-8: rename"):
        read("new")
    if Path(name).parent == Path("new"):
        with pytest.raises(InputError, match=r"^new: the name 'caf.udce9\.png' is not plain UTF-8"):
            read(name)


def test_digits_on_light_paper_are_told_and_read_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pixels = np.zeros((3, 28, 28), np.uint8)
    pixels[:, 8:20, 12:16] = 250
    write_arrays(Path("d.npz"), images=np.concatenate([pixels, 255 - pixels[:2]]))
    read("d.npz")
    assert capsys.readouterr().err.startswith("2 of 5 images are light at their border: a network")
    Image.fromarray(255 - pixels[0]).save("scan.png")
    read("scan.png")
    assert capsys.readouterr().err.startswith("1 of 1 images are light")
    write_arrays(Path("d.npz"), images=pixels)
    read("d.npz")
    assert capsys.readouterr().err == ""


def test_images_are_decoded_once_and_a_batch_at_a_time() -> None:
    shape = (448, 448, 3)
    size = batch_size(shape)
    files = [Path("many", f"{number:02d}.png") for number in range(2 * size + 1)]
    files[0].parent.mkdir()
    for file in files:
        Image.fromarray(PIXELS[0]).save(file)
    files[1].write_bytes(b"no image")
    found: list[list[str]] = []
    for names, inputs in new_images.read(Path("many"), shape, "target"):
        assert inputs.shape == (len(names), *shape) and inputs.nbytes <= VALUES
        found.append(names)
        for file in files[: size + 1]:  # which was read, with one that is left out
            file.unlink(missing_ok=True)
    assert [len(names) for names in found] == [size, size]
    assert [*chain(*found)] == [file.name for file in files if file != files[1]]


def test_what_holds_no_images_is_told() -> None:
    Path("empty").mkdir()
    with pytest.raises(InputError, match=r"empty: found no images \(\.bmp, "):
        read("empty")
    Path("empty/cut.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"empty: found no images \(\.bmp, "):
        read("empty")
    write_arrays(Path("none.npz"), images=PIXELS[:0])
    with pytest.raises(InputError, match=r"none\.npz: found no images"):
        read("none.npz")
    with pytest.raises(InputError, match="there is no file or folder none"):
        read("none")


@pytest.mark.parametrize("source", ["digits_transfer", "folder"])
def test_target_digits_on_paper_are_told_and_photographs_are_not(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(paths.dataset_metrics("target", "fetch"), {"source": source})
    for name in ("b.png", "below/a.png"):
        Image.fromarray(np.full((28, 28), 255, "uint8")).save(Path("new", name))
    _, inputs = read("new", TARGET)
    assert inputs.max() == 255
    is_told = "2 of 2 images are light at their border" in capsys.readouterr().err
    assert is_told == (source == "digits_transfer")
