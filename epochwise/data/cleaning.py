"""Plain words from raw text."""

import html
import re
import unicodedata
from typing import Literal

from ftfy.fixes import uncurl_quotes

from epochwise.core.params import Section

Digits = Literal["keep", "drop", "mask"]

URL = re.compile(r"\b(?:https?://|ftp://|www\.)\S+")
# The look-behind keeps the search linear: a match starts only where an address can start.
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Grave and acute accents and primes, which people type for apostrophes.
APOSTROPHES = str.maketrans(dict.fromkeys("`\u00b4\u2032\u2035\u02b9", "'"))
# One of several, at the end of a word, or at its start. What begins with a plain character is found
# fast.
LOOSE_APOSTROPHE = re.compile(r"'(?:'+|(?!\S)|(?<!\S'))")


class Clean(Section):
    """`clean` in params.yaml.

    `digits` are kept, dropped, or masked: every number becomes 0. Of reviews with equal cleaned
    texts only one stays if `drop_duplicates`.
    """

    digits: Digits
    drop_duplicates: bool


class _Characters(dict[int, int | str | None]):
    """What becomes of a character, for `str.translate`: decided once, by its Unicode category."""

    def __init__(self, digits: Digits) -> None:
        self.digits = digits

    def __missing__(self, code: int) -> int | str | None:
        category = unicodedata.category(chr(code))
        kept: int | str | None = " "
        if category[0] in "LM" or chr(code) == "'":
            kept = code
        elif category[0] == "N" and self.digits != "drop":
            kept = code if self.digits == "keep" else "0"
        elif category == "Cf":  # soft hyphens, zero-width joiners: inside words, and invisible
            kept = None
        self[code] = kept
        return kept


CHARACTERS: dict[str, _Characters] = {
    digits: _Characters(digits) for digits in ("keep", "drop", "mask")
}


def clean_text(text: str, digits: Digits) -> str:
    """The words of a text in lower case, separated by single spaces.

    Markup, scripts, URLs, e-mail addresses and punctuation go; entities are decoded, also twice
    encoded ones; apostrophes inside words stay ("i've"), in their plain form; letters of every
    script stay. Cleaning a cleaned text changes nothing.
    """
    if "<" in text or "&" in text:
        text = strip_markup(html.unescape(html.unescape(text)))
    if not text.isascii():
        text = uncurl_quotes(text.translate(APOSTROPHES))
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    text = text.lower().replace("`", "'")
    if "://" in text or "www." in text:
        text = URL.sub(" ", text)
    if "@" in text:
        text = EMAIL.sub(" ", text)
    text = text.translate(CHARACTERS[digits])
    if "'" in text:
        text = LOOSE_APOSTROPHE.sub(" ", text)
    if digits == "mask":
        text = re.sub("0+", "0", text)
    return " ".join(text.split())


def strip_markup(text: str) -> str:
    """The visible text of HTML; a "<" that begins no tag, as in "I <3 it", is text."""
    from selectolax.lexbor import LexborHTMLParser

    unclosed = text.rfind(">") + 1
    text = text[:unclosed] + text[unclosed:].replace("<", "&lt;")
    tree = LexborHTMLParser(text)
    tree.strip_tags(["script", "style"])
    return str(tree.text(separator=" "))
