import pytest

from epochwise.review.wording import size


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (None, "-"),
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (12_345, "12.3 kB"),
        (999_499, "999 kB"),
        (999_600, "1 MB"),
        (999_999_999, "1 GB"),
        (1_234_567_890, "1.23 GB"),
        (999_600_000_000, "1.0 TB"),
        (1_234_567_890_123_456, "1,234.6 TB"),
    ],
)
def test_bytes_are_told_in_three_digits_and_no_power_of_ten(count: int | None, shown: str) -> None:
    assert size(count) == shown
