"""What vectorize wrote is read as it was written, and named where it is missing."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from epochwise.core.cli import InputError
from epochwise.inputs.reviews import fitted
from epochwise.inputs.reviews.document_vectors import Parts, Vectorizer
from epochwise.inputs.reviews.semantic_vectors import Semantic


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_everything_is_read_as_it_was_written() -> None:
    vocabulary = pa.table({"word": ["good", "bad"], "count": [3, 1]})
    embedding = np.arange(6, dtype="float32").reshape(3, 2)
    semantic = Semantic(np.array(3), np.arange(2), np.ones(2), np.ones((2, 2)))
    parts = Parts(idf=np.ones(3), semantic=semantic)
    vectorizer = Vectorizer(parts, mean=np.zeros(2), scale=np.full(2, 5.0))
    fitted.write_fitted(vocabulary, embedding, vectorizer, np.arange(101))
    assert fitted.read_vocabulary().equals(vocabulary)
    np.testing.assert_array_equal(fitted.read_embedding(), embedding)
    np.testing.assert_array_equal(fitted.read_length_percentiles(), np.arange(101))
    found = fitted.read_vectorizer()
    assert [found.mean.tolist(), found.scale.tolist()] == [[0, 0], [5, 5]]
    np.testing.assert_array_equal(found.parts.idf, np.ones(3))
    assert found.parts.paragraphs is None and found.parts.semantic is not None
    for name, array in vars(semantic).items():
        np.testing.assert_array_equal(getattr(found.parts.semantic, name), array)
    fitted.write_fitted(
        vocabulary, embedding, Vectorizer(Parts(), *[np.zeros(2)] * 2), np.ones(101)
    )
    assert fitted.read_vectorizer().parts == Parts()


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (fitted.read_vocabulary, r"vocabulary\.parquet"),
        (fitted.read_embedding, r"embedding\.npy"),
        (fitted.read_vectorizer, r"vectorizer\.npz"),
        (fitted.read_length_percentiles, r"lengths\.npy"),
    ],
)
def test_a_missing_file_is_named(read: Callable[[], object], name: str) -> None:
    with pytest.raises(InputError, match=f"word2vec/{name} not found: run `dvc repro`"):
        read()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00"], ids=["empty", "cut short"])
def test_a_damaged_array_is_named(content: bytes) -> None:
    fitted.EMBEDDING.parent.mkdir(parents=True)
    fitted.EMBEDDING.write_bytes(content)
    with pytest.raises(InputError, match=r"embedding\.npy is damaged .*: run `dvc repro`"):
        fitted.read_embedding()
