"""What is quicker than in DVC itself has the same outcome."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from dvc.repo import Repo
from dvc.stage.exceptions import StageCmdFailedError
from dvc.stage.utils import _get_stage_files
from dvc.utils.serialize import dump_yaml, modify_yaml, parse_yaml, parse_yaml_for_update
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scmrepo.git.backend.dulwich import DulwichBackend

from epochwise import check
from epochwise.core.cli import InputError
from epochwise.dvc import (
    begins_stages,
    for_studio,
    is_tracked,
    parse,
    replace_entry,
    run_stage,
    stage_files,
)
from epochwise.fork_server import ForkServer
from epochwise.recovery import HEAD
from tests import forked
from tests.configuration import ROOT, compose

NAMES = st.from_regex(r"[a-z_]+(@[a-z_0-9]+)?", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=200)
KEYS = st.text(min_size=1, max_size=20)
PARAMS = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
ENTRIES = st.builds(
    lambda params, size: {
        "cmd": "python -m stages.train lstm",
        "deps": [{"path": "epochwise/core", "hash": "md5", "md5": f"{size:032x}", "size": size}],
        "params": {"params.yaml": params},
    },
    PARAMS,
    st.integers(min_value=0, max_value=2**100),
)


@settings(max_examples=30)
@given(st.dictionaries(NAMES, ENTRIES, min_size=1, max_size=4), NAMES, ENTRIES)
def test_an_entry_is_replaced_as_dvc_replaces_it(
    tmp_path_factory: pytest.TempPathFactory,
    entries: dict[str, Any],
    name: str,
    entry: dict[str, Any],
) -> None:
    path = tmp_path_factory.getbasetemp() / "dvc.lock"
    dump_yaml(path, {"schema": "2.0", "stages": entries})
    before = _update(path, {})
    # What DVC writes otherwise when it reads it again is another matter.
    assume(_update(path, {}) == before)
    for changed in (name, next(iter(entries))):
        path.write_text(before, encoding="utf-8")
        assert replace_entry(before, changed, entry) == _update(path, {changed: entry})


def test_git_has_what_scmrepo_finds_in_its_index(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)

    git("init", "-q")
    for name in ("a/b/c", "a/b.txt", "plain", "other"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    asked = ["a", "a/b", "a/b/c", "a/b/c/d", "a/b.t", "b", "plain", "pla", "other", "none"]
    places = [str(tmp_path / name) for name in asked]
    backend = DulwichBackend(str(tmp_path))
    known = []
    for name in ("a", "plain", "other"):
        known.append([is_tracked(backend, place) for place in places])
        assert known[-1] == [backend.is_tracked(place) for place in places]
        git("add", name)
    assert [sum(found) for found in known] == [0, 3, 4]


def _update(path: Path, entries: dict[str, Any]) -> str:
    """The text of dvc.lock after DVC's own way to change entries."""
    with modify_yaml(path) as content:
        content["stages"].update(entries)
    return path.read_text(encoding="utf-8")


def test_a_lock_with_more_than_stages_is_left_to_dvc() -> None:
    stage = "  a:\n    cmd: b\n"
    assert replace_entry(HEAD + stage, "a", {"cmd": "c"}) == f"{HEAD}  a:\n    cmd: c\n"
    for text in (f"# mine\n{HEAD}{stage}", f"{HEAD}{stage}datasets: []\n"):
        assert replace_entry(text, "a", {"cmd": "c"}) is None


def test_a_pipeline_leaves_the_lock_of_dvc_itself(tmp_path: Path) -> None:
    """From nothing; where one of several stages runs again; and with what DVC has to write."""
    pipeline = {
        "stages": {
            "make": {
                "foreach": ["a", "b", "c"],
                "do": {
                    "cmd": "echo ${item} > ${item}.txt",
                    "params": ["${item}"],
                    "outs": ["${item}.txt"],
                },
            },
        }
    }
    folders = {module: tmp_path / module for module in ("dvc", "epochwise.dvc")}
    for module, folder in folders.items():
        folder.mkdir()
        (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
        _dvc(module, folder, "init", "--no-scm", "--quiet")
    values: dict[str, Any] = {"a": 1e-05, "b": {"rate": [0.5, None]}, "c": "on"}
    locks, shown = [], {}
    for change in ({}, {"b": "12e3"}, {"c": "two\n\nlines"}, {"a": 2}):
        values |= change
        for module, folder in folders.items():
            (folder / "params.yaml").write_text(yaml.safe_dump(values))
            shown[module] = _dvc(module, folder, "repro")
        assert shown["epochwise.dvc"] == shown["dvc"]
        ours, theirs = ((folder / "dvc.lock").read_bytes() for folder in folders.values())
        assert ours == theirs
        locks.append(ours)
    assert len(set(locks)) == len(locks)


def _dvc(module: str, folder: Path, *arguments: str) -> str:
    """Run DVC; what it says."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "DVC_NO_ANALYTICS": "1"}
    done = forked.run(module, *arguments, cwd=folder, env=environment)
    done.check_returncode()
    return done.stdout


def test_files_of_a_stage_are_those_that_dvc_finds(tmp_path: Path) -> None:
    """Of the outputs in its cache DVC reads the listings, which a fresh clone does not have."""
    made = "mkdir -p made/part && echo 1 > made/part/file && echo 2 > counted && echo 3 > file"
    outs = ["made", "file", {"counted": {"cache": False}}]
    deps = ["made/part", "file", "counted", "code.py"]
    pipeline = {
        "stages": {
            "make": {"cmd": made, "deps": ["code.py"], "outs": outs},
            "use": {"cmd": "echo 4 > used", "deps": deps, "outs": ["used"]},
        }
    }
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    (tmp_path / "code.py").touch()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    _dvc("dvc", tmp_path, "init", "--quiet")
    _dvc("dvc", tmp_path, "repro", "--quiet")
    with Repo(str(tmp_path)) as repo:
        stages = list(repo.index.stages)
        found = [stage_files(stage) for stage in stages]
        assert found == [_get_stage_files(stage) for stage in stages]
    names = [sorted(Path(path).name for path in paths) for paths in found]
    both = ["code.py", "counted", "dvc.lock", "dvc.yaml"]
    assert names == [both, both]


def test_what_ran_once_is_restored(tmp_path: Path) -> None:
    """With its outputs in git, which DVC's own run cache does not take."""
    made = "cat given > made && cat given > counted && echo ran >> log"
    outs = ["made", {"counted": {"cache": False}}]
    stage = {"cmd": made, "deps": ["given"], "outs": outs}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"make": stage}}))
    _dvc("dvc", tmp_path, "init", "--no-scm", "--quiet")

    def runs(module: str, given: str) -> int:
        (tmp_path / "given").write_text(given)
        _dvc(module, tmp_path, "repro")
        assert (tmp_path / "made").read_text() == (tmp_path / "counted").read_text() == given
        return len((tmp_path / "log").read_text().split())

    assert [runs("dvc", given) for given in ("one", "two", "one")] == [1, 2, 3]
    assert [runs("epochwise.dvc", given) for given in ("two", "three", "two")] == [4, 5, 5]
    assert runs("dvc", "three") == 5


def test_what_is_parsed_is_a_copy_each_time() -> None:
    text = "a: 1  # one\nb: [1e-05, 010, yes]\n"
    first = parse(text, "a.yaml")
    first["b"].clear()
    assert parse(text, "a.yaml") == parse_yaml(text, "a.yaml")
    ours, theirs = parse(text, "a.yaml", typ="rt"), parse_yaml_for_update(text, "a.yaml")
    assert str(ours.ca) == str(theirs.ca)


def test_stages_are_forked_and_other_commands_are_not(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(str('keras' in sys.modules))"
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/train.py").write_text(code)
    (tmp_path / "stages/fail.py").write_text("import sys; sys.exit(3)")
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    options: dict[str, Any] = {"cwd": str(tmp_path), "env": {"PATH": path}}
    with ForkServer() as server:
        assert server.is_ready(None)
        run_stage(server, "/bin/sh", "python -m stages.train forked", **options)
        run_stage(server, "/bin/sh", "python -m stages.train shell || true", **options)
        with pytest.raises(StageCmdFailedError, match=r"stages\.fail lstm, exited with 3"):
            run_stage(server, "/bin/sh", "python -m stages.fail lstm", **options)
    assert (tmp_path / "forked").read_text() == "True"
    assert (tmp_path / "shell").read_text() == "False"


@pytest.mark.skipif(sys.platform != "linux", reason="no forks there")
def test_forks_are_ready_where_stages_of_ours_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not begins_stages({"dvc", "repro"})
    (tmp_path / "stages").mkdir()
    (tmp_path / "data").mkdir()
    for folder in (".", "data"):
        monkeypatch.chdir(tmp_path / folder)
        assert begins_stages({"dvc", "repro"}) and begins_stages({"dvc", "exp", "run", "evaluate"})
        for command in ({"status"}, {"repro", "--dry"}, {"exp", "run", "--queue"}):
            assert not begins_stages(command)


def test_an_experiment_commits_what_it_commits_by_dvc_itself(tmp_path: Path) -> None:
    """Of stages that run and of one that does not; from a workspace with more than HEAD has."""
    counted = {"counted": {"cache": False}}
    stages = {
        "first": {"cmd": "echo 1 > made && echo 2 > counted", "outs": ["made", counted]},
        "second": {
            "cmd": "cat made params.yaml > used && cp params.yaml score.yaml",
            "deps": ["made", "code.py"],
            "params": ["a"],
            "outs": ["used"],
            "metrics": [{"score.yaml": {"cache": False}}],
        },
    }
    trees = {}
    for module in ("dvc", "epochwise.dvc"):
        folder = tmp_path / module
        _committed(folder, {"stages": stages})
        _dvc("dvc", folder, "repro", "--quiet")
        (folder / "code.py").write_text("# changed\n")
        shown = _dvc(module, folder, "exp", "run", "--name=idea", "--set-param=a=2")
        assert "Stage 'first' didn't change, skipping" in shown
        assert "Running stage 'second'" in shown
        (ref,) = _git(folder, "for-each-ref", "--format=%(refname)", "refs/exps/*/*/idea")
        trees[module] = _git(folder, "ls-tree", "-r", ref)
        assert _git(folder, "show", f"{ref}:score.yaml") == ["a: 2"]
    names = [line.split()[-1] for line in trees["dvc"]]
    assert {"code.py", "counted", "dvc.lock", "score.yaml"} <= set(names)
    assert trees["epochwise.dvc"] == trees["dvc"]


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A pipeline of one stage, whose params.yaml is composed from conf/ as it is here."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "families.yaml", tmp_path)
    _committed(tmp_path, {"stages": {"made": {"cmd": "echo > made", "outs": ["made"]}}})
    compose(tmp_path / "params.yaml")
    _dvc("dvc", tmp_path, "config", "hydra.enabled", "true")
    return tmp_path


def _refused(folder: Path, *choices: str) -> str:
    """What an experiment of these choices is refused with, before anything runs."""
    before = (folder / "params.yaml").read_text()
    given = [f"--set-param={choice}" for choice in choices]
    with pytest.raises(subprocess.CalledProcessError) as told:
        _dvc("epochwise.dvc", folder, "exp", "run", *given)
    assert told.value.returncode == 255 and not (folder / "made").exists()
    assert (folder / "params.yaml").read_text() == before
    found = re.fullmatch("ERROR: (.*)\n", told.value.stderr)
    assert found, told.value.stderr
    return found[1]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (["threshold.bet=2"], "conf/ has no key 'threshold.bet' (did you mean 'threshold.beta'?)"),
        (
            ["reviews=table", "reviews.path=conf", "reviews.columns.txt=a"],
            "conf/ has no key 'reviews.columns.txt' (did you mean 'reviews.columns.text'?)",
        ),
        (
            ["seed.training=x"],
            "params.yaml: 'seed.training' is 'x': input should be a valid integer",
        ),
    ],
)
def test_a_choice_that_does_not_fit_is_told_before_anything_runs(
    choices: list[str], expected: str, configured: Path
) -> None:
    assert _refused(configured, *choices) == expected


def test_a_choice_that_cannot_be_read_is_told_with_what_can(configured: Path) -> None:
    assert _refused(configured, "seed.data=a (b)").endswith("-S 'seed.data=\"a (b)\"'")


@pytest.mark.parametrize(
    ("line", "slip", "place"),
    [
        ("  digits: keep", "    digits: keep", '"conf/config.yaml", line '),
        ("  digits: keep", "  digits: keep\n  digits: drop", '"conf/config.yaml", line '),
        ("  - budget: default", "  - budget: defalt", "In 'config': "),
        ("  digits: keep", "  digits: 3", "params.yaml: 'clean.digits' is 3"),
        ("about: ", "abuot: ", "params.yaml: unknown key 'abuot' (did you mean 'about'?)"),
        ("split:", "split: 3\nseed:", "found duplicate key seed"),
    ],
)
def test_a_slip_in_the_configuration_is_told_as_make_params_tells_it(
    line: str, slip: str, place: str, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configured / "conf/config.yaml"
    text = file.read_text()
    assert text.count(f"\n{line}") == 1
    file.write_text(text.replace(f"\n{line}", f"\n{slip}"))
    monkeypatch.chdir(configured)
    with pytest.raises(InputError) as told:
        check.main(composed=True)
    assert place in str(told.value)
    assert _refused(configured, "train.lstm.epochs=3") == str(told.value)


@pytest.mark.parametrize(("token", "gathered"), [(None, {}), ("secret", {"found": 1})])
def test_what_is_for_dvc_studio_is_gathered_where_it_is_told(
    token: str | None, gathered: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DVC_STUDIO_TOKEN", "STUDIO_TOKEN", "DVC_STUDIO_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    studio = {"token": token, "repo_url": "git@example.org:a/b.git"} if token else {}
    repo = SimpleNamespace(config={"studio": studio})
    gather = for_studio(lambda asker, found: {"found": found})
    assert gather(repo, found=1) == gather(SimpleNamespace(repo=repo), found=1) == gathered


def _committed(folder: Path, pipeline: dict[str, Any]) -> None:
    """A commit of a pipeline, with the param `a` and a file of code."""
    folder.mkdir(exist_ok=True)
    (folder / "dvc.yaml").write_text(yaml.safe_dump(pipeline))
    (folder / "params.yaml").write_text("a: 1\n")
    (folder / "code.py").touch()
    _git(folder, "init", "--quiet")
    _git(folder, "config", "user.name", "Author")
    _git(folder, "config", "user.email", "author@example.org")
    _dvc("dvc", folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message=A pipeline")


def _git(folder: Path, *arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode().splitlines()
