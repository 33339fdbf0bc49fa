"""Keep what another training seed changes: metrics/noise.json, from DVC experiments.

Experiments whose params differ from the present ones in `seed.training` alone, and whose data and
code are the same, are repeats, whatever commit they began from. Run them with DVC's queue, then
this command:

\b
    dvc exp run --queue -S 'seed.training=2,3,4,5'
    dvc queue start
    python -m epochwise.noise

For each family it keeps the mean and the standard deviation of every metric on test (`metrics`)
and on valid (`valid`), how many repeats they are of (the present run counts), and a digest of the
params and data they hold for. Experiments that ran with other code do not count, and are named. A
family without repeats keeps what was known of it, as long as that digest is the same.
"""

import hashlib
import json
import statistics
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dvc.exceptions import DvcException
from dvc.repo import Repo

from epochwise import families
from epochwise.core import paths, training_noise
from epochwise.core.cli import InputError, run
from epochwise.core.files import parse_json, read_json, write_metrics
from epochwise.core.forms import Report
from epochwise.core.lock import LOCK, is_current, parse, upstream
from epochwise.core.lock import read as read_lock

STAGES = ("train", "filter", "threshold", "select", "score", "evaluate")
"""The stages of a family, whose params and inputs are what noise holds for."""
MADE = ("data/epochs/", "data/scores/", "data/reviews/stack/", "models/", "metrics/", "plots/")
"""Inputs that stages make of a seed: those stages are part of a digest, and not what they made."""
FEWEST = 2
PCA = "pca_"
"""How the numbers of PCA begin, which are of the data alone."""


def digest(lock: dict[str, Any], family: str) -> str | None:
    """What a family's noise holds for, from the content of dvc.lock: its params and its data.

    Those of other families that it reads count too: an ensemble's members, the cnn of the gan. The
    training seed and the code are left out. None: the lock has not seen the family run.
    """
    found = {}
    for name, entry in _stages(lock, family).items():
        values = dict(entry.get("params", {}).get("params.yaml", {}))
        values.pop("seed.training", None)
        deps = {dep["path"]: dep.get("md5") for dep in entry.get("deps", ())}
        data = {path for path in deps if path.startswith("data/") and not path.startswith(MADE)}
        found[name] = [values, {path: deps[path] for path in data}]
    return _hashed(found)


def code(lock: dict[str, Any], family: str) -> str | None:
    """A digest of the code that a family's results are of; None as in `digest`."""
    found = {
        name: {
            dep["path"]: dep.get("md5")
            for dep in entry.get("deps", ())
            if not dep["path"].startswith(("data/", *MADE))
        }
        for name, entry in _stages(lock, family).items()
    }
    return _hashed(found)


def _stages(lock: dict[str, Any], family: str) -> dict[str, Any]:
    """The entries of a family's stages, and of those that made of a seed what they read."""
    return upstream(lock, [f"{step}@{family}" for step in STAGES], MADE)


def _hashed(found: dict[str, Any]) -> str | None:
    if not found:
        return None
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def is_consistent(lock: dict[str, Any], family: str) -> bool:
    """Whether a family's stages, and those before, have read what stands in dvc.lock as made.

    An experiment on an ensemble trains its members with the new seed, and does not evaluate them.
    """
    return all(is_current(lock, f"{step}@{family}") for step in STAGES)


def scalars(metrics: dict[str, Any]) -> dict[str, float]:
    """The single numbers of a family's report that a seed can change."""
    fixed = {"n", "epoch", "parameters", "threshold", "generated", "code_size"}
    return {
        name: float(value)
        for name, value in metrics.items()
        if isinstance(value, int | float) and name not in fixed and not name.startswith(PCA)
    }


def summarize(repeats: list[dict[str, float]]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1) and values of each metric of `repeats` of one training."""
    names = set.intersection(*(set(repeat) for repeat in repeats))
    return {
        name: {
            "mean": statistics.mean(values),
            "std": statistics.stdev(values),
            "values": values,
        }
        for name in repeats[0]
        if name in names
        for values in [[repeat[name] for repeat in repeats]]
    }


@cache
def read(revision: str | None, path: Path) -> dict[str, Any]:
    """The mapping in dvc.lock, or in a JSON file, of `revision` (None: the workspace).

    It is empty where there is no such file, or a damaged one in another revision: that is none to
    learn from.

    Raises:
        InputError: the file of the workspace is damaged.
    """
    if revision is None:
        if path == LOCK:
            return read_lock()
        found = read_json(path, Report) if path.exists() else {}
        return found
    shown = subprocess.run(["git", "show", f"{revision}:./{path}"], capture_output=True)
    try:
        found = (parse_json if path.suffix == ".json" else parse)(shown.stdout)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


class Repeat(NamedTuple):
    """The single numbers of a family's reports of one training."""

    test: dict[str, float]
    valid: dict[str, float]


def repeats(revisions: list[str | None], family: str) -> tuple[dict[int, Repeat], list[int]]:
    """The repeats of `family` in the first of `revisions` by seed, and the seeds of other code.

    A revision counts if it has the same digest and code, a seed that none before it has, and
    reports of the training that it has seen last.
    """
    first = read(revisions[0], LOCK)
    ours, our_code = digest(first, family), code(first, family)
    by_seed: dict[int, Repeat] = {}
    others = []
    for revision in revisions if ours else []:
        lock = read(revision, LOCK)
        reports = [
            read(revision, paths.metrics(family, f"{split}.json")) for split in Repeat._fields
        ]
        seed = _seed(lock, family)
        if seed is None or not all(reports):
            continue
        if digest(lock, family) == ours and is_consistent(lock, family):
            if code(lock, family) == our_code:
                by_seed.setdefault(seed, Repeat(*map(scalars, reports)))
            else:
                others.append(seed)
    return dict(sorted(by_seed.items())), sorted(set(others) - by_seed.keys())


def _seed(lock: dict[str, Any], family: str) -> int | None:
    """The training seed of a family; None where the lock has not seen it train."""
    params = lock.get("stages", {}).get(f"train@{family}", {}).get("params", {})
    seed: int | None = params.get("params.yaml", {}).get("seed.training")
    return seed


def collect(revisions: list[str | None], names: list[str]) -> dict[str, Any]:
    """The noise of each family of `names` that has repeats among `revisions`."""
    found = {}
    lock = read(revisions[0], LOCK)
    for family in names:
        by_seed, others = repeats(revisions, family)
        if others:
            seeds = ", ".join(map(str, others))
            print(f"{family}: the runs with seeds {seeds} are of other code and do not count")
        if len(by_seed) >= FEWEST:
            found[family] = {
                "repeats": len(by_seed),
                "seeds": list(by_seed),
                "digest": digest(lock, family),
                "metrics": summarize([repeat.test for repeat in by_seed.values()]),
                "valid": summarize([repeat.valid for repeat in by_seed.values()]),
            }
    return found


def updated(known: dict[str, Any], found: dict[str, Any], lock: dict[str, Any]) -> dict[str, Any]:
    """The noise `found`, and what was `known` and holds for the content of dvc.lock."""
    held = {
        name: noise
        for name, noise in known.items()
        if isinstance(noise, dict) and noise.get("digest") == digest(lock, name)
    }
    both = held | found
    return {name: both[name] for name in families.table() if name in both}


def main() -> None:
    """Write metrics/noise.json: what there are repeats of, and what was there and still holds."""
    try:
        with Repo() as repo:
            listed = repo.experiments.ls(all_commits=True)
    except DvcException as error:
        raise InputError(f"{error}: run this in the project's folder, a clone of git") from None
    experiments = [revision for found in listed.values() for _, revision in sorted(found)]
    found = collect([None, *experiments], list(families.table()))
    if not found:
        raise InputError(
            "no experiment is a repeat of this state: run `dvc exp run --queue -S"
            " 'seed.training=2,3,4,5'` and `dvc queue start` first"
        )
    noise = updated(training_noise.read(), found, read(None, LOCK))
    write_metrics(paths.NOISE, noise)
    for family, repeated in found.items():
        print(f"{family}: {repeated['repeats']} seeds")


if __name__ == "__main__":
    run(main)
