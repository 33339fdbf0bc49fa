import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from epochwise.review import charts, page, snapshot
from epochwise.review.charts import COLOURS
from epochwise.review.report import Changed, Report, compare
from epochwise.review.revisions import Revision
from epochwise.review.snapshot import Snapshot
from tests.epochwise.reports.test_escaping import HOSTILE
from tests.epochwise.review.project import Project

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
needs_chromium = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
GROUNDS = ("#ffffff", "#14171c")


@pytest.fixture(scope="module")
def main(project: Project) -> Snapshot:
    return snapshot.read(Revision("main", project.root))


@pytest.fixture(scope="module")
def retrained(project: Project, main: Snapshot) -> Report:
    return compare(main, snapshot.read(Revision("retrained", project.root)))


@pytest.fixture(scope="module")
def pages(main: Snapshot, retrained: Report) -> dict[str, str]:
    return {"alone": page.write(main, None), "compared": page.write(retrained.new, retrained)}


def markup(html: str) -> str:
    """The page without its scripts and styles."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", html, flags=re.DOTALL)


@pytest.mark.parametrize("kind", ["alone", "compared"])
def test_a_page_holds_all_it_needs(pages: dict[str, str], kind: str) -> None:
    assert len(pages[kind].encode()) < 10_000_000
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', markup(pages[kind]))
    for title in ("Leaderboards", "Curves", "Pictures", "Data", "Model cards"):
        assert f"<h2>{title}</h2>" in pages[kind]
    assert ("<h2>What changed</h2>" in pages[kind]) == (kind == "compared")


def test_a_page_shows_what_changed_before_and_after(pages: dict[str, str]) -> None:
    specs = json.loads(re.search(r'id="charts">(.*?)</script>', pages["compared"])[1])  # type: ignore[index]
    curves = [spec for spec in specs.values() if spec.get("title") == "ROC"]
    assert {row["revision"] for row in curves[0]["data"]["values"]} == {"main", "retrained"}
    assert "lstm, main" in pages["compared"] and "lstm, retrained" in pages["compared"]


def test_a_family_has_one_colour_in_all_charts_in_the_order_of_the_table(clone: Project) -> None:
    rows = yaml.safe_load((clone.root / "families.yaml").read_text())["families"]
    rows = {"mlp": rows.pop("mlp")} | rows
    clone.write("families.yaml", yaml.safe_dump({"families": rows}, sort_keys=False))
    clone.write("plots/curves/lstm.csv", "curve,x,y\nroc,0,0\nroc,1,1\ncalibration,0.5,0.5\n")
    clone.write("plots/curves/mlp.csv", "curve,x,y\nroc,0,0\nroc,1,1\n")
    facts = snapshot.read(Revision("workspace", clone.root))
    found = {}
    for kind in ("roc", "calibration"):
        spec = charts.curves([facts], kind, set())
        assert spec
        found[kind] = spec["layer"][1]["encoding"]["color"]["scale"]
    assert found == {
        "roc": {"domain": ["mlp", "lstm"], "range": [*COLOURS[:2]]},
        "calibration": {"domain": ["lstm"], "range": [COLOURS[1]]},
    }


def test_nothing_that_names_bring_is_markup(retrained: Report, pages: dict[str, str]) -> None:
    families = [replace(family, name=f"{family.name}{HOSTILE}") for family in retrained.families]
    found = replace(retrained, families=families, params=[Changed(HOSTILE, HOSTILE, "</script>")])
    hostile = page.write(retrained.new, found)
    assert HOSTILE not in hostile and "<img src=x" not in hostile
    assert (
        hostile.count("<script") == pages["compared"].count("<script") == hostile.count("</script>")
    )


def test_cards_are_read_without_their_html(pages: dict[str, str]) -> None:
    assert "<h1>lstm</h1>" in pages["alone"]
    assert "&lt;script&gt;alert(1)" in pages["alone"]
    assert 'href="javascript' not in pages["alone"]


def test_pictures_that_find_no_room_are_named(
    main: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "LARGEST", 0)
    html = page.write(main, None)
    assert "data:image/png" not in markup(html)
    assert "cnn: left out, as the page is large" in html


def luminance(colour: str) -> float:
    """Relative luminance of a colour (WCAG 2)."""
    shares = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("ground", GROUNDS)
def test_colours_are_read_on_light_and_dark_ground(ground: str) -> None:
    for colour in COLOURS:
        low, high = sorted([luminance(colour), luminance(ground)])
        assert (high + 0.05) / (low + 0.05) >= 3


def with_script(html: str, script: str) -> str:
    """The page with one more script at its end; Vega's own names `</body>` too."""
    before, end, after = html.rpartition("</body>")
    return f"{before}<script>{script}</script>{end}{after}"


def opened(html: str, folder: Path, *options: str) -> tuple[str, str]:
    """The page as Chromium has it after drawing, and all that its console says.

    The page forbids all requests (Content-Security-Policy): any that it makes is an error there.
    """
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
        "--disable-background-networking", f"--user-data-dir={folder / 'profile'}",
        "--enable-logging=stderr", "--window-size=1200,2000", "--virtual-time-budget=20000",
        *options, "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


@needs_chromium
@pytest.mark.parametrize(
    ("kind", "scheme"), [("alone", "0"), ("compared", "1")], ids=["dark", "light"]
)
def test_chromium_draws_every_chart_and_picture_and_asks_for_nothing(
    pages: dict[str, str], tmp_path: Path, kind: str, scheme: str
) -> None:
    broken = "[...document.images].filter((image) => !image.naturalWidth).length"
    count = f"addEventListener('load', () => document.body.dataset.broken = {broken})"
    html = with_script(pages[kind], count)
    drawn, console = opened(html, tmp_path, f"--blink-settings=preferredColorScheme={scheme}")
    expected = len(re.findall(r'class="chart[ "]', markup(html)))
    assert expected >= 4
    assert f'data-drawn="{expected}"' in drawn
    assert len(re.findall(r"<svg[^>]*class=\"marks\"", drawn)) == expected
    assert 'data-broken="0"' in drawn
    assert not console


@needs_chromium
@pytest.mark.parametrize("share", [1, 0.03, 0.0013])
def test_labels_of_small_differences_stand_apart(
    pages: dict[str, str], tmp_path: Path, share: float
) -> None:
    """However small they are: all values of `pages` are multiplied by a `share`."""
    before, content, after = re.split(r'(?<=id="charts">)(.*?)(?=</script>)', pages["compared"])
    specs = json.loads(content)
    for spec in specs.values():
        for row in spec["data"]["values"]:
            row |= {key: row[key] * share for key in ("value", "low", "high") if "verdict" in row}
    count = """
        const left = (a, b) => a.getBoundingClientRect().left - b.getBoundingClientRect().left
        const touch = (a, b) => left(b, a) < a.getBoundingClientRect().width + 4
        setInterval(() => {
            const axes = [...document.querySelectorAll('[aria-label^="X-axis"] .role-axis-label')]
            const shown = axes.map((axis) => [...axis.querySelectorAll('text')]
                .filter((text) => text.getAttribute('opacity') !== '0').sort(left))
            document.body.dataset.labels = shown.flat().length
            document.body.dataset.touching = shown.map((labels) => labels.slice(1)
                .filter((label, at) => touch(labels[at], label)).length).join('')
        }, 200)
    """
    drawn, _ = opened(with_script(before + json.dumps(specs) + after, count), tmp_path)
    found = re.search(r'data-labels="(\d+)" data-touching="(\d+)"', drawn)
    assert found, drawn[:2000]
    assert int(found[1]) > 20 and set(found[2]) == {"0"}


@needs_chromium
def test_chromium_refuses_what_a_page_must_not_do(pages: dict[str, str], tmp_path: Path) -> None:
    actions = """
        fetch('http://127.0.0.1:9/data')
        document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))
        new Function('return 1')()
    """
    _, console = opened(with_script(pages["alone"], actions), tmp_path)
    refused = [line for line in console.splitlines() if "Content Security Policy" in line]
    for what in ("9/data", "9/x.png", "EvalError"):
        assert any(what in line for line in refused)


@needs_chromium
def test_chromium_sorts_a_leaderboard_by_a_click(pages: dict[str, str], tmp_path: Path) -> None:
    click = "document.querySelectorAll('table.sortable th button')[0].click()"
    drawn, console = opened(with_script(pages["alone"], click), tmp_path)
    table = re.search(r'<table class="sortable">.*?</table>', drawn, re.DOTALL)
    assert table
    assert 'aria-sort="descending"' in table[0]
    assert re.findall(r'<tr><td class="amount" data-value="(\w+)"', table[0]) == ["mlp", "lstm"]
    assert not console
