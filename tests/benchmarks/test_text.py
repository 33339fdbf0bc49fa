"""Our text stages give what the textbook's loops give."""

import pytest

from benchmarks import text


def test_outputs_are_equal_at_a_small_size() -> None:
    assert set(text.compare(200)) == {"encode", "vectorize"}


def test_synthetic_reviews_have_the_length_of_real_ones() -> None:
    lengths = sorted(len(review.split()) for review in text.synthesize(2001))
    assert 80 <= lengths[1000] <= 100
    assert text.synthesize(5) == text.synthesize(5)


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    text.main(50)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "50 reviews; equal output"
    assert [line.split()[0] for line in lines[1:]] == ["stage", "encode", "vectorize"]
