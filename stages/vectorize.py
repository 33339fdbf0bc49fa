"""Document vectors: the vectors of a review's words, averaged with their TF-IDF weights.

Word vectors are trained here on the train split, read from a file, or downloaded. Inverse document
frequencies and the standardisation are fitted on the train split.

Reads data/reviews/vocabulary.parquet and data/reviews/sequences/{train,valid}.parquet. Writes
data/reviews/word2vec/{embedding.npy,vectorizer.npz,vocabulary.parquet},
data/reviews/vectors/{train,valid}.parquet and metrics/reviews/vectorize.json.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import model_validator

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.engine import Engine, partitions, write_partitions
from stages.core.files import read_table, replacing, write_json, write_table
from stages.core.progress import track
from stages.download import fetch_package
from stages.encode import SEQUENCES, VOCABULARY
from stages.reviews.document_vectors import (
    EMBEDDING,
    VECTORIZER,
    Vectorizer,
    document_vectors,
    flatten,
    has_vector,
    inverse_document_frequencies,
    vectorize,
)
from stages.word_vectors import (
    Sentences,
    Word2Vec,
    download_vectors,
    read_spacy,
    read_vectors,
    train_word2vec,
)

VECTORS = Path("data/reviews/vectors")
METRICS = Path("metrics/reviews/vectorize.json")
SPLITS = ("train", "valid")


class Vectorize(params.Section):
    """`vectorize` in params.yaml.

    `path` is a file in any case, as it is a dependency of the stage: the vectors themselves, or
    what says where they come from. With `fine_tune` pretrained vectors are trained further on the
    train split, by `word2vec`.
    """

    source: Literal["word2vec", "spacy_md", "word2vec_file", "glove", "downloader"]
    path: str
    name: str | None
    fine_tune: bool
    word2vec: Word2Vec

    @model_validator(mode="after")
    def _fits_source(self) -> Self:
        if (self.source == "downloader") != (self.name is not None):
            raise ValueError("name is for source: downloader alone, which needs it")
        if self.source == "word2vec" and self.fine_tune:
            raise ValueError("fine_tune is for pretrained vectors, not for source: word2vec")
        return self


def fit(tables: Iterable[pa.Table], idf: np.ndarray, embedding: np.ndarray) -> Vectorizer:
    """Mean and scale of the document vectors; documents without known words do not count."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for table in tables:
        vectors = document_vectors(table["tokens"], idf, embedding)
        known = has_vector(vectors)
        if known.any():
            scaler.partial_fit(vectors[known])
    return Vectorizer(idf, scaler.mean_, scaler.scale_)


def coverage(tables: Iterable[pa.Table], embedding: np.ndarray) -> dict[str, Any]:
    """Metrics of a split: reviews, those without a known word, share of tokens with a vector."""
    known = has_vector(embedding)
    tokens = covered = reviews = empty = 0
    for table in tables:
        ids, ends = flatten(table["tokens"])
        seen = np.concatenate([[0], np.cumsum(known[ids])])
        tokens, covered = tokens + len(ids), covered + int(seen[-1])
        reviews, empty = reviews + len(table), empty + int((np.diff(seen[ends]) == 0).sum())
    return {
        "reviews": reviews,
        "reviews_without_vector": empty,
        "tokens_with_vector": covered / tokens if tokens else 0.0,
    }


def pretrained(vectorize: Vectorize, words: list[str]) -> np.ndarray | None:
    """Vectors of `words` (n, d) from the source, zeros where it has none; None: train from scratch.

    Raises:
        InputError: the source is missing, damaged, or knows none of the words.
    """
    path = Path(vectorize.path)
    match vectorize.source:
        case "word2vec":
            return None
        case "spacy_md":
            vectors = read_spacy(fetch_package(path), words)
        case "downloader":
            path = download_vectors(str(vectorize.name))
            vectors = read_vectors(path, words)
        case "word2vec_file" | "glove":
            vectors = read_vectors(path, words)
    if not vectors.any():
        raise InputError(
            f"{path} has a vector for none of the {len(words)} words of the vocabulary: are its"
            " words of the same language, and in lower case?"
        )
    return vectors


def embed(
    vectorize: Vectorize, vocabulary: pa.Table, rows: int, seed: int
) -> tuple[np.ndarray, dict[str, Any]]:
    """Word vectors (V+1, d) of the vocabulary, zeros for padding, and metrics of their training."""
    start = pretrained(vectorize, vocabulary["word"].to_pylist())
    training: dict[str, Any] = {"epochs": 0, "reviews": 0}
    if start is None or vectorize.fine_tune:
        tables = partial(partitions, SEQUENCES / "train.parquet", rows, ["tokens"])
        counts = vocabulary["count"].to_numpy()
        reviews = sum(len(table) for table in tables())
        epochs, share = vectorize.word2vec.schedule(int(counts.sum()))
        kept = np.random.default_rng(seed).random(reviews) < share
        sentences = Sentences(tables, vocabulary["word"].to_numpy(), kept)
        start = train_word2vec(sentences, counts, vectorize.word2vec, epochs, seed, start)
        training = {"epochs": epochs, "reviews": int(kept.sum())}
    return np.vstack([np.zeros((1, start.shape[1]), "float32"), start]), training


def main() -> None:
    """Run the stage."""
    section = params.read("vectorize", Vectorize)
    rows = params.read("engine", Engine).partition_rows
    seed = params.read_value("seed")
    tables = {split: partial(partitions, SEQUENCES / f"{split}.parquet", rows) for split in SPLITS}
    for split in SPLITS:
        next(tables[split](), None)
    vocabulary = read_table(VOCABULARY)
    embedding, training = embed(section, vocabulary, rows, seed)
    idf = inverse_document_frequencies(tables["train"](), len(embedding))
    vectorizer = fit(tables["train"](), idf, embedding)
    size = embedding.shape[1]
    schema = pa.schema(
        [("review_id", pa.int64()), ("label", pa.int8()), ("vector", pa.list_(pa.float32(), size))]
    )

    def transform(table: pa.Table) -> pa.Table:
        flat = vectorize(table["tokens"], embedding, vectorizer).ravel()
        vectors = pa.FixedSizeListArray.from_arrays(flat, size)
        return pa.table([table["review_id"], table["label"], vectors], schema=schema)

    for split in SPLITS:
        vectors = map(transform, track(tables[split](), None, f"vectorize: {split}"))
        write_partitions(VECTORS / f"{split}.parquet", vectors, schema)
    with replacing(EMBEDDING) as beside, beside.open("wb") as file:
        np.save(file, embedding)
    with replacing(VECTORIZER) as beside, beside.open("wb") as file:
        np.savez(file, **vars(vectorizer))
    write_table(VECTORIZER.with_name(VOCABULARY.name), vocabulary)
    metrics = {
        "source": section.source,
        "size": size,
        "words_with_vector": int(has_vector(embedding).sum()),
        "trained": training,
        **{split: coverage(tables[split](), embedding) for split in SPLITS},
    }
    write_json(METRICS, metrics)


if __name__ == "__main__":
    run(main)
