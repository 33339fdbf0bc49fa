"""Runs of characters of many texts: the counts of scikit-learn, without a string for each run.

A text of 1,300 characters has 4,000 runs of 4 to 6, most of which no other text has. Here they are
numbers, made of all characters of a text at once, and only those that count become text again.
"""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import scipy.sparse as sp

FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""By which the hash of a run is multiplied before its next character: odd, with digits all over."""
SPACES = re.compile(r"\s\s+")
TOGETHER = 1 << 24
"""Hashes that are held before they are counted."""


class Runs:
    """The runs of `shortest` to `longest` characters of a text: the short ones first, in order."""

    def __init__(self, text: str, shortest: int, longest: int) -> None:
        self.text = SPACES.sub(" ", text)
        self.shortest = shortest
        codes = np.frombuffer(self.text.encode("utf-32-le", "surrogatepass"), "<u4")
        lengths = range(shortest, min(longest, len(codes)) + 1)
        self.starts = np.cumsum([0, *(len(codes) - length + 1 for length in lengths)])
        self.hashes = hashed(codes[None], shortest, longest).ravel()

    def __getitem__(self, place: int) -> str:
        """The run of the hash at a `place`."""
        longer = int(np.searchsorted(self.starts, place, "right")) - 1
        start = place - int(self.starts[longer])
        return self.text[start : start + self.shortest + longer]


def hashed(codes: np.ndarray, shortest: int, longest: int) -> np.ndarray:
    """A hash, uint64, of each run in rows of characters (n, length): (n, runs of a row)."""
    characters = codes.astype("uint64") + np.uint64(1)  # or else NULs at the start would not count
    runs, found = characters, [np.empty((len(codes), 0), "uint64")]
    for length in range(1, min(longest, codes.shape[1]) + 1):
        if length > 1:
            runs = runs[:, :-1] * FACTOR + characters[:, length - 1 :]
        if length >= shortest:
            found.append(runs)
    return np.concatenate(found, axis=1)


def count_runs(
    texts: Iterable[str], terms: np.ndarray, shortest: int, longest: int, *, binary: bool
) -> sp.csr_matrix:
    """How often each of `terms` (m,) is in each text, or whether it is (`binary`): (n, m)."""
    order, known = _sorted(terms)
    columns, counts, ends = [], [], [0]
    for text in texts:
        runs, times = np.unique(Runs(text, shortest, longest).hashes, return_counts=True)
        places, is_known = _find(runs, known)
        columns.append(order[places[is_known]])
        counts.append(times[is_known])
        ends.append(ends[-1] + len(columns[-1]))
    cells = (np.concatenate(counts or [[]]), np.concatenate(columns or [[]]), ends)
    matrix = sp.csr_matrix(cells, shape=(len(ends) - 1, len(terms)), dtype="float64")
    if binary:
        matrix.data[:] = 1
    matrix.sort_indices()
    return matrix


def frequent_runs(
    texts: list[str],
    shortest: int,
    longest: int,
    *,
    binary: bool,
    min_documents: int,
    most: int | None,
) -> np.ndarray:
    """The runs in at least `min_documents` texts that may be among the `most` frequent ones.

    These, and those as frequent as the last of them, in the order in which they first appear; where
    it is `binary`, frequent in texts.
    """
    hashes, counts, documents = _counted(texts, shortest, longest)
    frequencies = documents if binary else counts
    enough = documents >= min_documents
    hashes, frequencies = hashes[enough], frequencies[enough]
    place = max(0, len(hashes) - (most or len(hashes)))
    least = np.partition(frequencies, place)[place] if len(hashes) else 0
    wanted = hashes[frequencies >= least]
    if not len(wanted):
        return np.array([], object)
    named = np.zeros(len(wanted), bool)
    terms: list[str] = []
    for text in texts:
        runs = Runs(text, shortest, longest)
        here, firsts = np.unique(runs.hashes, return_index=True)
        places, is_known = _find(here, wanted)
        new = is_known & ~named[places]
        named[places[new]] = True
        terms += [runs[place] for place in np.sort(firsts[new])]
    return np.array(terms, object)


def _counted(
    texts: list[str], shortest: int, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The hashes of all runs, sorted, how often each is there, and in how many texts."""
    whole = [np.empty(0, "uint64"), np.empty(0, "int64"), np.empty(0, "int64")]
    for block in _blocks(texts, shortest, longest):
        whole = _merged([np.concatenate(pair) for pair in zip(whole, block, strict=True)])
    return whole[0], whole[1], whole[2]


def _blocks(texts: list[str], shortest: int, longest: int) -> Iterator[list[np.ndarray]]:
    """For each text its hashes, how often each is there, and 1; about TOGETHER of them at once."""
    held: list[tuple[np.ndarray, ...]] = []
    size = 0
    for number, text in enumerate(texts, start=1):
        hashes, counts = np.unique(Runs(text, shortest, longest).hashes, return_counts=True)
        held.append((hashes, counts, np.ones_like(counts)))
        size += len(hashes)
        if size > TOGETHER or number == len(texts):
            yield [np.concatenate(column) for column in zip(*held, strict=True)]
            held, size = [], 0


def _merged(columns: list[np.ndarray]) -> list[np.ndarray]:
    """Hashes, each once, and the sums of the other columns over each."""
    order = np.argsort(columns[0], kind="stable")
    hashes = columns[0][order]
    starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])[: len(hashes)])
    sums = (np.add.reduceat(column[order], starts) for column in columns[1:])
    return [hashes[starts], *sums] if len(hashes) else columns


def _sorted(terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of `terms` (m,) in the order of their hashes, and these."""
    hashes = np.zeros(len(terms), "uint64")
    lengths = np.array([len(term) for term in terms], "int64")
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        joined = "".join(terms[rows].tolist()).encode("utf-32-le", "surrogatepass")
        codes = np.frombuffer(joined, "<u4").reshape(len(rows), length)
        hashes[rows] = hashed(codes, length, length)[:, 0]
    order = np.argsort(hashes, kind="stable")
    return order, hashes[order]


def _find(hashes: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where `hashes` stand among the sorted `known` ones, and which of them do."""
    places = np.searchsorted(known, hashes)
    places[places == len(known)] = 0
    return places, known[places] == hashes if len(known) else np.zeros(len(hashes), bool)
