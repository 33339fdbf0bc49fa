"""Token ids equal those of a plain loop over words, whatever the texts are."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.inputs.reviews.tokens import UNKNOWN, split, tokenize, unknown_id

# Enough words to leave Arrow's small batches, whose order is not that of first appearance.
KNOWN = ["i've", "café", "東京", "don't", *(f"w{i}" for i in range(90))]
TEXT = st.lists(st.sampled_from([*KNOWN, "unheard"]), min_size=1, max_size=30).map(" ".join)
TEXTS = st.lists(st.just("") | TEXT, max_size=8)


def vocabulary(words: list[str]) -> pa.Table:
    return pa.table({"word": words, "count": [1] * len(words)})


def reference(text: str, words: list[str]) -> list[int]:
    tokens = []
    for word in text.split():
        if word in words:
            tokens.append(words.index(word) + 1)
        elif UNKNOWN in words:
            tokens.append(len(words))
    return tokens


@given(TEXTS, st.booleans())
def test_tokens_equal_a_loop_over_words(texts: list[str], unknown_token: bool) -> None:
    words = [*KNOWN, UNKNOWN] if unknown_token else KNOWN
    expected = [reference(text, words) for text in texts]
    column = pa.chunked_array([texts[:3], texts[3:]], pa.string())
    tokens = tokenize(split(column), vocabulary(words))
    assert tokens.type == pa.list_(pa.int32())
    assert tokens.to_pylist() == expected


@given(TEXTS)
def test_the_words_of_a_split_text_make_the_text_again(texts: list[str]) -> None:
    words = split(pa.array(texts, pa.string()))
    distinct = words.distinct.to_pylist()
    assert len(set(distinct)) == len(distinct)
    for row, text in enumerate(texts):
        codes = words.codes[words.offsets[row] : words.offsets[row + 1]]
        assert " ".join(distinct[code] for code in codes) == text


def test_unknown_words_are_dropped() -> None:
    texts = pa.array(["the bland soup was not good", "bland"])
    tokens = tokenize(split(texts), vocabulary(["the", "soup", "was", "good"]))
    assert tokens.to_pylist() == [[1, 2, 3, 4], []]


@pytest.mark.parametrize(("words", "expected"), [(["a", "b"], 0), (["a", "b", UNKNOWN], 3)])
def test_unknown_words_have_the_id_of_the_last_row_or_none(words: list[str], expected: int) -> None:
    assert unknown_id(vocabulary(words)) == expected
    kept = [expected] if expected else []
    assert tokenize(split(pa.array(["c b", ""])), vocabulary(words)).to_pylist() == [[*kept, 2], []]
