"""Networks read the same of a new text as of the same text that the pipeline has prepared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from epochwise import check
from epochwise.core import paths
from epochwise.core.params import Section
from epochwise.families import lstm
from epochwise.inputs.reviews import fitted
from epochwise.inputs.reviews.network import (
    SequenceInputs,
    SequenceParams,
    VectorInputs,
    choose_inputs,
    prepared_path,
    read_prepared,
)
from epochwise.inputs.reviews.sequences import Sequences
from epochwise.inputs.reviews.texts import read_texts
from tests.configuration import ROOT
from tests.epochwise import review_project

TEXTBOOK = yaml.safe_load(check.compose(ROOT / "conf", ["budget=source"]))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    review_project.make_project(tmp_path, monkeypatch)


def sequences(**changes: Any) -> SequenceParams:
    return lstm.Params.model_validate(
        TEXTBOOK["train"]["lstm"] | {"length": 5, "embedding": "word2vec"} | changes
    )


@pytest.mark.parametrize(
    "params", [Section(), sequences(), sequences(length=9, padding="right", trim=True)]
)
def test_new_texts_are_read_as_prepared_ones(params: Section) -> None:
    inputs = choose_inputs(params)
    prepared = read_prepared(inputs, "valid")[1]
    made = inputs.of_texts(read_texts("valid")["text"])
    assert prepared.dtype == made.dtype
    np.testing.assert_allclose(made[:], prepared[:], rtol=1e-6)


def test_the_params_decide_what_a_network_reads() -> None:
    inputs = choose_inputs(sequences())
    assert isinstance(inputs, SequenceInputs)
    assert prepared_path(inputs, "train") == paths.review_split("sequences", "train")
    assert read_prepared(inputs, "train")[1].shape == (60, 5)
    other = choose_inputs(Section())
    assert isinstance(other, VectorInputs)
    assert prepared_path(other, "train") == paths.review_split("vectors", "train")


def test_an_embedding_starts_from_word_vectors_or_from_none() -> None:
    words = len(review_project.WORDS) + 1
    given = SequenceInputs(sequences())
    np.testing.assert_array_equal(given.vectors(np.zeros(1)), fitted.read_embedding())
    random = SequenceInputs(sequences(embedding="random"))
    assert random.vectors(np.zeros(1)).shape == (words, 0)
    assert (given.files, random.files) == (
        (fitted.EMBEDDING, fitted.LENGTHS),
        (fitted.VOCABULARY, fitted.LENGTHS),
    )


def test_a_network_on_document_vectors_is_built_for_them() -> None:
    inputs = VectorInputs(Section())
    train = read_prepared(inputs, "train")[1]
    assert train.shape == (60, review_project.SIZE)
    np.testing.assert_array_equal(inputs.vectors(train), train)


def test_a_percentile_of_the_train_split_decides_the_length() -> None:
    params = sequences(length={"percentile": 100, "at_most": 500})
    inputs = SequenceInputs(params)
    train = read_prepared(inputs, "train")[1]
    assert isinstance(train, Sequences)
    longest = int(train.lengths.max())
    assert inputs.params.length == inputs.width == longest == train[:].shape[1]
    short = sequences(length={"percentile": 100, "at_most": longest - 1})
    assert SequenceInputs(short).width == longest - 1


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValidationError, match="padding"):
        sequences(padding="middle")
