"""Paragraph vectors: one trained for each document, to predict its words (Le & Mikolov 2014).

The model is their distributed bag of words (PV-DBOW), by gensim. What is kept of its training are
the output weights of the words. With these held fixed a vector is trained for any document, those
of the train split too.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from epochwise.inputs.reviews.tokens import Lists, flatten


@dataclass(frozen=True)
class Paragraphs:
    """A fitted model: `output` weights (V, d), float32, and `counts` (V,) of the words.

    Words too rare to train on have a count of 0. The rest are numbers, as gensim names them.
    """

    output: np.ndarray
    counts: np.ndarray
    negative: np.ndarray
    sample: np.ndarray
    epochs: np.ndarray
    seed: np.ndarray


def paragraph_vectors(tokens: Lists, paragraphs: Paragraphs) -> np.ndarray:
    """A vector for each list of token ids, float32 (n, d); zeros without a word of the model.

    It depends on the list alone. gensim's own `infer_vector` draws on from one document to the next
    and starts from a hash of its words, which is another one in every process: here every document
    starts from zeros and from the same random state.
    """
    from gensim.models.doc2vec import train_document_dbow

    model = new_model(paragraphs, documents=0)
    known = np.flatnonzero(paragraphs.counts)
    rows = [model.wv.key_to_index[word_of(token)] for token in (known + 1).tolist()]
    model.syn1neg[rows] = paragraphs.output[known]
    ids, ends = flatten(tokens)
    vectors = np.zeros((len(ends) - 1, model.vector_size), "float32")
    work, learning = np.zeros(model.vector_size, "float32"), np.ones(1, "float32")
    rates = np.linspace(model.alpha, model.min_alpha, model.epochs)
    for row, (start, end) in enumerate(pairwise(ends)):
        words = [word_of(token) for token in ids[start:end].tolist()]
        model.random = np.random.RandomState(int(paragraphs.seed))
        for rate in rates:
            train_document_dbow(
                model,
                words,
                [0],
                rate,
                work,
                learn_words=False,
                learn_hidden=False,
                doctag_vectors=vectors[row : row + 1],
                doctags_lockf=learning,
            )
    return vectors


def new_model(paragraphs: Paragraphs, documents: int) -> Any:
    """gensim's model for this many `documents`, with random weights."""
    from gensim.models.doc2vec import Doc2Vec

    model = Doc2Vec(
        dm=0,
        vector_size=paragraphs.output.shape[1],
        min_count=1,
        negative=int(paragraphs.negative),
        sample=float(paragraphs.sample),
        epochs=int(paragraphs.epochs),
        seed=int(paragraphs.seed),
        workers=1,
    )
    model.dv.index_to_key = list(range(documents))
    known = np.flatnonzero(paragraphs.counts)
    words = map(word_of, (known + 1).tolist())
    model.build_vocab_from_freq(dict(zip(words, paragraphs.counts[known].tolist(), strict=True)))
    return model


def word_of(token: int) -> str:
    """The word that stands for a token id in gensim's model."""
    return str(token)
