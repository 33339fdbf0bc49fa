"""What DVC's tables show of the headlines of all families in a terminal of 160 columns."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from epochwise import families
from epochwise.core import paths
from epochwise.core.files import write_json
from epochwise.measures import headlines
from epochwise.reports.files import HEADLINES, headline
from tests import forked
from tests.configuration import ROOT

COLUMNS = 160
TABLE = families.table()
REVIEWS = [family for family, row in TABLE.items() if row.task == "binary"]
RULE = "params.yaml"


def dvc(folder: Path, *arguments: str) -> str:
    settings = {
        "COLUMNS": str(COLUMNS),
        "DVC_NO_ANALYTICS": "1",
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    done = forked.run("epochwise.dvc", *arguments, cwd=folder, env=os.environ | settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True)


def report(family: str, value: float) -> dict[str, Any]:
    """Metrics on test, all of one value, with intervals as wide as those of the embedded data."""
    names = HEADLINES[TABLE[family].task].values()
    return dict.fromkeys(names, value) | {
        "ci95": {name: [value - 0.015, value + 0.015] for name in names}
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A commit with the headlines of all families, declared as in the pipeline."""
    monkeypatch.chdir(tmp_path)
    for family, row in TABLE.items():
        write_json(paths.headline(family), headline(report(family, 0.8123), row.task))
    Path(RULE).write_text("threshold: {rule: recall_floor}\n")
    declared = "".join(f"  - {paths.headline(family)}\n" for family in TABLE)
    Path("dvc.yaml").write_text(f"metrics:\n{declared}params:\n  - {RULE}\n")
    git("init", "--quiet", "--initial-branch=main")
    git("config", "user.name", "Author")
    git("config", "user.email", "author@example.org")
    dvc(tmp_path, "init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message=Run the pipeline")
    return tmp_path


def test_the_pipeline_declares_a_headline_for_each_family() -> None:
    declared = re.search(r"metrics:\n\s+- (\S+): \{cache: false\}", (ROOT / "dvc.yaml").read_text())
    assert declared and declared[1] == paths.headline("${key}").as_posix()


def test_what_is_shown_is_what_families_and_revisions_are_compared_by() -> None:
    """`evaluate` has a table of its own, so that other titles or columns run no report anew."""
    assert HEADLINES.keys() == headlines.HEADLINES.keys()
    for task, shown in HEADLINES.items():
        compared = [metric.key for metric in headlines.HEADLINES[task]]
        assert [*shown.values()] == compared[: len(shown)]


def test_metrics_show_has_a_line_a_family(project: Path) -> None:
    header, *rows = dvc(project, "metrics", "show").splitlines()
    assert sorted(row.split()[0] for row in rows) == sorted(f"m/{family}" for family in TABLE)
    assert header.split()[1:] == sorted({name for names in HEADLINES.values() for name in names})
    assert max(len(line) for line in [header, *rows]) <= COLUMNS


def test_a_changed_threshold_rule_shows_every_number(project: Path) -> None:
    """As `recall_floor` to `youden`: balanced accuracy everywhere, ROC AUC with another epoch."""
    changed = {"m/bilstm:roc_auc", *(f"m/{family}:bacc" for family in REVIEWS)}
    for family in REVIEWS:
        roc_auc = 0.857 if family == "bilstm" else 0.812
        write_json(paths.headline(family), {"roc_auc": roc_auc, "bacc": 0.754})
    Path(RULE).write_text("threshold: {rule: youden}\n")
    dvc(project, "exp", "save", "--name", "pyoid-ribs")
    shown = dvc(project, "exp", "show", "--only-changed", "--no-pager")
    assert max(len(line) for line in shown.splitlines()) <= COLUMNS
    headers, rows = (
        [line.split() for line in shown.splitlines() if name in line]
        for name in ("Experiment", "pyoid")
    )
    assert len(headers) == len(rows) == 2, "two parts of a table"
    assert {header[0] for header in headers} == {"Experiment"}
    names = [name for header in headers for name in header[1:]]
    assert sorted(names) == sorted(["Created", "threshold.rule", *changed])
    values = [value for row in rows for value in row]
    assert values.count("0.754") == len(changed) - 1 and "0.857" in values
    assert dvc(project, "exp", "show", "--csv", "--only-changed").count("bacc") == len(REVIEWS)

    rows = [line.split() for line in dvc(project, "metrics", "diff").splitlines()[1:]]
    assert {":".join(row[:2]) for row in rows} == changed
    assert len(dvc(project, "exp", "diff", "main", "pyoid-ribs").splitlines()) <= 30
