"""Files that are damaged or meant to do harm end in a message, in bounded time and memory."""

import bz2
import gzip
import io
import json
import math
import os
import random
import re
import resource
import shutil
import struct
import tarfile
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import keras
import msgpack
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from epochwise import check, families
from epochwise.core import params, unpacking
from epochwise.core.cli import InputError
from epochwise.core.settings import Engine
from epochwise.data.download import Bundled, Package, Url, Urls
from epochwise.data.image_files.archive import is_archive, unpack
from epochwise.data.image_files.arrays import array_files, read_images, read_labelled
from epochwise.data.image_files.folders import list_images, readable
from epochwise.data.review_files import RAW_SCHEMA
from epochwise.data.review_files.ratings import Rule
from epochwise.data.review_files.snap import read_snap
from epochwise.data.review_files.snippets import FILE, read_snippets
from epochwise.data.review_files.table import Columns, read_columns, read_table_file
from epochwise.data.sources import digits, reviews, target
from epochwise.data.word_vectors import read_spacy, read_vectors, spacy_hash
from epochwise.inputs.images import read_files
from epochwise.training import keras_file, runtime
from tests.configuration import ROOT, compose

SHORT, LONG = 1_000, 10_000
"""Cases over all readers."""
SECONDS = 5.0
"""Time of the processor for one case."""
MEMORY = 1 << 20
"""KiB of memory that all cases together may add: 1 GiB."""
TOKENS = [
    *(b"\0", b"\r", b"\n", b'"', b",", b"\t", b";", b"{", b"[", b"}", b":", b"'", b"\\", b"%"),
    *(b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc3", b"\xe2\x80\xa8", b"\x85", b"\x1a"),
    *(b"99999999999999999999", b"-1", b"NaN", b"1e999", b"null", b"true", b"9999-99-99"),
    *(b"0001-01-01", b"\\ud800", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff" * 8, b"\0" * 8),
    *(b"!!python/object:os.system", b"&a [*a, *a]", b"2001-02-30", b"../../", b"/etc/passwd"),
]
"""Pieces that parsers may trip over."""
WORD = re.compile(rb"[\w.+-]+")
VALUES = [
    *(b"0", b"-1", b"1", b"2", b"7", b"1000", b"100000", b"2147483648", b"9" * 19, b"9" * 40),
    *(b"0.5", b"-0.0", b"1e308", b"nan", b"inf", b"null", b"true", b"[]", b"{}", b"''", b'""'),
    *(b"[1, 2]", b"{a: 1}", b'{"a": 1}', b"2001-02-03", b"a" * 300, "é\u2028".encode(), b"~"),
]
"""What may stand in place of a word."""

Reader = Callable[[Path], object]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with one to four changes of random kind and place."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice([1, 1, 2, 4, 8, 30, 200])
        match chance.randrange(9):
            case 0 if at < len(changed):
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + length] = chance.randbytes(length)
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case 4:
                changed[at:at] = chance.choice(TOKENS)
            case 5:
                token = chance.choice(TOKENS)
                changed[at : at + len(token)] = token
            case 6 if chance.random() < 0.5:
                del changed[at:]
            case 7 | 8 if words := list(WORD.finditer(changed, at, at + 200)):
                # What keeps the grammar of a text gets further than what breaks it.
                word = chance.choice(words)
                changed[slice(*word.span())] = chance.choice([*VALUES, chance.choice(words)[0]])
    return bytes(changed)


def read_reviews(path: Path, rows: int = 3) -> None:
    """Everything that the stage does with a table, up to the file that it writes."""
    names = {name: name for name in RAW_SCHEMA.names if name != "review_id"}
    for scale in ((1.0, 5.0), None):
        rule = Rule(scale, None, None)
        tables = read_table_file(path, Columns(**names), rule, rows)
        pq.write_table(pa.concat_tables(reviews.counted(tables, Counter())), io.BytesIO())
    read_columns(path, "text").to_csv(io.StringIO())


def read_together(path: Path) -> None:
    read_reviews(path, 20_000)


def read_arrays(path: Path) -> None:
    digits.check_classes(read_labelled(array_files(path.parent)))
    if "labels" not in path.name:
        read_images(path)


def read_archive(path: Path) -> None:
    is_archive(path)
    folder = path.with_name(f"{path.name} unpacked")
    try:
        unpack(path, folder)
    finally:
        assert {file.name for file in path.parent.iterdir()} <= {path.name, folder.name}
        shutil.rmtree(folder)


def read_image(path: Path) -> None:
    kept, unreadable = readable(list_images(path.parent.parent))
    assert len(unreadable) <= 1 and kept["train"]["dog"]
    files = [file for files in kept["train"].values() for file in files]
    assert len(read_files(files, (28, 28, 3))) == 2 - len(unreadable)
    if unreadable:
        read_files(unreadable, (28, 28, 1))


def read_words(path: Path) -> None:
    assert read_vectors(path, WORDS).shape[0] == len(WORDS)


def read_wheel(path: Path) -> None:
    assert read_spacy(path, WORDS).dtype == np.float32


def read_network(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert keras_file.load(path).count_params() < 1000


def read_all_params(path: Path) -> None:
    check.check_all(params.load(path))


def read_families(path: Path) -> None:
    params.read_file(path, families.Table)


def read_params(path: Path) -> None:
    for key, schema in (
        ("engine", Engine),
        ("reviews", reviews.Params),
        ("digits", digits.Params),
        ("target", target.Params),
    ):
        params.read(key, schema, path)


def table_rows() -> list[dict[str, Any]]:
    return [
        {
            "text": text,
            "rating": rating,
            "label": label,
            "split": "train",
            "product_id": f"B{rating}",
            "user_id": "A1",
            "time": time,
            "domain": "books",
        }
        for text, rating, label, time in [
            ("very good", 5, 1, 1303862400),
            ('so "so", really', 3, None, 1303862401),
            ("bad\nand worse é", 1, 0, 1303862402),
            ("not at all", 2, None, None),
            ("fine", 4, None, 1),
        ]
    ]


SNAP_REVIEW = b"review/score: 1\nreview/text:"


def separated(separator: str, *, times: bool = False) -> bytes:
    table = pa.Table.from_pylist(table_rows()).to_pandas()
    if times:
        table["time"] = ["2006-11-14", "November 15, 2006", "?", "11/16/2006", "9.2.2007 10:30"]
    content: str = table.to_csv(sep=separator, index=False)
    return content.encode()


def parquet(**options: Any) -> bytes:
    return parquet_bytes(pa.Table.from_pylist(table_rows()), **options)


def nested_parquet() -> bytes:
    table = pa.Table.from_pylist(table_rows())
    pairs = pa.array([[("a", "b")], None, [], [("c", None)], []], pa.map_(pa.string(), pa.string()))
    table = table.append_column("tags", pa.array([["a", "b"], [], None, [None], ["a"]]))
    table = table.append_column(
        "user", pa.array([{"name": "A", "votes": [{"up": 1}]}, None] * 2 + [{}])
    )
    return parquet_bytes(table.append_column("pairs", pairs), row_group_size=2)


def parquet_bytes(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def json_lines() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table_rows()).encode()


def snap() -> bytes:
    lines = [
        f"product/productId: B{score}\nreview/userId: A\nreview/profileName: Zo\xeb\n"
        f"review/helpfulness: 1/1\nreview/score: {score}.0\nreview/time: 1303862400\n"
        "review/summary: x\nreview/text: good <br /> or bad\n\n"
        for score in (1, 3, 5)
    ]
    return "".join(lines).encode("latin-1")


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


IMAGES = np.random.default_rng(0).integers(0, 99, size=(4, 28, 28), dtype=np.uint8)
LABELS = np.array([0, 1, 0, 1], np.uint8)


def npz(*, compressed: bool) -> bytes:
    file = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(file, x_train=IMAGES, y_train=LABELS)
    return file.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(mode: Any = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name in ("cat/1.png", "dog/a long name " * 9):
            entry = tarfile.TarInfo(name)
            entry.size = 700
            archive.addfile(entry, io.BytesIO(bytes(700)))
    return file.getvalue()


def image_bytes(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(IMAGES[0]).convert("RGB").save(file, kind)
    return file.getvalue()


def word_rows(*, binary: bool) -> bytes:
    values = np.random.default_rng(0).standard_normal((len(WORDS), 4)).astype("<f4")
    if binary:
        rows = zip(WORDS, values, strict=True)
        return b"".join(word.encode() + b" " + row.tobytes() for word, row in rows)
    return "".join(
        f"{word} {' '.join(map(str, row))}\n" for word, row in zip(WORDS, values, strict=True)
    ).encode()


def spacy_wheel(key2row: bytes | None = None, vectors: bytes | None = None) -> bytes:
    rows = {spacy_hash(word): place for place, word in enumerate(WORDS[:2])}
    return zipped(
        {
            "m/vocab/key2row": key2row or msgpack.packb(rows),
            "m/vocab/vectors": vectors or npy(np.ones((2, 3), "float32")),
        }
    )


@cache
def network_members() -> dict[str, bytes]:
    """The members of a `.keras` file."""
    runtime.start(seed=0)
    inputs = keras.Input((4, 4, 1))
    layers = [
        *(keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(), keras.layers.Flatten()),
        *(keras.layers.Dropout(0.1), keras.layers.Dense(2, kernel_initializer="he_normal")),
    ]
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        keras_file.save(keras.Model(inputs, outputs), path)
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}


def network_file(**changed: bytes) -> bytes:
    """A `.keras` file with some members changed, named without what follows their first dot."""
    members = network_members()
    return zipped({name: changed.get(name.partition(".")[0], members[name]) for name in members})


def composed() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        compose(path, "budget=smoke")
        return path.read_bytes()


def pin(name: str) -> bytes:
    return (ROOT / "sources" / name).read_bytes()


WORDS = ["good", "café", "bad"]
WHEEL = {
    FILE.format(domain=domain): b"id\tsentiment\ttext\r\n12_3\t-0.9\tno good\r\n12_4\t1\tgood\r\n"
    for domain in ("amazon", "movie")
}
PARAMS = {
    "engine": {"partition_rows": 9},
    "reviews": yaml.safe_load((ROOT / "conf/reviews/table.yaml").read_text()),
    "digits": yaml.safe_load((ROOT / "conf/digits/folder.yaml").read_text()),
    "target": yaml.safe_load((ROOT / "conf/target/folder.yaml").read_text())["target"],
}


def read_all(reader: Callable[[Path, int], Any]) -> Reader:
    return lambda path: list(reader(path, 2))


def read_pin(schema: type[params.Section]) -> Reader:
    return lambda path: params.read_file(path, schema)


def same(content: bytes) -> bytes:
    return content


class Seed(NamedTuple):
    """A good file, by name; `pack` compresses it after it has been changed."""

    name: str
    content: bytes
    read: Reader
    pack: Callable[[bytes], bytes] = same


def repacked(content: bytes) -> bytes:
    """A changed npy header inside an npz file that is whole."""
    return zipped({"x_train.npy": content, "y_train.npy": npy(LABELS)})


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


SEEDS = {
    "csv": Seed("t.csv", separated(","), read_reviews),
    "csv of dates": Seed("t.csv", separated(";", times=True), read_reviews),
    "tsv": Seed("t.tsv", separated("\t"), read_reviews),
    "gzipped csv": Seed("t.csv.gz", gzip.compress(separated(",")), read_reviews),
    "csv in gzip": Seed("t.csv.gz", separated(","), read_reviews, gzip.compress),
    "parquet": Seed("t.parquet", parquet(), read_reviews),
    "plain parquet": Seed(
        "t.parquet", parquet(compression="none", use_dictionary=False), read_reviews
    ),
    "nested parquet": Seed("t.parquet", nested_parquet(), read_reviews),
    "json lines": Seed("t.jsonl", json_lines(), read_reviews),
    "gzipped json lines": Seed("t.jsonl.gz", gzip.compress(json_lines()), read_reviews),
    "snap": Seed("foods.txt", snap(), read_all(read_snap)),
    "gzipped snap": Seed("foods.txt.gz", gzip.compress(snap()), read_all(read_snap)),
    "wheel": Seed("w.whl", zipped(WHEEL), lambda path: list(read_snippets(path))),
    "sentences": Seed(
        "w.whl",
        next(iter(WHEEL.values())),
        lambda path: list(read_snippets(path)),
        lambda content: zipped(dict.fromkeys(WHEEL, content)),
    ),
    "images idx": Seed("train-images-idx3-ubyte", idx(IMAGES), read_arrays),
    "labels idx": Seed("train-labels-idx1-ubyte.gz", gzip.compress(idx(LABELS)), read_arrays),
    "npz": Seed("a.npz", npz(compressed=False), read_arrays),
    "compressed npz": Seed("a.npz", npz(compressed=True), read_arrays),
    "npy in npz": Seed("a.npz", npy(IMAGES), read_arrays, repacked),
    "zip": Seed("a.zip", zipped({"cat/1.png": bytes(900), "dog/1.png": b"ab"}), read_archive),
    "tar": Seed("a.tar", tarred(), read_archive),
    "gzipped tar": Seed("a.tgz", tarred("w:gz"), read_archive),
    "xz tar": Seed("a.txz", tarred("w:xz"), read_archive),
    "tar in bzip2": Seed("a.tar.bz2", tarred(), read_archive, bz2.compress),
    "jpeg": Seed("train/cat/1.jpg", image_bytes("JPEG"), read_image),
    "png": Seed("train/cat/1.png", image_bytes("PNG"), read_image),
    "gif": Seed("train/cat/1.gif", image_bytes("GIF"), read_image),
    "bmp": Seed("train/cat/1.bmp", image_bytes("BMP"), read_image),
    "webp": Seed("train/cat/1.webp", image_bytes("WEBP"), read_image),
    "package pin": Seed("pin.yaml", pin("snippets.yaml"), read_pin(Package)),
    "url pin": Seed("pin.yaml", pin("mnist.yaml"), read_pin(Url)),
    "urls pin": Seed("pin.yaml", pin("fashion_mnist.yaml"), read_pin(Urls)),
    "bundled pin": Seed("pin.yaml", pin("sklearn_digits.yaml"), read_pin(Bundled)),
    "params": Seed("params.yaml", yaml.safe_dump(PARAMS).encode(), read_params),
    "all params": Seed("params.yaml", composed(), read_all_params),
    "families": Seed("families.yaml", (ROOT / "families.yaml").read_bytes(), read_families),
    "glove": Seed("glove.txt", word_rows(binary=False), read_words),
    "glove in gzip": Seed("glove.txt.gz", word_rows(binary=False), read_words, gzip.compress),
    "word2vec text": Seed("words.txt", b"3 4\n" + word_rows(binary=False), read_words),
    "word2vec binary": Seed("words.bin", b"3 4\n" + word_rows(binary=True), read_words),
    "gzipped word2vec": Seed(
        "words.bin.gz", gzip.compress(b"3 4\n" + word_rows(binary=True)), read_words
    ),
    "spacy wheel": Seed("s.whl", spacy_wheel(), read_wheel),
    "rows in a spacy wheel": Seed(
        "s.whl",
        msgpack.packb({spacy_hash(word): 1 for word in WORDS}),
        read_wheel,
        lambda content: spacy_wheel(key2row=content),
    ),
    "vectors in a spacy wheel": Seed(
        "s.whl",
        npy(np.ones((2, 3), "float32")),
        read_wheel,
        lambda content: spacy_wheel(vectors=content),
    ),
    "keras": Seed("n.keras", network_file(), read_network),
    "config in keras": Seed(
        "n.keras",
        network_members()["config.json"],
        read_network,
        lambda content: network_file(config=content),
    ),
    "weights in keras": Seed(
        "n.keras",
        network_members()["model.weights.h5"],
        read_network,
        lambda content: network_file(model=content),
    ),
}


def prepare(folder: Path, seed: Seed) -> Path:
    """The path of the file, with the files that belong beside it."""
    path = folder / seed.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if seed.read is read_image:
        (path.parent.parent / "dog").mkdir()
        (path.parent.parent / "dog/1.png").write_bytes(image_bytes("PNG"))
    if "images-idx" in seed.name:
        path.with_name("train-labels-idx1-ubyte").write_bytes(idx(LABELS))
    if "labels-idx" in seed.name:
        path.with_name("train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    return path


def try_out(path: Path, seed: Seed, content: bytes) -> bool:
    """Whether the file could be read; it may be refused by name, and in no other way."""
    path.write_bytes(content)
    start = time.process_time()
    try:
        seed.read(path)
        return True
    except InputError as error:
        assert str(error)
        return False
    finally:
        path.unlink()
        assert time.process_time() - start < SECONDS


def peak(anew: bool = False) -> int:
    """The most memory in KiB that this process has had, or has had since it was begun `anew`."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fuzz(folder: Path, kind: str, cases: range) -> None:
    """Try out changed files. A failure names its case: `mutated(..., random.Random(case))`."""
    seed = SEEDS[kind]
    path = prepare(folder, seed)
    memory = peak(anew=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in cases:
            case = f"{kind} {number}"
            content = seed.pack(mutated(seed.content, random.Random(case)))
            try:
                try_out(path, seed, content)
            except Exception as error:
                pytest.fail(
                    f"case {case!r}: {type(error).__name__}: {error}\n{traceback.format_exc()}"
                )
    assert peak() - memory < MEMORY


def each(cases: int) -> int:
    """The cases of a kind, for at least `cases` of all kinds."""
    return math.ceil(cases / len(SEEDS))


@pytest.mark.parametrize("kind", SEEDS)
def test_the_files_to_be_changed_are_good(kind: str, tmp_path: Path) -> None:
    seed = SEEDS[kind]
    assert try_out(prepare(tmp_path, seed), seed, seed.pack(seed.content))


@pytest.mark.parametrize("kind", SEEDS)
def test_changed_files_end_in_a_message(kind: str, tmp_path: Path) -> None:
    fuzz(tmp_path, kind, range(each(SHORT)))


@pytest.mark.long
@pytest.mark.parametrize("kind", SEEDS)
def test_many_changed_files_end_in_a_message(kind: str, tmp_path: Path) -> None:
    fuzz(tmp_path, kind, range(SHORT, SHORT + each(LONG)))


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(message: str, path: str, content: bytes, read: Reader) -> None:
    """The file is refused with the message, soon, and without much memory."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
    memory = peak(anew=True)
    start = time.process_time()
    with pytest.raises(InputError, match=message):
        read(Path(path))
    assert time.process_time() - start < SECONDS
    assert peak() - memory < MEMORY // 2


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("path", "start", "read", "message"),
    [
        ("t.csv", b"text,label\n", read_reviews, "line 2 is longer than 16777216 bytes"),
        ("t.csv", b"", read_reviews, "line 1 is longer than 16777216 bytes"),
        ("t.jsonl", b'{"text": "', read_reviews, "line 1 is longer than 16777216 bytes"),
        ("f.txt", b"review/text: ", read_all(read_snap), "line 1 is longer than 16777216 bytes"),
    ],
)
def test_lines_of_100_megabytes_are_refused(
    path: str, start: bytes, read: Reader, message: str
) -> None:
    refuse(message, path, start + b"a" * 100_000_000, read)


@pytest.mark.usefixtures("in_folder")
def test_many_short_lines_of_one_review_are_refused() -> None:
    content = b"review/score: 1\nreview/text: a\n" + b"and so on\n" * 2_000_000
    refuse("the review that begins in line 1 has more than", "f.txt", content, read_all(read_snap))


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("path", "start", "more", "read"),
    [
        ("t.csv.gz", b"text,label\n", b"\n", read_reviews),
        ("t.csv.gz", b"text,label\n", b"a" * 1000 + b",1\n", read_together),
        ("t.jsonl.gz", b"", b'{"text": "' + b"a" * 1000 + b'", "label": 1}\n', read_together),
        ("f.txt.gz", SNAP_REVIEW, b" " * 1000 + b"\n", read_all(read_snap)),
        ("a.tgz", b"", b"\n", read_archive),
    ],
)
def test_bombs_are_refused(path: str, start: bytes, more: bytes, read: Reader) -> None:
    content = gzip.compress(start + more * (80_000_000 // len(more)), compresslevel=1)
    assert len(content) * unpacking.MOST_RATIO < 80_000_000
    refuse(
        "as a decompression bomb does|cannot be unpacked|has more than|are blank",
        path,
        content,
        read,
    )


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("path", "start", "read"),
    [
        ("t.jsonl", b'{"text": "a", "label": 1}\n', read_reviews),
        ("f.txt", b"review/score: 1\nreview/text: a\n", read_all(read_snap)),
    ],
)
def test_endless_blank_lines_are_refused(path: str, start: bytes, read: Reader) -> None:
    message = "1000000 lines before are blank"
    refuse(message, path, start + b"\n" * 50_000_000, read)


@pytest.mark.usefixtures("in_folder")
def test_bombs_of_arrays_are_refused() -> None:
    header = struct.pack(">HBB4I", 0, 8, 4, *[2**32 - 1] * 4)
    refuse("found 4 bytes after the header", "images-idx4", header + b"abcd", read_images)
    packed = gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 10**6, 28, 28) + bytes(10**8), 1)
    refuse("as a decompression bomb does", "images-idx3.gz", packed, read_images)
    bomb = zipped({"x_train.npy": npy(np.zeros((300_000, 28, 28), np.uint8))})
    refuse(r"a\.npz cannot be read as npz: it unpacks to 2352", "a.npz", bomb, read_images)
    lie = npy(IMAGES).replace(b"(4, 28, 28)", b"(4000000000, 28, 28)")
    lie = lie.replace(b"}" + b" " * 9, b"}")
    refuse("cannot be read as npz", "b.npz", zipped({"x_train.npy": lie}), read_images)
    pickled = io.BytesIO()
    np.savez(pickled, x_train=np.array([{}], object))
    refuse(
        "cannot be read as npz: it holds Python objects", "c.npz", pickled.getvalue(), read_images
    )


@pytest.mark.usefixtures("in_folder")
def test_no_link_leads_out_of_an_archive() -> None:
    for kind, to in ((tarfile.SYMTYPE, "../.."), (tarfile.LNKTYPE, "../../a.tar")):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as packed:
            link = tarfile.TarInfo("link")
            link.type, link.linkname = kind, to
            packed.addfile(link)
            packed.addfile(tarfile.TarInfo("link/out.txt"))
        refuse("'link' is a link or a device", "in/a.tar", file.getvalue(), read_archive)
    assert [path.name for path in Path().iterdir()] == ["in"]


@pytest.mark.usefixtures("in_folder")
def test_a_sparse_file_that_claims_exabytes_is_refused() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as packed:
        entry = tarfile.TarInfo("sparse")
        entry.pax_headers = {
            "GNU.sparse.major": "0",
            "GNU.sparse.minor": "1",
            "GNU.sparse.name": "sparse",
            "GNU.sparse.size": str(2**60),
            "GNU.sparse.map": f"{2**60},0",
        }
        packed.addfile(entry)
    refuse(r"a decompression bomb|cannot be unpacked", "a.tar", file.getvalue(), read_archive)


@pytest.mark.usefixtures("in_folder")
def test_images_that_lie_about_their_size_are_left_out() -> None:
    png = bytearray(image_bytes("PNG"))
    png[16:24] = struct.pack(">II", 60_000, 60_000)
    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    bmp = bytearray(image_bytes("BMP"))
    bmp[18:26] = struct.pack("<ii", 30_000, 30_000)
    gif = bytearray(image_bytes("GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    for name, content in {"cat/1.png": png, "cat/2.bmp": bmp, "cat/3.gif": gif}.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)
    # A program for a printer, which Pillow would run.
    Path("cat/4.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    os.mkfifo("cat/5.jpg")
    for name in ("cat/6.png", "dog/1.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(image_bytes("PNG"))
    memory = peak(anew=True)
    kept, unreadable = readable(list_images(Path()))
    assert [path.name for path in unreadable] == ["1.png", "2.bmp", "3.gif", "4.jpg"]
    assert [path.name for path in kept["train"]["cat"]] == ["6.png"]
    assert peak() - memory < MEMORY // 2


def laughs() -> bytes:
    """Ten lines of YAML that are a billion words when they are written out."""
    lines = ["a0: &a0 ha"]
    lines += [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)
    ]
    return "\n".join([*lines, "url: *a9", "file: x", ""]).encode()


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (laughs(), "'url' is "),
        (b"[" * 5_000, "is not valid YAML"),
        (b"url: 2001-02-30", "'url' is '2001-02-30'"),
        (b"url: !!timestamp x", "is not valid YAML"),
        (b"url: !!bool x", "is not valid YAML"),
        (b"url: a\nurl: b", "is not valid YAML: the key 'url' is there twice"),
        (b"url: " + b"9" * 5_000, "is not valid YAML"),
        (b"url: !!python/object/apply:os.system [touch harm]", "is not valid YAML"),
        (b"url: a\0b", "is not valid YAML"),
        (b'file: "a\\0b"', "'file' is 'a.x00b': string should match"),
        (b"file: ../b", "'file' is '../b': string should match"),
        (b"\xff\xfe", "is not valid YAML"),
        (b"", "input should be"),
    ],
)
def test_hostile_pins_are_refused(content: bytes, message: str) -> None:
    refuse(f"pin.yaml.*{message}", "pin.yaml", content, read_pin(Url))
    assert [path.name for path in Path().iterdir()] == ["pin.yaml"]


@pytest.mark.usefixtures("in_folder")
def test_null_characters_are_text() -> None:
    Path("t.csv").write_bytes(b"text,label\na\0b,1\nc,0\n")
    names = {name: name for name in RAW_SCHEMA.names if name != "review_id"}
    tables = read_table_file(Path("t.csv"), Columns(**names), Rule((1.0, 5.0), None, None), 9)
    assert [row["text"] for row in pa.concat_tables(tables).to_pylist()] == ["a\0b", "c"]
