"""Files made by hand to do harm: each is refused with a message that says why."""

import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import msgpack
import numpy as np
import pyarrow as pa
import pytest

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.core.images import load_image
from epochwise.data.image_files.archive import unpack
from epochwise.data.review_files.snippets import FILE, read_snippets
from epochwise.data.review_files.table import read_columns, read_typed
from epochwise.data.word_vectors import spacy_hash
from epochwise.families import base
from epochwise.families.base import Transfer
from epochwise.inputs.images import read_files
from epochwise.training import keras_file
from tests.epochwise.data.test_hostile_files import (
    Reader,
    image_bytes,
    network_file,
    network_members,
    npy,
    parquet_bytes,
    read_archive,
    read_reviews,
    read_together,
    read_wheel,
    read_words,
    refuse,
    spacy_wheel,
    table_rows,
    zipped,
)

BOMB = "as a decompression bomb does"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(table: pa.Table, **options: object) -> bytes:
    return parquet_bytes(table, store_schema=False, **options)


LONG = "a" * 1_000_000
SAME_LABELS = pa.array([0, 1] * 20_000)


def same_text() -> pa.Table:
    places = pa.array([0] * len(SAME_LABELS), pa.int32())
    text = pa.DictionaryArray.from_arrays(places, pa.array([LONG]))
    return pa.table({"text": text, "label": SAME_LABELS})


def long_texts() -> pa.Table:
    return pa.table({"text": [LONG] * 80, "label": [0, 1] * 40})


@pytest.mark.parametrize("read", [read_reviews, read_together])
def test_a_long_text_in_every_row_of_parquet_is_refused(read: Reader) -> None:
    content = stored(same_text())
    assert len(content) < 100_000
    refuse(BOMB, "t.parquet", content, read)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zstd", "use_dictionary": False},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    ],
    ids=["compressed", "prefixes"],
)
def test_parquet_that_unpacks_to_far_more_is_refused(options: dict[str, object]) -> None:
    refuse(BOMB, "t.parquet", stored(long_texts(), **options), read_together)


def read_every_column(path: Path) -> None:
    read_columns(path, "text")


def nested(kind: str) -> pa.Table:
    """Two reviews, and a column that holds one long text many times."""
    count = 40_000
    same = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([LONG]))
    offsets = pa.array([0, count, count], pa.int32())
    keys = pa.array(map(str, range(count)))
    column = {
        "list": lambda: pa.ListArray.from_arrays(offsets, same),
        "struct": lambda: pa.ListArray.from_arrays(
            offsets, pa.StructArray.from_arrays([same], "a")
        ),
        "map": lambda: pa.MapArray.from_arrays(offsets, keys, same),
    }[kind]()
    return pa.table({"text": ["good", "bad"], "nested": column})


@pytest.mark.parametrize("kind", ["list", "struct", "map"])
def test_a_long_text_that_is_nested_many_times_in_a_row_of_parquet_is_refused(kind: str) -> None:
    content = stored(nested(kind))
    assert len(content) < 400_000
    refuse(BOMB, "t.parquet", content, read_every_column)
    refuse(BOMB, "t.parquet", content, lambda path: read_typed(path, "text"))


def test_nested_columns_become_json_whatever_the_groups_of_rows() -> None:
    rows = [{"text": f"tea {n}", "nested": [f"a {n % 3}"] * (n % 4)} for n in range(50)]
    content = stored(pa.Table.from_pylist(rows), row_group_size=7)
    Path("t.parquet").write_bytes(content)
    found = read_columns(Path("t.parquet"), "text")
    assert [json.loads(text) for text in found["nested"]] == [row["nested"] for row in rows]


def test_nested_texts_of_no_known_size_are_refused() -> None:
    table = pa.table({"text": ["good"], "nested": [["a"]]})
    encoding = {"nested.list.element": "DELTA_BYTE_ARRAY"}
    content = stored(table, use_dictionary=False, column_encoding=encoding)
    refuse(
        "column 'nested' is nested and its texts are not", "t.parquet", content, read_every_column
    )


@pytest.mark.parametrize("width", [None, 1_000_000], ids=["list", "binary"])
def test_many_equal_values_in_few_bytes_of_parquet_are_refused(width: int | None) -> None:
    if width:
        column = pa.array([b"a" * width] * 80, pa.binary(width))
    else:
        zeros = pa.array(np.zeros(20_000_000, "int32"))
        column = pa.ListArray.from_arrays(pa.array([0] * 80 + [len(zeros)], pa.int32()), zeros)
    content = stored(pa.table({"text": ["good"] * 80, "other": column}))
    assert len(content) < 100_000
    refuse(BOMB, "t.parquet", content, read_every_column)


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", None])
def test_parquet_is_read_in_every_encoding(compression: str, encoding: str | None) -> None:
    table = pa.Table.from_pylist(table_rows() * 100)
    options: dict[str, object] = {"compression": compression}
    if encoding:
        options |= {"use_dictionary": False, "column_encoding": {"text": encoding}}
    Path("t.parquet").write_bytes(stored(table, **options))
    read_reviews(Path("t.parquet"), rows=50)
    found = read_columns(Path("t.parquet"), "text")
    assert found["text"].tolist() == table["text"].to_pylist()


def test_a_header_of_a_million_columns_is_refused() -> None:
    refuse("found no end of the header", "t.csv", b"text" + b"," * 1_000_000 + b"\n", read_reviews)


@pytest.mark.parametrize("column", ["rating", "label", "split", "time", "product_id"])
@pytest.mark.parametrize("value", [b"9", b"1-", b"x "])
def test_values_of_two_megabytes_take_no_long_time(column: str, value: bytes) -> None:
    header = b"text,rating,label,split,product_id,time\n"
    place = header.decode().strip().split(",").index(column)
    row = [b"good", b"5", b"", b"train", b"B1", b"1"]
    row[place] = value * (2_000_000 // len(value))
    lines = [header, b",".join(row) + b"\n", b"bad,1,0,test,B2,2\n"]
    content = b"".join(lines)
    if column in {"time", "product_id"}:
        Path("t.csv").write_bytes(content)
        read_reviews(Path("t.csv"))
    else:
        refuse(f"column '{column}' has", "t.csv", content, read_reviews)


def word_lines() -> bytes:
    return b"good 1 2\n" + (b"at" + b" 1" * 500 + b"\n") * 70_000


WORD_FILES = {
    "a line of 100 MB": (lambda: b"good 1 2\n" + b"bad " * 25_000_000, "line 2 is longer than"),
    "one number of 100 MB": (lambda: b"good 1 2\nbad " + b"1" * 100_000_000, "line 2 is longer"),
    "a first line of 100 MB": (lambda: b"1 " * 50_000_000, "line 1: found|of 524287 numbers"),
    "zeros": (lambda: bytes(100_000_000), "line 1: found"),
    "zeros as binary": (lambda: b"9 9\n" + bytes(100_000_000), "word 1 of 9: .* is not word2vec's"),
    "far too many numbers": (lambda: b"9 99999\ngood " + bytes(400_000), "found vectors of 99999"),
    "far too many words": (lambda: b"999999999999 2\ngood " + bytes(9), "word 2 of 999999999999"),
    "gzip bomb": (lambda: gzip.compress(word_lines(), 1), BOMB),
    "xz bomb": (lambda: lzma.compress(word_lines(), preset=0), BOMB),
    "no format": (lambda: b"PK\3\3 1 2", "line 1: found"),
}


@pytest.mark.parametrize("name", WORD_FILES)
def test_hostile_files_of_word_vectors_are_refused(name: str) -> None:
    make, message = WORD_FILES[name]
    refuse(message, "words", make(), read_words)


def lying(content: bytes, size: int) -> bytes:
    """A zip file whose members are announced with another size."""
    changed = bytearray(content)
    directory = changed.index(b"PK\1\2")
    while directory >= 0:
        local = struct.unpack_from("<I", changed, directory + 42)[0]
        struct.pack_into("<I", changed, directory + 24, size)
        struct.pack_into("<I", changed, local + 22, size)
        directory = changed.find(b"PK\1\2", directory + 4)
    return bytes(changed)


SPACY = {
    "no map": (spacy_wheel(key2row=msgpack.packb([1, 2])), "no attribute 'get'"),
    "no such row": (spacy_wheel(key2row=msgpack.packb({spacy_hash("good"): 7})), "out of bounds"),
    "rows of text": (spacy_wheel(key2row=msgpack.packb({spacy_hash("good"): "x"})), "invalid lit"),
    "endless map": (spacy_wheel(key2row=b"\xdf\xff\xff\xff\xff"), "holds no spaCy vectors"),
    "pickle": (spacy_wheel(vectors=npy(np.array([{}], object))), "allow_pickle=False"),
    "texts": (spacy_wheel(vectors=npy(np.array([["a", "b"]] * 2))), "holds no spaCy vectors"),
    "cube": (spacy_wheel(vectors=npy(np.ones((2, 3, 4)))), "holds no spaCy vectors"),
    "infinite": (spacy_wheel(vectors=npy(np.full((2, 3), np.inf))), "not finite"),
}


@pytest.mark.parametrize("name", SPACY)
def test_hostile_spacy_wheels_are_refused(name: str) -> None:
    content, message = SPACY[name]
    refuse(message, "s.whl", content, read_wheel)


def test_a_bomb_in_a_spacy_wheel_is_refused() -> None:
    bomb = spacy_wheel(vectors=bytes(70_000_000))
    refuse(BOMB, "s.whl", bomb, read_wheel)
    refuse("CRC", "s.whl", lying(bomb, 9), read_wheel)


def test_a_wheel_of_endless_sentences_is_refused() -> None:
    table = b"id\tsentiment\ttext\n" + b"1_1\t1\tgood\n" * 7_000_000
    wheel = zipped({FILE.format(domain="amazon"): table})
    refuse(BOMB, "w.whl", wheel, lambda path: list(read_snippets(path)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../out.png", "leads out of the folder"),
        ("/etc/out.png", "leads out of the folder"),
        ("cat/../../out.png", "leads out of the folder"),
        ("..\\out.png", "leads out of the folder"),
        ("C:\\out.png", "leads out of the folder"),
        ("cat/a\nb.png", "cannot be the name of a file"),
        ("cat/\x1b[2J.png", "cannot be the name of a file"),
    ],
)
def test_names_that_lead_out_or_cannot_be_are_refused(name: str, message: str) -> None:
    refuse(message, "zip/a.zip", zipped({"cat/1.png": b"x", name: b"x"}), read_archive)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as packed:
        packed.addfile(tarfile.TarInfo(name))
    refuse(message, "tar/a.tar", file.getvalue(), read_archive)
    assert {path.name for path in Path().iterdir()} == {"zip", "tar"}


def test_a_link_in_a_zip_file_is_refused() -> None:
    link = zipfile.ZipInfo("cat")
    link.external_attr = 0o120777 << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(link, "/etc")
        archive.writestr("cat/passwd.png", "x")
    refuse("'cat' is a link", "a.zip", file.getvalue(), read_archive)


def test_a_zip_bomb_is_refused_and_nothing_of_it_stays() -> None:
    bomb = zipped({"cat/1.png": bytes(70_000_000)})
    refuse(BOMB, "a.zip", bomb, read_archive)
    refuse("cannot be unpacked: Bad CRC", "a.zip", lying(bomb, 9), read_archive)
    assert [path.name for path in Path().iterdir()] == ["a.zip"]


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_endless_name_in_a_tar_file_is_refused(format: Any) -> None:
    content = tarfile.TarInfo("a" * 40_000_000).tobuf(format)
    refuse("cannot be unpacked", "a.tgz", gzip.compress(content, 1), unpacked)


def unpacked(path: Path) -> None:
    unpack(path, path.with_name("unpacked"))


def png(width: int, height: int, mode: bytes) -> bytes:
    """A PNG of black pixels, whose data are as large as it says."""
    header = struct.pack(">II", width, height) + mode
    rows = zlib.compress(bytes(height * (1 + width // 8)), 9)
    parts = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in parts:
        checked = name + data
        content += struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))
    return content


HOSTILE_IMAGES = {
    "1.png": (lambda: png(40_000, 30_000, b"\1\0\0\0\0"), "decompression bomb|exceeds limit"),
    "2.png": (lambda: png(12_000, 9_000, b"\1\0\0\0\0"), "decompression bomb|exceeds limit"),
    "3.jpg": (
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
        "in JPEG, PNG, BMP",
    ),
    "4.jpg": (lambda: image_bytes("TIFF"), "in JPEG, PNG, BMP"),
    "5.png": (lambda: image_bytes("PPM"), "in JPEG, PNG, BMP"),
    "6.gif": (lambda: image_bytes("ICO"), "in JPEG, PNG, BMP"),
}


@pytest.mark.parametrize("name", HOSTILE_IMAGES)
def test_hostile_images_are_refused_when_networks_read_them(name: str) -> None:
    make, message = HOSTILE_IMAGES[name]
    content = make()
    refuse(f"{name} cannot be read as an image.*({message})", name, content, load_image)
    refuse(f"{name} cannot be read as an image", name, content, read_files_of)


def read_files_of(path: Path) -> None:
    read_files([path], (28, 28, 3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a0: &a0 {"
            + ", ".join(f"k{key}: 1" for key in range(9))
            + "}\n"
            + "".join(
                f"a{level}: &a{level} {{<<: [{', '.join([f'*a{level - 1}'] * 9)}]}}\n"
                for level in range(1, 12)
            ),
            "a mapping is merged from more than",
        ),
        ("a: [" + "1, " * 1_000_000 + "]", "expected 1048576 at most"),
        ("a: " + "b" * 100_000_000, "expected 1048576 at most"),
    ],
    ids=["merged", "many", "long"],
)
def test_endless_yaml_is_refused(content: str, message: str) -> None:
    refuse(message, "params.yaml", content.encode(), params.load)


def config_with(**changes: object) -> bytes:
    """The config of a good network, with other values in its dense layer."""
    config = json.loads(network_members()["config.json"])
    config["config"]["layers"][-1]["config"] |= changes
    return json.dumps(config).encode()


def weights_with(change: Callable[[h5py.File], object]) -> bytes:
    """The weights of a good network, as `change` leaves them."""
    file = io.BytesIO(network_members()["model.weights.h5"])
    with h5py.File(file, "r+") as weights:
        change(weights)
    return file.getvalue()


def dense(weights: h5py.File) -> h5py.Group:
    found: h5py.Group = weights["layers/dense/vars"]
    return found


def link_outside(weights: h5py.File) -> None:
    del dense(weights)["0"]
    dense(weights)["0"] = h5py.ExternalLink("other.h5", "/secret")


def store_outside(weights: h5py.File) -> None:
    shape = dense(weights)["0"].shape
    del dense(weights)["0"]
    dense(weights).create_dataset("0", shape, "f4", external=[("secret", 0, 8 * shape[0])])


def claim_more(weights: h5py.File) -> None:
    del dense(weights)["0"]
    dense(weights).create_dataset("0", (200_000, 200_000), "f4", chunks=(1000, 1000))


NETWORKS = {
    "billions of weights": (lambda: network_file(config=config_with(units=10**10)), BOMB),
    "more than numbers": (lambda: network_file(config=config_with(units=10**30)), BOMB),
    "weights outside": (lambda: network_file(model=weights_with(link_outside)), "cannot be loaded"),
    "data outside": (lambda: network_file(model=weights_with(store_outside)), "cannot be loaded"),
    "empty data": (lambda: network_file(model=weights_with(claim_more)), "cannot be loaded"),
    "no weights": (lambda: network_file(model=b""), "cannot be loaded"),
    "deep": (lambda: network_file(config=b"[" * 100_000), "cannot be loaded"),
    "no model": (lambda: network_file(config=b'{"a": 1}'), "cannot be loaded"),
    "bomb": (lambda: network_file(config=b"[" + b" " * 70_000_000 + b"]"), BOMB),
    "a class of Python": (
        lambda: network_file(
            config=json.dumps(
                {"module": "os", "class_name": "system", "config": {"command": "touch harm"}}
            ).encode()
        ),
        "cannot be loaded",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_hostile_networks_are_refused(name: str) -> None:
    make, message = NETWORKS[name]
    Path("secret").write_bytes(bytes(1000))
    with h5py.File("other.h5", "w") as other:
        other["secret"] = np.zeros((8, 2), "f4")
    refuse(message, "n.keras", make(), keras_file.load)
    assert not Path("harm").exists()


def saved(build: Callable[[keras.KerasTensor], object], shape: tuple[int, ...] = (4, 4, 1)) -> Path:
    inputs = keras.Input(shape)
    keras.Model(inputs, build(inputs)).save("n.keras")
    return Path("n.keras")


def test_a_network_with_code_of_its_own_is_refused() -> None:
    path = saved(lambda inputs: keras.layers.Lambda(lambda x: x * 2, (4, 4, 1))(inputs))
    with pytest.raises(InputError, match=r"cannot be loaded as a Keras model: .*Lambda"):
        keras_file.load(path)


@pytest.mark.parametrize(
    ("build", "shape", "message"),
    [
        (keras.layers.Flatten(), (4, 4, 2), r"reads \(None, 4, 4, 2\), expected images"),
        (keras.layers.Dense(2), (5,), r"reads \(None, 5\), expected images"),
        (keras.layers.Reshape((4, 4)), (4, 4, 1), r"gives \(None, 4, 4\), expected features"),
        (lambda x: [x, x], (4, 4, 1), r"gives \[.*\], expected features"),
    ],
)
def test_a_base_network_that_reads_no_images_is_refused(
    build: Callable[[keras.KerasTensor], object], shape: tuple[int, ...], message: str
) -> None:
    path = str(saved(build, shape))
    section = Transfer(base=path, weights=None, alpha=1.0, preprocessing=None, sha256=None)
    with pytest.raises(InputError, match=message):
        base.load_base(section)
