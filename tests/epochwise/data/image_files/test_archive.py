"""Archives are unpacked safely or refused by name."""

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from epochwise.core.cli import InputError
from epochwise.data.image_files import archive
from epochwise.data.image_files.archive import is_archive, unpack


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def tarred(path: Path, name: str, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size, entry.linkname = kind, 3 * (kind == tarfile.REGTYPE), "/etc/passwd"
        file.addfile(entry, io.BytesIO(b"abc"))
    return path


def test_archives_unpack_with_their_folders(tmp_path: Path) -> None:
    unpack(zipped(tmp_path / "a.zip", ("x/y.txt", b"abc"), ("z.txt", b"")), tmp_path / "zip")
    unpack(tarred(tmp_path / "a.tar.gz", "x/y.txt"), tmp_path / "tar")
    for folder in ("zip", "tar"):
        assert (tmp_path / folder / "x/y.txt").read_bytes() == b"abc"
    assert is_archive(tmp_path / "a.zip") and is_archive(tmp_path / "a.tar.gz")
    assert not is_archive(tmp_path / "zip/x/y.txt")


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/out.txt", "..\\out.txt"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    packed = [zipped(tmp_path / "a.zip", (name, b"abc")), tarred(tmp_path / "a.tar.gz", name)]
    for number, path in enumerate(packed):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(InputError, match="leads out of the folder"):
            unpack(path, tmp_path / f"inner{number}")
        assert set(tmp_path.rglob("*")) - set(before) == {tmp_path / f"inner{number}"}


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    packed = [zipped(tmp_path / "a.zip", (link, b"/etc/passwd"))]
    packed += [tarred(tmp_path / "s.tar.gz", "link", tarfile.SYMTYPE)]
    packed += [tarred(tmp_path / "d.tar.gz", "device", tarfile.CHRTYPE)]
    for path in packed:
        with pytest.raises(InputError, match="is a link"):
            unpack(path, tmp_path / f"{path.name}.inner")


def test_a_bomb_stops_before_it_fills_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "SMALL", 1000)
    path = zipped(tmp_path / "bomb.zip", ("zeros", bytes(3_000_000)))
    with pytest.raises(InputError, match="as a decompression bomb does"):
        unpack(path, tmp_path / "inner")
    allowed = archive.MOST_RATIO * path.stat().st_size
    assert sum(file.stat().st_size for file in (tmp_path / "inner").iterdir()) <= allowed
    monkeypatch.setattr(archive, "MOST_FILES", 1)
    with pytest.raises(InputError, match="more than 1 files"):
        unpack(zipped(tmp_path / "many.zip", ("a", b""), ("b", b"")), tmp_path / "many")


@pytest.mark.parametrize("size", [600, 40])
def test_a_tar_file_cut_short_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        for name in "abc":
            entry = tarfile.TarInfo(name)
            entry.size = 100_000
            file.addfile(entry, io.BytesIO(random.Random(name).randbytes(entry.size)))
    path.write_bytes(path.read_bytes()[:size])
    assert not is_archive(path) or size == 600
    with pytest.raises(InputError, match=r"a\.tar\.gz cannot be unpacked"):
        unpack(path, tmp_path / "inner")


@pytest.mark.parametrize("name", [".", "a\nb", "a/\x1b[2Jb"])
def test_names_that_no_file_can_have_are_refused(tmp_path: Path, name: str) -> None:
    for number, path in enumerate(
        [zipped(tmp_path / "a.zip", (name, b"abc")), tarred(tmp_path / "a.tar.gz", name)]
    ):
        with pytest.raises(InputError, match="cannot be the name of a file"):
            unpack(path, tmp_path / f"inner{number}")


def test_a_file_where_a_folder_should_be_is_refused(tmp_path: Path) -> None:
    for number, names in enumerate([("a", "a/b"), ("a/b", "a"), ("a/b", "a/b")]):
        path = zipped(tmp_path / "a.zip", *((name, b"") for name in names))
        with pytest.raises(InputError, match=rf"a\.zip: '{names[1]}' is there twice, or a file"):
            unpack(path, tmp_path / str(number))


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip", ("a", b"b")).read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip: 'a' is encrypted: unpack it yourself"):
        unpack(tmp_path / "a.zip", tmp_path / "inner")


@pytest.mark.parametrize("packed", [False, True], ids=["tar", "tar.gz"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content, at: content[:at], "empty header where a member or the end is expected"),
        (lambda content, at: content[: at + 99], "truncated header where"),
        (lambda content, at: content[:at] + b"x" + content[at + 1 :], "bad checksum where"),
        (lambda content, at: content[:at] + bytes(512) + content[at + 512 :], "goes on behind its"),
        (lambda content, at: content + content, "goes on behind its end"),
    ],
    ids=["no end", "cut header", "damaged header", "no header", "two archives"],
)
def test_a_tar_file_is_read_to_its_end_or_refused(
    change: Callable[[bytes, int], bytes], message: str, packed: bool, tmp_path: Path
) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("a", "b", "c"):
            entry = tarfile.TarInfo(name)
            entry.size = 5
            archive.addfile(entry, io.BytesIO(b"12345"))
    content = change(file.getvalue(), 2 * 1024)
    (tmp_path / "a.tar").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(InputError, match=rf"a\.tar cannot be unpacked: .*{message}"):
        unpack(tmp_path / "a.tar", tmp_path / "inner")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip", ("a", bytes(range(256)) * 9)).read_bytes())
    content[40:60] = bytes(20)
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip cannot be unpacked"):
        unpack(tmp_path / "a.zip", tmp_path / "inner")


def test_folders_in_folders_without_end_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a/" * 1100 + "x.png", b"x")
    with pytest.raises(InputError, match="lies more than 50 folders deep"):
        unpack(tmp_path / "a.zip", tmp_path / "unpacked")


def test_a_large_archive_is_not_called_a_bomb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    packed = zipped(tmp_path / "a.zip", ("x.jpg", random.Random(0).randbytes(2 << 20)))
    with pytest.raises(InputError, match="it unpacks to more than 0 GiB: unpack it yourself"):
        unpack(packed, tmp_path / "inner")
