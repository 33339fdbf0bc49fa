"""Scores by split: what is written for one split knows nothing of another."""

from pathlib import Path

import pyarrow as pa
import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import write_json, write_table
from stages import stack


def write_scores(probability: float, split: str) -> None:
    table = pa.table({"id": [1], "label": [0], "probability": [probability]})
    write_table(paths.scores("lstm") / f"{split}.parquet", table)


def test_each_split_is_copied_and_does_not_know_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(families, "members", lambda: ["lstm"])
    for number, split in enumerate(paths.SPLITS):
        write_scores(number / 10, split)
    write_json(paths.scores("lstm") / "model.json", {"parameters": 7})
    stack.main()
    written = {split: paths.stacked(split, "lstm").read_bytes() for split in paths.SPLITS}
    assert written == {
        split: (paths.scores("lstm") / f"{split}.parquet").read_bytes() for split in paths.SPLITS
    }
    assert paths.stacked_model("lstm").read_text() == '{\n  "parameters": 7\n}\n'
    write_scores(0.9, "test")
    stack.main()
    for split in ("train", "valid"):
        assert paths.stacked(split, "lstm").read_bytes() == written[split]
    assert paths.stacked("test", "lstm").read_bytes() != written["test"]
