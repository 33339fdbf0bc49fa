"""dvc.yaml against what the stages really import and read; params.yaml against conf/."""

import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.repo import Repo

from epochwise import families
from epochwise.check import check_all
from tests.configuration import ROOT, compose

TABLE = families.table()
CODE = (Path("stages"), Path("epochwise"))
TEST_SPLITS = [
    Path("data/reviews/split/test.parquet"),
    Path("data/digits/test.npz"),
    Path("data/target/test"),
]
LONGEST = 300
"""Lines of dvc.yaml."""


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml with everything resolved.

    `command` is the module that it runs and the module's argument, if any; `deps` are the paths
    that it declares, as they are written.
    """

    name: str
    command: tuple[str, ...]
    deps: tuple[Path, ...]

    @property
    def code(self) -> list[Path]:
        """The declared dependencies that are code of the project."""
        return [dep for dep in self.deps if any(dep.is_relative_to(root) for root in CODE)]

    @property
    def kind(self) -> str:
        """The name without the family."""
        return self.name.partition("@")[0]


@dataclass(frozen=True)
class Imports:
    """What a stage really imports."""

    files: list[Path]
    network_library: bool


@pytest.fixture(scope="module")
def index() -> Iterator[Any]:
    """All stages as DVC reads them."""
    with Repo(str(ROOT)) as repo:
        yield repo.index


@pytest.fixture(scope="module")
def pipeline(index: Any) -> list[Stage]:
    return [resolved(stage) for stage in index.stages]


@pytest.fixture(scope="module")
def imports(pipeline: list[Stage]) -> dict[str, Imports]:
    """For each stage what it imports; those that build no network are asked first."""
    order = sorted(pipeline, key=builds_a_network)
    asked = subprocess.run(
        [sys.executable, "-m", "tests.project_imports"],
        input=json.dumps([stage.command for stage in order]),
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert asked.returncode == 0, asked.stderr
    answers = json.loads(asked.stdout.splitlines()[-1])
    return {
        stage.name: Imports([Path(file) for file in answer["files"]], answer["network_library"])
        for stage, answer in zip(order, answers, strict=True)
    }


def resolved(stage: Any) -> Stage:
    python, option, module, *arguments = shlex.split(stage.cmd)
    assert (python, option) == ("python", "-m"), f"{stage.name} runs no module: {stage.cmd}"
    deps = tuple(Path(dep.def_path) for dep in stage.deps)
    return Stage(stage.name, (module, *arguments), deps)


def builds_a_network(stage: Stage) -> bool:
    """Whether the stage may import a library for networks: it trains or applies a family's."""
    family = stage.name.partition("@")[2]
    without = family in TABLE and TABLE[family].learner in {"linear", "ensemble"}
    return stage.kind in {"base", "train", "score"} and not without


def options() -> list[list[str]]:
    """The choices of each group of conf/."""
    config = yaml.safe_load((ROOT / "conf/config.yaml").read_text(encoding="utf-8"))
    groups = [group for entry in config["defaults"] if isinstance(entry, dict) for group in entry]
    return [
        [f"{group}={path.stem}" for path in sorted((ROOT / "conf" / group).glob("*.yaml"))]
        for group in groups
    ]


def pairs() -> list[tuple[str, ...]]:
    """Every pair of choices of two groups."""
    return [
        pair
        for first, second in itertools.combinations(options(), 2)
        for pair in itertools.product(first, second)
    ]


def rows() -> list[tuple[str, ...]]:
    """Choices of all groups: a few rows in which every pair of choices of two groups stands."""
    possible = {row: set(itertools.combinations(row, 2)) for row in itertools.product(*options())}
    left, chosen = set(pairs()), []
    while left:
        chosen.append(max(possible, key=lambda row: len(possible[row] & left)))
        left -= possible[chosen[-1]]
    return chosen


def test_every_imported_file_is_a_dependency(
    pipeline: list[Stage], imports: dict[str, Imports]
) -> None:
    missing = {
        stage.name: [
            str(file)
            for file in imports[stage.name].files
            if not any(file.is_relative_to(dep) for dep in stage.code)
        ]
        for stage in pipeline
    }
    assert {name: files for name, files in missing.items() if files} == {}


def test_every_code_dependency_is_imported(
    pipeline: list[Stage], imports: dict[str, Imports]
) -> None:
    """A file that is declared is imported, and more than one file of a folder."""
    idle = {
        stage.name: [
            str(dep)
            for dep in stage.code
            if sum(file.is_relative_to(dep) for file in imports[stage.name].files)
            < (1 if dep.suffix else 2)
        ]
        for stage in pipeline
    }
    assert {name: deps for name, deps in idle.items() if deps} == {}


def test_stages_without_a_network_import_no_network_library(
    pipeline: list[Stage], imports: dict[str, Imports]
) -> None:
    without = [stage.name for stage in pipeline if not builds_a_network(stage)]
    assert without
    assert [name for name in without if imports[name].network_library] == []


def test_what_is_trained_and_what_is_told_of_it_do_not_import_each_other(
    imports: dict[str, Imports],
) -> None:
    learners, reports = Path("epochwise/learners"), Path("epochwise/reports")
    for name, found in imports.items():
        uses = {learners, reports} & {parent for file in found.files for parent in file.parents}
        assert len(uses) < 2, name


@pytest.mark.parametrize("test_split", TEST_SPLITS, ids=str)
def test_only_score_reads_the_test_split(test_split: Path, pipeline: list[Stage]) -> None:
    readers = {
        stage.kind
        for stage in pipeline
        if any(test_split.is_relative_to(dep) for dep in stage.deps)
    }
    assert readers == {"score"}


def test_choices_are_made_before_test_is_read(index: Any) -> None:
    """What filter, threshold and select depend on, however far back, is no output of score."""
    for stage in index.graph:
        if stage.addressing.partition("@")[0] in {"train", "filter", "threshold", "select"}:
            family = stage.addressing.partition("@")[2]
            above = reachable(index.graph, stage)
            assert f"score@{family}" not in above, stage.addressing
            assert f"evaluate@{family}" not in above, stage.addressing


def test_nothing_is_chosen_by_what_is_made_of_test(pipeline: list[Stage]) -> None:
    """A training and a choice read no scores or reports, but an ensemble those of its members."""
    stacked = Path("data/reviews/stack")
    made = (stacked, Path("data/scores"), Path("data/predictions"))
    readers = {
        (stage.name, dep)
        for stage in pipeline
        if stage.kind in {"train", "filter", "threshold", "select", "champion"}
        for dep in stage.deps
        if dep.name == "test.json"
        or any(dep.is_relative_to(root) or root.is_relative_to(dep) for root in made)
    }
    read = {stacked / "train", stacked / "valid", stacked / "models"}
    assert readers == {("train@ensemble", dep) for dep in read}


def reachable(graph: Any, stage: Any) -> set[str]:
    seen, left = set(), [stage]
    while left:
        for needed in graph.successors(left.pop()):
            if needed.addressing not in seen:
                seen.add(needed.addressing)
                left.append(needed)
    return seen


def test_where_the_work_on_texts_is_done_makes_no_stage_run_again(index: Any) -> None:
    texts = {"fetch@reviews", "clean", "split", "encode", "vectorize"}
    stages = [stage for stage in index.stages if stage.addressing in texts]
    asked = {key for stage in stages for dep in stage.params for key in dep.params}
    assert asked == {"reviews", "clean", "seed.data", "split", "encode", "vectorize"}


def test_a_stage_declares_the_seed_that_it_reads(index: Any) -> None:
    """A stage of several items declares it with those that need one."""
    declared: dict[str, set[str]] = {}
    for stage in index.stages:
        asked = {key for dep in stage.params for key in dep.params}
        seeds = {key for key in asked if key.partition(".")[0] == "seed"}
        declared.setdefault(stage.addressing.partition("@")[0], set()).update(seeds)
    read = {}
    for name in declared:
        code = (ROOT / f"stages/{name}.py").read_text(encoding="utf-8")
        read[name] = {f"seed.{which}" for which in re.findall(r'"seed", Seed\)\.(\w+)', code)}
    assert read == declared
    assert {"seed.data", "seed.training"} == set.union(*read.values())


def test_dvc_yaml_can_be_read_in_one_go() -> None:
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_params_are_the_composed_configuration(tmp_path: Path) -> None:
    written = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert written == compose(tmp_path / "params.yaml")


@pytest.mark.long
@pytest.mark.parametrize("choice", [*itertools.chain(*options())])
def test_every_choice_is_valid(choice: str, tmp_path: Path) -> None:
    check_all(compose(tmp_path / "params.yaml", choice))


@pytest.mark.parametrize("chosen", rows(), ids=" ".join)
def test_every_choice_is_valid_beside_every_other(chosen: tuple[str, ...], tmp_path: Path) -> None:
    check_all(compose(tmp_path / "params.yaml", *chosen))


@pytest.mark.long
@pytest.mark.parametrize("chosen", pairs(), ids=" ".join)
def test_every_two_choices_are_valid(chosen: tuple[str, ...], tmp_path: Path) -> None:
    """As the test before, with the default of every other group."""
    check_all(compose(tmp_path / "params.yaml", *chosen))
