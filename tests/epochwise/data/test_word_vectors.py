"""Vectors are read from the real formats; a damaged file is refused with the place in it."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import msgpack
import numpy as np
import pyarrow as pa
import pytest
from gensim import downloader
from gensim.models import KeyedVectors

from epochwise.core.cli import InputError
from epochwise.data import word_vectors
from epochwise.data.word_vectors import (
    Sentences,
    Word2Vec,
    download_vectors,
    read_spacy,
    read_vectors,
    spacy_hash,
    train_word2vec,
)

WORDS = ["good", "café", "don't", "New_York", "東京", "bad"]
PARAMS = Word2Vec(
    size=10, window=3, min_count=2, skip_gram=True, negative=3, sample=1e-3, epochs=5,
    max_words=10_000,
)  # fmt: skip


def keyed_vectors(words: list[str], size: int) -> KeyedVectors:
    vectors = KeyedVectors(size)
    values = np.random.default_rng(0).standard_normal((len(words), size)).astype("float32")
    vectors.add_vectors(words, values)
    return vectors


@pytest.mark.parametrize("size", [1, 5, 300])
@pytest.mark.parametrize("form", ["binary", "text", "glove"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_files_that_gensim_writes_are_read(
    tmp_path: Path, size: int, form: str, suffix: str
) -> None:
    given = keyed_vectors(WORDS, size)
    path = tmp_path / f"vectors{suffix}"
    given.save_word2vec_format(str(path), binary=form == "binary", write_header=form != "glove")
    found = read_vectors(path, ["bad", "missing", "café", "東京"])
    assert found.dtype == np.float32 and found.shape == (4, size)
    assert not found[1].any()
    np.testing.assert_array_equal(found[[0, 2, 3]], given[["bad", "café", "東京"]])


@pytest.mark.parametrize("chunk", [1, 2, 7, 31, 32, 100])
def test_binary_rows_are_found_wherever_chunks_end(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = keyed_vectors(WORDS, 7)
    path = tmp_path / "vectors.bin"
    given.save_word2vec_format(str(path), binary=True)
    with path.open("rb") as file:
        file.readline()
        monkeypatch.setattr(word_vectors, "CHUNK", chunk)
        rows = dict(word_vectors._binary_rows(path, file, 7, {w.encode() for w in WORDS}, 6))
    assert [word.decode() for word in rows] == WORDS
    np.testing.assert_array_equal(list(rows.values()), given[WORDS])


def test_binary_rows_may_end_with_a_line_break_as_in_the_c_tool(tmp_path: Path) -> None:
    path = tmp_path / "vectors.bin"
    rows = [
        word.encode() + b" " + np.full(3, number, "<f4").tobytes() + b"\n"
        for number, word in enumerate(WORDS)
    ]
    path.write_bytes(b"6 3\n" + b"".join(rows))
    assert read_vectors(path, WORDS)[:, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_of_a_repeated_word_the_first_row_counts(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 2\nbad 3 4\ngood 5 6\n")
    assert read_vectors(path, ["good"]).tolist() == [[1, 2]]


@pytest.mark.parametrize("header", ["", "2 2\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path, header: str) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text(f"{header}good 1 2\nbad 3 4\n", encoding="utf-8-sig")
    assert read_vectors(path, ["good", "bad"]).tolist() == [[1, 2], [3, 4]]


def test_entries_of_several_words_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("good 1 2\nat home 3 4\nat 5 6\n")
    assert read_vectors(path, ["at"]).tolist() == [[5, 6]]


DAMAGED = {
    "empty": (b"", r"line 1: found b'', expected a word and its numbers, or the header"),
    "prose": (b"It was good.\nReally.\n", r"line 1: found b'It was good"),
    "short line": (b"good 1 2\nbad 3\n", r"line 2: found b'bad 3\\n' with 1 values, expected a w"),
    "no number": (b"good 1 2\nbad 3 x\n", r"line 2: found b'bad 3 x"),
    "not finite": (b"good 1 2\nbad 3 nan\n", r"line 2: found b'bad 3 nan"),
    "short text": (b"3 2\ngood 1 2\nbad 3 4\n", r"has 2 words, but its header announces 3"),
    "long text": (b"1 2\ngood 1 2\nbad 3 4\n", r"has 2 words, but its header announces 1"),
    "short binary": (b"2 2\ngood \0\0\0\0\0\0\0\0bad \0\0", r"word 2 of 2: the file ends"),
    "wrong size": (b"2 2\ngood \0\0\xc0\x7f\0\0\xc0\x7f", r"word 1 \('good'\): .* not finite"),
    "no space": (b"2 2\n" + b"\0" * 20_000, r"word 1 of 2: the file ends, or is not word2vec's"),
    "cut gzip": (
        gzip.compress(b"good 1 2\n" * 99)[:-9],
        r"vectors cannot be read \(.*\): fetch it again",
    ),
    "no gzip": (b"\x1f\x8bgood 1 2\n", r"vectors cannot be read \(.*\): fetch it again"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files_are_refused(tmp_path: Path, name: str) -> None:
    content, message = DAMAGED[name]
    path = tmp_path / "vectors"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_vectors(path, ["good", "bad"])
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"vectorize.path is '.*v\.bin': there is no such file"):
        read_vectors(tmp_path / "v.bin", ["good"])


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("spacy", 10639093010105930009),
        ("coffee", 3197928453018144401),
        ("cat", 5439657043933447811),
    ],
)
def test_keys_are_those_in_the_documentation_of_spacy(word: str, key: int) -> None:
    assert spacy_hash(word) == key


def make_wheel(path: Path, words: dict[str, int], vectors: np.ndarray) -> None:
    table = io.BytesIO()
    np.save(table, vectors)
    with zipfile.ZipFile(path, "w") as archive:
        rows = {spacy_hash(word): row for word, row in words.items()}
        archive.writestr("package/_model/vocab/key2row", msgpack.packb(rows))
        archive.writestr("package/_model/vocab/vectors", table.getvalue())


def test_spacy_vectors_are_found_by_key_and_words_may_share_a_row(tmp_path: Path) -> None:
    vectors = np.arange(6, dtype="float32").reshape(2, 3) + 1
    make_wheel(tmp_path / "model.whl", {"good": 1, "fine": 1, "café": 0}, vectors)
    found = read_spacy(tmp_path / "model.whl", ["fine", "unheard", "café", "good"])
    assert found.tolist() == [[4, 5, 6], [0, 0, 0], [1, 2, 3], [4, 5, 6]]


def test_a_wheel_without_vectors_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.whl", "w"):
        pass
    with pytest.raises(InputError, match=r"empty\.whl holds no spaCy vectors"):
        read_spacy(tmp_path / "empty.whl", ["good"])


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    make_wheel(tmp_path / "model.whl", {"good": 0}, np.array([{}], dtype=object))
    with pytest.raises(InputError, match="allow_pickle=False"):
        read_spacy(tmp_path / "model.whl", ["good"])


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of gensim's downloads, with a catalogue server that nobody runs."""
    monkeypatch.setattr(downloader, "BASE_DIR", str(tmp_path))
    catalogue = ("http://127.0.0.1:1/list.json", "utf-8")
    monkeypatch.setattr(downloader._load_info, "__defaults__", catalogue)
    return tmp_path


def test_without_network_the_downloader_says_so(offline: Path) -> None:
    with pytest.raises(
        InputError, match=r"'tiny' cannot be downloaded .*: connect to the internet"
    ):
        download_vectors("tiny")


def test_downloaded_vectors_are_found_by_name(offline: Path) -> None:
    catalogue = {"corpora": {}, "models": {"tiny": {"file_name": "tiny.gz"}}}
    (offline / "information.json").write_text(json.dumps(catalogue))
    (offline / "tiny").mkdir()
    (offline / "tiny/tiny.gz").write_bytes(gzip.compress(b"1 2\ngood 3 4\n"))
    assert read_vectors(download_vectors("tiny"), ["good"]).tolist() == [[3, 4]]
    with pytest.raises(InputError, match=r"no vectors 'tony', expected one of tiny"):
        download_vectors("tony")


@pytest.mark.parametrize(
    ("words", "expected"),
    [(100, (5, 1.0)), (4_000, (2, 1.0)), (10_000, (1, 1.0)), (40_000, (1, 0.25))],
)
def test_the_schedule_drops_epochs_first_and_then_reviews(
    words: int, expected: tuple[int, float]
) -> None:
    assert PARAMS.schedule(words) == expected


def sentences(documents: list[list[int]], words: list[str], rows: int = 3) -> Sentences:
    table = pa.table({"tokens": pa.array(documents, pa.list_(pa.int32()))})

    def tables() -> list[pa.Table]:
        return [table.slice(start, rows) for start in range(0, len(table), rows)]

    return Sentences(tables, np.array(words, dtype=object), np.ones(len(documents), bool))


def test_sentences_are_the_words_of_the_kept_reviews_again_and_again() -> None:
    corpus = sentences([[1, 2], [], [3], [2, 2, 1]], ["a", "b", "c"])
    assert list(corpus) == [["a", "b"], [], ["c"], ["b", "b", "a"]] == list(corpus)
    corpus.kept = np.array([True, False, False, True])
    assert list(corpus) == [["a", "b"], ["b", "b", "a"]]


def test_partitions_of_which_no_review_is_kept_are_passed_over() -> None:
    corpus = sentences([[1], [2], [3]], ["a", "b", "c"], rows=1)
    corpus.kept = np.array([False, True, False])
    assert list(corpus) == [["b"]]
    with pytest.raises(InputError, match="max_words is too small for any of 3 reviews"):
        Sentences(corpus.tables, corpus.words, np.zeros(3, bool))


def test_words_in_the_same_places_get_near_vectors() -> None:
    random = np.random.default_rng(0)
    fruit, tools = [[1, 2, 3, 4], [5, 6, 7, 8]]
    documents = [random.permutation(fruit if i % 2 else tools).tolist() for i in range(800)]
    counts = np.full(9, 400)
    counts[8] = 1
    corpus = sentences(documents, [f"w{i}" for i in range(9)], 100)
    model = PARAMS.model_copy(update={"sample": 1.0})
    vectors = train_word2vec(corpus, counts, model, 8, seed=1)
    assert vectors.shape == (9, 10) and not vectors[8].any()
    unit = vectors[:8] / np.linalg.norm(vectors[:8], axis=1, keepdims=True)
    near = unit @ unit.T
    assert near[:4, :4].mean() > near[:4, 4:].mean() + 0.5
    np.testing.assert_array_equal(vectors, train_word2vec(corpus, counts, model, 8, seed=1))
    assert (vectors != train_word2vec(corpus, counts, model, 8, seed=2))[:8].all()


def test_a_minimum_that_no_word_reaches_is_refused() -> None:
    with pytest.raises(InputError, match=r"min_count is 2, .* occurs 1 times"):
        train_word2vec(sentences([[1]], ["a"]), np.array([1]), PARAMS, 1, seed=1)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.txt", b"good 1 2\nbad  1 2\n", "line 2: found b'bad  1 2"),
        ("w.txt", b"good 1 2\n bad 1 2\n", "line 2: found b' bad 1 2"),
        ("w.txt", b"2 2 1\ngood 1 2 3\nbad 4 5 6\n", "line 2: found b'good 1 2 3.* with 3 values"),
        ("w.txt", b"word2vec 3\ngood 1 2\n", "line 2: found b'good 1 2.* with 2 values"),
        ("w.zip", b"PK\x03\x04....", "w.zip is a zip archive: unpack it"),
        (
            "w.bin",
            b"2 2\n" + b"".join(w + b" " + np.ones(2).tobytes() + b"\n" for w in (b"a", b"b")),
            "goes on after the 2 words|not finite|not word2vec",
        ),
    ],
)
def test_vectors_of_another_form_are_never_read_as_zeros(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_vectors(tmp_path / name, ["good", "bad", "a"])
