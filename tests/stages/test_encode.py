"""Encode equals plain loops over words, whatever the params and the partitions are."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json, write_table
from epochwise.inputs.reviews.tokens import UNKNOWN, Words, split
from stages import encode as stage
from stages.encode import Encode, build_vocabulary

METRICS = paths.dataset_metrics("reviews", "encode")
SPLIT, SEQUENCES = (
    {name: paths.review_split(step, name) for name in ("train", "valid")}
    for step in ("split", "sequences")
)

# Enough words to leave Arrow's small batches, whose order is not that of first appearance.
WORDS = st.sampled_from(["i've", "café", "東京", "don't", *(f"w{i}" for i in range(90))])
TEXT = st.lists(WORDS, min_size=1, max_size=30).map(" ".join)
TEXTS = st.lists(TEXT, min_size=1, max_size=12)
PARAMS = st.builds(
    Encode,
    min_count=st.integers(1, 3),
    max_words=st.none() | st.integers(1, 6),
    unknown_token=st.booleans(),
)
PLAIN = Encode(min_count=1, max_words=None, unknown_token=False)


def reference_vocabulary(texts: list[str], encode: Encode) -> dict[str, int]:
    counts: dict[str, int] = {}
    for text in texts:
        for word in text.split(" "):
            counts[word] = counts.get(word, 0) + 1
    kept = [word for word in counts if counts[word] >= encode.min_count]
    if encode.max_words is not None:
        most = sorted(kept, key=lambda word: (-counts[word], kept.index(word)))
        kept = [word for word in kept if word in most[: encode.max_words]]
    vocabulary = {word: counts[word] for word in kept}
    if encode.unknown_token and kept:
        vocabulary[UNKNOWN] = sum(counts.values()) - sum(vocabulary.values())
    return vocabulary


def parts(texts: list[str], rows: int) -> list[Words]:
    return [split(pa.array(texts[i : i + rows])) for i in range(0, len(texts), rows)]


@given(TEXTS, PARAMS, st.integers(1, 13))
def test_vocabulary_equals_counting_in_a_loop(texts: list[str], encode: Encode, rows: int) -> None:
    expected = reference_vocabulary(texts, encode)
    if not expected:
        with pytest.raises(InputError, match=r"encode\.min_count"):
            build_vocabulary(parts(texts, rows), encode)
        return
    vocabulary = build_vocabulary(parts(texts, rows), encode)
    assert vocabulary.schema == stage.VOCABULARY_SCHEMA
    found = zip(vocabulary["word"].to_pylist(), vocabulary["count"].to_pylist(), strict=True)
    assert list(found) == list(expected.items())


def test_the_unknown_token_is_the_last_row_of_the_vocabulary() -> None:
    encode = PLAIN.model_copy(update={"max_words": 2, "unknown_token": True})
    vocabulary = build_vocabulary(parts(["a b b c c c"], 1), encode)
    assert vocabulary.to_pydict() == {"word": ["b", "c", UNKNOWN], "count": [2, 3, 1]}


def test_a_minimum_that_no_word_reaches_is_refused() -> None:
    encode = PLAIN.model_copy(update={"min_count": 9})
    with pytest.raises(
        InputError, match=r"min_count is 9, .* occurs 2 times: set a smaller minimum"
    ):
        build_vocabulary(parts(["a a b"], 1), encode)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, n in (("train", 57), ("valid", 13)):
        texts = [" ".join(f"w{i}" for i in random.zipf(1.5, 20) % 90) for _ in range(n)]
        table = pa.table(
            {
                "review_id": pa.array(range(n), pa.int64()),
                "text": texts,
                "label": pa.array(random.integers(0, 2, n), pa.int8()),
            }
        )
        write_table(SPLIT[name], table)
    return tmp_path


def run_stage(rows: int, **changes: object) -> dict[str, str]:
    block = PLAIN.model_dump() | changes
    Path("params.yaml").write_text(
        yaml.safe_dump({"engine": {"partition_rows": rows}, "encode": block})
    )
    stage.main()
    outputs = [paths.VOCABULARY, METRICS, *SEQUENCES.values()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in outputs}


def test_the_stage_writes_the_same_bytes_for_any_partitions(project: Path) -> None:
    whole = run_stage(1000)
    assert len(whole) == 4
    assert run_stage(7) == whole


def test_the_stage_writes_what_the_loops_say(project: Path) -> None:
    run_stage(10)
    train = pq.read_table(SPLIT["train"])
    valid = pq.read_table(SPLIT["valid"])
    words = [word for text in train["text"].to_pylist() for word in text.split()]
    vocabulary = list(dict.fromkeys(words))
    assert pq.read_table(paths.VOCABULARY).to_pydict() == {
        "word": vocabulary,
        "count": [Counter(words)[word] for word in vocabulary],
    }
    sequences = pq.read_table(SEQUENCES["valid"])
    assert sequences.schema == stage.SEQUENCES_SCHEMA
    assert sequences["review_id"] == valid["review_id"]
    assert sequences["label"] == valid["label"]
    known = [[w for w in text.split() if w in vocabulary] for text in valid["text"].to_pylist()]
    assert sequences["tokens"].to_pylist() == [
        [vocabulary.index(word) + 1 for word in text] for text in known
    ]
    metrics = read_json(METRICS)
    assert metrics["vocabulary"] == len(vocabulary)
    assert metrics["train"]["unknown_words"] == 0
    assert metrics["valid"]["words"] == 13 * 20
    share = 1 - sum(map(len, known)) / (13 * 20)
    assert metrics["valid"]["unknown_words"] == pytest.approx(share)
    assert metrics["valid"]["length"]["50%"] == np.median([len(text) for text in known])
    assert metrics["train"]["longer_than_50"] == 0


def test_unknown_words_are_counted_with_and_without_their_token(project: Path) -> None:
    run_stage(10, max_words=5)
    dropped = read_json(METRICS)
    run_stage(10, max_words=5, unknown_token=True)
    kept = read_json(METRICS)
    assert dropped["valid"]["unknown_words"] == kept["valid"]["unknown_words"] > 0
    assert kept["valid"]["length"]["min"] == 20


def test_a_missing_split_is_named_and_nothing_is_written(project: Path) -> None:
    SPLIT["valid"].unlink()
    with pytest.raises(InputError, match=r"valid\.parquet not found: run `dvc repro`"):
        run_stage(10)
    assert not paths.VOCABULARY.exists() and not SEQUENCES["train"].parent.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_count": 0}, "'encode.min_count' is 0"),
        ({"max_word": 3}, r"unknown key 'encode.max_word' \(did you mean 'max_words'\?\)"),
    ],
)
def test_wrong_params_are_refused(project: Path, change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_stage(10, **change)
