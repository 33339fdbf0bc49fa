"""Vectors of given words: read from files that others made, or trained here by gensim.

Files are read as a stream and only the rows of wanted words are kept, so that a file of several
gigabytes takes no more memory than the vocabulary does. Nothing is unpickled.
"""

import codecs
import io
import logging
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import PositiveFloat, PositiveInt

from epochwise.core.cli import InputError
from epochwise.core.params import Section
from epochwise.core.progress import track
from epochwise.core.unpacking import DAMAGE, opened, zip_member

CHUNK = 1 << 20
MOST_NUMBERS = 10_000
"""Numbers of a vector at most."""
LONGEST_WORD = 10_000
"""Bytes of a word at most: a file with a longer one is no file of word vectors."""

Row: TypeAlias = tuple[bytes, np.ndarray]


class Training(Section):
    """How gensim trains vectors on words seen at least `min_count` times.

    `max_words` bounds the words read in all epochs together: if there are more, first epochs are
    left out, then reviews.
    """

    size: PositiveInt
    min_count: PositiveInt
    negative: PositiveInt
    sample: PositiveFloat
    epochs: PositiveInt
    max_words: PositiveInt

    def schedule(self, words: int) -> tuple[int, float]:
        """Epochs, and the share of reviews to train on, for a corpus of `words` words."""
        epochs = min(self.epochs, max(1, self.max_words // words))
        return epochs, min(1.0, self.max_words / words)


class Word2Vec(Training):
    """`vectorize.word2vec` in params.yaml: vectors of words (Mikolov et al. 2013).

    Vectors that are trained further keep their own size.
    """

    window: PositiveInt
    skip_gram: bool


class Sentences:
    """The words of reviews, read again in partitions for every epoch.

    `tables` opens the partitions, which have a column `tokens`; `words` are those of the token ids
    from 1; `kept` (n,) says which reviews to train on.

    Raises:
        InputError: none of them.
    """

    def __init__(
        self, tables: Callable[[], Iterable[pa.Table]], words: np.ndarray, kept: np.ndarray
    ) -> None:
        if not kept.any():
            raise InputError(
                f"vectorize: max_words is too small for any of {len(kept)} reviews to be"
                " trained on: raise it"
            )
        self.tables, self.words, self.kept = tables, words, kept

    def __iter__(self) -> Iterator[list[str]]:
        start = 0
        for table in self.tables():
            kept = self.kept[start : start + len(table)]
            start += len(table)
            tokens = table["tokens"].filter(pa.array(kept))
            ends = np.cumsum(pc.list_value_length(tokens).to_numpy())
            words = self.words[pc.list_flatten(tokens).to_numpy() - 1].tolist()
            for begin, end in pairwise([0, *ends]):
                yield words[begin:end]


def train_word2vec(
    sentences: Sentences,
    counts: np.ndarray,
    word2vec: Word2Vec,
    epochs: int,
    seed: int,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Train vectors (n, d) of `sentences.words` (n,), which occur `counts` times.

    Words rarer than `min_count` get zeros. One worker and a seed make the vectors the same in every
    process. Words with a vector in `start` (n, d) begin from it, scaled so that the mean length of
    those vectors is 1: at their own, greater length they would hardly move.

    Raises:
        InputError: no word occurs `min_count` times.
    """
    from gensim.models import word2vec as gensim

    check_counts(counts, word2vec, "word2vec")
    model = gensim.Word2Vec(
        vector_size=word2vec.size if start is None else start.shape[1],
        window=word2vec.window,
        min_count=word2vec.min_count,
        sg=int(word2vec.skip_gram),
        negative=word2vec.negative,
        sample=word2vec.sample,
        workers=1,
        seed=seed,
    )
    model.build_vocab_from_freq(dict(zip(sentences.words, counts.tolist(), strict=True)))
    trained = counts >= word2vec.min_count
    if start is not None and start.any():
        _begin_from(model, sentences.words, trained, start)
    reviews = int(sentences.kept.sum())
    progress = epoch_progress("word2vec: epoch", epochs)
    model.train(sentences, total_examples=reviews, epochs=epochs, callbacks=[progress])
    vectors = np.zeros((len(counts), model.vector_size), "float32")
    vectors[trained] = model.wv[sentences.words[trained].tolist()]
    return vectors


def check_counts(counts: np.ndarray, training: Training, block: str) -> None:
    """Check that a word occurs as often as `vectorize.<block>` asks for.

    Raises:
        InputError: none does.
    """
    if counts.max() < training.min_count:
        raise InputError(
            f"vectorize.{block}.min_count is {training.min_count}, but the most frequent word of"
            f" the train split occurs {counts.max()} times: set a smaller minimum"
        )


def _begin_from(model: Any, words: np.ndarray, trained: np.ndarray, start: np.ndarray) -> None:
    """Give `model` the vectors (n, d) that `start` has for those of `words` (n,) that train."""
    lengths = np.linalg.norm(start, axis=1)
    given = trained & (lengths > 0)
    rows = [model.wv.key_to_index[word] for word in words[given]]
    model.wv.vectors[rows] = start[given] / lengths[given].mean()


def epoch_progress(name: str, epochs: int) -> Any:
    """A callback for gensim that shows how many of `epochs` are done."""
    from gensim.models.callbacks import CallbackAny2Vec

    class Progress(CallbackAny2Vec):
        def __init__(self) -> None:
            self.steps = track(range(epochs + 1), epochs, name)
            next(self.steps)

        def on_epoch_end(self, model: Any) -> None:
            next(self.steps)

    return Progress()


def read_spacy(wheel: Path, words: Sequence[str]) -> np.ndarray:
    """Vectors of `words` (n, d) from the spaCy model inside a wheel; zeros where it has none.

    The table of vectors is an npy file; `key2row` is a msgpack map from a word's hash to its row.
    The names of spaCy's own labels ("number", "mark") have other keys: they get no vector.

    Raises:
        InputError: the wheel does not hold vectors of this form.
    """
    import msgpack

    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {Path(name).name: name for name in archive.namelist() if "/vocab/" in name}
            packed = zip_member(archive, members["key2row"], wheel)
            rows = msgpack.unpackb(packed, strict_map_key=False)
            content = io.BytesIO(zip_member(archive, members["vectors"], wheel))
            table = np.load(content, allow_pickle=False)
        sources = np.array([rows.get(spacy_hash(word), -1) for word in words], "int64")
        vectors: np.ndarray = np.where(sources[:, None] >= 0, table[sources], 0).astype("float32")
        if table.ndim != 2 or not np.isfinite(vectors).all():
            raise ValueError(f"vectors of shape {table.shape}, or numbers that are not finite")
    # Of a damaged archive, zipfile, numpy and msgpack raise whatever they meet.
    except Exception as error:
        raise InputError(
            f"{wheel} holds no spaCy vectors, expected a wheel with the members vocab/vectors and"
            f" vocab/key2row: {error}"
        ) from None
    return vectors


def spacy_hash(word: str) -> int:
    """spaCy's 64-bit key of a string: MurmurHash64A (Appleby 2008) of its UTF-8 bytes, seed 1."""
    content = word.encode()
    factor, mask = 0xC6A4A7935BD1E995, 2**64 - 1
    whole = len(content) // 8 * 8
    key = 1 ^ (len(content) * factor & mask)
    for start in range(0, whole, 8):
        block = int.from_bytes(content[start : start + 8], "little") * factor & mask
        block = (block ^ block >> 47) * factor & mask
        key = (key ^ block) * factor & mask
    if content[whole:]:
        key = (key ^ int.from_bytes(content[whole:], "little")) * factor & mask
    key = (key ^ key >> 47) * factor & mask
    return key ^ key >> 47


def download_vectors(name: str) -> Path:
    """The file of the vectors that gensim's downloader calls `name`, downloaded once.

    Raises:
        InputError: no such vectors, or no network.
    """
    from gensim import downloader

    logging.getLogger("gensim.downloader").setLevel(logging.CRITICAL)  # it logs its tracebacks
    try:
        known = downloader.info()["models"]
        if name in known:
            return Path(downloader.load(name, return_path=True))
    except Exception as error:  # gensim raises bare exceptions
        raise InputError(
            f"vectorize.name: '{name}' cannot be downloaded ({error}): connect to the internet, or"
            " choose another source of vectors"
        ) from None
    expected = ", ".join(sorted(known))
    raise InputError(f"vectorize.name: no vectors '{name}', expected one of {expected}")


def read_vectors(path: Path, words: Sequence[str]) -> np.ndarray:
    """Vectors of `words` (n, d) from a file in the format of word2vec or GloVe, compressed or not.

    Those of word2vec begin with a line `<number of words> <d>`, those of GloVe do not. A text row
    is a word and d decimal numbers; a binary row is a word, a space and d little-endian float32.
    Words that the file lacks get zeros; of a repeated word the first row counts, as in gensim.

    Raises:
        InputError: the file has another format, or ends early; the message says where.
    """
    wanted = {word.encode(): place for place, word in enumerate(words)}
    try:
        with opened(path) as file:
            size, rows = _rows(path, file, wanted)
            vectors = np.zeros((len(words), size), "float32")
            for word, values in rows:
                vectors[wanted.pop(word)] = values
    except FileNotFoundError:
        raise InputError(f"vectorize.path is '{path}': there is no such file") from None
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read ({error}): fetch it again") from None
    return vectors


def _rows(path: Path, file: IO[bytes], wanted: Iterable[bytes]) -> tuple[int, Iterator[Row]]:
    """The size of the vectors, and the rows of those words that are still in `wanted`."""
    first = file.readline(CHUNK).removeprefix(codecs.BOM_UTF8)
    if first.startswith(b"PK\x03\x04"):
        raise InputError(f"{path} is a zip archive: unpack it, and give the file that is in it")
    header = re.fullmatch(rb"([0-9]{1,12})\s+([1-9][0-9]{0,4})\s*", first)
    count, size = map(int, header.groups()) if header else (None, len(first.split()) - 1)
    if size > MOST_NUMBERS:
        raise InputError(
            f"{path}, line 1: found vectors of {size} numbers, expected {MOST_NUMBERS} at most"
        )
    if count is None:
        if not first.endswith(b"\n") or size < 1 or not _is_text(first, size):
            raise InputError(
                f"{path}, line 1: found {first[:40]!r}, expected a word and its numbers, or the"
                " header '<number of words> <size>'"
            )
        return size, _text_rows(path, _lines(file, first), size, wanted, first_line=1)
    second = file.readline(CHUNK)
    if _is_text(second, size):
        return size, _text_rows(path, _lines(file, second), size, wanted, first_line=2, count=count)
    return size, _binary_rows(path, file, size, wanted, count, second)


def _lines(file: IO[bytes], first: bytes) -> Iterator[bytes]:
    """The line `first`, and those that follow it in the file."""
    return chain((first,), iter(lambda: file.readline(CHUNK), b""))


def _is_text(line: bytes, size: int) -> bool:
    """Whether a line is a word and `size` decimal numbers, and not the start of binary rows."""
    try:
        return len(np.array(line.split()[1:], "float32")) == size
    except ValueError:
        return False


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _text_rows(
    path: Path,
    lines: Iterable[bytes],
    size: int,
    wanted: Iterable[bytes],
    first_line: int,
    count: int | None = None,
) -> Iterator[Row]:
    number = first_line - 1
    for number, line in enumerate(lines, first_line):
        if len(line) == CHUNK:
            raise InputError(f"{path}, line {number} is longer than {CHUNK - 1} bytes")
        row = line.rstrip(b" \r\n")
        word, _, numbers = row.partition(b" ")
        if word and row.count(b" ") >= size and word not in wanted:
            continue
        fields = numbers.split(b" ")
        if not word or b"" in fields:
            raise InputError(
                f"{path}, line {number}: found {line[:40]!r}, expected a word and {size} numbers"
                " with one space between each and none before"
            )
        # GloVe has entries of several words, which no single word is.
        if len(fields) > size and not _is_number(fields[0]):
            continue
        try:
            values = np.array(fields, "float32")
        except ValueError:
            values = np.array([])
        if len(values) != size or not np.isfinite(values).all():
            raise InputError(
                f"{path}, line {number}: found {line[:40]!r} with {len(fields)} values, expected a"
                f" word and {size} numbers separated by spaces"
            )
        if word in wanted:
            yield word, values
    found = number - first_line + 1
    if count is not None and found != count:
        raise InputError(f"{path} has {found} words, but its header announces {count}")


def _binary_rows(
    path: Path, file: IO[bytes], size: int, wanted: Iterable[bytes], count: int, buffer: bytes = b""
) -> Iterator[Row]:
    width, position = 4 * size, 0
    for row in range(1, count + 1):
        space = buffer.find(b" ", position)
        while space < 0 or len(buffer) <= space + width:
            more = file.read(CHUNK)
            buffer, position = buffer[position:] + more, 0
            space = buffer.find(b" ", 0, LONGEST_WORD)
            if not more or (space < 0 and len(buffer) >= LONGEST_WORD):
                raise InputError(
                    f"{path}, word {row} of {count}: the file ends, or is not word2vec's binary"
                    f" form with vectors of {size} float32"
                )
        word = buffer[position:space].lstrip(b"\n")
        position = space + 1 + width
        if word in wanted:
            values = np.frombuffer(buffer, "<f4", size, space + 1)
            if not np.isfinite(values).all():
                raise InputError(
                    f"{path}, word {row} ({word.decode()!r}): its vector is not finite: the file is"
                    " damaged, or has vectors of another size than its header says"
                )
            yield word, values
    if (buffer[position:] + file.read(CHUNK)).strip(b"\n"):
        raise InputError(
            f"{path} goes on after the {count} words that its header announces: it has vectors of"
            " another size or of other numbers than float32"
        )
