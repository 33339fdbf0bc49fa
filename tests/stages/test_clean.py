"""Clean keeps one labelled copy of every text and counts what it drops, by reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json
from epochwise.data.cleaning import Clean
from epochwise.data.review_files import RAW_SCHEMA
from stages import clean as stage

METRICS = paths.dataset_metrics("reviews", "clean")
PLAIN = Clean(digits="keep", punctuation="drop", drop_duplicates=True)


def raw(*rows: dict[str, Any]) -> pa.Table:
    filled = [{name: None for name in RAW_SCHEMA.names} | row for row in rows]
    table = pa.Table.from_pylist(filled, schema=RAW_SCHEMA)
    return table.set_column(0, "review_id", pa.array(range(len(rows)), pa.int64()))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    paths.RAW_REVIEWS.parent.mkdir(parents=True)
    return tmp_path


def run(table: pa.Table, rows: int = 2, **changes: Any) -> tuple[list[dict[str, Any]], Any]:
    pq.write_table(table, paths.RAW_REVIEWS)
    params = {"clean": PLAIN.model_dump() | changes, "engine": {"partition_rows": rows}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    stage.main()
    return pq.read_table(paths.CLEAN_REVIEWS).to_pylist(), read_json(METRICS)


def test_every_drop_is_counted_by_its_reason(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = raw(
        {"text": "fine", "rating": 5.0, "label": 1},
        {"text": "poor", "rating": 2.0, "label": 0},
        {"text": "so so", "rating": 3.0},
        {"text": "who knows"},
        {"text": "<br/>", "rating": 1.0, "label": 0},
        {"text": "Same!", "rating": 1.0, "label": 0, "user_id": "u", "time": 7},
        {"text": "Same!", "rating": 1.0, "label": 0, "user_id": "u", "time": 7},
        {"text": "same", "rating": 4.0, "label": 1, "user_id": "v", "time": 7},
        {"text": "given", "rating": 1.0, "label": 1},
    )
    found, metrics = run(table)
    kept = [(row["review_id"], row["text"], row["label"]) for row in found]
    assert kept == [(0, "fine", 1), (1, "poor", 0), (5, "same", 0), (8, "given", 1)]
    assert metrics["dropped"] == {
        "no_label": 1,
        "neutral": 1,
        "empty": 1,
        "leaked": 0,
        "repeated": 1,
        "duplicate": 1,
    }
    assert (metrics["rows_in"], metrics["rows_out"], metrics["texts_with_both_labels"]) == (9, 4, 1)
    told = (
        "4 of 9 reviews stay, dropped are 1 no_label, 1 neutral, 1 empty, 1 repeated, 1 duplicate"
    )
    assert f"clean: {told}\n" in capsys.readouterr().out
    assert metrics["positive"] == 0.5


def test_of_equal_texts_that_in_the_source_s_own_test_split_stays(project: Path) -> None:
    table = raw(
        {"text": "Good", "label": 1, "split": "train"},
        {"text": "bad", "label": 0, "split": "train"},
        {"text": "good!", "label": 1, "split": "test"},
        {"text": "awful", "label": 0, "split": "test"},
    )
    for drop in (True, False):
        found, metrics = run(table, drop_duplicates=drop)
        assert [row["review_id"] for row in found] == [1, 2, 3]
        assert metrics["dropped"]["leaked"] == 1


def test_punctuation_makes_no_other_rows(project: Path) -> None:
    table = raw(
        {"text": "Good", "label": 1},
        {"text": "good!!", "label": 1},
        {"text": "Good, is it?", "label": 0},
        {"text": "?!", "label": 0},
    )
    kept, metrics = run(table, punctuation="keep")
    assert [row["text"] for row in kept] == ["good", "good , is it ?"]
    plain, expected = run(table, punctuation="drop")
    assert metrics == expected
    assert [row["text"] for row in plain] == ["good", "good is it"]


def test_a_rating_stays_beside_the_label(project: Path) -> None:
    rows = [
        {"text": "fine", "rating": 8.5, "label": 1},
        {"text": "poor", "rating": 1.0, "label": 0},
    ]
    found, _ = run(raw(*rows, {"text": "so", "label": 0}))
    assert [(row["rating"], row["label"]) for row in found] == [(8.5, 1), (1.0, 0), (None, 0)]


def test_duplicates_stay_where_asked(project: Path) -> None:
    rows = [{"text": "good", "label": 1}] * 3 + [{"text": "bad", "label": 0}]
    assert len(run(raw(*rows), drop_duplicates=False)[0]) == 4


def test_the_same_bytes_whatever_the_partitions(project: Path) -> None:
    rows = [{"text": f"text {n % 9}", "label": n % 2, "user_id": "u", "time": n} for n in range(40)]
    written = set()
    for size in (1, 7, 100):
        run(raw(*rows), rows=size)
        written.add((paths.CLEAN_REVIEWS.read_bytes(), METRICS.read_bytes()))
    assert len(written) == 1


def test_what_a_kill_left_is_written_over(project: Path) -> None:
    left = paths.CLEAN_REVIEWS.with_name(".clean.arrow")
    left.write_bytes(b"half of it")
    found, _ = run(raw({"text": "fine", "label": 1}, {"text": "poor", "label": 0}))
    assert len(found) == 2 and not left.exists()


def test_one_class_is_refused_before_anything_is_written(project: Path) -> None:
    message = r"all 2 are of class 1 \(dropped: 1 empty\): check reviews.columns"
    with pytest.raises(InputError, match=message):
        run(raw(*({"text": text, "label": 1} for text in ("a", "b", "!"))))
    assert not paths.CLEAN_REVIEWS.exists() and not METRICS.exists()
    assert list(paths.CLEAN_REVIEWS.parent.iterdir()) == [paths.RAW_REVIEWS]


def reference(rows: list[tuple[int, bool, bool, int, int, int | None]], drop: bool) -> list[str]:
    """Why each row is dropped, by loops over all rows before it."""
    why = []
    for label, neutral, empty, *_ in rows:
        unlabelled = "no_label" if label < 0 else "empty" if empty else ""
        why.append("neutral" if neutral else unlabelled)
    usable = [not reason for reason in why]
    for row, (_, _, _, level, text, _) in enumerate(rows):
        levels = [rows[n][3] for n in range(len(rows)) if usable[n] and rows[n][4] == text]
        if usable[row] and min(levels) < level:
            why[row] = "leaked"
    for name, column in (("repeated", 5), ("duplicate", 4)) if drop else ():
        seen = set()
        for row, facts in enumerate(rows):
            if not why[row] and facts[column] is not None:
                why[row] = name if facts[column] in seen else ""
                seen.add(facts[column])
    return why


ROW = st.tuples(
    st.integers(-1, 1),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2),
    st.integers(0, 4),
    st.none() | st.integers(0, 4),
)


@given(st.lists(ROW, min_size=1, max_size=30), st.booleans())
def test_reasons_equal_those_of_loops(rows: list[Any], drop: bool) -> None:
    label, neutral, empty, precedence, text, review = map(list, zip(*rows, strict=True))
    facts = stage.Facts(
        label=np.array(label, "int8"),
        neutral=np.array(neutral),
        empty=np.array(empty),
        precedence=np.array(precedence, "uint8"),
        same_text=np.array(text, "uint64"),
        known=np.array([number is not None for number in review]),
        same_review=np.array([number or 0 for number in review], "uint64"),
    )
    found = [stage.REASONS[number] for number in stage.dropped(facts, drop)]
    assert found == reference(rows, drop)


def test_hashes_tell_texts_apart() -> None:
    table = raw({"text": "a", "label": 1}, {"text": "b", "label": 0}, {"text": "A", "label": 0})
    hashes = stage.clean_partition(table, "keep", "drop")["same_text"].to_pylist()
    assert hashes[0] == hashes[2] != hashes[1]
    assert pd.Series(hashes).dtype == "uint64"
