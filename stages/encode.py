"""Words to integers: the vocabulary of the train split, and every review as its words' numbers.

Every distinct word of the train split gets an integer from 1 in order of first appearance; 0 is
padding. A review becomes the numbers of its known words, whole: `pad` cuts and pads it later.

Reads data/reviews/split/{train,valid}.parquet. Writes data/reviews/vocabulary.parquet,
data/reviews/sequences/{train,valid}.parquet, data/reviews/embedding/random.npy and
metrics/reviews/encode.json.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.engine import Engine, partitions, write_partitions
from stages.core.files import replacing, write_json, write_table
from stages.core.progress import track

SPLIT = Path("data/reviews/split")
VOCABULARY = Path("data/reviews/vocabulary.parquet")
SEQUENCES = Path("data/reviews/sequences")
EMBEDDING = Path("data/reviews/embedding/random.npy")
METRICS = Path("metrics/reviews/encode.json")

UNKNOWN = "<unk>"
"""Row of the vocabulary that stands for unknown words; no cleaned word has angle brackets."""

VOCABULARY_SCHEMA = pa.schema([("word", pa.string()), ("count", pa.int64())])
SEQUENCES_SCHEMA = pa.schema(
    [("review_id", pa.int64()), ("label", pa.int8()), ("tokens", pa.list_(pa.int32()))]
)
COLUMNS = ["review_id", "label", "text"]
LENGTHS = (50, 100)
"""Lengths for which the metrics tell the share of reviews that a cut shortens."""

Padding = Literal["left", "right"]
Texts: TypeAlias = pa.Array | pa.ChunkedArray
Lists: TypeAlias = pa.ListArray | pa.ChunkedArray


class Encode(params.Section):
    """`encode` in params.yaml."""

    min_count: PositiveInt
    max_words: PositiveInt | None
    unknown_token: bool
    padding: Padding


def build_vocabulary(tables: Iterable[pa.Table], encode: Encode) -> pa.Table:
    """Count the words of the column `text`; the token id of a word is its row number + 1.

    Rows are in order of first appearance. Of words seen at least `min_count` times the
    `max_words` most frequent stay, ties broken by first appearance. With `unknown_token` a last
    row `UNKNOWN` counts the words left out.

    Returns:
        A table of `VOCABULARY_SCHEMA`.

    Raises:
        InputError: no word is left.
    """
    words, counts = pa.array([], pa.string()), np.zeros(0, "int64")
    for table in tables:
        here, times = pc.value_counts(_words(table["text"])[0]).flatten()
        words = pc.unique(pa.concat_arrays([words, here]))
        counts = np.pad(counts, (0, len(words) - len(counts)))
        counts[pc.index_in(here, value_set=words).to_numpy()] += times.to_numpy()
    words = pc.utf8_rtrim(words, " ")
    counts[pc.equal(words, "").to_numpy(zero_copy_only=False)] = 0
    rows = np.flatnonzero(counts >= encode.min_count)
    if encode.max_words is not None:
        most = np.argsort(-counts[rows], kind="stable")[: encode.max_words]
        rows = rows[np.sort(most)]
    if not len(rows):
        raise InputError(
            f"encode.min_count is {encode.min_count}, but the most frequent word of the train split"
            f" is there {counts.max(initial=0)} times: set a smaller minimum"
        )
    vocabulary = pa.table([words.take(pa.array(rows)), counts[rows]], schema=VOCABULARY_SCHEMA)
    if encode.unknown_token:
        left_out = [counts.sum() - counts[rows].sum()]
        unknown = pa.table([[UNKNOWN], left_out], schema=VOCABULARY_SCHEMA)
        vocabulary = pa.concat_tables([vocabulary, unknown])
    return vocabulary.combine_chunks()


def tokenize(texts: Texts, vocabulary: pa.Table) -> pa.ListArray:
    """The token ids of every text's words, int32, as one list a text.

    A word that is not in the vocabulary is dropped, or gets the id of `UNKNOWN` if the vocabulary
    ends with that row. `texts` are cleaned: words separated by single spaces.
    """
    words, offsets = _words(texts)
    known = pc.binary_join_element_wise(vocabulary["word"], "", " ")
    ids = pc.add(pc.index_in(words, value_set=known), pa.scalar(1, pa.int32()))
    if _has_unknown(vocabulary):
        empty = pc.equal(words, " ")
        ids = pc.if_else(empty, None, pc.fill_null(ids, pa.scalar(len(vocabulary), pa.int32())))
    if ids.null_count:
        kept = ids.is_valid().to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(kept)])[offsets]
        ids = ids.drop_null()
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), ids)


def pad(tokens: Lists, length: int, padding: Padding) -> np.ndarray:
    """The first `length` tokens of every list, with zeros on the side of `padding`.

    Returns:
        int32 of shape (n, length).
    """
    lengths = pc.list_value_length(tokens).to_numpy()
    flat = pc.list_flatten(tokens).to_numpy()
    starts = np.cumsum(lengths) - lengths
    taken = np.minimum(lengths, length)[:, None]
    places = np.arange(length)
    first = places < taken
    padded = np.zeros((len(lengths), length), "int32")
    into = first if padding == "right" else places >= length - taken
    padded[into] = flat[(starts[:, None] + places)[first]]
    return padded


def sequences(table: pa.Table, vocabulary: pa.Table) -> pa.Table:
    """Reviews with `review_id, label, text` as a table of `SEQUENCES_SCHEMA`."""
    tokens = tokenize(table["text"], vocabulary)
    return pa.table([table["review_id"], table["label"], tokens], schema=SEQUENCES_SCHEMA)


def summarize(
    texts: Iterable[pa.Table], encoded: Iterable[pa.Table], vocabulary: pa.Table
) -> dict[str, Any]:
    """Metrics of a split: its `texts`, and the lengths of the same reviews `encoded`, in tokens."""
    words = sum(len(_words(table["text"])[0]) for table in texts)
    unknown = len(vocabulary) if _has_unknown(vocabulary) else 0
    lengths, known = [], 0
    for table in encoded:
        lengths.append(pc.list_value_length(table["tokens"]).to_numpy())
        known += int(np.count_nonzero(pc.list_flatten(table["tokens"]).to_numpy() != unknown))
    tokens = np.concatenate(lengths)
    quartiles = np.percentile(tokens, [0, 25, 50, 75, 100]).tolist()
    return {
        "reviews": len(tokens),
        "words": words,
        "unknown_words": 1 - known / words,
        "length": dict(zip(["min", "25%", "50%", "75%", "max"], quartiles, strict=True)),
        **{f"longer_than_{length}": float((tokens > length).mean()) for length in LENGTHS},
    }


def _words(texts: Texts) -> tuple[pa.StringArray, np.ndarray]:
    """All words, each with one space behind it, and where every text's words start and end.

    Keeping the separator makes the texts' own bytes the array of words: nothing is copied, which
    is several times as fast as splitting. An empty text gives one empty word, a mere space.
    """
    spaced = pc.binary_join_element_wise(texts, "", " ")
    if isinstance(spaced, pa.ChunkedArray):
        spaced = spaced.combine_chunks()
    _, offsets, content = spaced.buffers()
    text_ends = np.frombuffer(offsets, "int32")[: len(spaced) + 1]
    if not len(spaced):
        return pa.array([], pa.string()), np.zeros(1, "int64")
    spaces = np.flatnonzero(np.frombuffer(content, "uint8")[: text_ends[-1]] == ord(" "))
    word_ends = np.concatenate([[0], spaces + 1]).astype("int32")
    words = pa.Array.from_buffers(
        pa.string(), len(spaces), [None, pa.py_buffer(word_ends), content]
    )
    return words, np.searchsorted(word_ends, text_ends)


def _has_unknown(vocabulary: pa.Table) -> bool:
    return vocabulary["word"][-1].as_py() == UNKNOWN


def main() -> None:
    """Run the stage."""
    encode = params.read("encode", Encode)
    rows = params.read("engine", Engine).partition_rows
    splits = {name: SPLIT / f"{name}.parquet" for name in ("train", "valid")}
    for path in splits.values():
        next(partitions(path, rows=1), None)
    texts = partitions(splits["train"], rows, ["text"])
    vocabulary = build_vocabulary(track(texts, None, "encode: vocabulary"), encode)
    metrics: dict[str, Any] = {"vocabulary": len(vocabulary)}
    for name, path in splits.items():
        tables = track(partitions(path, rows, COLUMNS), None, f"encode: {name}")
        target = SEQUENCES / f"{name}.parquet"
        encode_partition = partial(sequences, vocabulary=vocabulary)
        write_partitions(target, map(encode_partition, tables), SEQUENCES_SCHEMA)
        texts, encoded = partitions(path, rows, ["text"]), partitions(target, rows, ["tokens"])
        metrics[name] = summarize(texts, encoded, vocabulary)
    write_table(VOCABULARY, vocabulary)
    with replacing(EMBEDDING) as beside, beside.open("wb") as file:
        np.save(file, np.zeros((len(vocabulary) + 1, 0), "float32"))
    write_json(METRICS, metrics)


if __name__ == "__main__":
    run(main)
