"""Vectorize fits on train alone, and writes the same bytes in every process."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json, read_table, write_table
from epochwise.core.params import Section
from epochwise.data.word_vectors import Training
from epochwise.inputs.reviews import fitted, tokens
from epochwise.inputs.reviews.document_vectors import Parts, document_vectors, standardize
from epochwise.inputs.reviews.document_vectors import vectorize as standardized_vectors
from epochwise.inputs.reviews.network import VectorInputs
from epochwise.inputs.reviews.paragraph_vectors import paragraph_vectors
from epochwise.inputs.reviews.semantic_vectors import semantic_vectors
from stages import encode, vectorize
from tests.configuration import ROOT
from tests.epochwise.inputs.reviews.test_document_vectors import reference_vectors

METRICS = paths.dataset_metrics("reviews", "vectorize")
SEQUENCES, VECTORS = (
    {split: paths.review_split(step, split) for split in vectorize.SPLITS}
    for step in ("sequences", "vectors")
)

FITTED = {"embedding.npy", "lengths.npy", "vectorizer.npz", "vocabulary.parquet"}
"""The files of what turns texts into averaged vectors."""


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
    paragraph = {name: word2vec[name] for name in Training.model_fields} | {
        "size": 5,
        "sample": 0.1,
    }
    semantic = {"size": 4, "min_documents": 2, "max_terms": 50, "max_reviews": 1000}
    models = {"documents": ["averaged"], "paragraph": paragraph, "semantic": semantic}
    return {**source, "fine_tune": False, "word2vec": word2vec, **models} | changes


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with encoded splits; the last review of valid has no known word."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in random.zipf(1.3, 12) % 60) for _ in range(80)]
    encoded = tokens.split(pa.array(texts[:60]))
    plain = encode.Encode(min_count=1, max_words=None, unknown_token=False)
    vocabulary = encode.build_vocabulary([encoded], plain)
    write_table(paths.VOCABULARY, vocabulary)
    for name, part in (("train", texts[:60]), ("valid", [*texts[60:], "unheard of"])):
        table = pa.table(
            {
                "review_id": pa.array(range(len(part)), pa.int64()),
                "label": pa.array(random.integers(0, 2, len(part)), pa.int8()),
                "text": part,
            }
        )
        write_table(SEQUENCES[name], encode.sequences(table, vocabulary))
    return tmp_path


def write_params(rows: int = 1000, **changes: Any) -> None:
    content = {
        "seed": {"data": 1, "training": 1},
        "engine": {"partition_rows": rows},
        "vectorize": block(**changes),
    }
    Path("params.yaml").write_text(yaml.safe_dump(content))


def fitted_files() -> set[str]:
    return {path.name for path in paths.WORD_VECTORS.iterdir()}


def digests() -> dict[str, str]:
    written = [*paths.WORD_VECTORS.iterdir(), METRICS, *VECTORS.values()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in written}


def test_the_stage_writes_the_same_bytes_in_every_process(project: Path) -> None:
    write_params(documents=["averaged", "paragraph", "semantic"])
    assert os.environ.get("PYTHONHASHSEED") != "1"
    vectorize.main()
    ours = digests()
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stages.vectorize"]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    assert fitted_files() == {*FITTED, "paragraphs.npz", "semantic.npz"}
    assert digests() == ours


def test_the_stage_fits_on_train_and_transforms_both_splits(project: Path) -> None:
    write_params(rows=7)
    vectorize.main()
    assert fitted_files() == FITTED
    embedding = fitted.read_embedding()
    words = read_table(paths.VOCABULARY)["word"].to_pylist()
    assert fitted.read_vocabulary()["word"].to_pylist() == words
    assert embedding.shape == (len(words) + 1, 8) and embedding.dtype == np.float32
    assert not embedding[0].any() and embedding[1:].any(axis=1).all()
    sequences = {split: read_table(path) for split, path in SEQUENCES.items()}
    vectorizer = fitted.read_vectorizer()
    documents = sequences["train"]["tokens"].to_pylist()
    idf = vectorizer.parts.idf
    assert idf is not None
    raw = reference_vectors(documents, idf, embedding)
    np.testing.assert_allclose(vectorizer.mean, raw.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(vectorizer.scale, raw.std(axis=0), atol=1e-5)
    for split, table in sequences.items():
        written = read_table(VECTORS[split])
        assert written["review_id"] == table["review_id"] and written["label"] == table["label"]
        vectors = written["vector"].combine_chunks()
        assert vectors.type == pa.list_(pa.float32(), 8)
        np.testing.assert_array_equal(
            vectors.flatten().to_numpy().reshape(-1, 8),
            standardized_vectors(table["tokens"], embedding, vectorizer),
        )
    metrics = read_json(METRICS)
    assert metrics["trained"] == {"epochs": 2, "reviews": 60}
    assert metrics["words_with_vector"] == len(words)
    assert metrics["train"]["reviews_without_vector"] == 0
    assert metrics["valid"] == {
        "reviews": 21,
        "reviews_without_vector": 1,
        "tokens_with_vector": 1.0,
    }
    assert not vectors.flatten().to_numpy()[-8:].any()


@pytest.mark.parametrize(
    ("documents", "size"),
    [(["paragraph"], 5), (["semantic"], 4), (["semantic", "paragraph", "averaged"], 8 + 5 + 4)],
)
def test_vectors_of_several_kinds_stand_side_by_side(
    documents: list[str], size: int, project: Path
) -> None:
    write_params(rows=7, documents=documents)
    vectorize.main()
    embedding, vectorizer = fitted.read_embedding(), fitted.read_vectorizer()
    idf, paragraphs, semantic = vars(vectorizer.parts).values()
    for split, path in SEQUENCES.items():
        lists = read_table(path)["tokens"]
        raw = []
        if "averaged" in documents:
            raw.append(document_vectors(lists, idf, embedding))
        if "paragraph" in documents:
            raw.append(paragraph_vectors(lists, paragraphs))
        if "semantic" in documents:
            raw.append(semantic_vectors(lists, semantic))
        expected = standardize(np.hstack(raw), vectorizer.mean, vectorizer.scale)
        written = read_table(VECTORS[split])["vector"].combine_chunks()
        np.testing.assert_array_equal(written.flatten().to_numpy().reshape(-1, size), expected)
    texts = read_table(paths.VOCABULARY)["word"]
    assert VectorInputs(Section()).of_texts(texts).shape == (len(texts), size)
    write_params()
    vectorize.main()
    parts = fitted.read_vectorizer().parts
    assert parts.idf is not None and parts.paragraphs is None and parts.semantic is None


def test_paragraph_vectors_need_a_word_that_is_frequent_enough(project: Path) -> None:
    write_params(documents=["paragraph"], paragraph=block()["paragraph"] | {"min_count": 10_000})
    with pytest.raises(InputError, match=r"vectorize\.paragraph\.min_count is 10000, but the most"):
        vectorize.main()
    assert not paths.WORD_VECTORS.exists() and not VECTORS["train"].parent.exists()


def test_pretrained_vectors_stay_as_they_are_unless_fine_tuned(project: Path) -> None:
    Path("given.txt").write_text("w1 1 0 0\nw2 0 1 0\nother 1 1 1\n")
    write_params(source="glove", path="given.txt")
    vectorize.main()
    words = read_table(paths.VOCABULARY)["word"].to_pylist()
    embedding = fitted.read_embedding()
    assert embedding[words.index("w2") + 1].tolist() == [0, 1, 0]
    assert np.flatnonzero(embedding.any(axis=1)).tolist() == sorted(
        [words.index("w1") + 1, words.index("w2") + 1]
    )
    assert read_json(METRICS)["words_with_vector"] == 2
    write_params(source="glove", path="given.txt", fine_tune=True)
    vectorize.main()
    tuned = fitted.read_embedding()
    assert tuned.shape == embedding.shape and tuned[1:].any(axis=1).all()
    start, end = embedding[words.index("w2") + 1], tuned[words.index("w2") + 1]
    assert 0.9 < start @ end / np.linalg.norm(end) < 1


def test_vectors_that_know_no_word_are_refused_and_nothing_is_written(project: Path) -> None:
    Path("given.txt").write_text("W1 1 0 0\n")
    write_params(source="word2vec_file", path="given.txt")
    with pytest.raises(InputError, match=r"given.txt has a vector for none of the \d+ words"):
        vectorize.main()
    assert not paths.WORD_VECTORS.exists() and not VECTORS["train"].parent.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "fasttext"}, "'vectorize.source' is 'fasttext': input should be 'word2vec'"),
        ({"source": "downloader"}, "source: downloader needs a name, and no other source has one"),
        ({"fine_tune": True}, "fine_tune is for pretrained vectors, not for source: word2vec"),
        ({"pathh": "x"}, r"unknown key 'vectorize.pathh' \(did you mean 'path'\?\)"),
    ],
)
def test_wrong_params_are_refused(project: Path, changes: dict[str, Any], message: str) -> None:
    write_params(**changes)
    with pytest.raises(InputError, match=message):
        params.read("vectorize", vectorize.Vectorize)


def test_nothing_is_fitted_on_valid(project: Path) -> None:
    def fitted_content() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in paths.WORD_VECTORS.iterdir()}

    write_params(documents=["averaged", "paragraph", "semantic"])
    vectorize.main()
    before = fitted_content()
    write_table(SEQUENCES["valid"], read_table(SEQUENCES["valid"]).slice(17))
    vectorize.main()
    assert fitted_content() == before


def test_a_missing_input_is_named(project: Path) -> None:
    write_params()
    SEQUENCES["valid"].unlink()
    with pytest.raises(InputError, match=r"sequences/valid\.parquet not found"):
        vectorize.main()


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_what_is_fitted_does_not_depend_on_partitions(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectorize, "BLOCK", 30)
    vectors = np.random.default_rng(0).lognormal(size=(100, 5)).astype("float32")
    parts = [vectors[start : start + rows] for start in range(0, 100, rows)]
    found = vectorize.fit([vectors[:0], *parts], Parts())
    expected = vectorize.fit([vectors], Parts())
    np.testing.assert_array_equal(found.mean, expected.mean)
    np.testing.assert_array_equal(found.scale, expected.scale)
