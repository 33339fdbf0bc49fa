"""Files from the internet, each with a pin: a file in sources/ that says what is expected.

They are kept in the user's cache folder (`pooch.os_cache`) and verified every time they are used,
so that a second run needs no network.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import StringConstraints
from tqdm import tqdm

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.core.files import file_sha256, replacing

CHUNK = 1 << 16
"""Bytes of a write; a transfer that breaks loses no more."""
TRIES = 4
"""Attempts without receiving anything new, before a transfer is given up."""
AGAIN = (408, 429)
"""Refusals of HTTP that mean: later."""
TIMEOUT = 30
"""Seconds to wait for a server that sends nothing."""

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Md5 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")]
Name = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
"""The name of a file, of a package, or its version: nothing that leads elsewhere."""
ABOUT_FIRST_USE = """\
# The hashes that files had when they were first downloaded, where nobody publishes one: commit this
# file, and another content under the same name is refused."""
Address = Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$", max_length=2000)]


class Pin(params.Section):
    """What is known of a file: its name in the cache, its terms, and a note on it."""

    file: Name
    licence: str
    note: str


class Package(Pin):
    """The pin of a file of a Python package, which is read as data and never installed."""

    package: Name
    version: Name
    sha256: Sha256


class Url(Pin):
    """The pin of a file at an address.

    `sha256` is null where nobody has published it: the file must then stay what it was at first.
    """

    url: Address
    sha256: Sha256 | None


class Urls(params.Section):
    """The pin of files at `base` + name, with the published MD5 of each."""

    base: Address
    folder: Name
    md5: dict[Name, Md5]
    licence: str
    note: str


class Bundled(params.Section):
    """The terms of data that an installed package contains; requirements.txt pins the package."""

    package: str
    licence: str
    note: str


class FirstUse(params.Section):
    """The hashes that downloaded files had at their first use, by name."""

    sha256: dict[Name, Sha256]


def cached(file: str) -> Path:
    """Where a file of this name stands in the user's cache folder."""
    import pooch

    return Path(pooch.os_cache("epochwise")) / file


def fetch_package(path: Path) -> Path:
    """The file that the `Package` pin at `path` describes, downloaded once by pip.

    Raises:
        InputError: pip cannot download it, or it has another SHA-256 than the pin.
    """
    pin = params.read_file(path, Package)
    target = cached(pin.file)
    if not (target.exists() and file_sha256(target) == pin.sha256):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            _pip_download(pin, path, Path(folder))
            (Path(folder) / pin.file).replace(target)
    return target


def fetch_url(path: Path) -> Path:
    """The file that the `Url` pin at `path` describes, downloaded once; a broken transfer resumes.

    Raises:
        InputError: no network, a refusal by the server, or another SHA-256 than the pin's.
    """
    pin = params.read_file(path, Url)
    target = cached(pin.file)
    with _alone(target):
        sha256 = pin.sha256 or first_seen(path, pin.file)
        expected = sha256 and f"sha256:{sha256}"
        _retrieve(pin.url, target, expected, path if pin.sha256 else seen(path))
        check_first_use(path, pin.file, target)
    return target


def seen(pin: Path) -> Path:
    """The file, beside the pins, of the hashes that files without a published one had first."""
    return pin.with_name("first_use.yaml")


def first_seen(pin: Path, name: str) -> str | None:
    """The SHA-256 that the file `name` had when it was first downloaded; None before."""
    if not seen(pin).exists():
        return None
    return params.read_file(seen(pin), FirstUse).sha256.get(name)


def check_first_use(pin: Path, name: str, file: Path) -> None:
    """Keep the SHA-256 of a file for git, or compare it with the one kept at its first use.

    Raises:
        InputError: the file is another one than at its first use.
    """
    found, known = file_sha256(file), first_seen(pin, name)
    if known is None:
        _keep_first_use(seen(pin), name, found)
    elif known != found:
        raise InputError(
            f"{file}: its SHA-256 is {found}, but was {known} when '{name}' was first used: find"
            f" out why, and if the new file is right remove the old hash from {seen(pin)}"
        )


def _keep_first_use(path: Path, name: str, sha256: str) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # Reviews and images may be fetched at the same time.
        fcntl.flock(folder, fcntl.LOCK_EX)
        known = params.read_file(path, FirstUse).sha256 if path.exists() else {}
        lines = [f"  {key}: {value}" for key, value in sorted((known | {name: sha256}).items())]
        text = "\n".join([ABOUT_FIRST_USE, "sha256:", *lines, ""])
        with replacing(path) as beside:
            beside.write_text(text, encoding="utf-8")
    finally:
        os.close(folder)
    print(f"{name}: nobody has published its hash, {sha256} is kept in {path}", flush=True)


def fetch_urls(path: Path) -> list[Path]:
    """The files that the `Urls` pin at `path` describes, each as `fetch_url` fetches one."""
    pin = params.read_file(path, Urls)
    targets = []
    for name, md5 in pin.md5.items():
        targets.append(cached(pin.folder) / name)
        with _alone(targets[-1]):
            _retrieve(pin.base + name, targets[-1], f"md5:{md5}", path)
    return targets


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Wait until no other process fetches `target`: two would resume one transfer at once."""
    with ExitStack() as stack:
        # A cache may be there to be read alone, and its file system may know no locks.
        with suppress(OSError):
            target.parent.mkdir(parents=True, exist_ok=True)
            held = stack.enter_context(target.with_name(f"{target.name}.lock").open("w"))
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _retrieve(url: str, target: Path, known_hash: str | None, pin: Path) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(
            url,
            known_hash=known_hash,
            fname=target.name,
            path=target.parent,
            downloader=Resume(target.with_name(target.name + ".part")),
        )
    except ValueError as error:
        raise InputError(
            f"{url}: {error} Run again; if that does not help, ask the publisher for the hash and"
            f" correct it in {pin}"
        ) from None


class Resume:
    """A downloader for pooch that keeps what has arrived in `part` and resumes there.

    The name that the server gives this version of the file is kept beside it, so that a server
    that has another one by then sends all of that.
    """

    def __init__(self, part: Path) -> None:
        self.part = part
        self.version = part.with_name(f"{part.name}.version")

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        """Download `url` to `output_file`.

        Raises:
            InputError: the server refuses, or cannot be reached.
        """
        from requests.exceptions import RequestException

        print(f"downloading {url}", flush=True)
        failures, furthest = 0, self._size()
        while True:
            try:
                self._transfer(url)
            except RequestException as error:
                # A server that announces more than it has lets a transfer begin again and again.
                failures = 0 if self._size() > furthest else failures + 1
                furthest = max(furthest, self._size())
                if failures == TRIES:
                    raise InputError(
                        f"{url} cannot be downloaded ({_cause(error)}): connect to the internet"
                        " and run again, it resumes where it stopped"
                    ) from None
                time.sleep(2.0**failures / 2)
            else:
                break
        self.version.unlink(missing_ok=True)
        self.part.replace(output_file)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _transfer(self, url: str) -> None:
        import requests

        # No compression in transit: length and range would be those of the compressed bytes.
        headers = {"Accept-Encoding": "identity"}
        if start := self._size():
            headers["Range"] = f"bytes={start}-"
            if self.version.exists():
                headers["If-Range"] = self.version.read_text(encoding="latin-1")
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                self.part.unlink()
            elif 400 <= response.status_code < 500 and response.status_code not in AGAIN:
                raise InputError(
                    f"{url}: the server answers '{response.status_code} {response.reason}': get the"
                    " file from elsewhere and give its path, or correct the address"
                )
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            if not resumed:
                self._keep_version(response.headers)
            self._receive(response, start if resumed else 0)

    def _keep_version(self, headers: Any) -> None:
        tag = headers.get("ETag", "")
        # A weak tag is one of contents that are alike, not the same.
        version = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
        if version:
            self.version.write_text(version, encoding="latin-1")
        else:
            self.version.unlink(missing_ok=True)

    def _receive(self, response: Any, start: int) -> None:
        """Append the body to what has arrived up to `start`, or write it anew from 0."""
        length = response.headers.get("Content-Length", "")
        progress = tqdm(
            total=int(length) + start if length.isdecimal() else None,
            initial=start,
            desc=self.part.stem,
            unit="B",
            unit_scale=True,
            leave=False,
            disable=None,
        )
        with progress, self.part.open("ab" if start else "wb") as file:
            for chunk in response.iter_content(CHUNK):
                file.write(chunk)
                progress.update(len(chunk))


def _pip_download(pin: Package, path: Path, folder: Path) -> None:
    """Download with pip into `folder`; pip itself checks the hash."""
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n")
    print(f"downloading {pin.package} {pin.version} with pip", flush=True)
    options = ["--no-deps", "--ignore-requires-python", "--only-binary=:all:", "--require-hashes"]
    options += ["--disable-pip-version-check", "--no-input"]
    if not sys.stdout.isatty():
        options.append("--quiet")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", wanted],
        stderr=subprocess.PIPE,
        text=True,
    )
    if "DO NOT MATCH THE HASHES" in done.stderr:
        found = done.stderr.rpartition("Got")[2].split()[0]
        raise InputError(
            f"{pin.package} {pin.version}: the file's SHA-256 is {found}, expected {pin.sha256}:"
            f" find out why the package index has another file, or correct sha256 in {path}"
        )
    if done.returncode or not (folder / pin.file).exists():
        causes = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise InputError(
            f"pip cannot download {pin.file} ({' '.join(causes) or 'it found another file'}):"
            " connect to the internet, or set pip's index to one that can be reached"
        )


def _cause(error: Exception) -> str:
    """The reason inside an exception of requests, whose own message repeats the address."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", inner)).rpartition(">: ")[2]
