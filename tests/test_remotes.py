"""Data in a remote: pushed, pulled into a fresh clone, and no more of it than a change needs."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from dvc.repo import Repo
from moto.server import ThreadedMotoServer

from epochwise import families
from epochwise.core import paths
from tests import forked

ROOT = Path(__file__).parent.parent
BUCKET = "results"
TRAINED = ("data/epochs/", "models/")
"""What only a training, or its model, makes."""
NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
}

PIPELINE = """\
stages:
  fetch:
    cmd: python stage.py data/raw.txt
    deps: [stage.py]
    outs: [data/raw.txt]
  train:
    foreach: [lstm, cnn]
    do:
      cmd: python stage.py models/${item}/model.txt data/raw.txt train.${item}
      deps: [stage.py, data/raw.txt]
      params: ["train.${item}"]
      outs: ["models/${item}"]
  curves:
    foreach: [lstm, cnn]
    do:
      cmd: python stage.py plots/${item}.txt models/${item}/model.txt
      deps: [stage.py, "models/${item}"]
      outs: ["plots/${item}.txt"]
  evaluate:
    foreach: [lstm, cnn]
    do:
      cmd: python stage.py metrics/${item}.txt plots/${item}.txt
      deps: [stage.py, "plots/${item}.txt"]
      outs:
        - metrics/${item}.txt: {cache: false}
  leaderboard:
    cmd: >-
      python stage.py metrics/leaderboard.txt
      metrics/lstm.txt metrics/cnn.txt plots/lstm.txt plots/cnn.txt
    deps: [stage.py, metrics/lstm.txt, metrics/cnn.txt, plots/lstm.txt, plots/cnn.txt]
    outs:
      - metrics/leaderboard.txt: {cache: false}
"""
PARAMS = "train:\n  lstm: {lstm}\n  cnn: 1\n"
STAGE = """\
import hashlib, sys
from pathlib import Path

output, *inputs = map(Path, sys.argv[1:])
output.parent.mkdir(parents=True, exist_ok=True)
read = [path.read_text() if path.exists() else Path("params.yaml").read_text() for path in inputs]
output.write_text(str(output) + hashlib.sha256("".join(read).encode()).hexdigest())
"""


@dataclass(frozen=True)
class Storage:
    """An empty remote: its address, and the settings that DVC needs to reach it from here."""

    address: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkout:
    """A clone of the project on somebody's machine."""

    folder: Path

    def run(self, *command: str) -> str:
        """What a command prints; it has to succeed."""
        done = subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        done = forked.run("dvc", *arguments, cwd=self.folder, env=environment())
        assert done.returncode == 0, f"dvc {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def change(self, *, lstm: int) -> None:
        (self.folder / "params.yaml").write_text(PARAMS.format(lstm=lstm))

    def files(self, *folders: str) -> dict[str, str]:
        """The files in `folders` and what they hold."""
        return {
            str(path.relative_to(self.folder)): path.read_text()
            for name in folders
            for path in (self.folder / name).rglob("*.txt")
        }


def environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    path = os.pathsep.join([scripts, os.environ["PATH"]])
    return os.environ | NOBODY | {"PATH": path, "DVC_NO_ANALYTICS": "1"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server on this machine that speaks S3's protocol, with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        boto3.client("s3", endpoint_url=address).create_bucket(Bucket=BUCKET)
    yield address
    server.stop()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose pipeline was run and committed. Its remote is known by name alone."""
    folder = tmp_path_factory.mktemp("pipeline")
    (folder / "dvc.yaml").write_text(PIPELINE)
    (folder / "stage.py").write_text(STAGE)
    (folder / "params.yaml").write_text(PARAMS.format(lstm=1))
    checkout = Checkout(folder)
    checkout.run("git", "init", "--quiet", "--initial-branch=main")
    checkout.dvc("init", "--quiet")
    (folder / ".dvc/config").write_text("[core]\n    remote = storage\n")
    checkout.dvc("repro", "--quiet")
    checkout.run("git", "add", ".")
    author = ("-c", "user.name=Author", "-c", "user.email=author@example.org")
    checkout.run("git", *author, "commit", "--quiet", "--message=Run the pipeline")
    return folder


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    """The stages of the real pipeline by name."""
    with Repo(str(ROOT)) as repo:
        return {stage.addressing: stage for stage in repo.index.stages}


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return Storage(str(tmp_path / "storage"))
    endpoint = request.getfixturevalue("s3")
    return Storage(f"s3://{BUCKET}/{tmp_path.name}", {"endpointurl": endpoint})


@pytest.fixture
def author(pipeline: Path, storage: Storage, tmp_path: Path) -> Checkout:
    """The clone of somebody who has run the pipeline, and has pushed no data yet."""
    folder = tmp_path / "author"
    shutil.copytree(pipeline, folder)
    return reaching(folder, storage)


@pytest.fixture
def clone(author: Checkout, storage: Storage, tmp_path: Path) -> Checkout:
    """A fresh clone of it."""
    folder = tmp_path / "clone"
    author.run("git", "clone", "--quiet", str(author.folder), str(folder))
    return reaching(folder, storage)


def reaching(folder: Path, storage: Storage) -> Checkout:
    """A clone with the settings of the remote that are not in git: a machine's own."""
    settings = {"url": storage.address, **storage.settings}
    lines = [f"    {name} = {value}" for name, value in settings.items()]
    local = "\n".join(["['remote \"storage\"']", *lines])
    (folder / ".dvc/config.local").write_text(f"{local}\n")
    return Checkout(folder)


def stages_run(output: str) -> list[str]:
    """The stages that `dvc repro` ran, by what it printed."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def test_a_fresh_clone_that_pulls_has_nothing_to_do(author: Checkout, clone: Checkout) -> None:
    author.dvc("push")
    clone.dvc("pull")
    assert clone.files("data", "models") == author.files("data", "models") != {}
    assert stages_run(clone.dvc("repro")) == []
    assert "in sync" in clone.dvc("status", "--cloud")
    assert clone.run("git", "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "storage", ["folder", pytest.param("s3", marks=pytest.mark.long)], indirect=True
)
def test_a_change_of_one_family_needs_no_data_of_the_others(
    author: Checkout, clone: Checkout
) -> None:
    # Nothing else is in the remote: it could not be pulled.
    author.dvc("push", "fetch", "curves@cnn")
    assert stages_run(clone.dvc("repro", "--pull", "--allow-missing", "leaderboard")) == []
    assert clone.files("data", "models", "plots") == {}

    clone.change(lstm=2)
    output = clone.dvc("repro", "--pull", "--allow-missing", "leaderboard")
    assert stages_run(output) == ["train@lstm", "curves@lstm", "evaluate@lstm", "leaderboard"]
    assert clone.files("models").keys() == {"models/lstm/model.txt"}
    for path in ("metrics/cnn.txt", "plots/cnn.txt"):
        assert clone.files("metrics", "plots")[path] == author.files("metrics", "plots")[path]


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_a_training_of_another_machine_is_taken_over(author: Checkout, clone: Checkout) -> None:
    author.dvc("push", "fetch", "curves@cnn")
    clone.change(lstm=2)
    clone.dvc("repro", "--pull", "--allow-missing")
    clone.dvc("push", "--run-cache")

    author.change(lstm=2)
    assert stages_run(author.dvc("repro", "--pull")) == ["evaluate@lstm", "leaderboard"]
    assert (
        author.files("models")["models/lstm/model.txt"]
        == clone.files("models")["models/lstm/model.txt"]
    )


def test_no_stage_depends_on_a_folder_that_several_stages_fill(stages: dict[str, Any]) -> None:
    """`--allow-missing` would take it as it is, with the files of one family perhaps.

    It pulls and compares the outputs of stages, and such a folder is none.
    """
    outputs = {out.fs_path for stage in stages.values() for out in stage.outs}
    readers = {
        name
        for name, stage in stages.items()
        for dep in stage.deps
        if any(Path(out).is_relative_to(dep.fs_path) for out in outputs - {dep.fs_path})
    }
    assert readers == set()


def test_what_all_families_leave_is_read_file_by_file(stages: dict[str, Any]) -> None:
    """dvc.yaml has to name them: it has no loop within a stage."""
    deps = {name: {dep.def_path for dep in stage.deps} for name, stage in stages.items()}
    table = families.table()
    compared = {family for family, row in table.items() if row.rival}
    compared |= {row.rival for row in table.values() if row.rival}
    for family in table:
        test, valid = (f"metrics/{family}/{split}.json" for split in ("test", "valid"))
        assert valid in deps["champion"] and {test, valid} <= deps["cards"]
        assert {test, f"plots/curves/{family}.csv"} <= deps["leaderboard"]
        assert (paths.scores(family).as_posix() in deps["stack"]) == (family in families.members())
        predictions = paths.predictions(family).as_posix() in deps["leaderboard"]
        assert predictions == (family in compared), family


@pytest.mark.parametrize("family", families.table())
def test_a_changed_training_needs_no_model_of_another_family(
    family: str, stages: dict[str, Any]
) -> None:
    makers = {out.def_path: name for name, stage in stages.items() for out in stage.outs}
    affected, grown = set[str](), {f"train@{family}"}
    while affected != grown:
        affected = grown
        grown = affected | {
            name
            for name, stage in stages.items()
            if any(makers.get(dep.def_path) in affected for dep in stage.deps)
        }
    needed = {dep.def_path for name in affected for dep in stages[name].deps} & makers.keys()
    others = {path for path in needed if makers[path] not in affected}
    trained = {path for path in others if path.startswith(TRAINED)}
    assert trained <= {families.row(family).pretrained}
