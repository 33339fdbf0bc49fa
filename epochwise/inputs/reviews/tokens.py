"""Cleaned texts as numbers: words split, and looked up in the vocabulary."""

from typing import NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNKNOWN = "<unk>"
"""Row of the vocabulary that stands for unknown words; no cleaned word has brackets and letters."""

Texts: TypeAlias = pa.Array | pa.ChunkedArray
Lists: TypeAlias = pa.ListArray | pa.ChunkedArray


class Words(NamedTuple):
    """All words of n texts: `distinct` ones in order of first appearance, and the texts by number.

    Word j of the texts is `distinct[codes[j]]`; text i has the words from `offsets[i]` up to
    `offsets[i + 1]`.
    """

    distinct: pa.StringArray
    codes: np.ndarray
    offsets: np.ndarray


def split(texts: Texts) -> Words:
    """The words of cleaned texts, which single spaces separate.

    The texts' own bytes serve as the array of words, each with the space behind it: nothing is
    copied, which is several times as fast as making strings. An empty text has one empty word.
    """
    spaced = pc.binary_join_element_wise(texts, "", " ")
    if isinstance(spaced, pa.ChunkedArray):
        spaced = spaced.combine_chunks()
    if not len(spaced):
        return Words(spaced, np.zeros(0, "int32"), np.zeros(1, "int64"))
    _, offsets, content = spaced.buffers()
    text_ends = np.frombuffer(offsets, "int32")[: len(spaced) + 1]
    spaces = np.flatnonzero(np.frombuffer(content, "uint8")[: text_ends[-1]] == ord(" "))
    word_ends = np.zeros(len(spaces) + 1, "int32")
    np.add(spaces, 1, out=word_ends[1:], casting="unsafe")
    buffers = [None, pa.py_buffer(word_ends), content]
    words = pa.Array.from_buffers(pa.string(), len(spaces), buffers, null_count=0)
    encoded = words.dictionary_encode()
    distinct = pc.utf8_rtrim(encoded.dictionary, " ")
    return Words(distinct, encoded.indices.to_numpy(), np.searchsorted(word_ends, text_ends))


def tokenize(words: Words, vocabulary: pa.Table) -> pa.ListArray:
    """The token ids of every text's words, int32, as one list a text.

    A word that is not in the vocabulary is dropped, or gets the id of `UNKNOWN` if the vocabulary
    ends with that row.
    """
    rows = pc.index_in(words.distinct, value_set=vocabulary["word"].combine_chunks())
    ids = pc.fill_null(pc.add(rows, 1), unknown_id(vocabulary)).to_numpy().astype("int32")
    ids[pc.equal(words.distinct, "").to_numpy(zero_copy_only=False)] = 0
    tokens, ends = ids[words.codes], words.offsets
    if not ids.all():
        known = tokens > 0
        tokens, ends = tokens[known], np.concatenate([[0], np.cumsum(known)])[ends]
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(tokens))


def unknown_id(vocabulary: pa.Table) -> int:
    """The token id of `UNKNOWN`; 0 where unknown words are dropped."""
    return len(vocabulary) if vocabulary["word"][-1].as_py() == UNKNOWN else 0


def flatten(tokens: Lists) -> tuple[np.ndarray, np.ndarray]:
    """All token ids one after another, and where each document begins and ends in them (n + 1,)."""
    ends = np.cumsum(pc.list_value_length(tokens).to_numpy())
    return pc.list_flatten(tokens).to_numpy(), np.concatenate([[0], ends])
