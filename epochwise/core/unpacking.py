"""Compressed files from outside: what a bomb unpacks to does not fill the memory."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from epochwise.core.cli import InputError

MOST_RATIO = 100
"""Bytes out for a byte in: text, arrays and images shrink to a tenth, hardly to a hundredth."""
SMALL = 64 << 20
"""Bytes that a compressed file may always hold, however small it is itself."""
BUFFER = 1 << 16

DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError)
"""What reading a damaged file raises."""


class _Streams(io.RawIOBase):
    """The content of one compressed stream after another.

    Python's own files of bzip2 and xz take a damaged stream behind the first one for their end.
    """

    def __init__(self, path: Path, new: Callable[[], Any]) -> None:
        self.file = path.open("rb")
        self.new = new
        self.stream = new()

    def readable(self) -> bool:
        """Yes: this is for reading alone."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer` and return how many bytes.

        Raises one of DAMAGE where a stream is damaged or cut short.
        """
        data = b""
        while not data:
            packed = b""
            if self.stream.eof:
                packed = self.stream.unused_data or self.file.read(BUFFER)
                if not packed:
                    return 0
                self.stream = self.new()
            elif self.stream.needs_input:
                packed = self.file.read(BUFFER)
                if not packed:
                    raise EOFError("it ends in the middle of a compressed stream")
            data = self.stream.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()


FORMATS: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": partial(_Streams, new=bz2.BZ2Decompressor),
    b"\xfd7zXZ\x00": partial(_Streams, new=lzma.LZMADecompressor),
}
"""The first bytes of compressed files, and what opens such a file."""


class _Unpacked(io.RawIOBase):
    """The content of a compressed file, up to `allowed` bytes of it."""

    def __init__(self, path: Path, content: Any) -> None:
        self.path = path
        self.content = content
        self.allowed = most_bytes(path)

    def readable(self) -> bool:
        """Yes: this is for reading alone."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into `buffer` and return how many bytes.

        Raises:
            InputError: the file unpacks to more than is allowed.
        """
        count: int = self.content.readinto(buffer)
        self.allowed -= count
        if self.allowed < 0:
            refuse_bomb(self.path)
        return count

    def close(self) -> None:
        """Close the file."""
        self.content.close()
        super().close()


def most_bytes(path: Path) -> int:
    """How many bytes a compressed file may hold, or an uncompressed one does at most."""
    return max(SMALL, MOST_RATIO * path.stat().st_size)


def refuse_bomb(path: Path) -> NoReturn:
    """Refuse a file that unpacks to more than `most_bytes`.

    Raises:
        InputError: always.
    """
    raise InputError(
        f"{path}: its {path.stat().st_size} bytes unpack to more than {most_bytes(path)}, as a"
        " decompression bomb does: unpack it yourself if you trust it"
    )


def zip_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """The member `name` of the zip archive at `path`.

    Raises what zipfile raises where the archive is damaged, and InputError where the member unpacks
    to more than `most_bytes`.
    """
    size = archive.getinfo(name).file_size
    if size > most_bytes(path):
        refuse_bomb(path)
    with archive.open(name) as content:
        # Without a number of bytes zipfile unpacks all that is there, whatever size is announced.
        return content.read(size + 1)


def opened(path: Path) -> IO[bytes]:
    """A file open for reading; decompressed if its first bytes are those of gzip, bzip2 or xz.

    Reading raises one of DAMAGE where the file is damaged, and InputError where it unpacks to more
    than `most_bytes`.
    """
    file = path.open("rb")
    start = file.peek(BUFFER)
    for magic, open_packed in FORMATS.items():
        if start.startswith(magic):
            file.close()
            content: Any = _Unpacked(path, open_packed(path))
            return io.BufferedReader(content, BUFFER)
    return file
