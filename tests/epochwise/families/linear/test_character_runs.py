"""Runs of characters are those of scikit-learn, counted without a string for each."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from epochwise.families.linear import character_runs
from epochwise.families.linear.character_runs import Runs, count_runs, frequent_runs, hashed

LETTERS = st.text(st.sampled_from("ab \0\né東\U0001f375"), max_size=12)
LENGTHS = st.tuples(st.integers(1, 4), st.integers(0, 3)).map(lambda both: (both[0], sum(both)))


def plainly(lengths: tuple[int, int], **more: Any) -> CountVectorizer:
    return CountVectorizer(
        analyzer="char", lowercase=False, ngram_range=lengths, dtype=np.float64, **more
    )


@given(LETTERS, LENGTHS)
def test_the_runs_of_a_text_are_those_of_scikit_learn_in_its_order(
    text: str, lengths: tuple[int, int]
) -> None:
    runs = Runs(text, *lengths)
    expected = plainly(lengths).build_analyzer()(text)
    assert [runs[place] for place in range(len(runs.hashes))] == expected
    assert len({*zip(runs.hashes.tolist(), expected, strict=True)}) == len(set(expected))
    assert len(set(runs.hashes.tolist())) == len(set(expected))


@given(st.lists(LETTERS, min_size=1, max_size=6), LENGTHS, st.booleans())
def test_counts_are_those_of_scikit_learn(
    texts: list[str], lengths: tuple[int, int], binary: bool
) -> None:
    terms = frequent_runs(texts, *lengths, binary=binary, min_documents=1, most=None)
    found = count_runs([*texts, "new"], terms, *lengths, binary=binary)
    assert found.shape == (len(texts) + 1, len(terms)) and found.has_sorted_indices
    if len(terms):
        counter = plainly(lengths, binary=binary, vocabulary=terms)
        np.testing.assert_array_equal(found.todense(), counter.transform([*texts, "new"]).todense())
    seen = [term for text in texts for term in plainly(lengths).build_analyzer()(text)]
    assert terms.tolist() == list(dict.fromkeys(seen))


@given(
    st.lists(LETTERS, max_size=6),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 20),
)
def test_the_most_frequent_runs_are_found_however_many_are_held_at_once(
    texts: list[str], binary: bool, least: int, most: int, together: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(character_runs, "TOGETHER", together)
        found = frequent_runs(texts, 1, 2, binary=binary, min_documents=least, most=most)
    terms = list(map(plainly((1, 2)).build_analyzer(), texts))
    documents = Counter(term for each in terms for term in set(each))
    frequencies = documents if binary else Counter(term for each in terms for term in each)
    usable = {term: frequencies[term] for term in documents if documents[term] >= least}
    last = min(sorted(usable.values(), reverse=True)[:most], default=0)
    assert sorted(found.tolist()) == sorted(term for term in usable if usable[term] >= last)


def test_hashes_of_all_short_runs_differ() -> None:
    letters = np.arange(32, 127, dtype="<u4")
    runs = np.stack(np.meshgrid(letters, letters, letters), axis=-1).reshape(-1, 3)
    found = np.concatenate([hashed(runs[:, :size], size, size).ravel() for size in (1, 2, 3)])
    assert len(np.unique(found)) == 95 + 95**2 + 95**3
