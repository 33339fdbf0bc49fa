"""A training's duration is that of the epoch table that is there, or nothing is said."""

import json
from pathlib import Path

import pytest

from epochwise.core import paths
from epochwise.core.files import write_json
from epochwise.core.timing import recorded_seconds, timing, train_seconds

TABLE = b"epoch\n0\n"


def test_the_seconds_of_another_table_are_not_known() -> None:
    content = timing(12.34, TABLE)
    assert train_seconds(content, TABLE) == 12.3
    assert train_seconds(content, TABLE + b"1\n") is None


@pytest.mark.parametrize(
    "content",
    [None, [], "12.3", {}, *({key: 1.0} for key in timing(1.0, TABLE))],
    ids=json.dumps,
)
def test_nothing_is_known_from_what_is_no_record(content: object) -> None:
    assert train_seconds(content, TABLE) is None


def test_a_training_is_on_record_with_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert recorded_seconds("lstm") is None
    write_json(paths.metrics("lstm", "timing.json"), timing(1.0, TABLE))
    assert recorded_seconds("lstm") is None
    paths.metrics("lstm", "epochs.csv").write_bytes(TABLE)
    assert recorded_seconds("lstm") == 1.0
    paths.metrics("lstm", "timing.json").write_text("<<<<<<< HEAD")
    assert recorded_seconds("lstm") is None
