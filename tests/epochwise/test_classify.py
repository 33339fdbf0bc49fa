"""New images are classified and embedded by the networks that were chosen."""

import shutil
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from epochwise import families
from epochwise.classify import classify
from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.files import write_json
from epochwise.embed import embed
from epochwise.families import cnn
from epochwise.inputs.images import Digits
from epochwise.training import keras_file, runtime
from tests import forked
from tests.configuration import ROOT
from tests.image_data import CLASSES, EACH, make_project, write_digits

NAMES = ["zero", "one", "two"]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a cnn, as select and score leave it."""
    folder = tmp_path_factory.mktemp("origin")
    make_project(folder)
    with chdir(folder):
        write_digits("test")
        runtime.start(seed=0)
        section = families.load("cnn").read_params()
        whole, features = cnn.build(section, CLASSES)  # type: ignore[arg-type]
        keras_file.save(whole, paths.chosen("cnn") / "model.keras")
        keras_file.save(features, paths.chosen("cnn") / "features.keras")
        write_json(paths.scores("cnn") / "classes.json", NAMES)
    return folder


@pytest.fixture
def network(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def test_images_are_classified_by_the_chosen_epoch(network: None) -> None:
    found = classify("cnn", paths.digits("test"))
    assert found.columns.tolist() == ["image", "predicted", "probability"]
    assert found["image"].tolist() == [str(row) for row in range(CLASSES * EACH["test"])]
    whole = keras_file.load(paths.chosen("cnn") / "model.keras")
    probabilities = whole.predict(Digits().read("test").inputs, 256, verbose=0)
    expected = [NAMES[label] for label in probabilities.argmax(axis=1)]
    assert found["predicted"].tolist() == expected
    np.testing.assert_array_equal(found["probability"], probabilities.max(axis=1))


def test_without_a_family_the_champion_on_photographs_classifies(network: None) -> None:
    champions = {"multiclass_digits": {"family": "scratch"}, "multiclass_target": {"family": "cnn"}}
    write_json(paths.CHAMPIONS, {"champions": champions})
    pd.testing.assert_frame_equal(
        classify(None, paths.digits("test")), classify("cnn", paths.digits("test"))
    )


@pytest.mark.parametrize("named", [NAMES[:2], {}, [*NAMES, "three"], [*NAMES[:2], 2]])
def test_classes_of_another_network_are_told(network: None, named: object) -> None:
    write_json(paths.scores("cnn") / "classes.json", named)
    with pytest.raises(InputError, match=r"classes\.json.*: run `dvc repro score@cnn`$"):
        classify("cnn", paths.digits("test"))


def test_classes_of_another_training_are_told(network: None) -> None:
    """Of as many classes: cats and dogs for horses and zebras."""
    model = [{"path": str(paths.chosen("cnn")), "md5": "old"}]
    images = [{"path": "data/digits", "md5": "old"}]
    stages = {"select@cnn": {"outs": model}, "score@cnn": {"deps": model + images}}
    stages["fetch@digits"] = {"outs": [images[0] | {"md5": "new"}]}  # for another family
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    classify("cnn", paths.digits("test"))
    stages["select@cnn"] = {"outs": [model[0] | {"md5": "new"}]}
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    expected = r"classes\.json is of another training: run `dvc repro score@cnn`"
    with pytest.raises(InputError, match=expected):
        classify("cnn", paths.digits("test"))


def test_images_are_embedded_by_the_network_that_the_table_names(network: None) -> None:
    found = embed("cnn", paths.digits("test"))
    features = keras_file.load(paths.chosen("cnn") / f"{families.row('cnn').embeds}.keras")
    expected = features.predict(Digits().read("test").inputs, 256, verbose=0)
    np.testing.assert_array_equal(np.stack(found["code"].to_pandas()), expected)
    assert found.schema.names == ["image", "code"]


def test_a_family_that_cannot_is_told_with_those_that_can(network: None) -> None:
    expected = "no family 'lstm' classifies images: expected one of cnn, scratch, transfer"
    with pytest.raises(InputError, match=expected):
        classify("lstm", paths.digits("test"))
    expected = "no family 'transfer' embeds images: expected one of autoencoder, cnn, conv_auto"
    with pytest.raises(InputError, match=expected):
        embed("transfer", paths.digits("test"))


def test_a_family_without_a_trained_network_is_told_with_what_to_run(network: None) -> None:
    expected = r"models/transfer/model\.keras not found: run `dvc repro score@transfer`"
    with pytest.raises(InputError, match=expected):
        classify("transfer", paths.digits("test"))
    expected = r"models/autoencoder/encoder\.keras not found: run `dvc repro select@autoencoder`"
    with pytest.raises(InputError, match=expected):
        embed("autoencoder", paths.digits("test"))


@pytest.mark.parametrize("command", ["predict --input", "classify", "embed"])
def test_an_output_never_takes_the_place_of_a_folder(command: str, tmp_path: Path) -> None:
    kept = tmp_path / "folder" / "kept.txt"
    kept.parent.mkdir()
    kept.touch()
    arguments = f"epochwise.{command} kept.csv --family cnn --output folder".split()
    done = forked.run(*arguments, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": ""})
    assert done.returncode == 2 and "'folder' is a directory" in done.stderr
    assert kept.exists()
