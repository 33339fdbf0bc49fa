"""Unpack an archive from outside: nothing leaves the folder, nothing fills the disk."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from tqdm import tqdm

from stages.core.cli import InputError

MOST_FILES = 500_000
MOST_BYTES = 8 << 30
MOST_RATIO = 100
"""Bytes out for a byte in: pictures hardly shrink, so an archive with more is none of pictures."""
SMALL = 1 << 20
"""Bytes that an archive may always hold, however small it is itself."""
CHUNK = 1 << 20


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    content: IO[bytes]


def is_archive(path: Path) -> bool:
    """Whether `path` is a zip or tar file, by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def unpack(path: Path, folder: Path) -> None:
    """Unpack the zip or tar file `path` into the new `folder`.

    Raises:
        InputError: the archive is damaged, a name in it leads out of the folder, or it holds a
            link, a device, too many files or too many bytes; the message says which.
    """
    allowed = min(MOST_BYTES, max(SMALL, MOST_RATIO * path.stat().st_size))
    folder.mkdir()
    written = 0
    try:
        members = tqdm(_members(path), desc=f"unpacking {path.name}", leave=False, disable=None)
        for count, member in enumerate(members, start=1):
            target = folder / _inside(member.name, path)
            if count > MOST_FILES:
                raise InputError(f"{path} holds more than {MOST_FILES} files: unpack it yourself")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                while chunk := member.content.read(CHUNK):
                    written += len(chunk)
                    if written > allowed:
                        raise InputError(
                            f"{path}: its {path.stat().st_size} bytes unpack to more than"
                            f" {allowed}, as a decompression bomb does: unpack it yourself if you"
                            " trust it"
                        )
                    file.write(chunk)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, RuntimeError) as error:
        raise InputError(f"{path} cannot be unpacked: {error}") from None


def _members(path: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                is_link = info.external_attr >> 28 == 0o12
                if not info.is_dir():
                    _refuse(is_link, info.filename, path)
                    with archive.open(info) as content:
                        yield Member(info.filename, content)
        return
    with tarfile.open(path) as archive:
        for entry in archive:
            if not entry.isdir():
                _refuse(not entry.isreg(), entry.name, path)
                extracted: Any = archive.extractfile(entry)
                yield Member(entry.name, extracted)


def _refuse(special: bool, name: str, path: Path) -> None:
    if special:
        raise InputError(f"{path}: '{name}' is a link or a device, expected plain files alone")


def _inside(name: str, path: Path) -> PurePosixPath:
    inner = PurePosixPath(name.replace("\\", "/"))
    if inner.is_absolute() or ".." in inner.parts or ":" in inner.parts[0]:
        raise InputError(f"{path}: '{name}' leads out of the folder it is unpacked to")
    return inner
