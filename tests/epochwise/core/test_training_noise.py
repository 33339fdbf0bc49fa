"""Noise that was kept is read, and what a conflict of git leaves of it is told."""

from pathlib import Path

import pytest

from epochwise.core import paths, training_noise
from epochwise.core.cli import InputError
from epochwise.core.files import write_json


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_was_kept_is_read() -> None:
    assert training_noise.read() == {}
    noise = {"lstm": {"repeats": 2, "metrics": {"a": {"mean": 1.0, "std": 1.0, "values": [0, 2]}}}}
    write_json(paths.NOISE, noise)
    assert training_noise.read() == noise


@pytest.mark.parametrize("content", ["<<<<<<< HEAD\n{}", "[]", "1", "", '{"lstm": {}}'])
def test_a_damaged_file_is_told_with_how_to_have_it_back(content: str) -> None:
    paths.NOISE.parent.mkdir()
    paths.NOISE.write_text(content)
    with pytest.raises(InputError, match=r"^metrics/noise\.json.* `git checkout HEAD -- met"):
        training_noise.read()
