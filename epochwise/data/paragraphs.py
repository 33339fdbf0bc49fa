"""The model of paragraph vectors, trained by gensim (Le & Mikolov 2014, PV-DBOW)."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from epochwise.data.word_vectors import Sentences, Training, check_counts, epoch_progress
from epochwise.inputs.reviews.paragraph_vectors import Paragraphs, new_model, word_of


class Documents:
    """`sentences`, whose words are those of the model, as gensim takes documents."""

    def __init__(self, sentences: Sentences) -> None:
        self.sentences = sentences

    def __iter__(self) -> Iterator[Any]:
        from gensim.models.doc2vec import TaggedDocument

        for number, words in enumerate(self.sentences):
            yield TaggedDocument(words, [number])


def train_paragraphs(
    tables: Callable[[], Iterable[pa.Table]],
    counts: np.ndarray,
    training: Training,
    seed: int,
) -> Paragraphs:
    """Train on the reviews of `tables`, whose words occur `counts` (V,) times.

    `tables` opens partitions with a column `tokens`. One worker and a seed make the model the same
    in every process.

    Raises:
        InputError: no word occurs `min_count` times.
    """
    check_counts(counts, training, "paragraph")
    epochs, share = training.schedule(int(counts.sum()))
    kept = np.random.default_rng(seed).random(sum(map(len, tables()))) < share
    start = Paragraphs(
        output=np.zeros((len(counts), training.size), "float32"),
        counts=np.where(counts >= training.min_count, counts, 0),
        negative=np.array(training.negative),
        sample=np.array(training.sample),
        epochs=np.array(epochs),
        seed=np.array(seed),
    )
    words = np.array([word_of(token) for token in range(1, len(counts) + 1)])
    reviews = int(kept.sum())
    model = new_model(start, reviews)
    model.train(
        Documents(Sentences(tables, words, kept)),
        total_examples=reviews,
        epochs=epochs,
        callbacks=[epoch_progress("paragraphs: epoch", epochs)],
    )
    output = start.output.copy()
    for word, row in model.wv.key_to_index.items():
        output[int(word) - 1] = model.syn1neg[row]
    return dataclasses.replace(start, output=output)
