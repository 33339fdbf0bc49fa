import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from epochwise.data import download
from tests.loopback import Server

# How long an example takes depends on what else the machine does.
settings.register_profile("epochwise", deadline=None)
settings.load_profile("epochwise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first: where files are shared among processes, all end at about one time."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder, empty; retries follow at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
    return tmp_path / "cache/epochwise"
