import json
import re
import time
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import clean as stage
from stages.clean import clean_text
from stages.core.cli import InputError
from stages.review_files import RAW_SCHEMA

DIGITS = st.sampled_from(["keep", "drop", "mask"])


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("I've <b>never</b> had BETTER<br />tea!!", "i've never had better tea"),
        ("Fish &amp; chips &lt;3 &#39;tis", "fish chips 3 tis"),
        ("twice &amp;lt;br&amp;gt; encoded &amp;amp; so", "twice encoded so"),
        ("I <3 it, 5 < 6 and a <b", "i 3 it 5 6 and a b"),
        ("<script>alert(1)</script>seen<style>p{}</style>", "seen"),
        ("see http://x.org/a?b=c, WWW.Shop.com/x or me.too@mail.co.uk now", "see or now"),
        ("don\u2019t \u201cquote\u201d me\u2026 it`s \u00b4so\u00b4", "don't quote me it's so"),
        ("no\u00a0break\u2003and\u200bzero\u00adwidth", "no break andzerowidth"),
        ("the dogs' rock'n'roll ''Conan'' 'n", "the dogs rock'n'roll conan n"),
        (
            "Caf\u00e9 CAFE\u0301 \ufb01ne \u6771\u4eac \u0939\u093f\u0928\u094d\u0926\u0940",
            "café café fine 東京 हिन्दी",
        ),
        ("!!! \u2603 ...", ""),
    ],
)
def test_examples(raw: str, cleaned: str) -> None:
    assert clean_text(raw, "keep") == cleaned


@pytest.mark.parametrize(
    ("digits", "cleaned"),
    [("keep", "4 5 stars b2b"), ("drop", "stars b b"), ("mask", "0 0 stars b0b")],
)
def test_digits(digits: Any, cleaned: str) -> None:
    assert clean_text("4.5 stars, B2B", digits) == cleaned


@settings(deadline=None)
@given(st.text() | st.text(alphabet="ab1<>&;'\"/#@.:wht \u2019\u0301İ½"), DIGITS)
def test_cleaning_again_changes_nothing(text: str, digits: Any) -> None:
    cleaned = clean_text(text, digits)
    assert clean_text(cleaned, digits) == cleaned
    assert cleaned == " ".join(cleaned.split(" ")).strip()
    for word in cleaned.split():
        assert not word.startswith("'") and not word.endswith("'")
        for character in word:
            assert character == "'" or unicodedata.category(character)[0] in "LMN"
            assert digits != "drop" or unicodedata.category(character)[0] != "N"


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "a@", "&", "&amp;", "http://", "'", "www.", "a.", "<b><i>"]
)
def test_time_grows_with_the_text_alone(piece: str) -> None:
    def seconds(size: int) -> float:
        started = time.perf_counter()
        clean_text(piece * (size // len(piece)), "keep")
        return time.perf_counter() - started

    assert seconds(200_000) < 30 * max(seconds(20_000), 0.005)


def raw(*rows: dict[str, Any]) -> pa.Table:
    filled = [{name: None for name in RAW_SCHEMA.names} | row for row in rows]
    table = pa.Table.from_pylist(filled, schema=RAW_SCHEMA)
    return table.set_column(0, "review_id", pa.array(range(len(rows)), pa.int64()))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    stage.RAW.parent.mkdir(parents=True)
    return tmp_path


def run(table: pa.Table, rows: int = 2, **changes: Any) -> tuple[list[dict[str, Any]], Any]:
    pq.write_table(table, stage.RAW)
    section = {"digits": "keep", "drop_duplicates": True} | changes
    params = {"clean": section, "engine": {"partition_rows": rows}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    stage.main()
    return pq.read_table(stage.CLEAN).to_pylist(), json.loads(stage.METRICS.read_text())


def test_every_drop_is_counted_by_its_reason(project: Path) -> None:
    table = raw(
        {"text": "fine", "rating": 5.0},
        {"text": "poor", "rating": 2.0},
        {"text": "so so", "rating": 3.0},
        {"text": "who knows"},
        {"text": "<br/>", "rating": 1.0},
        {"text": "Same!", "rating": 1.0, "user_id": "u", "time": 7},
        {"text": "Same!", "rating": 1.0, "user_id": "u", "time": 7},
        {"text": "same", "rating": 4.0, "user_id": "v", "time": 7},
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


def test_duplicates_stay_where_asked(project: Path) -> None:
    rows = [{"text": "good", "label": 1}] * 3 + [{"text": "bad", "label": 0}]
    assert len(run(raw(*rows), drop_duplicates=False)[0]) == 4


def test_the_same_bytes_whatever_the_partitions(project: Path) -> None:
    rows = [{"text": f"text {n % 9}", "label": n % 2, "user_id": "u", "time": n} for n in range(40)]
    written = set()
    for size in (1, 7, 100):
        run(raw(*rows), rows=size)
        written.add((stage.CLEAN.read_bytes(), stage.METRICS.read_bytes()))
    assert len(written) == 1


def test_one_class_is_refused_before_anything_is_written(project: Path) -> None:
    with pytest.raises(InputError, match=re.escape("all 2 are of class 1: check reviews.columns")):
        run(raw({"text": "a", "label": 1}, {"text": "b", "label": 1}))
    assert not stage.CLEAN.exists() and not stage.METRICS.exists()
    assert list(stage.CLEAN.parent.iterdir()) == [stage.RAW]


def test_hashes_tell_texts_apart() -> None:
    table = raw({"text": "a", "label": 1}, {"text": "b", "label": 0}, {"text": "A", "label": 0})
    hashes = stage.clean_partition(table, "keep")["same_text"].to_pylist()
    assert hashes[0] == hashes[2] != hashes[1]
    assert pd.Series(hashes).dtype == "uint64"
