"""families.yaml: every family has what the stages ask of it."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from epochwise import families
from epochwise.core import params
from epochwise.core.cli import InputError
from tests.configuration import ROOT

TABLE = families.table()


def test_the_textbook_has_ten_networks_beside_baseline_and_scratch() -> None:
    networks = {name for name, row in TABLE.items() if row.learner not in ("linear", "ensemble")}
    assert len(networks - {"scratch"}) == 10


@pytest.mark.parametrize("name", TABLE)
def test_every_family_has_the_contract(name: str) -> None:
    family = families.load(name)
    assert issubclass(family.schema, params.Section)
    learner = families.load_learner(family.row.learner)
    assert callable(learner.train) and callable(learner.score)
    asked = {
        "linear": {"fit", "probabilities"},
        "text": {"build"},
        "ensemble": {"fit", "out_of_fold", "probabilities"},
        "classifier": {"phases"},
        "autoencoder": {"build"},
        "gan": {"build"},
    }
    for function in asked[family.row.learner]:
        assert callable(getattr(family.module, function)), function


@pytest.mark.parametrize("name", TABLE)
def test_a_rival_does_the_same_task(name: str) -> None:
    row = TABLE[name]
    assert row.rival is None or TABLE[row.rival].task == row.task


def test_the_code_in_a_row_is_there() -> None:
    for row in TABLE.values():
        for code in (row.reads, row.layers, row.training):
            assert (ROOT / code).exists(), code


def test_networks_start_without_what_keras_can_do_without() -> None:
    code = "import sys; from epochwise import families; families.load('lstm'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert {"keras", "tensorflow"} <= loaded
    assert not {"sklearn", "matplotlib"} & loaded


def test_an_unknown_family_is_told() -> None:
    with pytest.raises(
        InputError,
        match=r"no family 'lstn' \(did you mean 'lstm'\?\): expected one of autoencoder, base",
    ):
        families.row("lstn")


def test_a_module_without_params_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "import_module", ModuleType)
    with pytest.raises(InputError, match=r"families/lstm\.py is no family: it has no Params"):
        families.load("lstm")


def test_a_rival_that_is_no_family_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load((ROOT / "families.yaml").read_text())
    content["families"]["transfer"]["rival"] = "scrach"
    content["multiclass"]["transfer"]["rival"] = "scrach"
    (tmp_path / "families.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the rival of transfer is 'scrach', expected one of base"):
        families.table()


def test_a_slip_in_the_table_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = yaml.safe_load((ROOT / "families.yaml").read_text())
    content["multiclass"]["cnn"]["kept"] = "all.csv"
    (tmp_path / "families.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"families\.yaml: 'multiclass\.cnn\.kept' is 'all\.csv'"):
        families.table()


@pytest.mark.parametrize(
    ("group", "name", "rival"),
    [("reconstruction", "conv_autoencoder", "autoencoder"), ("multiclass", "transfer", "cnn")],
)
def test_a_rival_that_cannot_be_compared_is_told(
    group: str, name: str, rival: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = yaml.safe_load((ROOT / "families.yaml").read_text())
    content[group][name]["rival"] = rival
    (tmp_path / "families.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"the rival of {name} is '{rival}', expected a family"):
        families.table()
