import html
import re
from copy import copy
from dataclasses import replace

import pytest

from epochwise.review import snapshot
from epochwise.review.markdown import LONGEST, prose, write
from epochwise.review.report import Changed, Report, compare
from epochwise.review.revisions import Revision
from epochwise.review.wording import shortened
from tests.epochwise.reports.test_escaping import HOSTILE, MARKDOWN
from tests.epochwise.review.project import Project


@pytest.fixture(scope="module")
def retrained(project: Project) -> Report:
    facts = [snapshot.read(Revision(name, project.root)) for name in ("main", "retrained")]
    return compare(*facts)


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
