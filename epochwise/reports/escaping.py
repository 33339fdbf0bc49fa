"""What names and values of the data bring, as text that is shown and does nothing."""

import re
from typing import Any

CELL = 120
"""Characters of a value before they are escaped."""
_SPECIAL = re.compile(
    r"[&<>|`*~\\$^]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])|[@#]|www(?=\.)|gh(?=-\d)|:(?=//)",
    re.IGNORECASE,
)
_NO_WIDTH = "&#8203;"


def printable(text: str) -> str:
    """`text` without what a terminal or a reader would obey rather than show."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def escape(text: Any, longest: int = CELL) -> str:
    """`text` as one line that Markdown shows letter by letter: no markup, no mention, no link.

    Special characters become entities. What begins a mention, a reference or a bare address is
    parted from the rest by a space of no width, as those are looked for in what is shown.
    """
    line = printable(" ".join(str(text).split()))
    line = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return _SPECIAL.sub(_escaped, line)


def _escaped(found: re.Match[str]) -> str:
    text = found[0]
    entity = f"&#{ord(text)};" if len(text) == 1 and text != ":" else text
    return f"{entity}{_NO_WIDTH}" if text in "@#:" or len(text) > 1 else entity
