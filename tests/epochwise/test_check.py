"""params.yaml is composed from conf/, checked whole, and agrees with families.yaml."""

import copy
import functools
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import compose_and_dump

from epochwise import check, families
from epochwise.check import check_all, check_families
from epochwise.core.cli import InputError
from tests.configuration import ROOT


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(check.compose(ROOT / "conf", ()))
    return content


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with conf/ and families.yaml alone."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copy(ROOT / "families.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_at(content: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of `content` with other values at dotted keys."""
    changed = copy.deepcopy(content)
    for key, value in changes.items():
        *path, last = key.split(".")
        functools.reduce(dict.__getitem__, path, changed)[last] = value
    return changed


@pytest.mark.parametrize("column", ["\u00e9tiquette", "Rating (1-5)"])
def test_a_value_that_needs_quotes_is_told_with_them(column: str) -> None:
    key = "reviews.columns.rating"
    told = f"{key}={column} cannot be read: .* two kinds of quotes, '{key}=\"{column}\"'"
    with pytest.raises(InputError, match=told.replace("(", r"\(").replace(")", r"\)")):
        check.compose(ROOT / "conf", ["reviews=table", f"{key}={column}"])
    composed = check.compose(ROOT / "conf", ["reviews=table", f'{key}="{column}"'])
    assert yaml.safe_load(composed)["reviews"]["columns"]["rating"] == column


def test_the_composition_is_valid(composed: dict[str, Any]) -> None:
    check_all(composed)
    check_all({key: value for key, value in composed.items() if key != "about"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sed": 1}, r"params.yaml: unknown key 'sed' \(did you mean 'seed'\?\)"),
        ({"seed": 1}, "'seed' is 1: input should be a valid dictionary"),
        ({"seed": {"data": -1, "training": 1}}, "'seed.data' is -1: input should be greater than"),
        ({"seed": {"data": 1}}, "key 'seed.training' is missing"),
        ({"engine": {"partition_rows": 0}}, "'engine.partition_rows' is 0"),
        ({"target": None}, "'target' is None"),
        ({"filter": None}, "'filter.mlp' is missing, but families.yaml lists the family 'mlp'"),
        (
            {"transfer.base": "mobilnet"},
            r"'transfer.base' is 'mobilnet': expected digits, vgg16, .* \(did you mean 'mobilenet'",
        ),
        ({"transfer.alpha": 0.5}, "'transfer': alpha is for base: mobilenet, found digits: set it"),
        ({"transfer.preprocessing": "caffe"}, "base: digits has a preprocessing of its own: set"),
        (
            {"filter.mlp.below": {"diff_recal_0": 0.1}},
            r"'filter.mlp' names 'diff_recal_0' \(did you mean 'diff_recall_0'\?\): expected",
        ),
        (
            {"select.gan.lowest": "valid_loss"},
            "'select.gan.lowest' names 'valid_loss': expected one of discriminator_loss, gen",
        ),
        (
            {"select.cnn.lowest": "valid_accuracy"},
            "'select.cnn.lowest' names 'valid_accuracy'.* expected one of train_loss, valid_loss, ",
        ),
        (
            {"champion.metric.binary": "roc"},
            r"'champion.metric.binary' names 'roc' \(did you mean 'roc_auc'\?\)",
        ),
        (
            {"reviews.columns": {}},
            "'reviews.columns.text' is missing",
        ),
        (
            {"reviews.source": "table"},
            "params.yaml: 'reviews': columns is for source: table alone, which needs it$",
        ),
    ],
)
def test_slips_are_told_by_their_key(
    composed: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_all(set_at(composed, changes))


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("lstm", {"units": []}, r"'train\.lstm\.units' is \[\]"),
        (
            "lstm",
            {"class_weight": [1.0, -1.0]},
            r"yaml: 'train\.lstm\.class_weight\.1' is -1\.0: i",
        ),
        (
            "lstm",
            {"length": {"percentile": 101, "at_most": 9}},
            r"lstm\.length\.percentile' is 101:",
        ),
        ("cnn", {"augmentation": {"zoom": 2}}, r"augmentation\.zoom' is 2: input should be less"),
        ("lstm", {"optimizer": {"learning_rate": math.inf}}, r"optimizer\.learning_rate' is inf:"),
        (
            "transfer",
            {"fine_tune": {"layers": 3, "epochs": 0, "learning_rate": 0.1}},
            r"'train\.transfer\.fine_tune': layers is 3 and epochs is 0: set both, or none",
        ),
        ("baseline", {"class_weight": [1.0]}, r"'train\.baseline\.class_weight"),
        ("autoencoder", {"widths": []}, r"'train\.autoencoder\.widths' is \[\]"),
        ("cnn", {"filters": [8] * 5}, r"'train\.cnn\.filters' is \[8, 8, 8, 8, 8\]"),
        ("conv_autoencoder", {"filters": [8] * 3}, r"'train\.conv_autoencoder\.filters'"),
        ("conv_autoencoder", {"kernel_sizes": [3]}, "2 filters and 1 kernel_sizes"),
        ("gan", {"optimizer": {"name": "sgd"}}, "beta_1 is of adam and adamax, but .* is sgd"),
    ],
)
def test_what_no_network_can_be_built_of_is_told(
    composed: dict[str, Any], family: str, changes: dict[str, Any], message: str
) -> None:
    block = dict(composed["train"][family])
    for key, value in changes.items():
        block[key] = block[key] | value if isinstance(value, dict) else value
    with pytest.raises(InputError, match=message):
        check_all(composed | {"train": composed["train"] | {family: block}})


def test_a_missing_block_and_no_blocks_at_all_are_told(composed: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"params.yaml: key 'reviews' is missing"):
        check_all({key: value for key, value in composed.items() if key != "reviews"})
    with pytest.raises(InputError, match=r"params.yaml: expected the keys about, champion"):
        check_all(None)


@pytest.mark.parametrize(
    ("key", "family", "message"),
    [
        (
            "train",
            "lstm",
            "'train.lstm' is missing, but families.yaml lists the family 'lstm'",
        ),
        ("filter", "cnn", "'filter.cnn' is missing, but families.yaml lists the family 'cnn': add"),
        ("select", "gan", r"add the block to conf/config.yaml and run `make params`"),
    ],
)
def test_a_family_without_its_block_is_told(
    composed: dict[str, Any], key: str, family: str, message: str
) -> None:
    content = copy.deepcopy(composed)
    del content[key][family]
    with pytest.raises(InputError, match=message):
        check_families(content, families.table())


@pytest.mark.parametrize(
    ("key", "family", "message"),
    [
        (
            "train",
            "lstn",
            r"does not list the family \(did you mean 'lstm'\?\): add a row there",
        ),
        ("filter", "baseline", "'filter.baseline' is there, but families.yaml has no use for it"),
        ("select", "mlp", "'select.mlp' is there, but families.yaml has no use for it"),
    ],
)
def test_a_block_without_its_family_is_told(
    composed: dict[str, Any], key: str, family: str, message: str
) -> None:
    content = copy.deepcopy(composed)
    content[key][family] = {}
    with pytest.raises(InputError, match=message):
        check_families(content, families.table())


def test_a_family_without_its_module_is_told(composed: dict[str, Any]) -> None:
    table = Path("families.yaml")
    table.write_text(table.read_text().replace("  lstm: &", "  gru: *vectors\n  lstm: &"))
    content = copy.deepcopy(composed)
    content["train"]["gru"] = content["train"]["lstm"]
    content["filter"]["gru"] = content["filter"]["lstm"]
    with pytest.raises(InputError, match=r"there is no epochwise/families/gru\.py: add it, or"):
        check_families(content, families.table())


@pytest.mark.parametrize("choices", [[], ["budget=smoke", "reviews=table", "split.by=group"]])
def test_params_are_composed_as_dvc_composes_them(choices: list[str], project: Path) -> None:
    target = project / "composed.yaml"
    compose_and_dump(target, str(project / "conf"), None, "config", "", choices)
    assert check.compose(Path("conf"), choices) == target.read_text()


def test_params_are_composed_with_choices() -> None:
    check.main(["budget=smoke", "reviews=table", "train.lstm.epochs=3"], composed=True)
    written = yaml.safe_load(Path("params.yaml").read_text())
    assert written["reviews"]["scale"] == [1, 5] and written["train"]["lstm"]["epochs"] == 3
    with pytest.raises(InputError, match=r"'reviews\.path' is 'reviews\.csv': there is no"):
        check.main()


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("reviews=tabel", "Could not find 'reviews/tabel' Available options in 'reviews': finefoo"),
        ("train.lstm.epoch=3", r"conf/ has no key 'train.lstm.epoch' \(did you mean '.*epochs'"),
        (
            "reviews=table reviews.columns.txt=a",
            r"no key 'reviews.columns.txt' \(did you mean 'reviews.columns.text'",
        ),
        (
            "filter.lstm.below={a:b}",
            "conf/ cannot be composed: Could not override 'filter.lstm.bel",
        ),
        ("budgets=smoke", r"conf/ has no key 'budgets' \(did you mean 'budget'\?\)"),
        ("threshold.costs={false_2:1}", r"Could not override 'threshold\.costs'\.$"),
        ("train.lstm.epochs=no", "'train.lstm.epochs' is 'no'"),
        ("=", "conf/ cannot be composed"),
        ("threshold.beta=2 budget=3", "'budget=3': expected one of default, smoke, source$"),
        (
            "reviews=null budget=smoke",
            "composed: 'reviews=null': expected one of finefoods, snippets, table$",
        ),
    ],
)
def test_a_wrong_choice_leaves_params_as_they_were(choice: str, message: str) -> None:
    Path("params.yaml").write_text("as it was")
    with pytest.raises(InputError, match=message):
        check.main(choice.split(), composed=True)
    assert Path("params.yaml").read_text() == "as it was"


@pytest.mark.parametrize(
    ("choice", "changes", "message"),
    [
        ("threshold.rule=yuden", {"threshold.rule": "yuden"}, r"'threshold\.rule' is 'yuden'"),
        ("select.cnn.lowest=kept", {"select.cnn.lowest": "kept"}, "names 'kept'"),
        ("+filter.mlp.below.a=1", {"filter.mlp.below": {"a": 1.0}}, "names 'a'"),
        ("champion=x", {"champion.metric.binary": "epoch"}, "names 'epoch'"),
        ("digits=folder", {"digits.path": "my.yaml"}, r"'digits\.path' is 'my\.yaml'"),
        ("train.nb_linear.ngrams=x", {"train.nb_linear.ngrams": "x"}, "'train.nb_linear.ngrams'"),
    ],
)
def test_what_is_chosen_or_not_as_before_is_checked_alone(
    choice: str, changes: Any, message: str, composed: dict[str, Any]
) -> None:
    changed = set_at(composed, changes)
    others = ["seed.training=3", "train.mlp.epochs=2"]
    check.check_chosen(changed, others, changed)
    with pytest.raises(InputError, match=message):
        check.check_chosen(changed, [*others, choice], changed)
    with pytest.raises(InputError, match=message):
        check.check_chosen(changed, others, composed)


@pytest.mark.parametrize("key", ["train.lstm.epochs", "transfer.alpha", "train.cnn.epochs"])
def test_networks_are_checked_where_they_are_named(key: str, composed: dict[str, Any]) -> None:
    changed = set_at(composed, {key: "no"})
    check.check_chosen(changed, ["threshold.rule=youden", "budget=smoke"], composed)
    with pytest.raises(InputError, match=f"'{key}' is 'no'"):
        check.check_chosen(changed, [f"{key}=no"], changed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"filter": 3}, "'filter.mlp' is missing, but families.yaml"),
        ({"split": 3}, "'split' is 3: input should be a valid dictionary"),
        ({"sed": 1}, "unknown key 'sed'"),
    ],
)
def test_blocks_that_are_none_are_told_of_what_is_chosen(
    changes: Any, message: str, composed: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=message):
        check.check_chosen(set_at(composed, changes), [], composed)


def test_what_is_taken_away_is_told_and_with_nothing_before_all_is_checked(
    composed: dict[str, Any],
) -> None:
    without = {key: block for key, block in composed.items() if key != "seed"}
    with pytest.raises(InputError, match="key 'seed' is missing"):
        check.check_chosen(without, ["~seed"], composed)
    with pytest.raises(InputError, match="'split' is 3"):
        check.check_chosen(composed | {"split": 3}, [], None)


@pytest.mark.parametrize("content", ["a: [", "a:\tb: c", "? [a]\n: b", "a: *b", "a: !x b"])
def test_what_is_no_yaml_in_conf_is_told_by_its_line(content: str, tmp_path: Path) -> None:
    (tmp_path / "own/conf").mkdir(parents=True)
    (tmp_path / "own/conf/config.yaml").write_text(content)
    with pytest.raises(InputError, match=r"^conf/ cannot be read: .* \"conf/config\.yaml\", li"):
        check.compose(tmp_path / "own/conf", [])


CHOICES = [
    f"{key}={path.stem}" for key in check.PATHS for path in sorted((ROOT / "conf" / key).iterdir())
]


@pytest.mark.parametrize("choice", CHOICES)
def test_what_stages_make_is_not_asked_for(choice: str, project: Path) -> None:
    shutil.copytree(ROOT / "sources", project / "sources")
    content = yaml.safe_load(check.compose(Path("conf"), [choice]))
    made = [key for key in check.PATHS if Path(content[key]["path"]).parts[0] == "data"]
    assert made == ["vectorize"] * (choice == "vectorize=word2vec")
    check.check_paths(content, made)


def test_a_file_in_conf_that_is_not_in_utf_8_is_named() -> None:
    path = Path("conf/budget/smoke.yaml")
    path.write_bytes(path.read_bytes() + b"\n# caf\xe9\n")
    line = path.read_bytes().count(b"\n")
    message = f"^conf/budget/smoke.yaml is not in UTF-8, as line {line} shows: save it in that"
    with pytest.raises(InputError, match=message):
        check.compose(Path("conf"), ["budget=smoke"])


def test_choices_need_a_composition() -> None:
    with pytest.raises(InputError, match="reviews=table: choices need --compose"):
        check.main(["reviews=table"])
