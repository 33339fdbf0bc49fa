import html
import re

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from epochwise.reports.escaping import escape, printable

HOSTILE = (
    "<img src=x onerror=alert(1)> @everyone | `code` *bold* [link](http://evil.example) "
    "![picture](http://evil.example/x.png) #1 </details> GH-1 <!-- www.evil.example ~~ __x__ $x$"
)
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def inline(text: str) -> list:
    """What a reader of Markdown makes of a line: its pieces by kind."""
    tokens = MARKDOWN.parseInline(text)[0].children
    return tokens or []


@given(
    st.text(max_size=100)
    | st.just(HOSTILE)
    | st.text(alphabet="<>@`|*_[]()!#~\\&: www.x", max_size=60)
)
def test_whatever_a_text_brings_is_shown_letter_by_letter(text: str) -> None:
    escaped = escape(text, longest=1000)
    line = printable(" ".join(text.split()))
    kinds = {token.type for token in inline(f"a {escaped} z")}
    shown = "".join(token.content for token in inline(f"a {escaped} z")).replace("\u200b", "")
    assert kinds <= {"text", "text_special"}
    assert " ".join(shown.split()) == f"a {line} z" if line else shown.split() == ["a", "z"]
    assert "|" not in escaped and "\n" not in escaped


@given(st.text(max_size=60) | st.just(HOSTILE))
def test_no_text_mentions_links_or_refers_to_anything(text: str) -> None:
    seen = html.unescape(escape(text))
    assert not re.search(r"[@#]\w|://|www\.|gh-\d", seen, re.IGNORECASE)


def test_figures_and_names_of_ours_need_no_escape() -> None:
    for text in (
        "+0.018 [+0.009, +0.027]",
        "conv_autoencoder",
        "0.831 → 0.849",
        "train.lstm.epochs",
    ):
        assert escape(text) == text


def test_long_values_are_cut() -> None:
    assert escape("x" * 500) == "x" * 119 + "…"
