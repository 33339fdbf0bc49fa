"""One command measures every network, the text stages, kept features, and starts."""

import math
import subprocess
import sys

import pytest
from dvc.utils.serialize import load_yaml

from benchmarks import networks, starts
from benchmarks.__main__ import choose, steps
from epochwise import families
from epochwise.core.cli import InputError
from tests.configuration import ROOT

NETWORKS = set(load_yaml(ROOT / families.TABLE)["networks"])


def ratios(*options: str) -> dict[str, float]:
    """The ratios of the table that the command prints in its quick form."""
    command = [sys.executable, "-m", "benchmarks", "--quick", "--repeats", "1", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    return {row[0].removeprefix("| "): float(row[4]) for row in rows[2:]}


@pytest.mark.parametrize("is_quick", [True, False])
def test_every_network_is_measured(is_quick: bool) -> None:
    assert {case.family for case in networks.cases(is_quick)} == NETWORKS


def test_every_network_is_measured_at_default_and_at_source_size() -> None:
    cases = networks.cases(is_quick=False)
    for family in NETWORKS:
        source = ["budget=source" in case.choices for case in cases if case.family == family]
        assert {False, True} == set(source), family


def test_networks_that_read_words_are_measured_on_short_and_on_long_reviews() -> None:
    read = {name for name in NETWORKS if "sequences" in families.row(name).train}
    cases = networks.cases(is_quick=False)
    for family in read:
        data = [case.data for case in cases if case.family == family]
        assert {networks.SHORT, networks.LONG} < set(data), family


def test_stages_that_start_are_those_of_the_pipeline_without_a_network() -> None:
    pipeline = load_yaml(ROOT / "dvc.yaml")["stages"]
    assert set(starts.stages()) | (starts.NETWORKS - {"__init__"}) == set(pipeline)


def test_the_table_has_what_is_asked_for() -> None:
    found = ratios("--only", "autoencoder,text,filter")
    assert list(found) == ["autoencoder", "encode", "vectorize", "filter"]
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in found.values())


@pytest.mark.long
def test_the_table_has_everything() -> None:
    found = ratios()
    assert set(found) == NETWORKS | {"encode", "vectorize", "fork"} | set(starts.stages())
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in found.values())


def test_an_unknown_name_is_told() -> None:
    with pytest.raises(InputError, match="--only lstn: expected some of mlp, lstm, "):
        choose(steps(repeats=1, is_quick=True), "lstn")
