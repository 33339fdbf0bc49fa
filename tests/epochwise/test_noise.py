"""Repeats with other seeds are told from other experiments, and summarised."""

import json
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml

from epochwise import families, noise
from epochwise.core import paths
from epochwise.core.cli import InputError


def lock(
    seed: int, epochs: int = 5, data: str = "a", code: str = "c", read: int | None = None
) -> dict[str, Any]:
    """A lock of two stages, the second of which has `read` what another seed made."""
    train = {
        "cmd": "python -m stages.train lstm",
        "deps": [
            {"path": "data/reviews/sequences/train.parquet", "md5": data},
            {"path": "stages/train.py", "md5": code},
        ],
        "params": {"params.yaml": {"seed.training": seed, "train.lstm": {"epochs": epochs}}},
        "outs": [{"path": "data/epochs/lstm", "md5": f"made with {seed}"}],
    }
    threshold = {
        "deps": [{"path": "data/epochs/lstm", "md5": f"made with {read or seed}"}],
        "params": {"params.yaml": {"threshold": {"rule": "youden"}}},
    }
    return {"stages": {"train@lstm": train, "threshold@lstm": threshold}}


def test_the_digest_is_of_params_and_data_alone() -> None:
    ours = noise.digest(lock(1), "lstm")
    assert ours == noise.digest(lock(2, code="other"), "lstm")
    assert ours != noise.digest(lock(1, epochs=6), "lstm")
    assert ours != noise.digest(lock(1, data="b"), "lstm")
    assert noise.digest(lock(1), "mlp") is None


def ensemble(seed: int, member: dict[str, Any]) -> dict[str, Any]:
    """The lock of an ensemble of one member, which was trained with `seed`."""
    scores = {"path": "data/scores/lstm", "md5": f"made with {seed}"}
    stack = {"path": "data/reviews/stack/valid", "md5": f"made with {seed}"}
    stages = {
        "score@lstm": {"deps": [{"path": "data/epochs/lstm", "md5": "any"}], "outs": [scores]},
        "stack": {"deps": [scores], "outs": [stack]},
        "train@ensemble": {"deps": [stack], "params": {"params.yaml": {"train.ensemble": {}}}},
    }
    return {"stages": member["stages"] | stages}


def test_the_digest_of_an_ensemble_is_of_its_members_params_and_not_of_what_they_made() -> None:
    ours = noise.digest(ensemble(1, lock(1)), "ensemble")
    assert ours == noise.digest(ensemble(2, lock(2)), "ensemble")
    assert ours != noise.digest(ensemble(1, lock(1, epochs=6)), "ensemble")
    assert ours != noise.digest(ensemble(1, lock(1, data="b")), "ensemble")


def test_noise_is_kept_as_long_as_it_holds() -> None:
    holds = {"digest": noise.digest(lock(1), "lstm")}
    other = {"digest": noise.digest(lock(1, epochs=6), "lstm")}
    assert noise.updated({"lstm": holds, "mlp": holds}, {}, lock(2)) == {"lstm": holds}
    assert noise.updated({"lstm": other}, {}, lock(2)) == {}
    assert noise.updated({"lstm": other}, {"lstm": holds}, lock(2)) == {"lstm": holds}
    newer = holds | {"repeats": 5}
    assert noise.updated({"lstm": holds}, {"lstm": newer}, lock(2)) == {"lstm": newer}
    both = noise.updated({"lstm": holds}, {"mlp": other, "cnn": other}, lock(2))
    assert list(both) == ["mlp", "lstm", "cnn"], "in the order of families.yaml"


def test_mean_and_deviation_are_those_of_the_values() -> None:
    values = [0.8, 0.83, 0.82]
    found = noise.summarize([{"roc_auc": value} for value in values])["roc_auc"]
    assert found["values"] == values
    assert found["mean"] == pytest.approx(np.mean(values))
    assert found["std"] == pytest.approx(np.std(values, ddof=1))


def test_equal_values_have_no_deviation() -> None:
    found = noise.summarize([{"roc_auc": 0.8819}] * 5)["roc_auc"]
    assert found == {"mean": 0.8819, "std": 0, "values": [0.8819] * 5}


def test_what_a_seed_cannot_change_is_no_metric() -> None:
    metrics = {"n": 3, "roc_auc": 0.5, "ci95": {"roc_auc": [0, 1]}, "epoch": 2, "classes": 9}
    metrics |= {"pca_size": 32, "pca_mse": 0.1}
    assert noise.scalars(metrics) == {"roc_auc": 0.5, "classes": 9.0}


def test_small_numbers_are_read_as_numbers(tmp_path: Path) -> None:
    (tmp_path / "test.json").write_text(json.dumps({"log_loss": 4e-05}))
    assert noise.read(None, tmp_path / "test.json") == {"log_loss": 4e-05}


def write_run(seed: int, auc: float, **changes: Any) -> None:
    Path("dvc.lock").write_text(yaml.safe_dump(lock(seed, **changes)))
    for split, value in (("test", auc), ("valid", auc + 0.01)):
        report = paths.metrics("lstm", f"{split}.json")
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(json.dumps({"n": 10, "roc_auc": value}))


def commit(seed: int, auc: float, **changes: Any) -> str:
    write_run(seed, auc, **changes)
    for command in (["add", "-A"], ["commit", "-qm", "run"]):
        subprocess.run(["git", *command], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return head.stdout.strip()


def test_repeats_are_found_in_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (("NAME", "a"), ("EMAIL", "a@b.c")):
        monkeypatch.setenv(f"GIT_AUTHOR_{name}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{name}", value)
    subprocess.run(["git", "init", "-q"], check=True)
    # A project may be a folder of a repository.
    Path("project").mkdir()
    monkeypatch.chdir("project")
    others = [
        commit(3, 0.84),
        commit(2, 0.82),
        commit(4, 0.99, epochs=9),
        commit(5, 0.99, data="b"),
        commit(6, 0.99, read=1),
        commit(2, 0.1),
        commit(7, 0.5, code="other"),
        commit(3, 0.5, code="other"),
    ]
    commit(1, 0.80)
    noise.read.cache_clear()
    found = noise.collect([None, *others], ["lstm", "mlp"])
    assert found.keys() == {"lstm"}
    assert found["lstm"]["seeds"] == [1, 2, 3] and found["lstm"]["repeats"] == 3
    assert found["lstm"]["metrics"]["roc_auc"]["values"] == [0.80, 0.82, 0.84]
    assert found["lstm"]["valid"]["roc_auc"]["mean"] == pytest.approx(0.83)
    assert capsys.readouterr().out == (
        "lstm: the runs with seeds 7 are of other code and do not count\n"
    )


def test_a_training_alone_is_no_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(1, 0.80)
    noise.read.cache_clear()
    (by_seed, _) = noise.repeats([None], "lstm")
    assert list(by_seed) == [1]
    assert noise.collect([None], ["lstm"]) == {}


def test_without_a_repeat_it_says_how_to_make_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiments = SimpleNamespace(ls=lambda all_commits: {})
    repo = SimpleNamespace(experiments=experiments)
    monkeypatch.setattr(noise, "Repo", lambda: nullcontext(repo))
    monkeypatch.setattr(families, "TABLE", families.TABLE.resolve())
    monkeypatch.chdir(tmp_path)
    noise.read.cache_clear()
    expected = r"no experiment is a repeat of this state: run `dvc exp run --queue -S 'seed\.tra"
    with pytest.raises(InputError, match=expected):
        noise.main()
    assert not paths.NOISE.exists()


def test_outside_of_git_it_says_where_to_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".dvc").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r": run this in the project's folder, a clone of git"):
        noise.main()
