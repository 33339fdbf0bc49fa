"""Downloads arrive whole and verified, or a message says why not; all servers are on loopback."""

import errno
import hashlib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
import yaml

from epochwise.core.cli import InputError
from epochwise.data import download
from epochwise.data.download import (
    CHUNK,
    TRIES,
    check_first_use,
    fetch_package,
    fetch_url,
    fetch_urls,
)
from tests.loopback import CONTENT, Server

SHA256 = hashlib.sha256(CONTENT).hexdigest()
LOCK = "data.bin.lock"


def pin(at: Path, **fields: object) -> Path:
    path = at / "pin.yaml"
    path.write_text(yaml.safe_dump({"licence": "none", "note": "a test", **fields}))
    return path


def url_pin(folder: Path, server: Server, **fields: object) -> Path:
    given = {"file": "data.bin", "url": f"{server.url}/data.bin", "sha256": SHA256}
    return pin(folder, **(given | fields))


def test_a_file_is_downloaded_once(server: Server, cache: Path, tmp_path: Path) -> None:
    path = url_pin(tmp_path, server)
    assert fetch_url(path) == fetch_url(path) == cache / "data.bin"
    assert (cache / "data.bin").read_bytes() == CONTENT
    assert server.ranges == [None]


def test_a_broken_transfer_resumes(server: Server, cache: Path, tmp_path: Path) -> None:
    server.cut = 3 * CHUNK
    assert fetch_url(url_pin(tmp_path, server)).read_bytes() == CONTENT
    assert server.ranges == [None, f"bytes={3 * CHUNK}-", f"bytes={6 * CHUNK}-"]


def test_the_next_run_resumes(server: Server, cache: Path, tmp_path: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "data.bin.part").write_bytes(CONTENT[:1000])
    assert fetch_url(url_pin(tmp_path, server)).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-"]
    assert {path.name for path in cache.iterdir()} == {"data.bin", LOCK}


def test_of_two_that_download_at_once_one_waits_for_the_other(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = download.Resume._receive

    def slowly(self: download.Resume, response: Any, start: int) -> None:
        Event().wait(0.3)
        receive(self, response, start)

    monkeypatch.setattr(download.Resume, "_receive", slowly)
    path = url_pin(tmp_path, server, sha256=None)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(fetch_url, [path, path]))
    assert [file.read_bytes() for file in found] == [CONTENT, CONTENT]
    assert server.ranges == [None]
    kept = yaml.safe_load((tmp_path / "first_use.yaml").read_text())
    assert kept == {"sha256": {"data.bin": SHA256}}


def test_a_file_system_without_locks_is_good_enough_for_one(
    server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(download.fcntl, "flock", refuse)
    md5 = {"data.bin": hashlib.md5(CONTENT).hexdigest()}
    (found,) = fetch_urls(pin(tmp_path, base=f"{server.url}/", folder="many", md5=md5))
    assert found.read_bytes() == CONTENT


def test_two_versions_of_a_file_are_never_joined(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    server.cut, server.trouble = CHUNK, "reset"
    resume = download.Resume(tmp_path / "data.bin.part")
    with pytest.raises(requests.RequestException):
        resume._transfer(f"{server.url}/data.bin")
    assert resume.part.read_bytes() == CONTENT[:CHUNK]
    server.cut, server.trouble = None, None
    server.files["/data.bin"] = CONTENT[::-1]
    resume(f"{server.url}/data.bin", str(tmp_path / "data.bin"), None)
    assert (tmp_path / "data.bin").read_bytes() == CONTENT[::-1]
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_transfer_killed_after_its_last_byte_starts_again(
    server: Server, cache: Path, tmp_path: Path, knows_ranges: bool
) -> None:
    server.knows_ranges = knows_ranges
    cache.mkdir(parents=True)
    (cache / "data.bin.part").write_bytes(CONTENT)
    assert fetch_url(url_pin(tmp_path, server)).read_bytes() == CONTENT


def test_a_damaged_cached_file_is_replaced(server: Server, cache: Path, tmp_path: Path) -> None:
    path = url_pin(tmp_path, server)
    fetch_url(path).write_bytes(b"damaged")
    assert fetch_url(path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_told_and_the_file_removed(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    path = url_pin(tmp_path, server, sha256="0" * 64)
    with pytest.raises(InputError) as error:
        fetch_url(path)
    for part in (f"expected sha256:{'0' * 64}", f"got {SHA256}", f"correct it in {path}"):
        assert part in str(error.value)
    assert [path.name for path in cache.iterdir()] == [LOCK]


def test_a_file_without_a_published_hash_is_pinned_at_its_first_use(
    server: Server, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = url_pin(tmp_path, server, sha256=None)
    fetch_url(path)
    assert f"data.bin: nobody has published its hash, {SHA256} is kept" in capsys.readouterr().out
    kept = (tmp_path / "first_use.yaml").read_text()
    assert yaml.safe_load(kept) == {"sha256": {"data.bin": SHA256}}
    fetch_url(path)
    assert (tmp_path / "first_use.yaml").read_text() == kept
    assert capsys.readouterr().out == "" and server.ranges == [None]


def test_a_file_that_has_changed_since_its_first_use_is_refused(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    path = url_pin(tmp_path, server, sha256=None)
    fetch_url(path).unlink()
    kept = (tmp_path / "first_use.yaml").read_text()
    server.files["/data.bin"] = b"another"
    with pytest.raises(InputError) as error:
        fetch_url(path)
    found = hashlib.sha256(b"another").hexdigest()
    for part in (f"expected sha256:{SHA256}", f"got {found}", "first_use.yaml"):
        assert part in str(error.value)
    assert [path.name for path in cache.iterdir()] == [LOCK]
    assert (tmp_path / "first_use.yaml").read_text() == kept


def test_files_that_are_pinned_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    file = tmp_path / "words.gz"
    file.write_bytes(CONTENT)
    names = [f"words_{number}.gz" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: check_first_use(tmp_path / "pin.yaml", name, file), names))
    kept = yaml.safe_load((tmp_path / "first_use.yaml").read_text())
    assert kept == {"sha256": dict.fromkeys(names, SHA256)}


def test_what_others_downloaded_is_compared_with_its_first_use(tmp_path: Path) -> None:
    file, path = tmp_path / "words.gz", tmp_path / "pin.yaml"
    file.write_bytes(CONTENT)
    check_first_use(path, "words.gz", file)
    check_first_use(path, "words.gz", file)
    file.write_bytes(b"another")
    with pytest.raises(InputError, match=f"but was {SHA256} when 'words.gz' was first used"):
        check_first_use(path, "words.gz", file)


@pytest.mark.parametrize("sha256", [None, SHA256])
def test_a_server_that_announces_more_than_it_has_is_given_up(
    server: Server, cache: Path, tmp_path: Path, sha256: str | None
) -> None:
    server.announced = len(CONTENT) + 1000
    with pytest.raises(InputError, match=r"data\.bin cannot be downloaded \("):
        fetch_url(url_pin(tmp_path, server, sha256=sha256))
    assert len(server.ranges) <= 2 * TRIES
    assert not (cache / "data.bin").exists()
    server.announced = None
    assert fetch_url(url_pin(tmp_path, server, sha256=sha256)).read_bytes() == CONTENT


def test_a_server_that_announces_less_than_it_has_gives_a_wrong_checksum(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    server.announced = 1000
    with pytest.raises(InputError, match=f"expected sha256:{SHA256}"):
        fetch_url(url_pin(tmp_path, server))
    server.announced = None
    assert fetch_url(url_pin(tmp_path, server)).read_bytes() == CONTENT


@pytest.mark.parametrize(("trouble", "cause"), [("stall", "timed out"), ("reset", "")])
def test_a_server_that_stalls_or_resets_is_given_up_and_the_next_run_resumes(
    trouble: str,
    cause: str,
    server: Server,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server.trouble, server.cut = trouble, 0
    with (
        monkeypatch.context() as patch,
        pytest.raises(InputError, match=rf"cannot be downloaded \(.*{cause}.*: connect to the int"),
    ):
        patch.setattr(download, "TIMEOUT", 0.05)
        fetch_url(url_pin(tmp_path, server))
    server.trouble = server.cut = None
    assert fetch_url(url_pin(tmp_path, server)).read_bytes() == CONTENT


def test_a_missing_file_is_told_at_once(server: Server, cache: Path, tmp_path: Path) -> None:
    path = url_pin(tmp_path, server, url=f"{server.url}/other")
    with pytest.raises(InputError, match=r"/other: the server answers '404 Not Found': get the"):
        fetch_url(path)
    assert [path.name for path in cache.iterdir()] == [LOCK]


def test_files_are_checked_by_their_published_md5(
    server: Server, cache: Path, tmp_path: Path
) -> None:
    md5 = {"data.bin": hashlib.md5(CONTENT).hexdigest()}
    path = pin(tmp_path, base=f"{server.url}/", folder="many", md5=md5)
    assert fetch_urls(path) == fetch_urls(path) == [cache / "many/data.bin"]
    assert len(server.ranges) == 1
    with pytest.raises(InputError, match=f"expected md5:{'0' * 32}"):
        fetch_urls(pin(tmp_path, base=f"{server.url}/", folder="x", md5={"data.bin": "0" * 32}))


def test_no_network_is_told(server: Server, cache: Path, tmp_path: Path) -> None:
    path = url_pin(tmp_path, server, url="http://127.0.0.1:1/data.bin")
    with pytest.raises(InputError, match=r"cannot be downloaded \(.*Connection refused\): connect"):
        fetch_url(path)


WHEEL = "tiny_data-1.0-py3-none-any.whl"


@pytest.fixture
def index(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A package index with one wheel, made for a later Python; returns the wheel."""
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
        info = "tiny_data-1.0.dist-info"
        wheel.writestr("tiny/words.txt", "good bad")
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\nRequires-Python: >=3.99\n",
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    content = (tmp_path / WHEEL).read_bytes()
    link = f'<a href="/{WHEEL}" data-requires-python="&gt;=3.99">{WHEEL}</a>'
    server.files |= {"/simple/tiny-data/": link.encode(), f"/{WHEEL}": content}
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    return content


def package_pin(folder: Path, content: bytes, **fields: object) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    given = {"package": "tiny-data", "version": "1.0", "file": WHEEL, "sha256": digest}
    return pin(folder, **(given | fields))


def test_a_package_is_downloaded_once_and_not_installed(
    server: Server, cache: Path, tmp_path: Path, index: bytes
) -> None:
    path = package_pin(tmp_path, index)
    assert fetch_package(path).read_bytes() == index
    server.files.clear()
    assert fetch_package(path) == cache / WHEEL
    assert [path.name for path in cache.iterdir()] == [WHEEL]


def test_a_package_with_another_hash_is_refused(cache: Path, tmp_path: Path, index: bytes) -> None:
    path = package_pin(tmp_path, index, sha256="0" * 64)
    with pytest.raises(InputError) as error:
        fetch_package(path)
    found = hashlib.sha256(index).hexdigest()
    assert f"tiny-data 1.0: the file's SHA-256 is {found}, expected {'0' * 64}" in str(error.value)
    assert list(cache.iterdir()) == []


def test_a_package_that_the_index_lacks_is_told(cache: Path, tmp_path: Path, index: bytes) -> None:
    path = package_pin(tmp_path, index, version="2.0")
    with pytest.raises(InputError, match=r"pip cannot download tiny_data.*connect to the internet"):
        fetch_package(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sha": "0"}, r"unknown key 'sha' \(did you mean 'sha256'\?\)"),
        ({"sha256": "0"}, "'sha256' is '0'"),
        ({"file": "../escape"}, "'file' is '../escape'"),
    ],
)
def test_a_wrong_pin_is_refused(
    server: Server, cache: Path, tmp_path: Path, fields: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fetch_url(url_pin(tmp_path, server, **fields))
