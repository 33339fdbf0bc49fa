"""Tell what changed between two states of the project, and whether it is more than noise.

Writes review.md, to post or to read, and review.html, a page that needs no network.

\b
    python -m epochwise.review                the workspace alone: the page of its results
    python -m epochwise.review main           the workspace against the branch main
    python -m epochwise.review main exp-1     the experiment exp-1 against the branch main

A state is a branch, tag or commit of git, the name of an experiment of DVC, or `workspace`: the
files as they stand. Nothing is checked out; results of other states come from DVC's cache or
remote. Run from the project's root folder.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from epochwise.core import paths
from epochwise.core.cli import run
from epochwise.core.files import replacing
from epochwise.measures.headlines import BINARY
from epochwise.reports.escaping import printable
from epochwise.review import charts, markdown, page, report, snapshot, vega, wording
from epochwise.review.report import Report
from epochwise.review.revisions import WORKSPACE, Revision

MARKDOWN, PAGE = "review.md", "review.html"
PICTURES = 6
"""Pictures beside the Markdown at most."""


def main(
    base: Annotated[
        str | None, typer.Argument(help="What to compare with; without it, one page alone.")
    ] = None,
    other: Annotated[str, typer.Argument(help="What changed.")] = WORKSPACE,
    output: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("review"),
    template: Annotated[
        bool, typer.Option("--template", help="Only make `dvc plots show` work without a network.")
    ] = False,
) -> None:
    """Write the report, or the template of DVC's plots."""
    if template:
        print(f"dvc plots show uses {vega.write_dvc_template(Path())}")
        return
    new = snapshot.read(Revision(other))
    found = None if base is None else report.compare(snapshot.read(Revision(base)), new)
    _write(output / PAGE, page.write(new, found).encode(errors="replace"))
    if found:
        text = markdown.write(found, _pictures(found, output), PAGE)
        _write(output / MARKDOWN, text.encode(errors="replace"))
        told = [*map(str, wording.verdicts(found)), *wording.notes(found)]
        print(*map(printable, told), sep="\n")
    print(
        f"written: {', '.join(str(output / name) for name in (PAGE, MARKDOWN)[: 1 + bool(found)])}"
    )


def _pictures(found: Report, output: Path) -> dict[str, str]:
    """Write the curves and pictures of what changed beside the Markdown: file by title."""
    changed = {family.name for family in found.changed}
    reviewers = [family for family in found.changed if family.either.task == BINARY]
    drawn: dict[str, bytes] = {}
    for kind, (title, _, _) in charts.CURVES.items():
        spec = charts.curves([found.old, found.new], kind, changed) if reviewers else None
        if spec:
            drawn[title] = vega.png(spec)
    for family in found.new.families:
        path = paths.plot("pictures", family, "png")
        content = found.new.revision.optional(path) if family in changed else None
        if content:
            drawn[family] = content
    files: dict[str, str] = {}
    for title, content in list(drawn.items())[:PICTURES]:
        name = re.sub(r"[^a-z0-9]+", "_", title.lower())[:40]
        # Names that differ in their signs alone are told apart by a number.
        files[title] = (
            f"{name}.png" if f"{name}.png" not in files.values() else f"{name}_{len(files)}.png"
        )
        _write(output / files[title], content)
    return files


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as beside:
        beside.write_bytes(content)


if __name__ == "__main__":
    run(main)
