"""Compressed files are read to their last byte, or refused."""

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core.unpacking import DAMAGE, opened

PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
Pack = Callable[[bytes], bytes]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content: bytes) -> bytes:
    path = Path("file")
    path.write_bytes(content)
    with opened(path) as file:
        return file.read()


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_all_streams_of_a_file_are_read(pack: Pack) -> None:
    @given(st.lists(st.binary(min_size=1), min_size=1, max_size=4))
    def check(parts: list[bytes]) -> None:
        assert read(b"".join(map(pack, parts))) == b"".join(parts)

    check()


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_what_is_larger_than_a_buffer_is_read(pack: Pack) -> None:
    parts = [bytes(range(256)) * 4000, b"end"]
    assert read(b"".join(map(pack, parts))) == b"".join(parts)


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_damage_of_a_later_stream_is_told(pack: Pack) -> None:
    first, second = pack(b"first" * 99), pack(bytes(range(256)))
    damaged = bytearray(second)
    damaged[0] ^= 1
    for rest in (damaged, second[:-9], b"something else"):
        with pytest.raises(DAMAGE):
            read(first + rest)
