"""Files that are damaged or meant to do harm end in a message, in bounded time and memory."""

import gzip
import io
import json
import random
import resource
import struct
import tarfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.data import unpacking
from epochwise.data.download import Bundled, Package, Url, Urls
from epochwise.data.image_files.archive import is_archive, unpack
from epochwise.data.image_files.arrays import array_files, read_images, read_labelled
from epochwise.data.image_files.folders import list_images, readable
from epochwise.data.partitions import Engine
from epochwise.data.review_files import RAW_SCHEMA, raw_table
from epochwise.data.review_files.ratings import Rule
from epochwise.data.review_files.snap import read_snap
from epochwise.data.review_files.snippets import FILE, read_snippets
from epochwise.data.review_files.table import Columns, read_columns, read_table_file
from epochwise.data.sources import digits, reviews, target
from tests.configuration import ROOT

SHORT, LONG = 1_000, 10_000
"""Cases over all readers."""
SECONDS = 5.0
"""Time for one case."""
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

Reader = Callable[[Path], object]


def mutated(content: bytes, chance: random.Random) -> bytes:
    """The content with one to four changes of random kind and place."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice([1, 1, 2, 4, 8, 30, 200])
        match chance.randrange(7):
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
    return bytes(changed)


def read_reviews(path: Path) -> None:
    """Everything that the stage does with a table, up to the file that it writes."""
    names = {name: name for name in RAW_SCHEMA.names if name != "review_id"}
    for scale in ((1.0, 5.0), None):
        rule = Rule(scale, None, None)
        tables = read_table_file(path, Columns(**names), rule, 3)
        pq.write_table(pa.concat_tables(reviews.counted(tables, Counter())), io.BytesIO())
    read_columns(path, "text").to_csv(io.StringIO())


def read_arrays(path: Path) -> None:
    parts = read_labelled(array_files(path))
    digits.check_classes(parts)
    read_images(path)


def read_archive(path: Path) -> None:
    assert is_archive(path) in (True, False)
    folder = path.with_name(f"{path.name} unpacked")
    try:
        unpack(path, folder)
    finally:
        inside = {file.resolve() for file in path.parent.rglob("*")}
        assert all(file.is_relative_to(path.parent.resolve()) for file in inside)


def read_image(path: Path) -> None:
    kept, unreadable = readable(list_images(path.parent.parent))
    assert len(unreadable) <= 1 and kept["train"]["dog"]


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


def separated(separator: str, *, times: bool = False) -> bytes:
    table = pa.Table.from_pylist(table_rows()).to_pandas()
    if times:
        table["time"] = ["2006-11-14", "November 15, 2006", "?", "1303862400", "1.5"]
    content: str = table.to_csv(sep=separator, index=False)
    return content.encode()


def parquet(**options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table_rows()), file, **options)
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


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(IMAGES[0]).convert("RGB").save(file, kind)
    return file.getvalue()


def pin(name: str) -> bytes:
    return (ROOT / "sources" / name).read_bytes()


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
snap_reviews: Reviewer = lambda path: list(read_snap(path, 2))  # noqa: E731
