"""Word vectors, and document vectors: averaged ones, paragraph vectors, semantic ones.

Word vectors are trained here on the train split, read from a file, or downloaded. The inverse
document frequencies, the models of documents and the standardisation are fitted on the train split.

Reads data/reviews/vocabulary.parquet and data/reviews/sequences/{train,valid}.parquet. Writes
data/reviews/word2vec/{embedding.npy,lengths.npy,vectorizer.npz,vocabulary.parquet}, beside them
{paragraphs,semantic}.npz where params ask for them,
data/reviews/vectors/{train,valid}.parquet and metrics/reviews/vectorize.json.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import partitions, read_table, write_json
from epochwise.core.forms import LISTS, TOKENS, VOCABULARY
from epochwise.core.matrices import lists
from epochwise.core.progress import track
from epochwise.core.settings import Engine, Seed
from epochwise.data.download import check_first_use, fetch_package
from epochwise.data.paragraphs import train_paragraphs
from epochwise.data.partitions import write_partitions
from epochwise.data.partitions.engine import started
from epochwise.data.semantics import SemanticParams, fit_semantic
from epochwise.data.word_vectors import (
    Sentences,
    Training,
    Word2Vec,
    download_vectors,
    read_spacy,
    read_vectors,
    train_word2vec,
)
from epochwise.inputs.reviews.document_vectors import (
    Parts,
    Vectorizer,
    has_vector,
    inverse_document_frequencies,
    raw_vectors,
    vectorize,
)
from epochwise.inputs.reviews.fitted import write_fitted
from epochwise.inputs.reviews.sequences import length_percentiles
from epochwise.inputs.reviews.tokens import flatten

SPLITS = ("train", "valid")
BLOCK = 10_000
"""Document vectors that are summed at once."""


class Vectorize(params.Section):
    """`vectorize` in params.yaml.

    `path` is always a file, since the stage depends on it: the vectors themselves, or what says
    where they come from. With `fine_tune` pretrained vectors are trained further on the train
    split, as `word2vec` says. `documents` are word vectors `averaged` by TF-IDF, `paragraph`
    vectors (Le & Mikolov 2014, PV-DBOW) and `semantic` ones (latent semantic analysis), each fitted
    on the train split as the block of its name says; several stand side by side.
    """

    source: Literal["word2vec", "spacy_md", "word2vec_file", "glove", "downloader"]
    path: str
    name: str | None
    fine_tune: bool
    word2vec: Word2Vec
    documents: list[Literal["averaged", "paragraph", "semantic"]] = Field(min_length=1)
    paragraph: Training
    semantic: SemanticParams

    @model_validator(mode="after")
    def _fits_source(self) -> Self:
        if (self.source == "downloader") != (self.name is not None):
            raise ValueError("source: downloader needs a name, and no other source has one")
        if self.source == "spacy_md" and Path(self.path).suffix != ".yaml":
            raise ValueError(
                f"source: spacy_md has a pin as its path, found {self.path}: set vectorize=glove or"
                " vectorize=word2vec_file"
            )
        if self.source == "word2vec" and self.fine_tune:
            raise ValueError("fine_tune is for pretrained vectors, not for source: word2vec")
        return self


def known_vectors(table: pa.Table, embedding: np.ndarray, parts: Parts) -> np.ndarray:
    """The document vectors (m, d) of those reviews that have a known word."""
    vectors = raw_vectors(table["tokens"], embedding, parts)
    return vectors[has_vector(vectors)]


def fit(vectors: Iterable[np.ndarray], parts: Parts) -> Vectorizer:
    """Fit mean and scale of document vectors, in parts (m, d)."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    for block in regroup(vectors):
        scaler.partial_fit(block)
    return Vectorizer(parts, scaler.mean_, scaler.scale_)


def regroup(parts: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The rows of `parts` (m, d) in blocks of BLOCK rows, the last one shorter.

    Sums over a block have the same last digits, however the rows were divided before.
    """
    rest: np.ndarray | None = None
    for part in parts:
        rest = part if rest is None else np.concatenate([rest, part])
        while len(rest) >= BLOCK:
            yield rest[:BLOCK]
            rest = rest[BLOCK:]
    if rest is not None and len(rest):
        yield rest


def coverage(tables: Iterable[pa.Table], embedding: np.ndarray) -> dict[str, Any]:
    """Metrics of a split: reviews, reviews without any word vector, share of tokens with one."""
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


def pretrained(section: Vectorize, words: list[str]) -> np.ndarray | None:
    """Vectors of `words` (n, d) from the source, zeros where it has none; None: it has no vectors.

    Raises:
        InputError: the source is missing, damaged, or knows none of the words.
    """
    path = Path(section.path)
    match section.source:
        case "word2vec":
            return None
        case "spacy_md":
            vectors = read_spacy(fetch_package(path), words)
        case "downloader":
            pin, path = path, download_vectors(str(section.name))
            check_first_use(pin, path.name, path)
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
    section: Vectorize,
    vocabulary: pa.Table,
    tables: Callable[[], Iterable[pa.Table]],
    seed: int,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Word vectors (V+1, d) of the vocabulary, zeros for padding, and how they were trained.

    `tables` opens the reviews of train: partitions with a column `tokens`.
    """
    start = pretrained(section, vocabulary["word"].to_pylist())
    training: dict[str, Any] = {"epochs": 0, "reviews": 0}
    if start is None or section.fine_tune:
        counts = vocabulary["count"].to_numpy()
        reviews = sum(len(table) for table in tables())
        epochs, share = section.word2vec.schedule(int(counts.sum()))
        kept = np.random.default_rng(seed).random(reviews) < share
        sentences = Sentences(tables, vocabulary["word"].to_numpy(), kept)
        start = train_word2vec(sentences, counts, section.word2vec, epochs, seed, start)
        training = {"epochs": epochs, "reviews": int(kept.sum())}
    return np.vstack([np.zeros((1, start.shape[1]), "float32"), start]), training


def fit_parts(
    section: Vectorize, counts: np.ndarray, tables: Callable[[], Iterable[pa.Table]], seed: int
) -> Parts:
    """What `section` asks for, fitted on the reviews of train, whose words occur `counts` times.

    Raises:
        InputError: all words, or all terms, are rarer than the least that `section` asks for.
    """
    parts: dict[str, Any] = {}
    if "averaged" in section.documents:
        parts["idf"] = inverse_document_frequencies(tables(), len(counts) + 1)
    if "paragraph" in section.documents:
        parts["paragraphs"] = train_paragraphs(tables, counts, section.paragraph, seed)
    if "semantic" in section.documents:
        parts["semantic"] = fit_semantic(tables, len(counts), section.semantic, seed)
    return Parts(**parts)


def transform(table: pa.Table, embedding: np.ndarray, vectorizer: Vectorizer) -> pa.Table:
    """Reviews with `review_id, label, tokens` as a table of `schema`."""
    vectors = vectorize(table["tokens"], embedding, vectorizer)
    columns = [table["review_id"], table["label"], lists(vectors)]
    return pa.table(columns, schema=schema(vectors.shape[1]))


def schema(size: int) -> pa.Schema:
    """Columns `review_id, label, vector`, of document vectors of a `size`."""
    vector = pa.list_(pa.float32(), size)
    return pa.schema([("review_id", pa.int64()), ("label", pa.int8()), ("vector", vector)])


def main() -> None:
    """Run the stage."""
    section = params.read("vectorize", Vectorize)
    engine = params.read("engine", Engine)
    splits = {split: paths.review_split("sequences", split) for split in SPLITS}
    tables = {
        split: partial(partitions, path, engine.partition_rows, columns=TOKENS)
        for split, path in splits.items()
    }
    for split in SPLITS:  # both, so that nothing is written if one is missing
        next(tables[split]())
    vocabulary = read_table(paths.VOCABULARY, VOCABULARY)
    sentences = partial(tables["train"], columns={"tokens": LISTS})
    seed = params.read("seed", Seed).data
    embedding, training = embed(section, vocabulary, sentences, seed)
    parts = fit_parts(section, vocabulary["count"].to_numpy(), sentences, seed)
    with started(engine) as over:
        raw = partial(known_vectors, embedding=embedding, parts=parts)
        vectorizer = fit(over(raw, splits["train"], TOKENS), parts)
        size = len(vectorizer.mean)
        transform_partition = partial(transform, embedding=embedding, vectorizer=vectorizer)
        for split in SPLITS:
            made = over(transform_partition, splits[split], TOKENS)
            vectors = track(made, None, f"vectorize: {split}")
            write_partitions(paths.review_split("vectors", split), vectors, schema(size))
    lengths = length_percentiles(sentences())
    write_fitted(vocabulary, embedding, vectorizer, lengths)
    metrics = {
        "source": section.source,
        "documents": section.documents,
        "size": size,
        "words_with_vector": int(has_vector(embedding).sum()),
        "trained": training,
        **{split: coverage(tables[split](), embedding) for split in SPLITS},
    }
    write_json(paths.dataset_metrics("reviews", "vectorize"), metrics)


if __name__ == "__main__":
    run(main)
