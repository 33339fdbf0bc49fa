import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from epochwise import families
from epochwise.core.cli import InputError
from epochwise.core.lock import not_run
from epochwise.noise import digest
from epochwise.review import snapshot
from epochwise.review.lock import Model
from epochwise.review.report import Changed, Report, changes, compare
from epochwise.review.revisions import Revision
from epochwise.review.statistics import Verdict
from epochwise.review.wording import notes, verdicts
from tests.configuration import ROOT
from tests.epochwise.review.project import Project, parquet, reviews


def report(project: Project, old: str, new: str) -> Report:
    facts = [snapshot.read(Revision(name, project.root)) for name in (old, new)]
    return compare(*facts)


def told(found: Report) -> list[str]:
    return [str(sentence) for sentence in verdicts(found)]


def test_equal_revisions_are_unchanged(project: Project) -> None:
    found = report(project, "main", "workspace")
    assert told(found) == ["Nothing changed: 5 families unchanged"]
    assert not (found.changed or found.params or found.data or found.sources)


def test_nothing_is_read_to_tell_that_nothing_changed(clone: Project) -> None:
    assert told(report(clone, "main", "workspace")) == ["Nothing changed: 5 families unchanged"]


def test_another_threshold_is_judged_by_resampling_alone(project: Project) -> None:
    family = report(project, "main", "threshold").changed[0]
    assert (family.name, family.model) == ("lstm", Model.SAME)
    assert {each.metric.key: each.verdict for each in family.comparisons} == {
        "roc_auc": Verdict.UNCHANGED,
        "balanced_accuracy": Verdict.WORSE,
        "recall_0": Verdict.BETTER,
        "recall_1": Verdict.WORSE,
    }
    assert family.verdict == Verdict.WORSE


def test_a_model_trained_anew_is_judged_by_its_noise_and_not_at_all_without(
    project: Project,
) -> None:
    found = {each.name: each for each in report(project, "main", "retrained").families}
    assert found["lstm"].verdict == Verdict.BETTER
    assert found["lstm"].model == Model.ANEW
    assert found["mlp"].verdict == Verdict.UNDECIDED
    assert found["cnn"].verdict == Verdict.WITHIN_NOISE
    assert found["gan"].model == Model.ANOTHER_EPOCH
    assert found["gan"].verdict == Verdict.WORSE
    assert found["autoencoder"].model == Model.SAME
    assert found["autoencoder"].verdict == Verdict.BETTER


def test_what_is_not_known_of_the_noise_is_said_in_words(project: Project) -> None:
    found = report(project, "main", "retrained")
    sentence = next(text for text in told(found) if text.startswith("mlp"))
    assert sentence.startswith("mlp undecided: ROC AUC 0.7")
    assert "trained anew, and how much training noise moves it is not known" in sentence
    noise = next(note for note in notes(found) if note.startswith("Training noise"))
    assert "5 seeds of main (lstm)" in noise
    assert "no repeats (mlp, cnn)" in noise


def test_a_linear_model_trained_anew_has_no_noise(project: Project) -> None:
    old, new = (snapshot.read(Revision(name, project.root)) for name in ("main", "retrained"))
    linear = [
        replace(
            facts, families=facts.families | {"mlp": replace(facts.families["mlp"], seeded=False)}
        )
        for facts in (old, new)
    ]
    found = compare(*linear)
    (family,) = (each for each in found.families if each.name == "mlp")
    assert (family.model, family.verdict) == (Model.ANEW, Verdict.BETTER)
    noise = next(note for note in notes(found) if note.startswith("Training noise"))
    assert "none, as no seed moves a linear model (mlp)" in noise


def test_linear_families_are_those_that_no_seed_moves() -> None:
    facts = snapshot.read(Revision("workspace", ROOT))
    linear = {name for name, row in families.table().items() if row.learner == "linear"}
    assert {name for name, family in facts.families.items() if not family.seeded} == linear


def test_params_data_and_sources_that_changed_are_listed(project: Project) -> None:
    found = report(project, "main", "retrained")
    assert [(each.key, each.old, each.new) for each in found.params] == [
        ("train.lstm.epochs", 5, 9)
    ]
    assert [each.key for each in found.data] == ["reviews.clean.dropped.duplicate"]
    assert found.sources == [f"given/{name}" for name in sorted(found.new.families)]


def test_experiments_are_compared_by_their_names(project: Project) -> None:
    found = report(project, "main", "exp-worse")
    assert told(found)[0].startswith("cnn worse: accuracy 0.900 → 0.700, -0.200 [")


def test_predictions_that_are_missing_cannot_be_compared(clone: Project) -> None:
    (told_without_remote,) = told(report(clone, "main", "retrained"))
    assert told_without_remote == (
        "lstm, mlp, cnn, autoencoder, gan cannot be compared: run `git checkout main && dvc"
        " checkout; dvc repro`, as what was predicted of main is in no cache and in no remote"
    )
    clone.dvc("remote", "add", "-q", "--local", "-d", "shared", str(clone.root / "remote"))
    found = report(clone, "main", "retrained")
    assert {family.verdict for family in found.families} == {Verdict.NOT_COMPARED}
    assert told(found) == [
        "lstm, mlp, cnn, autoencoder, gan cannot be compared: run `dvc fetch --all-branches "
        "data/predictions/lstm/test.parquet data/predictions/mlp/test.parquet "
        "data/predictions/cnn/test.parquet data/predictions/autoencoder/test.parquet "
        "data/scores/gan/test.parquet`, as what was predicted of main is in no cache and in no "
        "remote"
    ]


def test_families_of_one_revision_alone_are_not_compared(clone: Project) -> None:
    table = yaml.safe_load((clone.root / "families.yaml").read_text())
    table["families"]["new"] = table["families"].pop("mlp")
    clone.write("families.yaml", yaml.safe_dump(table))
    found = {each.name: each for each in report(clone, "main", "workspace").families}
    assert found["new"].reason == "it is in workspace alone"
    assert found["mlp"].reason == "it is in main alone"
    assert "mlp cannot be compared: it is in main alone" in told(report(clone, "main", "workspace"))


def test_params_that_were_changed_and_not_run_are_told(clone: Project) -> None:
    clone.params({name: {"epochs": 7} for name in ("lstm", "mlp", "cnn", "autoencoder", "gan")})
    for base in ("main", "workspace"):
        found = notes(report(clone, base, "workspace"))
        assert sum("params.yaml was changed after lstm, mlp" in note for note in found) == 1


def test_a_revision_before_families_yaml_is_read_by_its_leaderboard(clone: Project) -> None:
    (clone.root / "families.yaml").unlink()
    clone.write("metrics/leaderboard.json", json.dumps({"lstm": {}, "cnn": {}}))
    facts = snapshot.read(Revision("main", clone.root))
    assert [(each.name, each.task) for each in facts.families.values()][:2] == [
        ("lstm", "binary"),
        ("mlp", "binary"),
    ]
    clone.write("dvc.yaml", "stages: {}")
    facts = snapshot.read(Revision("workspace", clone.root))
    assert {name: family.task for name, family in facts.families.items()} == {
        "lstm": "binary",
        "cnn": "multiclass",
    }


@pytest.mark.parametrize("content", ["[]", '"text"', '{"lstm": 3}', '{"lstm": {"metrics": []}}'])
def test_noise_of_any_other_form_is_no_noise(clone: Project, content: str) -> None:
    clone.write("metrics/noise.json", content)
    facts = snapshot.read(Revision("workspace", clone.root))
    assert all(not family.noise for family in facts.families.values())


def test_params_that_hold_themselves_are_told(clone: Project) -> None:
    clone.write("params.yaml", "a: &a {b: *a}\n")
    with pytest.raises(InputError, match=r"nested more than 50 deep: 'a\.b\.b"):
        snapshot.read(Revision("workspace", clone.root))


@pytest.mark.parametrize("value", [10**400, float("nan"), float("inf"), True, "1", None])
def test_what_is_no_finite_number_is_none(value: object) -> None:
    assert snapshot.number(value) is None and snapshot.number(10**300) == 10**300


@pytest.mark.parametrize("kind", [str, Decimal, lambda value: [value]])
def test_predictions_that_are_no_numbers_concern_their_family_alone(
    project: Project, tmp_path: Path, kind: Callable[[float], Any]
) -> None:
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.root, copy.root)
    table = reviews(1.0)
    damaged = table.assign(probability=[kind(value) for value in table["probability"].tolist()])
    copy.write("data/predictions/lstm/test.parquet", parquet(damaged))
    copy.dvc("commit", "-q", "-f", "train@lstm")
    found = {each.name: each for each in report(copy, "main", "workspace").families}
    assert found.pop("lstm").reason.endswith("of workspace: expected finite numbers")
    assert {each.verdict for each in found.values()} == {Verdict.UNCHANGED}


def test_rows_and_drops_are_counted_by_split_and_reason(project: Project) -> None:
    data = snapshot.read(Revision("main", project.root)).data["reviews"]
    assert data.rows == {"train": 2000, "valid": 200, "test": 400}
    assert data.dropped == {"duplicate": 3}


def test_keys_that_are_new_other_or_gone_are_changes() -> None:
    found = changes({"gone": 1, "kept": 2, "other": 3}, {"other": 4, "new": 0, "kept": 2})
    assert found == [Changed("other", 3, 4), Changed("new", None, 0), Changed("gone", 1, None)]


def test_params_of_another_form_are_other_params() -> None:
    locked = {
        "stages": {
            "filter": {"params": {"params.yaml": {"filter.gan": {"below": {}}}}},
            "train": {"params": {"params.yaml": {"train.lstm": {"length": {"percentile": 95}}}}},
            "gone": {"params": {"params.yaml": {"train.mlp.epochs": 3}}},
        }
    }
    values = {"filter": {"gan": {"below": {}}}, "train": {"lstm": {"length": {"percentile": 95}}}}
    assert not_run(locked, values) == ["gone"]
    values = {"filter": {"gan": {"below": {"a": 1}}}, "train": {"lstm": {"length": 50}, "mlp": {}}}
    assert not_run(locked, values) == ["filter", "train", "gone"]
    values = {"filter": {"gan": {"below": {}, "new": 1}}, "train": {"lstm": {"length": 50}}}
    assert not_run(locked, values) == ["filter", "train", "gone"]


@pytest.mark.parametrize(
    ("changes", "own"),
    [({}, True), ({"digest": "another"}, None), ({"values": [0.8, 0.81]}, False)],
)
def test_repeats_hold_for_a_revision_with_their_params_and_are_its_own_if_it_is_one_of_them(
    clone: Project, changes: dict[str, Any], own: bool | None
) -> None:
    revision = Revision("workspace", clone.root)
    reported = revision.json("metrics/lstm/test.json")["roc_auc"]
    given = {"digest": digest(revision.locked, "lstm"), "values": [0.8, reported]} | changes
    metrics = {"roc_auc": {"mean": 0.8, "std": 0.01, "values": given.pop("values")}}
    entry = {"repeats": 2, "metrics": metrics, **given}
    clone.write("metrics/noise.json", json.dumps({"lstm": entry, "mlp": entry | {"repeats": 1}}))
    found = snapshot.read(revision).families
    noise = found["lstm"].noise.get("roc_auc")
    assert (noise and noise.own) == own
    assert not found["mlp"].noise


@pytest.mark.parametrize("changed", [True, False])
def test_results_of_what_was_made_anew_since_are_not_compared(
    clone: Project, changed: bool
) -> None:
    """Nor called unchanged, where they are those of before."""
    locked = yaml.safe_load((clone.root / "dvc.lock").read_text())
    entry = locked["stages"]["train@lstm"]
    maker = {"cmd": "make", "outs": [entry["deps"][0] | {"md5": "0" * 32}]}
    if changed:
        entry["outs"][0]["md5"] = "1" * 32
        metrics = {"roc_auc": 0.1, "balanced_accuracy": 0.1}
        clone.write("metrics/lstm/test.json", json.dumps(metrics))
    clone.write(
        "dvc.lock", yaml.safe_dump({**locked, "stages": {"make": maker, **locked["stages"]}})
    )
    assert snapshot.read(Revision("workspace", clone.root)).families["lstm"].stale
    sentence = next(text for text in told(report(clone, "main", "workspace")) if "lstm" in text)
    assert sentence.endswith(
        "in workspace were made of has been made anew since: run `dvc repro` there"
    )


def test_files_of_another_state_than_dvc_lock_are_not_compared(project: Project) -> None:
    """As after `git switch` without `dvc checkout`: what was predicted is still that of main."""
    project.git("checkout", "-q", "retrained")
    try:
        (sentence,) = told(report(project, "main", "workspace"))
    finally:
        project.git("checkout", "-q", "main")
    assert sentence.startswith("lstm, mlp, cnn, autoencoder, gan cannot be compared: run `dvc chec")
    assert sentence.endswith("as what was predicted of workspace is another than its dvc.lock says")


def test_a_family_that_is_gone_has_not_to_be_run(clone: Project) -> None:
    locked = yaml.safe_load((clone.root / "dvc.lock").read_text())
    gone = {"cmd": "train", "params": {"params.yaml": {"train.gone": {"epochs": 3}}}}
    clone.write(
        "dvc.lock", yaml.safe_dump(locked | {"stages": locked["stages"] | {"a@gone": gone}})
    )
    assert snapshot.read(Revision("workspace", clone.root)).not_run == []


def test_other_samples_with_the_same_counts_are_other_data(clone: Project) -> None:
    locked = yaml.safe_load((clone.root / "dvc.lock").read_text())
    out = {"path": "data/digits", "md5": "0" * 32}
    for content in ("1" * 32, "2" * 32):
        locked["stages"]["fetch"] = {"cmd": "fetch", "outs": [out | {"md5": content}]}
        clone.write("dvc.lock", yaml.safe_dump(locked))
        clone.write("metrics/digits/fetch.json", json.dumps({"train": 9}))
        clone.git("add", "dvc.lock", "metrics")
        clone.git("commit", "-qm", content)
    (changed,) = report(clone, "HEAD~1", "HEAD").data
    assert changed.key == "digits.content" and changed.old != changed.new


def test_champions_that_were_chosen_among_other_results_are_told(clone: Project) -> None:
    locked = yaml.safe_load((clone.root / "dvc.lock").read_text())
    entry = locked["stages"]["train@lstm"]["outs"][0]
    for deps, expected in (
        ([entry], "Champions unchanged: lstm (binary reviews)."),
        ([entry | {"md5": "0" * 32}], "workspace: champions were chosen before, among other res"),
    ):
        locked["stages"]["champion"] = {"cmd": "champion", "deps": deps}
        clone.write("dvc.lock", yaml.safe_dump(locked))
        assert notes(report(clone, "main", "workspace"))[0].startswith(expected)
