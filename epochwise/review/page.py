"""One HTML page of a revision, or of two set against each other, that needs nothing but itself."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from epochwise.core import paths
from epochwise.measures.headlines import BINARY, HEADLINES, TITLES, TRADED
from epochwise.review import charts, leaderboards, tables, vega, wording
from epochwise.review.charts import CURVES, Spec
from epochwise.review.markdown import HOW_TO_READ
from epochwise.review.report import Report
from epochwise.review.snapshot import Snapshot
from epochwise.review.tables import Table
from epochwise.review.wording import Sentence

LARGEST = 9_500_000
"""Bytes of a page at most; pictures that find no room are named instead."""
FOLDER = Path(__file__).parent


@dataclass
class Page:
    """A page in the making: sections by title, charts by id, and the room that is left."""

    new: Snapshot
    report: Report | None
    room: int
    sections: dict[str, str] = field(default_factory=dict)
    charts: dict[str, Spec] = field(default_factory=dict)

    @property
    def snapshots(self) -> list[Snapshot]:
        """What is shown, the newest last."""
        return [self.report.old, self.new] if self.report else [self.new]

    @property
    def compared(self) -> set[str]:
        """The families that changed."""
        return {family.name for family in self.report.changed} if self.report else set()

    def chart(self, spec: Spec | None) -> str:
        """Where a chart is to be drawn; nothing without one."""
        if spec is None:
            return ""
        name = f"chart{len(self.charts)}"
        self.charts[name] = spec
        return f'<div class="chart" id="{name}"></div>'

    def picture(self, content: bytes | None, title: str) -> str:
        """A picture of the page, if it is there and finds room."""
        if content is None:
            return ""
        encoded = base64.b64encode(content).decode()
        if len(encoded) > self.room:
            return f'<p class="note">{escape(title)}: left out, as the page is large</p>'
        self.room -= len(encoded)
        text = escape(title)
        source = f"data:image/png;base64,{encoded}"
        return f'<figure><img src="{source}" alt="{text}"><figcaption>{text}</figcaption></figure>'


def write(new: Snapshot, report: Report | None) -> str:
    """The page of `new`, set against another revision if there is a `report`."""
    fixed = {
        "style": (FOLDER / "page.css").read_text(encoding="utf-8"),
        "script": (FOLDER / "page.js").read_text(encoding="utf-8"),
        "vega": vega.javascript(),
    }
    page = Page(new, report, LARGEST - sum(len(text.encode()) for text in fixed.values()))
    parts: dict[str, Callable[[Page], str]] = {
        "What changed": _changes,
        "Leaderboards": _leaderboards,
        "Curves": _curves,
        "Thresholds": lambda page: _pictures(page, "thresholds"),
        "Pictures": lambda page: _pictures(page, "pictures"),
        "Data": _data,
        "Model cards": _cards,
    }
    # Text first, as pictures take what room is left.
    for title in sorted(parts, key=lambda title: title in ("Thresholds", "Pictures")):
        page.sections[title] = parts[title](page)
    shown = [title for title in parts if page.sections[title]]
    template = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        fixed,
        title=escape(
            f"{new.name} against {report.old.name}" if report else f"Epochwise: {new.name}"
        ),
        summary=_summary(page),
        contents=" ".join(f'<a href="#{_anchor(title)}">{title}</a>' for title in shown),
        sections="\n".join(
            f'<section id="{_anchor(title)}"><h2>{title}</h2>\n{page.sections[title]}</section>'
            for title in shown
        ),
        charts=_json(page.charts),
    )


def _summary(page: Page) -> str:
    if page.report is None:
        commit = page.new.revision.commit
        at = f" at commit <code>{escape(commit[:12])}</code>" if commit else ", as the files stand"
        count = wording.counted(len(page.new.families), "family", "families")
        warning = wording.not_run(page.new)
        note = f'<p class="note">{_prose(warning)}</p>' if warning else ""
        return f"<p>{count}{at}.</p>{note}"
    items = "".join(_verdict(sentence) for sentence in wording.verdicts(page.report))
    notes = "".join(f'<p class="note">{_prose(note)}</p>' for note in wording.notes(page.report))
    return f'<ul class="verdicts">{items}</ul>{notes}'


def _verdict(sentence: Sentence) -> str:
    kind = sentence.verdict.name.lower() if sentence.verdict else ""
    rest = f": {_prose(sentence.rest)}" if sentence.rest else ""
    return f'<li class="{kind}"><strong>{escape(sentence.lead)}</strong>{rest}</li>'


def _changes(page: Page) -> str:
    if page.report is None:
        return ""
    report = page.report
    found = [_table(tables.comparisons(report))]
    metrics = dict.fromkeys(metric for task in HEADLINES.values() for metric in task)
    drawn = (page.chart(charts.differences(report, metric)) for metric in metrics)
    found.append(f'<div class="charts">{"".join(drawn)}</div>')
    for table in tables.details(report):
        if table.rows:
            title = f"{table.title} ({len(table.rows):,})"
            found.append(_details(title, _table(table)))
        elif table.otherwise:
            told = table.otherwise[:1].upper() + table.otherwise[1:]
            found.append(f'<p class="note">{escape(told)}.</p>')
    found.append(_details("How to read this", f"<p>{escape(HOW_TO_READ)}</p>"))
    return "\n".join(found)


def _leaderboards(page: Page) -> str:
    found = []
    for task, metrics in HEADLINES.items():
        board = leaderboards.leaderboard(page.new, task)
        if board:
            drawn = "".join(
                page.chart(charts.values(page.snapshots, task, metric))
                for metric in metrics
                if metric not in TRADED
            )
            found.append(f'<h3>{TITLES[task]}</h3>{_board(board)}<div class="charts">{drawn}</div>')
    return "\n".join(found)


def _board(board: leaderboards.Leaderboard) -> str:
    header = "".join(
        f'<th scope="col"><button type="button">{escape(name)}</button></th>'
        for name in board.header
    )
    rows = "".join(
        f"<tr>{''.join(_cell(cell, first=not index) for index, cell in enumerate(row))}</tr>"
        for row in board.rows
    )
    return (
        f'<div class="scroll"><table class="sortable"><thead><tr>{header}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(cell: leaderboards.Cell, *, first: bool) -> str:
    key = cell.text if first else "" if cell.key is None else repr(cell.key)
    lines = "<br>".join(map(escape, cell.beneath.splitlines()))
    beneath = f"<small>{lines}</small>" if lines else ""
    return f'<td class="amount" data-value="{escape(key)}">{escape(cell.text)}{beneath}</td>'


def _curves(page: Page) -> str:
    drawn = [page.chart(charts.curves(page.snapshots, kind, page.compared)) for kind in CURVES]
    if any(drawn):
        return f'<div class="charts">{"".join(drawn)}</div><p class="note">{_HINT}</p>'
    if any(family.task == BINARY for family in page.new.families.values()):
        return '<p class="note">This revision keeps no curves in plots/curves.</p>'
    return ""


_HINT = "A click on a name in a legend shows that family alone; a click beside it shows all."


def _pictures(page: Page, kind: str) -> str:
    """The pictures of a kind of all families, before and after where they changed."""
    found = []
    for family in page.new.families:
        path = paths.plot(kind, family, "png")
        shown = {facts.name: facts.revision.optional(path) for facts in page.snapshots}
        before, after = shown.get(page.snapshots[0].name), shown[page.new.name]
        if family in page.compared and before != after:
            found += [page.picture(image, f"{family}, {name}") for name, image in shown.items()]
        else:
            found.append(page.picture(after, family))
    drawn = "".join(found)
    return f'<div class="pictures">{drawn}</div>' if drawn else ""


def _data(page: Page) -> str:
    rows = [
        (name, *(wording.whole(data.rows.get(split)) for split in paths.SPLITS), kept)
        for name, data in page.new.data.items()
        for kept in [", ".join(f"{reason} {n:,}" for reason, n in data.dropped.items()) or "none"]
    ]
    table = Table("Data", ("data set", *paths.SPLITS, "rows left out"), rows)
    return _table(table) if rows else ""


def _cards(page: Page) -> str:
    found = []
    for family in page.new.families:
        text = page.new.revision.optional(paths.CARDS / f"{family}.md")
        if text is not None:
            found.append(_details(family, _markdown(text.decode("utf-8", errors="replace"))))
    return "\n".join(found)


def _markdown(text: str) -> str:
    """Markdown as HTML: without HTML of its own, without images, links to safe places alone."""
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return f'<div class="card scroll">{reader.render(text)}</div>'


def _details(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _table(table: Table) -> str:
    if not table.rows:
        return ""
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows
    )
    return (
        f'<div class="scroll"><table class="wide"><thead><tr>{header}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _prose(sentence: str) -> str:
    return "".join(
        f"<code>{escape(piece)}</code>" if is_code else escape(piece)
        for piece, is_code in wording.spans(sentence)
    )


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _json(content: Any) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(content, allow_nan=False).replace("<", "\\u003c")
