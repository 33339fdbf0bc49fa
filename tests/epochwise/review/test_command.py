import re
import subprocess
import sys
from pathlib import Path

from tests import forked
from tests.epochwise.review.project import Project

ROOT = Path(__file__).parents[3]


def review(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(project.root)}
    return forked.run("epochwise.review", *arguments, cwd=project.root, env=environment)


def test_two_revisions_make_a_text_a_page_and_pictures(project: Project, tmp_path: Path) -> None:
    done = review(project, "main", "retrained", "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("lstm better: ROC AUC")
    text = (tmp_path / "review.md").read_text()
    assert "![ROC](roc.png)" in text
    for name in ("review.html", "roc.png", "calibration.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_the_workspace_alone_makes_a_page(project: Project, tmp_path: Path) -> None:
    done = review(project, "--output", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["review.html"]


def test_an_unknown_revision_ends_with_one_line(project: Project) -> None:
    done = review(project, "no-such-branch")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no revision 'no-such-branch': expected")
    assert done.stderr.count("\n") == 1


def test_neither_tensorflow_nor_keras_is_imported() -> None:
    shown = "sorted({'keras', 'tensorflow'} & set(sys.modules))"
    code = f"import sys, epochwise.review.__main__; print({shown})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_without_git_the_template_is_refused(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    (tmp_path / ".dvc").mkdir()
    done = forked.run("epochwise.review", "--template", cwd=tmp_path, env=environment)
    assert done.returncode == 1
    told = r"error: .*: run this in the project's folder, a clone of git\n"
    assert re.fullmatch(told, done.stderr)


def test_the_plots_of_dvc_need_no_network_after_template(clone: Project) -> None:
    done = review(clone, "--template")
    assert done.returncode == 0, done.stderr
    assert clone.dvc("config", "--local", "plots.html_template").strip() == "tmp/plots.html"
    clone.write("curve.csv", "x,y\n0,0\n1,1\n")
    clone.dvc("plots", "show", "-q", "curve.csv", "-x", "x", "-y", "y")
    html = (clone.root / "dvc_plots/index.html").read_text()
    assert "vegaEmbed" in html and "cdn.jsdelivr.net" not in html
    assert "{plot_divs}" not in html
