"""A project with prepared reviews, small and made here: what review families train on."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import write_table
from epochwise.inputs.reviews import fitted, tokens
from epochwise.inputs.reviews.document_vectors import (
    Parts,
    Vectorizer,
    inverse_document_frequencies,
    vectorize,
)
from epochwise.inputs.reviews.sequences import length_percentiles
from tests.configuration import ROOT, compose

SIZES = {"train": 60, "valid": 25, "test": 30}
GOOD, BAD = ["good", "great", "lovely"], ["bad", "awful", "stale"]
OTHER = [f"w{number}" for number in range(20)]
WORDS = [*GOOD, *BAD, *OTHER]
SIZE = 6
"""Numbers of a word vector."""


def make_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to `folder` and write params.yaml, the splits, and what was fitted on train."""
    compose(folder / "params.yaml", "budget=smoke")
    enter(folder, monkeypatch)
    random = np.random.default_rng(0)
    reviews = {split: _reviews(split, size, random) for split, size in SIZES.items()}
    for split, table in reviews.items():
        write_table(paths.review_split("split", split), table)
    vocabulary = pa.table({"word": WORDS, "count": [1] * len(WORDS)})
    embedding = random.normal(size=(len(WORDS) + 1, SIZE)).astype("float32")
    embedding[0] = 0
    embedding[1 : 1 + len(GOOD), 0] += 3
    embedding[1 + len(GOOD) : 1 + len(GOOD + BAD), 0] -= 3
    ids = {
        split: tokens.tokenize(tokens.split(reviews[split]["text"]), vocabulary)
        for split in ("train", "valid")
    }
    idf = inverse_document_frequencies([pa.table({"tokens": ids["train"]})], len(embedding))
    vectorizer = Vectorizer(Parts(idf), np.zeros(SIZE), np.full(SIZE, 0.5))
    lengths = length_percentiles([pa.table({"tokens": ids["train"]})])
    fitted.write_fitted(vocabulary, embedding, vectorizer, lengths)
    for split, lists in ids.items():
        known = {name: reviews[split][name] for name in ("review_id", "label")}
        flat = vectorize(lists, embedding, vectorizer).ravel()
        vectors = pa.FixedSizeListArray.from_arrays(flat, SIZE)
        write_table(paths.review_split("sequences", split), pa.table(known | {"tokens": lists}))
        write_table(paths.review_split("vectors", split), pa.table(known | {"vector": vectors}))


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go to the `folder` of such a project."""
    monkeypatch.setattr(families, "TABLE", ROOT / families.TABLE)
    monkeypatch.chdir(folder)


def set_params(family: str, **changes: Any) -> None:
    """Change `train.<family>` in params.yaml."""
    path = Path("params.yaml")
    content = yaml.load(path.read_text(), yaml.CSafeLoader)
    content["train"][family] |= changes
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))


def _reviews(split: str, size: int, random: np.random.Generator) -> pa.Table:
    labels = (np.arange(size) % 2).astype("int8")
    texts = []
    for row, label in enumerate(labels):
        words = [*random.choice(OTHER, 1 + row % 7), *random.choice(GOOD if label else BAD, 2)]
        texts.append(" ".join([*words, "unheard"]))
    ids = np.arange(size) + 1000 * list(SIZES).index(split)
    columns = {"review_id": ids, "text": texts, "label": labels}
    columns |= {"domain": ["tea" if row % 3 else "soup" for row in range(size)]}
    return pa.table(columns | {"rating": pa.array(np.where(labels, 5.0, 1.0))})
