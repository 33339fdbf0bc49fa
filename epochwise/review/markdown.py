"""A report as one Markdown text, to be posted as a comment: the verdict first, the rest folded.

What names, params and file names bring is never markup: see `epochwise.reports.escaping`.
"""

from collections.abc import Iterable

from epochwise.reports.escaping import escape
from epochwise.review import tables, wording
from epochwise.review.report import Report
from epochwise.review.tables import Table
from epochwise.review.wording import Sentence

LONGEST = 60_000
"""Characters of the text at most: GitHub takes comments of 65,536."""
RESERVE = 3_000
"""Of these, what is kept for the lines that are never left out."""
SENTENCE = 1_000
"""Characters of a sentence once it is escaped, which makes it up to twelve times as long: verdicts
and notes, two dozen sentences at most, have to leave tables room."""
SENTENCES = 8

HOW_TO_READ = (
    "A difference is of the samples of test that both have. Its 95 % interval holds the variance "
    "of resampling them in pairs and, where the model was trained anew, that of training: 2 s² of "
    "repeats with other seeds or, where both have repeats of their own and their means are "
    "compared, s²/k of either. P values are corrected over all metrics in the table (Holm 1979): "
    "below 0.05 a change is called better or worse. Where that holds of recalls alone, the family "
    "trades errors of one class for those of the other, as a threshold does. McNemar's exact test "
    "is of the two models as they are, without the noise of training."
)


def prose(sentence: str) -> str:
    """A sentence of ours, escaped and cut to SENTENCE; what stands between backticks is code."""
    longest = SENTENCE
    while len(shown := _prose(wording.shortened(sentence, longest))) > SENTENCE:
        longest = longest * SENTENCE // len(shown)
    return shown


def write(report: Report, pictures: dict[str, str], page: str) -> str:
    """The report as Markdown of at most LONGEST characters.

    `pictures` are files to show by their titles, `page` is the file that shows everything; both
    stand beside the text.
    """
    parts = [
        f"## {escape(report.new.name)} against {escape(report.old.name)}",
        _verdicts(wording.verdicts(report)),
        _notes(report),
    ]
    details = tables.details(report)
    parts.append(_table(tables.comparisons(report), LONGEST // 2 - _length(parts)))
    for table in details:
        if table.rows:
            parts.append(_fold(table, LONGEST - RESERVE - _length(parts)))
    parts.append(_pictures(pictures, LONGEST - RESERVE - _length(parts)))
    parts.append(_unchanged(details))
    parts.append(f"<details><summary>How to read this</summary>\n\n{HOW_TO_READ}\n\n</details>")
    parts.append(f"Everything, with curves and pictures: <code>{page}</code>")
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdicts(sentences: list[Sentence]) -> str:
    shown = []
    for each in sentences[:SENTENCES]:
        rest = prose(each.rest)
        shown.append(f"**{escape(each.lead)}**" + (f": {rest}" if rest else ""))
    if len(sentences) > SENTENCES:
        shown.append(f"and {len(sentences) - SENTENCES} more below")
    return " · ".join(shown)


def _notes(report: Report) -> str:
    return " ".join(map(prose, wording.notes(report)))


def _fold(table: Table, room: int) -> str:
    opening = f"<details><summary>{table.title} ({len(table.rows):,})</summary>\n\n"
    closing = "\n\n</details>"
    shown = _table(table, room - len(opening) - len(closing))
    return f"{opening}{shown}{closing}" if shown else f"{table.title}: left out for length."


def _table(table: Table, room: int) -> str:
    """A Markdown table of the rows that find room; empty if none does."""
    lines = [_line(table.header), _line(["---"] * len(table.header))]
    left = room - _length(lines) - RESERVE // 10
    for row in table.rows:
        line = _line(row)
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    shown = len(lines) - 2
    if not shown:
        return ""
    more = f"\n\nand {len(table.rows) - shown:,} more" if shown < len(table.rows) else ""
    return "\n".join(lines) + more


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(escape(cell) for cell in cells)} |"


def _pictures(pictures: dict[str, str], room: int) -> str:
    if not pictures:
        return ""
    shown = "\n\n".join(f"![{escape(title)}]({file})" for title, file in pictures.items())
    text = f"<details><summary>Curves and pictures</summary>\n\n{shown}\n\n</details>"
    return text if len(text) <= room else ""


def _unchanged(details: Iterable[Table]) -> str:
    told = "; ".join(table.otherwise for table in details if table.otherwise and not table.rows)
    return prose(f"{told[:1].upper()}{told[1:]}.") if told else ""


def _length(parts: Iterable[str]) -> int:
    return sum(len(part) + 2 for part in parts)


def _prose(sentence: str) -> str:
    return "".join(
        f"<code>{escape(piece, SENTENCE)}</code>" if is_code else _spaced(piece)
        for piece, is_code in wording.spans(sentence)
    )


def _spaced(piece: str) -> str:
    """A piece escaped, with the spaces that part it from code."""
    before = " " if piece[:1].isspace() else ""
    after = " " if piece[-1:].isspace() and piece.strip() else ""
    return f"{before}{escape(piece, SENTENCE)}{after}"
