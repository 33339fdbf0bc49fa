"""Encode and vectorize, the textbook's way against ours, on the same synthetic reviews.

The textbook's way is a Python loop over every word of every review: a dictionary lookup to encode
it; `words.count(word) / len(words) * idf` and a NumPy addition to weigh and add its vector. Both
ways run in one process, each stage from what the one before it hands over (texts; words or their
token ids, and word vectors), and must give the same output. They take turns; the medians count.
"""

from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from benchmarks.rows import Measured, Row, alternate
from epochwise.core.cli import run
from epochwise.inputs.reviews.document_vectors import document_vectors, inverse_document_frequencies
from epochwise.inputs.reviews.sequences import Cut, Sequences
from epochwise.inputs.reviews.tokens import split, tokenize
from stages.encode import Encode, build_vocabulary

LENGTH = 50
"""Words of a review that the textbook's recurrent networks read."""
CUT = Cut(length=LENGTH, end="first", padding="left", trim=False)
SIZE = 300
"""Size of the textbook's word vectors."""
REPEATS = 3
ENCODE = Encode(min_count=1, max_words=None, unknown_token=False)


def synthesize(reviews: int, seed: int = 1) -> list[str]:
    """Reviews of a median of 90 words, whose frequencies follow Zipf's law, as in real ones."""
    random = np.random.default_rng(seed)
    letters = random.choice(list("etaoinshrdlu"), size=(60_000, 10))
    lengths = random.integers(2, 11, 60_000)
    words = ["".join(row[:length]) for row, length in zip(letters, lengths, strict=True)]
    frequencies = 1 / np.arange(1, len(words) + 1)
    sizes = np.maximum(random.lognormal(np.log(90), 0.8, reviews), 1).astype(int)
    drawn = random.choice(words, sizes.sum(), p=frequencies / frequencies.sum())
    return [" ".join(review) for review in np.split(drawn, np.cumsum(sizes)[:-1])]


def encode_by_loops(texts: list[str]) -> tuple[dict[str, int], np.ndarray]:
    """Vocabulary (word to id) and padded ids, int32 (n, LENGTH): the textbook's way."""
    vocabulary: dict[str, int] = {}
    for text in texts:
        for word in text.split():
            if word not in vocabulary:
                vocabulary[word] = len(vocabulary) + 1
    rows = []
    for text in texts:
        ids = []
        for word in text.split():
            if word in vocabulary:
                ids.append(vocabulary[word])
        ids = ids[:LENGTH]
        rows.append([0] * (LENGTH - len(ids)) + ids)
    return vocabulary, np.array(rows, "int32")


def encode_by_columns(texts: pa.Array) -> tuple[pa.Table, np.ndarray]:
    """Vocabulary table and padded ids, int32 (n, LENGTH): our way."""
    words = split(texts)
    vocabulary = build_vocabulary([words], ENCODE)
    return vocabulary, Sequences.of([tokenize(words, vocabulary)], CUT, LENGTH)[:]


def vectorize_by_loops(
    reviews: list[list[str]], idf: dict[str, float], vectors: dict[str, np.ndarray]
) -> np.ndarray:
    """Document vectors, float32 (n, SIZE): the textbook's way, each distinct word counted once."""
    rows = []
    for words in reviews:
        row, total = np.zeros(SIZE, "float32"), 0.0
        for word in dict.fromkeys(words):
            if word in vectors:
                weight = words.count(word) / len(words) * idf[word]
                row += vectors[word] * weight
                total += weight
        rows.append(row / total if total else row)
    return np.array(rows, "float32")


def rows(reviews: int, repeats: int) -> list[Row]:
    """A row for each stage."""
    return [
        Row(stage, f"{reviews} reviews", *map(Measured, seconds))
        for stage, seconds in compare(reviews, repeats).items()
    ]


def compare(reviews: int, repeats: int = REPEATS) -> dict[str, tuple[float, float]]:
    """Seconds of the loops and of ours for each stage, after checking that the outputs agree."""
    texts = synthesize(reviews)
    column = pa.array(texts)

    ((ids, theirs), slow), ((vocabulary, ours), fast) = alternate(
        lambda: encode_by_loops(texts), lambda: encode_by_columns(column), repeats
    )
    assert list(ids) == vocabulary["word"].to_pylist()
    np.testing.assert_array_equal(ours, theirs)
    seconds = {"encode": (slow, fast)}

    random = np.random.default_rng(2)
    embedding = random.standard_normal((len(vocabulary) + 1, SIZE), "float32")
    embedding[random.random(len(embedding)) < 0.1] = 0
    tokens = tokenize(split(column), vocabulary)
    idf = inverse_document_frequencies([pa.table({"tokens": tokens})], len(embedding))
    vectors = {word: embedding[row] for word, row in ids.items() if embedding[row].any()}
    weights = {word: float(idf[row]) for word, row in ids.items()}
    words = [text.split() for text in texts]
    (theirs, slow), (ours, fast) = alternate(
        lambda: vectorize_by_loops(words, weights, vectors),
        lambda: document_vectors(tokens, idf, embedding),
        repeats,
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    return seconds | {"vectorize": (slow, fast)}


def main(reviews: Annotated[int, typer.Option(help="How many reviews.", min=1)] = 20_000) -> None:
    """Print the table."""
    print(f"{reviews} reviews; equal output")
    print(f"{'stage':10} {'loops s':>8} {'ours s':>8} {'ratio':>6}")
    for stage, (slow, fast) in compare(reviews).items():
        print(f"{stage:10} {slow:8.2f} {fast:8.2f} {slow / fast:6.1f}")


if __name__ == "__main__":
    run(main)
