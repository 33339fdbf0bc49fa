"""The lines of a text file, compressed or not, in bounded memory."""

from collections.abc import Iterator
from pathlib import Path

from epochwise.core.cli import InputError
from epochwise.core.unpacking import DAMAGE, opened

LONGEST = 16 << 20
"""Bytes of a line: no review is longer, and a file without line ends must not fill the memory."""
MOST_BLANK = 1_000_000
"""Blank lines in a row: with more, the file holds no text."""
TOGETHER = 64 << 20
"""Bytes of text that make a table, even if they are fewer rows than asked for."""
START = 1 << 16
"""Bytes that are enough to recognise a format."""
MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark, with which some files begin."""


def first_bytes(path: Path) -> bytes:
    """The start of a file, decompressed, without a byte order mark.

    Raises:
        InputError: a damaged compressed file.
    """
    try:
        with opened(path) as file:
            return file.read(START).removeprefix(MARK)
    except PermissionError:
        raise
    except DAMAGE as error:
        raise InputError(f"{path} cannot be read: {reason(error)}: get or make it again") from None


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    r"""The lines of a file, without a byte order mark, each with its number from 1.

    Lines end at "\n" alone, which stays at their end.

    Raises:
        InputError: the file is damaged, a line is longer than LONGEST bytes, or MOST_BLANK lines in
            a row are blank.
    """
    number = filled = 0
    try:
        with opened(path) as file:
            while line := file.readline(LONGEST + 1):
                number += 1
                if len(line) > LONGEST:
                    raise InputError(
                        f"{path}, line {number} is longer than {LONGEST} bytes: expected the text"
                        " of one review"
                    )
                if line.strip():
                    filled = number
                elif number - filled > MOST_BLANK:
                    raise InputError(f"{path}, line {number}: {MOST_BLANK} lines before are blank")
                yield number, line.removeprefix(MARK) if number == 1 else line
    except DAMAGE as error:
        raise InputError(
            f"{path}, after line {number}: {reason(error)}: get the file again"
        ) from None


def reason(error: BaseException) -> str:
    """The first line of what a library says of an error, or the kind of error."""
    return (str(error).splitlines() or [type(error).__name__])[0]
