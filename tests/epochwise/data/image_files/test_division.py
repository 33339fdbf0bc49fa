"""Images are divided without leaks, and classes keep their shares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochwise.core.cli import InputError
from epochwise.data.image_files.division import Division, divide, unseen

DIVISION = Division(valid=0.25, test=0.2)


@settings(max_examples=300)
@given(
    counts=st.lists(st.integers(10, 40), min_size=2, max_size=5),
    valid=st.floats(0.2, 0.5),
    test=st.floats(0.2, 0.5),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_division_keeps_every_row_once_and_the_shares_of_classes(
    counts: list[int], valid: float, test: float, seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    division = Division(valid=valid, test=test)
    divided = divide({"train": labels}, division, seed, "digits")
    rows = np.concatenate([rows for _, rows in divided.values()])
    assert np.array_equal(np.sort(rows), np.arange(len(labels)))
    cut = labels[divided["test"][1]]
    assert abs(len(cut) - test * len(labels)) < 1
    for label, count in enumerate(counts):
        assert abs(np.sum(cut == label) - len(cut) * count / len(labels)) < 1
    again = divide({"train": labels}, division, seed, "digits")
    assert all(np.array_equal(divided[split][1], again[split][1]) for split in divided)


def test_a_split_of_the_source_is_kept_and_the_only_part_divided() -> None:
    labels = np.tile([0, 1], 50)
    divided = divide({"test": labels}, DIVISION, 1, "digits")
    assert {split: (part, len(rows)) for split, (part, rows) in divided.items()} == {
        "train": ("test", 60),
        "valid": ("test", 20),
        "test": ("test", 20),
    }
    divided = divide({"train": labels, "test": labels[:10]}, DIVISION, 1, "digits")
    assert {split: (part, len(rows)) for split, (part, rows) in divided.items()} == {
        "train": ("train", 75),
        "valid": ("train", 25),
        "test": ("test", 10),
    }
    with pytest.raises(InputError, match="found test and valid, expected train beside them"):
        divide({"valid": labels, "test": labels}, DIVISION, 1, "digits")
    with pytest.raises(
        InputError, match=r"'target.test' is 0.2: 1 of 3 images .* of each of 3 classes"
    ):
        divide({"train": np.array([0, 1, 2])}, DIVISION, 1, "target")


def test_unseen_marks_copies() -> None:
    assert unseen([b"a", b"b"], {b"b"}).tolist() == [True, False]
