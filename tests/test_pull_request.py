"""The story of a pull request, from a branch to the report that is posted on it.

A pipeline in miniature with two families, a bare git repository, a folder as DVC's remote, and the
script that the workflow runs on a pull request.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import forked

ROOT = Path(__file__).parent.parent
REPRODUCE = ROOT / ".github/reproduce.sh"

PARAMS = {"threshold": {"long": 0.5, "short": 0.5}, "train": {"long": 0.6, "short": 0.3}}
FAMILIES = """\
text:
  long: &text {task: binary, learner: text}
  short: *text
"""
PIPELINE = """\
vars: [families.yaml]
stages:
  split:
    cmd: python pipeline.py split
    deps: [pipeline.py]
    outs: [data/reviews/test.npy]
  train:
    foreach: ${text}
    do:
      cmd: python pipeline.py train ${key}
      deps: [pipeline.py]
      params: ["train.${key}"]
      outs: ["data/epochs/${key}"]
  threshold:
    foreach: ${text}
    do:
      cmd: python pipeline.py threshold ${key}
      deps: [pipeline.py, "data/epochs/${key}"]
      params: ["threshold.${key}"]
      outs:
        - models/${key}
        - metrics/${key}/selection.json: {cache: false}
  evaluate:
    foreach: ${text}
    do:
      cmd: python pipeline.py evaluate ${key}
      deps:
        - pipeline.py
        - data/reviews/test.npy
        - models/${key}
        - metrics/${key}/selection.json
      outs:
        - data/predictions/${key}/test.parquet
        - plots/pictures/${key}.png
        - metrics/${key}/test.json: {cache: false}
"""
# A "model" is the share of the signal that a family hears; the rest of what it hears is noise.
STAGES = """\
import json, sys
from pathlib import Path
import yaml

step, family = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
params = yaml.safe_load(Path("params.yaml").read_text())


def written(path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Path(path)


if step in ("split", "evaluate"):  # the others do without what takes long to load
    import numpy as np
if step == "split":
    np.save(written("data/reviews/test.npy"), np.random.default_rng(1).integers(2, size=600))
elif step == "train":
    written(f"data/epochs/{family}/000.keras").write_text(str(params["train"][family]))
elif step == "threshold":
    model = Path(f"data/epochs/{family}/000.keras").read_text()
    written(f"models/{family}/model.keras").write_text(model)
    selection = {"epoch": 0, "threshold": params["threshold"][family], "relaxed": False}
    written(f"metrics/{family}/selection.json").write_text(json.dumps(selection))
elif step == "evaluate":
    import pyarrow as pa, pyarrow.parquet as pq
    from PIL import Image
    label = np.load("data/reviews/test.npy")
    share = float(Path(f"models/{family}/model.keras").read_text())
    threshold = json.loads(Path(f"metrics/{family}/selection.json").read_text())["threshold"]
    noise = np.random.default_rng(2).normal(size=len(label))
    heard = (share * (2 * label - 1) + (1 - share) * noise).astype("float32")
    probability = 1 / (1 + np.exp(-heard))
    predicted = (probability >= threshold).astype("uint8")
    columns = {"id": range(len(label)), "label": label}
    columns |= {"probability": probability, "predicted": predicted}
    pq.write_table(pa.table(columns), written(f"data/predictions/{family}/test.parquet"))
    recalls = [float(np.mean(predicted[label == one] == one)) for one in (0, 1)]
    pairs = probability[label == 1][:, None] > probability[label == 0]
    metrics = {"n": len(label), "roc_auc": float(np.mean(pairs)), "threshold": threshold}
    metrics["balanced_accuracy"] = sum(recalls) / 2
    Image.fromarray(predicted.reshape(20, 30) * 255).save(written(f"plots/pictures/{family}.png"))
    written(f"metrics/{family}/test.json").write_text(json.dumps(metrics))
"""


@dataclass(frozen=True)
class Checkout:
    """A clone of the project, and the environment of its user."""

    folder: Path

    def run(self, *command: str, **variables: str) -> str:
        """What a command prints; it has to succeed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=environment() | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}"
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        done = forked.run("dvc", *arguments, cwd=self.folder, env=environment())
        assert done.returncode == 0, f"dvc {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def git(self, *arguments: str) -> str:
        return self.run("git", *arguments)

    def edit(self, key: str, value: float) -> None:
        """Edit params.yaml, where each of the four values stands on a line of its own."""
        group, family = key.split(".")
        path = self.folder / "params.yaml"
        pattern = rf"(?ms)(^{group}:.*?^  {family}: )[^\n]*"
        path.write_text(re.sub(pattern, rf"\g<1>{value}", path.read_text()))

    def commit(self, message: str) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", f"--message={message}")

    def predictions(self) -> set[str]:
        """The families whose predictions are here."""
        return {path.parent.name for path in self.folder.glob("data/predictions/*/test.parquet")}


def environment() -> dict[str, str]:
    """That of a runner: the project's Python first, no settings of a user."""
    scripts = str(Path(sys.executable).parent)
    return os.environ | {
        "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the project as it is on `main`: origin.git, and the data in `storage`."""
    folder = tmp_path_factory.mktemp("published")
    (folder / "work").mkdir()
    work = Checkout(folder / "work")
    for name, content in {
        "pipeline.py": STAGES,
        "dvc.yaml": PIPELINE,
        "families.yaml": FAMILIES,
        "params.yaml": "".join(
            f"{group}:\n" + "".join(f"  {name}: {value}\n" for name, value in values.items())
            for group, values in PARAMS.items()
        ),
        ".gitignore": "/data/\n/models/\n/plots/\n/review/\n",
    }.items():
        (work.folder / name).write_text(content)
    work.git("init", "--quiet", "--initial-branch=main")
    name_author(work)
    work.dvc("init", "--quiet")
    work.dvc("remote", "add", "--default", "storage", "../../storage")
    work.dvc("repro", "--quiet")
    work.commit("Two families")
    (folder / "storage").mkdir()
    work.dvc("remote", "modify", "--local", "storage", "url", str(folder / "storage"))
    work.dvc("push")
    work.git("clone", "--quiet", "--bare", ".", str(folder / "origin.git"))
    return folder


@pytest.fixture
def remotes(published: Path, tmp_path: Path) -> Path:
    """A folder with remotes of git and DVC that a test may push to."""
    subprocess.run(["cp", "-r", *published.glob("[os]*"), tmp_path], check=True)
    return tmp_path


def name_author(checkout: Checkout) -> None:
    checkout.git("config", "user.name", "Author")
    checkout.git("config", "user.email", "author@example.org")


def clone(remotes: Path, name: str, branch: str = "main", *, storage: bool = True) -> Checkout:
    """A fresh clone, with a remote of DVC that can be read or, as in a fork, cannot."""
    folder = remotes / name
    origin = str(remotes / "origin.git")
    Checkout(remotes).run("git", "clone", "--quiet", f"--branch={branch}", origin, str(folder))
    checkout = Checkout(folder)
    name_author(checkout)
    url = remotes / "storage" if storage else "s3://storage/that-nobody-here-has-a-key-to"
    (folder / ".dvc/config.local").write_text(f"['remote \"storage\"']\n    url = {url}\n")
    return checkout


def review(checkout: Checkout, base: str = "origin/main", **variables: str) -> tuple[set[str], str]:
    """What the workflow does with a pull request: the stages that ran, and the report."""
    output = checkout.run(str(REPRODUCE), base, **variables)
    ran = {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}
    assert (checkout.folder / "review/review.html").is_file()
    return ran, (checkout.folder / "review/review.md").read_text(encoding="utf-8")


def posted(report: Path, folder: Path) -> str:
    """The text that the second workflow posts of a report."""
    shutil.make_archive(str(folder / "artifact"), "zip", report)
    subprocess.run(
        [sys.executable, ROOT / ".github/untrusted_report.py", "artifact.zip", "comment"],
        cwd=folder,
        env=os.environ
        | {"HEAD_SHA": "0123456789", "RUN_URL": "https://x.example", "FORK": "false"},
        check=True,
    )
    return (folder / "comment/review.md").read_text(encoding="utf-8")


def test_an_experiment_becomes_a_branch_and_is_reported(remotes: Path) -> None:
    author = clone(remotes, "author")
    author.git("switch", "--quiet", "--create=higher-threshold")
    author.dvc(
        "exp", "run", "--pull", "--allow-missing", "--name=higher", "-S", "threshold.long=0.6"
    )
    author.commit("A higher threshold for long")
    author.dvc("push")
    author.git("push", "--quiet", "--set-upstream", "origin", "higher-threshold")

    runner = clone(remotes, "runner", "higher-threshold")
    ran, report = review(runner)
    assert ran == set()  # the author ran it all and pushed it
    assert runner.predictions() == set()
    assert "**long worse**" in report
    assert "1 family unchanged" in report
    assert "| threshold.long | 0.5 | 0.6 |" in report
    assert "ROC AUC" not in report.split("<details>")[0]  # a threshold cannot move it

    comment = posted(runner.folder / "review", remotes)
    assert comment.startswith("Commit 0123456789.")
    assert "**long worse**" in comment
    assert "| threshold.long | 0.5 | 0.6 |" in comment
    assert "![long](long.png)" in comment
    assert (remotes / "comment/long.png").is_file()


def test_what_the_author_has_not_run_is_run_kept_and_taken_over(remotes: Path) -> None:
    author = clone(remotes, "author")
    author.git("switch", "--quiet", "--create=another-training")
    author.edit("train.long", 0.7)
    author.commit("Train long otherwise")
    author.git("push", "--quiet", "origin", "another-training")

    runner = clone(remotes, "runner", "another-training")
    ran, report = review(runner, PUSH="true")
    assert ran == {"train@long", "threshold@long", "evaluate@long"}
    assert runner.predictions() == {"long"}
    assert "**long undecided**" in report  # trained anew, with noise that nobody has measured
    assert "better" not in report.split("\n\n")[1]

    taken_over = author.dvc("repro", "--pull", "--allow-missing")
    assert "Running stage 'train@long'" not in taken_over


@pytest.mark.long
def test_where_nothing_changed_the_report_says_so(remotes: Path) -> None:
    runner = clone(remotes, "runner")
    runner.git("switch", "--quiet", "--create=words")
    (runner.folder / "README.md").write_text("Two families.\n")
    runner.commit("A readme")
    ran, report = review(runner)
    assert ran == set()
    assert runner.predictions() == set()
    assert re.search(r"\*\*Nothing changed.*2 families", report)


def test_results_that_a_fork_claims_are_run_anew(remotes: Path) -> None:
    fork = clone(remotes, "fork")
    fork.dvc("pull")
    fork.edit("threshold.long", 0.6)
    fork.dvc("repro", "--quiet")
    metrics = fork.folder / "metrics/long/test.json"
    metrics.write_text(metrics.read_text().replace('"roc_auc": 0.', '"roc_auc": 0.99'))
    fork.dvc("commit", "--force")
    fork.commit("A better threshold")
    fork.git("push", "--quiet", "origin", "main:pull/1")

    runner = clone(remotes, "runner", "pull/1")
    ran, report = review(runner, UNTRUSTED="true")
    assert ran == {"threshold@long", "evaluate@long"}
    assert "**long worse**" in report
    assert "0.99" not in (runner.folder / "metrics/long/test.json").read_text()


def test_the_noise_that_a_fork_claims_is_that_of_the_base(remotes: Path) -> None:
    fork = clone(remotes, "fork", storage=False)
    noise = fork.folder / "metrics/noise.json"
    noise.write_text("{}\n")
    fork.commit("Noise of nothing")
    review(fork, UNTRUSTED="true")
    assert not noise.exists(), "main has none"


def test_what_the_base_branch_has_gained_is_no_loss_of_the_change(remotes: Path) -> None:
    old = clone(remotes, "old")
    old.git("switch", "--quiet", "--create=words")
    (old.folder / "README.md").write_text("Two families.\n")
    old.commit("A readme")
    main = clone(remotes, "main")
    main.edit("train.long", 0.9)
    main.dvc("pull")
    main.dvc("repro", "--quiet")
    main.commit("A better model")
    main.dvc("push")
    main.git("push", "--quiet", "origin", "main")

    old.git("fetch", "--quiet")
    ran, report = review(old)
    assert ran == set()
    assert re.search(r"\*\*Nothing changed.*2 families", report)
    assert old.git("merge-base", "origin/main", "HEAD")[:10] in report


def test_without_a_remote_that_answers_everything_runs(remotes: Path) -> None:
    fork = clone(remotes, "fork", storage=False)
    fork.edit("threshold.long", 0.6)
    fork.commit("A higher threshold for long")
    ran, report = review(fork, UNTRUSTED="true")
    assert len(ran) == 7
    # That of main is nowhere to be had.
    assert "cannot be compared" in report
    assert "1 family unchanged" in report


def test_what_a_branch_brings_is_text_in_the_report(remotes: Path) -> None:
    hostile = "<img src=x onerror=alert(1)> @somebody | `rm` [x](//evil.example) <!-- ![](x.png)"
    fork = clone(remotes, "fork")
    (fork.folder / "params.yaml").write_text(
        (fork.folder / "params.yaml").read_text() + f"'{hostile}': '{hostile}'\n"
    )
    fork.commit(hostile)
    run = forked.run("epochwise.review", "origin/main", cwd=fork.folder, env=environment())
    assert run.returncode == 0, run.stderr
    report = (fork.folder / "review/review.md").read_text(encoding="utf-8")
    (row,) = [line for line in report.splitlines() if "onerror" in line]
    assert not re.search(r"[<>`]|@s|\]\(", row.removeprefix("| ").removesuffix(" |"))
    assert row.count("|") == 4
    page = (fork.folder / "review/review.html").read_text(encoding="utf-8")
    assert "onerror=alert(1)&gt;" in page
    assert "<img src=x" not in page
