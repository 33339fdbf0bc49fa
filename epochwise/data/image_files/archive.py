"""Unpack an archive from outside: nothing leaves the folder, nothing fills the disk."""

import re
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, NoReturn, Self

from tqdm import tqdm

from epochwise.core.cli import InputError
from epochwise.core.unpacking import DAMAGE, opened

MOST_FILES = 500_000
MOST_BYTES = 8 << 30
DEEPEST = 50
"""Folders in folders: far deeper ones could not be removed again."""
MOST_RATIO = 100
"""Bytes out for a byte in: images hardly shrink, so an archive with more does not hold images."""
SMALL = 1 << 20
"""Bytes that an archive may always hold, however small it is itself."""
LONGEST_HEADER = 1 << 20
"""Bytes of what a tar file says of a member: tarfile reads them at once."""
CHUNK = 1 << 20
HEADERS = {
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
}
UNUSABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and what is not UTF-8, in a name."""
LEADS_OUT = "leads out of the folder that it is unpacked to"
ENCRYPTED = 1
"""The flag of a member of a zip file."""
LINK = 0o12
"""What the mode of a symbolic link begins with."""


class Member(NamedTuple):
    """A file in an archive."""

    name: str
    content: IO[bytes]


class _Entry(tarfile.TarInfo):
    """A member of a tar file, whose long name or extended header is not endless.

    Python takes a damaged header for the end of the file.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next member; an EOFHeaderError is the end, other errors are damage."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            if archive.offset == 0:  # it is no tar file
                raise
            raise tarfile.ReadError(
                f"{error} where a member or the end is expected, {archive.offset} bytes in"
            ) from None

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in HEADERS and self.size > LONGEST_HEADER:
            raise tarfile.ReadError(f"the header of a member has {self.size} bytes")
        found: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return found


def is_archive(path: Path) -> bool:
    """Whether `path` is a zip or tar file, by its content."""
    if not path.is_file():
        return False
    if zipfile.is_zipfile(path):
        return True
    try:
        with _tar(path):
            return True
    except (tarfile.TarError, ValueError, *DAMAGE):
        return False


def unpack(path: Path, folder: Path) -> None:
    """Unpack the zip or tar file `path` into the new `folder`.

    Raises:
        InputError: the archive is damaged, a name in it leads out of the folder, or it holds a
            link, a device, too many files or too many bytes; the message says which.
    """
    allowed = min(MOST_BYTES, max(SMALL, MOST_RATIO * path.stat().st_size))
    folder.mkdir()
    try:
        members = _zip_members(path) if zipfile.is_zipfile(path) else _tar_members(path, folder)
        shown = tqdm(members, desc=f"unpacking {path.name}", leave=False, disable=None)
        for member in shown:
            target = _new_file(folder, member.name, path)
            with target.open("xb") as file:
                while chunk := member.content.read(CHUNK):
                    allowed -= len(chunk)
                    if allowed < 0:
                        _refuse_size(path)
                    file.write(chunk)
    except InputError:
        raise
    # Of a damaged archive, the decompressors and what reads its headers raise whatever they meet.
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"{path} cannot be unpacked: {reason}: get it again") from None


def _new_file(folder: Path, name: str, path: Path) -> Path:
    """Where the file `name` of the archive `path` is unpacked to; its folder is made."""
    target = folder / _checked(name, path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        is_there = target.exists()
    except (FileExistsError, NotADirectoryError):
        is_there = True
    if is_there:
        _refuse(path, name, "is there twice, or a file and a folder have its name")
    return target


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        _check_number(len(archive.infolist()), path)
        for info in archive.infolist():
            if info.external_attr >> 28 == LINK:
                _refuse(path, info.filename, "is a link, expected plain files only")
            if info.flag_bits & ENCRYPTED:
                _refuse(path, info.filename, "is encrypted: unpack it yourself")
            if not info.is_dir():
                with archive.open(info) as content:
                    yield Member(info.filename, content)


def _tar_members(path: Path, folder: Path) -> Iterator[Member]:
    if not hasattr(tarfile, "data_filter"):
        raise InputError(f"{path}: Python before 3.11.4 does not unpack it safely: do it yourself")
    with _tar(path) as archive:
        for number, entry in enumerate(archive, start=1):
            _check_number(number, path)
            if not (entry.isreg() or entry.isdir()):
                _refuse(path, entry.name, "is a link or a device, expected plain files only")
            try:
                filtered = tarfile.data_filter(entry, str(folder))
            except tarfile.FilterError:
                filtered = None
            # Of an absolute path the filter takes the root away: whoever packed it meant harm.
            if filtered is None or filtered.name != entry.name:
                _refuse(path, entry.name, LEADS_OUT)
            if entry.isreg():
                content: Any = archive.extractfile(entry)
                yield Member(entry.name, content)
        rest: Any = archive.fileobj
        while chunk := rest.read(CHUNK):
            if chunk.strip(b"\0"):
                raise tarfile.ReadError("it goes on behind its end")


@contextmanager
def _tar(path: Path) -> Iterator[tarfile.TarFile]:
    with opened(path) as file, tarfile.open(fileobj=file, mode="r|", tarinfo=_Entry) as archive:
        yield archive


def _check_number(number: int, path: Path) -> None:
    if number > MOST_FILES:
        raise InputError(f"{path} holds more than {MOST_FILES} files: unpack it yourself")


def _checked(name: str, path: Path) -> PurePosixPath:
    """The path inside the folder that a name means, on any system."""
    inner = PurePosixPath(name.replace("\\", "/"))
    if len(inner.parts) > DEEPEST:
        _refuse(path, f"{name[:40]}…", f"lies more than {DEEPEST} folders deep")
    if not inner.parts or UNUSABLE.search(name):
        _refuse(path, name, "cannot be the name of a file")
    if inner.is_absolute() or ".." in inner.parts or ":" in inner.parts[0]:
        _refuse(path, name, LEADS_OUT)
    return inner


def _refuse_size(path: Path) -> NoReturn:
    size = path.stat().st_size
    found = f"its {size} bytes unpack to far more, as a decompression bomb does"
    if size * MOST_RATIO > MOST_BYTES:
        found = f"it unpacks to more than {MOST_BYTES >> 30} GiB"
    raise InputError(f"{path}: {found}: unpack it yourself if you trust it")


def _refuse(path: Path, name: str, reason: str) -> NoReturn:
    raise InputError(f"{path}: {name!r} {reason}")
