"""Cleaning keeps the words of a text and nothing else, however long and hostile it is."""

import re
import time
import unicodedata
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.data.cleaning import Punctuation, clean_text, strip_markup, without_punctuation

DIGITS = st.sampled_from(["keep", "drop", "mask"])
TEXTS = st.text() | st.text(
    alphabet="ab1<>&;'\"/#@.:wht!\0 \u2019\u0301İ½\u00ad\u200d\ufe0f\u1100\u1161"
)


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("I've <b>never</b> had BETTER<br />tea!!", "i've never had better tea"),
        ("Fish &amp; chips &lt;3 &#39;tis", "fish chips 3 tis"),
        ("twice &amp;lt;br&amp;gt; encoded &amp;amp; so", "twice encoded so"),
        ("I <3 it, 5 < 6 and a <b", "i 3 it 5 6 and a b"),
        ("<script>alert(1)</script>seen<style>p{}</style>", "seen"),
        ("see http://x.org/a?b=c, WWW.Shop.com/x or me.too@mail.co.uk now", "see or now"),
        ("don\u2019t \u201cquote\u201d me\u2026 it`s \u00b4so\u00b4", "don't quote me it's so"),
        ("I \u2764\ufe0f this \u845b\U000e0100\u57ce", "i this 葛城"),
        ("no\u00a0break\u2003and\u200bzero\u00adwidth", "no break andzerowidth"),
        ("the dogs' rock'n'roll ''Conan'' 'n", "the dogs rock'n'roll conan n"),
        ("cafe\u00ad\u0301 \u1100\u200b\u1161 5\u00bd stars", "caf\u00e9 \uac00 5 1 2 stars"),
        (
            "Caf\u00e9 CAFE\u0301 \ufb01ne \u6771\u4eac \u0939\u093f\u0928\u094d\u0926\u0940",
            "café café fine 東京 हिन्दी",
        ),
        ("!!! \u2603 ...", ""),
    ],
)
def test_examples(raw: str, cleaned: str) -> None:
    assert clean_text(raw, "keep") == cleaned


@pytest.mark.parametrize(
    ("digits", "cleaned"),
    [("keep", "4 5 stars b2b"), ("drop", "stars b b"), ("mask", "0 0 stars b0b")],
)
def test_digits(digits: Any, cleaned: str) -> None:
    assert clean_text("4.5 stars, B2B", digits) == cleaned


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("So-so... <b>7/10</b>, I'd say!", "so - so ... 7 / 10 , i'd say !"),
        ("What?!?!!!!!!! ('good')", "what ? ! ? !!! ( good )"),
        (
            "$5 &amp; \u201cup\u201d \u6771\u4eac\u3002 I \u2764 it",
            '$ 5 & " up " 東京 。 i \u2764 it',
        ),
        ("\0a\0!\0", "a !"),
        ("love \u2764\ufe0f it", "love \u2764 it"),
        ("!!! \u2603 ...", ""),
    ],
)
def test_punctuation_as_words(raw: str, cleaned: str) -> None:
    assert clean_text(raw, "keep", "keep") == cleaned


@given(TEXTS, DIGITS)
def test_without_its_punctuation_a_text_has_the_same_words(text: str, digits: Any) -> None:
    cleaned = clean_text(text, digits, "keep")
    assert clean_text(cleaned, digits, "keep") == cleaned
    assert without_punctuation(cleaned) == clean_text(text, digits, "drop")


@given(TEXTS, DIGITS)
def test_cleaning_again_changes_nothing(text: str, digits: Any) -> None:
    cleaned = clean_text(text, digits)
    assert clean_text(cleaned, digits) == cleaned
    assert cleaned == " ".join(cleaned.split(" ")).strip()
    for word in cleaned.split():
        assert not word.startswith("'") and not word.endswith("'")
        for character in word:
            assert character == "'" or unicodedata.category(character)[0] in "LMN"
            assert digits != "drop" or unicodedata.category(character)[0] != "N"


@pytest.mark.parametrize(
    "piece", ["<", "<a ", "a@", "&", "&amp;", "http://", "'", "www.", "a.", "<b><i>"]
)
def test_a_long_hostile_text_is_cleaned_at_once(piece: str) -> None:
    """A quadratic search would take minutes for a text of this size, and the test run with it."""
    for punctuation in get_args(Punctuation):
        cleaned = clean_text(piece * (1_000_000 // len(piece)), "keep", punctuation)
        assert clean_text(cleaned, "keep", punctuation) == cleaned


def test_the_visible_text_of_markup_is_kept() -> None:
    assert strip_markup("<p>one</p><script>two</script> 3 < 4").split() == ["one", "3", "<", "4"]


@pytest.mark.parametrize(
    "text",
    [
        "&#" + "9" * 5000 + "; good",
        "a" + "\u0301\u0327" * 500_000 + " good",
        "a" + ("\u0301\u0327" * 15 + "\u00ad") * 30_000 + " good",
        "<div>" * 500_000 + " good",
        "<a><b>" * 100_000 + "</a>" * 100_000 + " good",
        "<b " + "".join(f"a{n} " for n in range(200_000)) + "> good",
        "<" * 1_000_000 + " good",
    ],
    ids=["number", "marks", "marks apart", "depth", "crossed tags", "attributes", "open tags"],
)
def test_no_review_takes_long(text: str) -> None:
    started = time.process_time()
    assert clean_text(text, "keep", "keep").endswith("good")
    assert time.process_time() - started < 5


@given(st.text("a\u0301\u0327\u0e38 é", max_size=200))
def test_up_to_thirty_marks_in_a_row_make_no_difference(text: str) -> None:
    long = text + " " + "a" * 3000
    runs = re.findall("[\u0301\u0327\u0e38]+", text)
    if max(map(len, runs), default=0) <= 30:
        assert clean_text(long, "keep") == f"{clean_text(text, 'keep')} {'a' * 3000}".strip()
