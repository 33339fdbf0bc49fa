"""Plain words from raw text."""

import html
import re
import unicodedata
from typing import Literal, get_args

from ftfy.fixes import uncurl_quotes

from epochwise.core.params import Section

Digits = Literal["keep", "drop", "mask"]
Punctuation = Literal["drop", "keep"]

TOO_LARGE = re.compile(r"&#0*[1-9][0-9]{7,};?")
"""A reference to a character beyond the last one, which Python cannot read if it is very long."""
TAG = re.compile(r"<[^<>]*>")
MOST_TAGS, LONGEST_TAG = 2_000, 1_000
MOST_MARKS, MOST_MARKS_LENGTH = 30, 2_000
"""Combining marks in a row, and characters of a text in which more of them take no long time."""
VARIANT = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Variation selectors."""
MARKS = "PS"
"""The Unicode categories of punctuation and symbols."""
URL = re.compile(r"\b(?:https?://|ftp://|www\.)\S+")
# The look-behind keeps the search linear: a match starts only where an address can start.
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
APOSTROPHES = "`\u00b4\u2032\u2035\u02b9"
"""Grave and acute accents and primes, which people type for apostrophes."""
FRACTION = "\u2044"
"""What stands between the numbers of which Unicode composes a fraction."""
# One of several, at the end of a word, or at its start. What begins with a plain character is found
# fast.
LOOSE_APOSTROPHE = re.compile(r"'(?:'+|(?!\S)|(?<!\S'))")
# A run of one mark, each of them between two NULs, which by then stand nowhere else.
RUN_OF_MARKS = re.compile("\0(.)\0(?:\0\\1\0)*")
LONGEST_RUN = 3
"""Of more equal marks in a row than this the rest is dropped."""


class Clean(Section):
    """`clean` in params.yaml.

    `digits` are kept, dropped, or masked: every number becomes 0. `punctuation` is dropped, or kept
    as words of its own. Of reviews with the same words only one stays if `drop_duplicates`.
    """

    digits: Digits
    punctuation: Punctuation
    drop_duplicates: bool


class _Plain(dict[int, int | str | None]):
    """What becomes of a character before Unicode composes: what is invisible keeps others apart."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        kept: int | str | None = code
        # Soft hyphens and zero-width joiners, which are inside of words, and how a sign is drawn.
        if unicodedata.category(character) == "Cf" or VARIANT.match(character):
            kept = None
        elif character in APOSTROPHES:
            kept = "'"
        elif FRACTION in unicodedata.normalize("NFKC", character):
            kept = f" {character}"
        self[code] = kept
        return kept


class _Characters(dict[int, int | str | None]):
    """What becomes of a character, for `str.translate`: decided once, by its Unicode category."""

    def __init__(self, digits: Digits, punctuation: Punctuation) -> None:
        self.digits = digits
        self.punctuation = punctuation

    def __missing__(self, code: int) -> int | str | None:
        category = unicodedata.category(chr(code))
        kept: int | str | None = " "
        if category[0] in "LM" or chr(code) == "'":
            kept = code
        elif category[0] == "N" and self.digits != "drop":
            kept = code if self.digits == "keep" else "0"
        elif category[0] in MARKS and self.punctuation == "keep":
            kept = f"\0{chr(code)}\0"
        self[code] = kept
        return kept


PLAIN = _Plain()
CHARACTERS = {
    (digits, punctuation): _Characters(digits, punctuation)
    for digits in get_args(Digits)
    for punctuation in get_args(Punctuation)
}


def clean_text(text: str, digits: Digits, punctuation: Punctuation = "drop") -> str:
    """The words of a text in lower case, separated by single spaces.

    Markup, scripts, URLs and e-mail addresses go; entities are decoded, also twice encoded ones;
    apostrophes inside words stay ("i've"), in their plain form; letters of every script stay. Other
    punctuation and symbols go, or stay as words, up to three equal ones in a row as one ("!!!"), if
    there is any other word. Cleaning a cleaned text changes nothing.
    """
    if "<" in text or "&" in text:
        text = strip_markup(_unescaped(_unescaped(text)))
    if not text.isascii():
        text = text.translate(PLAIN)  # first, as what is invisible parts marks that are in a row
        if len(text) > MOST_MARKS_LENGTH:
            text = _stream_safe(text)
        text = uncurl_quotes(text)
        text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).lower())
    text = text.lower().replace("`", "'")
    if "://" in text or "www." in text:
        text = URL.sub(" ", text)
    if "@" in text:
        text = EMAIL.sub(" ", text)
    text = text.translate(CHARACTERS[digits, punctuation])
    if punctuation == "keep":
        text = RUN_OF_MARKS.sub(_run_as_word, text)
    if "'" in text:
        text = LOOSE_APOSTROPHE.sub(" ", text)
    if digits == "mask":
        text = re.sub("0+", "0", text)
    words = text.split()
    if all(unicodedata.category(word[0])[0] in MARKS for word in words):
        return ""
    return " ".join(words)


def without_punctuation(cleaned: str) -> str:
    """What `clean_text` would have made without punctuation, from a text cleaned with it."""
    return " ".join(cleaned.translate(CHARACTERS["keep", "drop"]).split())


def _run_as_word(run: re.Match[str]) -> str:
    marks = run[0].replace("\0", "")
    return f" {marks[:LONGEST_RUN]} "


def _unescaped(text: str) -> str:
    """`text` with its entities decoded, numbers far beyond Unicode's among them."""
    return html.unescape(TOO_LARGE.sub("\ufffd", text))


def _stream_safe(text: str) -> str:
    """`text` with no more combining marks in a row than a stream-safe one has (UAX #15)."""
    kept, run = [], 0
    for one in text:
        run = run + 1 if unicodedata.combining(one) else 0
        if run <= MOST_MARKS:
            kept.append(one)
    return "".join(kept)


def strip_markup(text: str) -> str:
    """The visible text of HTML; a "<" that begins no tag, as in "I <3 it", is text.

    Of a text with more or longer tags than any review has, only the tags go: a parser would take
    time in the square of them.
    """
    from selectolax.lexbor import LexborHTMLParser

    if not _is_simple(text):
        return TAG.sub(" ", text)
    unclosed = text.rfind(">") + 1
    text = text[:unclosed] + text[unclosed:].replace("<", "&lt;")
    tree = LexborHTMLParser(text)
    tree.strip_tags(["script", "style"])
    return str(tree.text(separator=" "))


def _is_simple(text: str) -> bool:
    pieces = text.split(">")[:-1]
    lengths = (len(piece) - piece.find("<") for piece in pieces if "<" in piece)
    return text.count("<") <= MOST_TAGS and max(lengths, default=0) <= LONGEST_TAG
