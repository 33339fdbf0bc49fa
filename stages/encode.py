"""Words to token ids: the vocabulary of the train split, and every review as a list of ids.

Every distinct word of the train split gets a token id from 1 in order of first appearance; 0 is
padding. A review becomes the ids of all its known words: the networks that read it cut and pad it.

Reads data/reviews/split/{train,valid}.parquet. Writes data/reviews/vocabulary.parquet,
data/reviews/sequences/{train,valid}.parquet and metrics/reviews/encode.json.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveInt

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import partitions, write_json, write_table
from epochwise.core.forms import LISTS, TEXT, TEXTS
from epochwise.core.progress import track
from epochwise.core.settings import Engine
from epochwise.data.partitions import write_partitions
from epochwise.data.partitions.engine import started
from epochwise.inputs.reviews.tokens import UNKNOWN, Words, split, tokenize, unknown_id

VOCABULARY_SCHEMA = pa.schema([("word", pa.string()), ("count", pa.int64())])
SEQUENCES_SCHEMA = pa.schema(
    [("review_id", pa.int64()), ("label", pa.int8()), ("tokens", pa.list_(pa.int32()))]
)
LENGTHS = (50, 100)
"""Lengths for which the metrics give the share of reviews that a cut would shorten."""


class Encode(params.Section):
    """`encode` in params.yaml.

    Of words seen at least `min_count` times the `max_words` most frequent (null: all) make the
    vocabulary; with `unknown_token` one more id stands for every other word.
    """

    min_count: PositiveInt
    max_words: PositiveInt | None
    unknown_token: bool


def build_vocabulary(partitions: Iterable[Words], encode: Encode) -> pa.Table:
    """Count words; the token id of a word is its row number + 1.

    Rows are in order of first appearance, which also breaks ties between words equally frequent.
    With `unknown_token` a last row `UNKNOWN` counts the words left out.

    Returns:
        A table of `VOCABULARY_SCHEMA`.

    Raises:
        InputError: no word is left.
    """
    words, counts = pa.array([], pa.string()), np.zeros(0, "int64")
    for distinct, codes, _ in partitions:
        words = pc.unique(pa.concat_arrays([words, distinct]))
        counts = np.pad(counts, (0, len(words) - len(counts)))
        rows = pc.index_in(distinct, value_set=words).to_numpy()
        counts[rows] += np.bincount(codes, minlength=len(distinct))
    counts[pc.equal(words, "").to_numpy(zero_copy_only=False)] = 0
    rows = np.flatnonzero(counts >= encode.min_count)
    if encode.max_words is not None:
        most = np.argsort(-counts[rows], kind="stable")[: encode.max_words]
        rows = rows[np.sort(most)]
    if not len(rows):
        raise InputError(
            f"encode.min_count is {encode.min_count}, but the most frequent word of the train split"
            f" occurs {counts.max(initial=0)} times: set a smaller minimum"
        )
    vocabulary = pa.table([words.take(pa.array(rows)), counts[rows]], schema=VOCABULARY_SCHEMA)
    if encode.unknown_token:
        left_out = [counts.sum() - counts[rows].sum()]
        unknown = pa.table([[UNKNOWN], left_out], schema=VOCABULARY_SCHEMA)
        vocabulary = pa.concat_tables([vocabulary, unknown])
    return vocabulary.combine_chunks()


def sequences(table: pa.Table, vocabulary: pa.Table) -> pa.Table:
    """Reviews with `review_id, label, text` as a table of `SEQUENCES_SCHEMA`."""
    tokens = tokenize(split(table["text"]), vocabulary)
    return pa.table([table["review_id"], table["label"], tokens], schema=SEQUENCES_SCHEMA)


def summarize(
    texts: Iterable[pa.Table], encoded: Iterable[pa.Table], vocabulary: pa.Table
) -> dict[str, Any]:
    """Metrics of a split, from its `texts` and the same reviews `encoded`.

    Returns:
        How many reviews and words there are, the share of unknown words, quartiles of the reviews'
        lengths in tokens, and the share of reviews longer than each of LENGTHS.
    """
    words = sum(len(split(table["text"]).codes) for table in texts)
    unknown = unknown_id(vocabulary)
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


def main() -> None:
    """Run the stage."""
    encode = params.read("encode", Encode)
    engine = params.read("engine", Engine)
    rows = engine.partition_rows
    sources = {name: paths.review_split("split", name) for name in ("train", "valid")}
    for source in sources.values():  # both, so that nothing is written if one is missing
        next(partitions(source, 1, TEXTS))
    texts = track(partitions(sources["train"], rows, {"text": TEXT}), None, "encode: vocabulary")
    vocabulary = build_vocabulary((split(table["text"]) for table in texts), encode)
    metrics: dict[str, Any] = {"vocabulary": len(vocabulary)}
    encode_partition = partial(sequences, vocabulary=vocabulary)
    with started(engine) as over:
        for name, source in sources.items():
            target = paths.review_split("sequences", name)
            tables = track(over(encode_partition, source, TEXTS), None, f"encode: {name}")
            write_partitions(target, tables, SEQUENCES_SCHEMA)
            texts = partitions(source, rows, {"text": TEXT})
            metrics[name] = summarize(
                texts, partitions(target, rows, {"tokens": LISTS}), vocabulary
            )
    write_table(paths.VOCABULARY, vocabulary)
    write_json(paths.dataset_metrics("reviews", "encode"), metrics)


if __name__ == "__main__":
    run(main)
