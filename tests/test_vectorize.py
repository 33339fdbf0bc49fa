"""Document vectors equal plain loops; the stage fits on train alone and writes the same bytes."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import StandardScaler

from stages import encode, vectorize
from stages.core import params
from stages.core.cli import InputError
from stages.reviews import document_vectors as averaging
from stages.reviews import tokens
from stages.reviews.document_vectors import (
    Vectorizer,
    document_vectors,
    inverse_document_frequencies,
    standardize,
)

WORDS = 6
DOCUMENTS = st.lists(st.lists(st.integers(1, WORDS), max_size=9), min_size=1, max_size=8)
VALUES = st.floats(-9, 9, width=32, allow_subnormal=False)


def as_tokens(documents: list[list[int]]) -> pa.ListArray:
    return pa.array(documents, pa.list_(pa.int32()))


def reference_vectors(
    documents: list[list[int]], idf: np.ndarray, embedding: np.ndarray
) -> np.ndarray:
    rows = np.zeros((len(documents), embedding.shape[1]))
    for row, words in zip(rows, documents, strict=True):
        total = 0.0
        for word in set(words):
            if embedding[word].any():
                tfidf = words.count(word) / len(words) * idf[word]
                row += tfidf * embedding[word]
                total += tfidf
        if total:
            row /= total
    return rows


@settings(deadline=None)
@given(
    DOCUMENTS,
    arrays("float32", (WORDS + 1, 3), elements=VALUES),
    arrays("float64", WORDS + 1, elements=st.floats(1, 9)),
)
def test_document_vectors_equal_a_loop_over_words(
    documents: list[list[int]], embedding: np.ndarray, idf: np.ndarray
) -> None:
    embedding[0] = 0
    vectors = document_vectors(as_tokens(documents), idf, embedding)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(
        vectors, reference_vectors(documents, idf, embedding), rtol=1e-4, atol=1e-4
    )
    sliced = document_vectors(as_tokens(documents).slice(1), idf, embedding)
    np.testing.assert_array_equal(sliced, vectors[1:])


@settings(deadline=None)
@given(DOCUMENTS, st.integers(1, 9))
def test_idf_equals_that_of_scikit_learn(documents: list[list[int]], rows: int) -> None:
    counts = np.array([np.bincount(words, minlength=WORDS + 1) for words in documents])
    tables = [
        pa.table({"tokens": as_tokens(documents[i : i + rows])})
        for i in range(0, len(documents), rows)
    ]
    idf = inverse_document_frequencies(tables, WORDS + 1)
    np.testing.assert_allclose(idf[1:], TfidfTransformer().fit(counts).idf_[1:])
    assert idf[0] == 0


def test_standardized_vectors_have_mean_0_and_deviation_1_and_zeros_stay_zeros() -> None:
    vectors = np.random.default_rng(0).normal(3, 5, (50, 4)).astype("float32")
    scaler = StandardScaler().fit(vectors)
    vectors[7] = 0
    standardized = standardize(vectors, scaler.mean_, scaler.scale_)
    assert standardized.dtype == np.float32
    assert not standardized[7].any()
    expected = scaler.transform(vectors)
    np.testing.assert_allclose(np.delete(standardized, 7, 0), np.delete(expected, 7, 0), atol=1e-5)


def block(**changes: Any) -> dict[str, Any]:
    word2vec = {
        "size": 8,
        "window": 3,
        "min_count": 1,
        "skip_gram": True,
        "negative": 2,
        "sample": 1e-3,
        "epochs": 2,
        "max_words": 100_000,
    }
    source = {"source": "word2vec", "path": "data/reviews/split/train.parquet", "name": None}
    return {**source, "fine_tune": False, "word2vec": word2vec} | changes


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with encoded splits; the last review of valid has no known word."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in random.zipf(1.3, 12) % 60) for _ in range(80)]
    encoded = tokens.split(pa.array(texts[:60]))
    plain = encode.Encode(min_count=1, max_words=None, unknown_token=False)
    vocabulary = encode.build_vocabulary([encoded], plain)
    encode.SEQUENCES.mkdir(parents=True)
    pq.write_table(vocabulary, encode.VOCABULARY)
    for name, part in (("train", texts[:60]), ("valid", [*texts[60:], "unheard of"])):
        table = pa.table(
            {
                "review_id": pa.array(range(len(part)), pa.int64()),
                "label": pa.array(random.integers(0, 2, len(part)), pa.int8()),
                "text": part,
            }
        )
        sequences = encode.sequences(table, vocabulary)
        pq.write_table(sequences, encode.SEQUENCES / f"{name}.parquet")
    return tmp_path


def write_params(rows: int = 1000, **changes: Any) -> None:
    content = {"seed": 1, "engine": {"partition_rows": rows}, "vectorize": block(**changes)}
    Path("params.yaml").write_text(yaml.safe_dump(content))


def digests() -> dict[str, str]:
    paths = [*vectorize.EMBEDDING.parent.iterdir(), vectorize.METRICS]
    paths += vectorize.VECTORS.iterdir()
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_stage_writes_the_same_bytes_in_every_process(project: Path) -> None:
    write_params()
    found = []
    for hash_seed in ("1", "2"):
        environment = {
            **os.environ, "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }  # fmt: skip
        command = [sys.executable, "-m", "stages.vectorize"]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        found.append(digests())
    assert {str(vectorize.EMBEDDING), str(vectorize.METRICS)} < set(found[0])
    assert found[0] == found[1]


def test_the_stage_fits_on_train_and_transforms_both_splits(project: Path) -> None:
    write_params(rows=7)
    vectorize.main()
    embedding = np.load(vectorize.EMBEDDING, allow_pickle=False)
    words = pq.read_table(encode.VOCABULARY)["word"].to_pylist()
    assert embedding.shape == (len(words) + 1, 8) and embedding.dtype == np.float32
    assert not embedding[0].any() and embedding[1:].any(axis=1).all()
    tokens = {
        split: pq.read_table(encode.SEQUENCES / f"{split}.parquet") for split in vectorize.SPLITS
    }
    fitted = averaging.read_vectorizer()
    documents = tokens["train"]["tokens"].to_pylist()
    raw = reference_vectors(documents, fitted.idf, embedding)
    np.testing.assert_allclose(fitted.mean, raw.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(fitted.scale, raw.std(axis=0), atol=1e-5)
    for split, table in tokens.items():
        written = pq.read_table(vectorize.VECTORS / f"{split}.parquet")
        assert written["review_id"] == table["review_id"] and written["label"] == table["label"]
        vectors = written["vector"].combine_chunks()
        assert vectors.type == pa.list_(pa.float32(), 8)
        np.testing.assert_array_equal(
            vectors.flatten().to_numpy().reshape(-1, 8),
            averaging.vectorize(table["tokens"], embedding, fitted),
        )
    metrics = json.loads(vectorize.METRICS.read_text())
    assert metrics["trained"] == {"epochs": 2, "reviews": 60}
    assert metrics["words_with_vector"] == len(words)
    assert metrics["train"]["reviews_without_vector"] == 0
    assert metrics["valid"] == {
        "reviews": 21,
        "reviews_without_vector": 1,
        "tokens_with_vector": 1.0,
    }
    assert not vectors.flatten().to_numpy()[-8:].any()


def test_pretrained_vectors_stay_as_they_are_unless_fine_tuned(project: Path) -> None:
    Path("given.txt").write_text("w1 1 0 0\nw2 0 1 0\nother 1 1 1\n")
    write_params(source="glove", path="given.txt")
    vectorize.main()
    words = pq.read_table(encode.VOCABULARY)["word"].to_pylist()
    embedding = np.load(vectorize.EMBEDDING)
    assert embedding[words.index("w2") + 1].tolist() == [0, 1, 0]
    assert np.flatnonzero(embedding.any(axis=1)).tolist() == sorted(
        [words.index("w1") + 1, words.index("w2") + 1]
    )
    assert json.loads(vectorize.METRICS.read_text())["words_with_vector"] == 2
    write_params(source="glove", path="given.txt", fine_tune=True)
    vectorize.main()
    tuned = np.load(vectorize.EMBEDDING)
    assert tuned.shape == embedding.shape and tuned[1:].any(axis=1).all()
    start, end = embedding[words.index("w2") + 1], tuned[words.index("w2") + 1]
    assert 0.9 < start @ end / np.linalg.norm(end) < 1


def test_vectors_that_know_no_word_are_refused_and_nothing_is_written(project: Path) -> None:
    Path("given.txt").write_text("W1 1 0 0\n")
    write_params(source="word2vec_file", path="given.txt")
    with pytest.raises(InputError, match=r"given.txt has a vector for none of the \d+ words"):
        vectorize.main()
    assert not vectorize.EMBEDDING.exists() and not vectorize.VECTORS.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "fasttext"}, "'vectorize.source' is 'fasttext': input should be 'word2vec'"),
        ({"source": "downloader"}, "name is for source: downloader alone, which needs it"),
        ({"fine_tune": True}, "fine_tune is for pretrained vectors, not for source: word2vec"),
        ({"pathh": "x"}, r"unknown key 'vectorize.pathh' \(did you mean 'path'\?\)"),
    ],
)
def test_wrong_params_are_refused(project: Path, changes: dict[str, Any], message: str) -> None:
    write_params(**changes)
    with pytest.raises(InputError, match=message):
        params.read("vectorize", vectorize.Vectorize)


def test_a_missing_input_is_named(project: Path) -> None:
    write_params()
    (encode.SEQUENCES / "valid.parquet").unlink()
    with pytest.raises(InputError, match=r"sequences/valid\.parquet not found"):
        vectorize.main()


def test_a_missing_vectorizer_is_named(project: Path) -> None:
    with pytest.raises(InputError, match=r"vectorizer\.npz not found: run `dvc repro`"):
        averaging.read_vectorizer()


def test_the_vectorizer_is_read_as_it_was_written(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", idf=np.ones(3), mean=np.zeros(2), scale=np.full(2, 5.0))
    fitted = averaging.read_vectorizer(tmp_path / "v.npz")
    assert isinstance(fitted, Vectorizer) and fitted.scale.tolist() == [5, 5]
