import hashlib
from pathlib import Path

import pytest

from epochwise.core.cli import InputError
from epochwise.review.revisions import MissingError, Revision
from tests.epochwise.review.project import Project

PREDICTIONS = "data/predictions/lstm/test.parquet"
COLUMNS = ["id", "predicted"]


def positives(revision: Revision) -> int:
    return int(revision.table(PREDICTIONS, COLUMNS)["predicted"].sum())


def files(root: Path) -> dict[str, str]:
    """The digest of every file but those of git and DVC themselves."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] not in (".git", ".dvc")
    }


def test_branches_tags_commits_experiments_and_the_workspace_are_read(project: Project) -> None:
    commit = project.git("rev-parse", "threshold").strip()
    main, workspace = Revision("main", project.root), Revision("workspace", project.root)
    assert positives(main) == positives(workspace)
    for name in ("threshold", commit, commit[:9]):
        assert positives(Revision(name, project.root)) < positives(main)
    experiment = Revision("exp-worse", project.root)
    assert experiment.json("metrics/cnn/test.json")["accuracy"] == 0.7
    assert main.json("metrics/cnn/test.json")["accuracy"] == 0.9


def test_reading_leaves_the_work_as_it_is(project: Project) -> None:
    before = (
        files(project.root),
        project.git("status", "--porcelain"),
        project.git("rev-parse", "HEAD"),
    )
    Revision("threshold", project.root).read(PREDICTIONS)
    Revision("exp-worse", project.root).read("metrics/cnn/test.json")
    after = (
        files(project.root),
        project.git("status", "--porcelain"),
        project.git("rev-parse", "HEAD"),
    )
    assert before == after


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("threshold", " --all-branches"),
        ("v1", " --all-tags"),
        ("HEAD", " --all-commits"),
        ("workspace", ""),
    ],
)
def test_what_is_in_no_cache_is_named_with_the_command_that_gets_it(
    clone: Project, name: str, option: str
) -> None:
    clone.git("tag", "v1")
    with pytest.raises(MissingError) as caught:
        Revision(name, clone.root).read(PREDICTIONS)
    switch = "" if name == "workspace" else f"git checkout {name} && dvc checkout; "
    assert f"run `{switch}dvc repro`" in str(caught.value)
    clone.dvc("remote", "add", "-q", "--local", "-d", "shared", str(clone.root / "remote"))
    with pytest.raises(MissingError) as caught:
        Revision(name, clone.root).read(PREDICTIONS)
    assert f"run `dvc fetch{option} {PREDICTIONS}`" in str(caught.value)


def test_what_the_cache_lacks_is_read_from_the_remote_of_today(
    project: Project, clone: Project, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    project.dvc("remote", "add", "-q", "--local", "-d", "shared", str(remote))
    project.dvc("push", "-q", "--all-branches")
    project.dvc("remote", "remove", "-q", "--local", "shared")
    clone.dvc("remote", "add", "-q", "--local", "-d", "shared", str(remote))
    assert positives(Revision("threshold", clone.root)) == positives(
        Revision("threshold", project.root)
    )
    assert not (clone.root / "data").exists()


def test_without_a_remote_that_can_be_reached_what_is_here_is_still_read(clone: Project) -> None:
    clone.dvc("remote", "add", "-q", "--local", "-d", "gone", "hdfs://127.0.0.1:9/data")
    revision = Revision("main", clone.root)
    with pytest.raises(MissingError, match="no remote that answers"):
        revision.read(PREDICTIONS)
    assert revision.json("metrics/lstm/test.json")["n"] == 400
    assert revision.optional("data/predictions/mlp/test.parquet") is None


def test_an_unknown_revision_is_refused_with_what_looks_like_it(project: Project) -> None:
    with pytest.raises(InputError, match=r"no revision 'thresold'.*did you mean 'threshold'\?"):
        Revision("thresold", project.root)


@pytest.mark.parametrize("name", ["", "main:params.yaml", "main^{tree}", "\udcff"])
def test_what_is_no_commit_is_no_revision(project: Project, name: str) -> None:
    with pytest.raises(InputError, match=r"no revision '.*': expected 'workspace', a branch, tag "):
        Revision(name, project.root)


@pytest.mark.parametrize("value", ["!!int abc", "!!bool x", "[" * 5000])
def test_values_that_yaml_cannot_make_are_told(clone: Project, value: str) -> None:
    clone.write("params.yaml", f"a: {value}\n")
    with pytest.raises(InputError, match=r"params\.yaml of workspace is not YAML"):
        Revision("workspace", clone.root).yaml("params.yaml")


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read by DVC"):
        Revision("workspace", tmp_path)


def test_files_that_are_not_what_they_should_be_are_refused_by_name(clone: Project) -> None:
    clone.write("metrics/noise.json", "{")
    clone.write(PREDICTIONS, "no table")
    (clone.root / "dvc.lock").unlink()  # or else it says that this is another file
    revision = Revision("workspace", clone.root)
    with pytest.raises(InputError, match=r"noise\.json of workspace is not JSON"):
        revision.json("metrics/noise.json")
    with pytest.raises(InputError, match=r"test\.parquet of workspace is not Parquet"):
        revision.table(PREDICTIONS, COLUMNS)
    assert revision.json("metrics/no.json") is None


def test_an_experiment_is_named_by_its_commit_where_git_has_to_find_it(project: Project) -> None:
    revision = Revision("exp-worse", project.root)
    with pytest.raises(MissingError) as caught:
        revision.read("data/none.parquet")
    assert f"run `git checkout {revision.commit[:10]} && dvc checkout; dvc repro`" in str(  # type: ignore[index]
        caught.value
    )
