"""Paragraph vectors: gensim's model, and vectors that depend on nothing but their document."""

import numpy as np
import pyarrow as pa
import pytest
from gensim.models.doc2vec import Doc2Vec, TaggedDocument

from epochwise.core.cli import InputError
from epochwise.data.paragraphs import train_paragraphs
from epochwise.data.word_vectors import Training
from epochwise.inputs.reviews.paragraph_vectors import Paragraphs, paragraph_vectors

RANDOM = np.random.default_rng(0)
TOPICS = [(1, 2, 3, 4), (5, 6, 7, 8)]
DOCUMENTS = [RANDOM.choice(TOPICS[row % 2], 12).tolist() for row in range(80)] + [[9], []]
COUNTS = np.bincount(np.concatenate(DOCUMENTS).astype(int), minlength=10)[1:]
PLAIN = {"size": 6, "min_count": 2, "negative": 3, "sample": 0.1, "epochs": 15}


def train(seed: int = 1, max_words: int = 10**6, **changes: float) -> Paragraphs:
    training = Training.model_validate(PLAIN | {"max_words": max_words} | changes)
    tables = [pa.table({"tokens": lists(part)}) for part in (DOCUMENTS[:30], DOCUMENTS[30:])]
    return train_paragraphs(lambda: tables, COUNTS, training, seed=seed)


def lists(documents: list[list[int]]) -> pa.ListArray:
    return pa.array(documents, pa.list_(pa.int32()))


def test_the_output_weights_are_those_of_gensim() -> None:
    words = [[str(token) for token in document] for document in DOCUMENTS]
    documents = [TaggedDocument(document, [number]) for number, document in enumerate(words)]
    plain = {"vector_size": 6, "min_count": 2, "negative": 3, "sample": 0.1, "epochs": 15}
    model = Doc2Vec(dm=0, seed=1, workers=1, **plain)
    counts = {str(token): int(count) for token, count in enumerate(COUNTS, start=1)}
    model.dv.index_to_key = list(range(len(documents)))
    model.build_vocab_from_freq(counts)
    model.train(documents, total_examples=len(documents), epochs=15)
    found = train()
    assert found.counts.tolist() == [*COUNTS[:8], 0]
    for word, row in model.wv.key_to_index.items():
        np.testing.assert_array_equal(found.output[int(word) - 1], model.syn1neg[row])
    assert not found.output[8].any()


def test_a_vector_depends_on_its_document_alone() -> None:
    model = train()
    together = paragraph_vectors(lists(DOCUMENTS), model)
    assert together.dtype == np.float32 and together.shape == (82, 6)
    alone = np.vstack([paragraph_vectors(lists([words]), model) for words in DOCUMENTS[:5]])
    np.testing.assert_array_equal(together[:5], alone)
    turned = paragraph_vectors(lists(DOCUMENTS[::-1]), model)
    np.testing.assert_array_equal(turned[::-1], together)


def test_documents_without_a_word_of_the_model_get_zeros() -> None:
    vectors = paragraph_vectors(lists(DOCUMENTS), train())
    assert np.flatnonzero(~vectors.any(axis=1)).tolist() == [80, 81]


def test_vectors_tell_what_documents_are_about() -> None:
    vectors = paragraph_vectors(lists(DOCUMENTS[:80]), train())
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    alike = vectors @ vectors.T
    assert alike[::2, ::2].min() > alike[::2, 1::2].max()


def test_the_seed_and_the_bound_on_words_count() -> None:
    assert (train(seed=2).output != train().output).any()
    words = int(COUNTS.sum())
    assert train(max_words=3 * words).epochs == 3
    assert (train(max_words=words // 2).output != train(epochs=1).output).any()


def test_words_that_are_all_too_rare_are_refused() -> None:
    with pytest.raises(InputError, match=r"vectorize\.paragraph\.min_count is 9999, but the most"):
        train(min_count=9999)
