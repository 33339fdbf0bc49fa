import html
import re
from copy import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from epochwise.review import snapshot
from epochwise.review.markdown import LONGEST, escape, prose, write
from epochwise.review.report import Changed, Report, compare
from epochwise.review.revisions import Revision
from epochwise.review.wording import printable, shortened
from tests.epochwise.review.project import Project

HOSTILE = (
    "<img src=x onerror=alert(1)> @everyone | `code` *bold* [link](http://evil.example) "
    "![picture](http://evil.example/x.png) #1 </details> GH-1 <!-- www.evil.example ~~ __x__ $x$"
)
MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.fixture(scope="module")
def retrained(project: Project) -> Report:
    facts = [snapshot.read(Revision(name, project.root)) for name in ("main", "retrained")]
    return compare(*facts)


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


def test_commands_are_code_and_what_they_name_is_escaped() -> None:
    assert prose("run `dvc fetch a|b`: now") == "run <code>dvc fetch a&#124;b</code>: now"


def test_the_verdicts_come_first_and_what_did_not_change_takes_a_line(retrained: Report) -> None:
    lines = write(retrained, {"ROC": "roc.png"}, "review.html").split("\n\n")
    assert lines[0] == "## retrained against main"
    assert lines[1].startswith("**lstm better**: ROC AUC 0.7")
    assert "| lstm | ROC AUC |" in lines[3]
    assert "![ROC](roc.png)" in lines


def test_equal_revisions_make_a_short_text(project: Project) -> None:
    facts = snapshot.read(Revision("main", project.root))
    text = write(compare(facts, facts), {}, "review.html")
    assert "**Nothing changed**: 5 families unchanged" in text
    assert "Params unchanged; code and pins unchanged; data unchanged (reviews train 2,000" in text
    assert "|" not in text


def hostile(report: Report) -> Report:
    """`report` of a project whose every name and value is hostile."""
    families = [replace(family, name=f"{family.name}{HOSTILE}") for family in report.families]
    return replace(
        report,
        families=families,
        params=[Changed(HOSTILE, HOSTILE, [HOSTILE])],
        data=[Changed(HOSTILE, None, HOSTILE)],
        sources=[HOSTILE],
    )


def test_no_name_or_value_becomes_markup(retrained: Report) -> None:
    text = write(hostile(retrained), {HOSTILE: "x.png"}, "review.html")
    rendered = MARKDOWN.render(text)
    assert set(re.findall(r"<(\w+)", rendered)) <= {
        "h2", "p", "strong", "table", "thead", "tbody", "tr", "th", "td",
        "details", "summary", "code", "img",
    }  # fmt: skip
    assert re.findall(r'<img src="([^"]*)"', rendered) == ["x.png"]
    assert not re.search(r"(?<!\w)@\w", html.unescape(rendered))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} <= {2, 4, 5, 8}


@pytest.mark.parametrize("name", ["x", "@" * 5000, HOSTILE * 100])
def test_the_text_is_never_longer_than_a_comment_may_be(retrained: Report, name: str) -> None:
    many = [replace(each, name=f"{name}{n}") for n in range(400) for each in retrained.families]
    params = [Changed(f"{name}{n}", name, name) for n in range(2000)]
    found = replace(retrained, families=many, params=params, sources=[name] * 2000)
    text = write(found, {name: "x.png"}, "review.html")
    assert len(text) <= LONGEST
    assert "Everything, with curves and pictures" in text
    assert "more" in text


@pytest.mark.parametrize("letter", ["x", "@", "`", "@ `", HOSTILE])
def test_no_note_makes_the_text_longer(retrained: Report, letter: str) -> None:
    names = [f"{letter * 900}{number}" for number in range(40)]
    old, new = (
        replace(facts, revision=copy(facts.revision), not_run=names)
        for facts in (retrained.old, retrained.new)
    )
    old.revision.name = new.revision.name = letter * 900
    data = {name: snapshot.Data({name: 1}, {name: 1}, {}) for name in names}
    new = replace(new, champions=dict.fromkeys(names, names[0]), data=data)
    many = [replace(each, name=name) for name in names for each in retrained.families]
    params = [Changed(name, name, name) for name in names * 50]
    for found in (
        replace(retrained, old=old, new=new),
        replace(retrained, old=old, new=new, data=[], families=many, params=params),
    ):
        text = write(found, dict.fromkeys(names, "x.png"), "review.html")
        assert len(text) <= LONGEST
        assert "Champion of" in text and "Everything, with curves and pictures" in text


def test_a_sentence_is_as_long_as_it_may_be_once_escaped() -> None:
    assert prose("word " * 200).startswith("word word") and 990 < len(prose("word " * 300)) <= 1000
    assert 900 < len(prose("@" * 5000)) <= 1000
    assert len(prose("a`" * 5000)) <= 1000


def test_a_sentence_is_cut_after_a_word_and_never_within_code() -> None:
    sentence = "run `dvc fetch a b`, as it is lost"
    assert shortened(sentence, 100) == sentence
    assert shortened(sentence, 25) == "run `dvc fetch a b`, as…"
    assert shortened(sentence, 12) == "run…"
