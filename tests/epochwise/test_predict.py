"""Predict: cleaned as the pipeline cleans, and honest about texts with nothing to read."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from epochwise import families, predict
from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import copy_epoch, write_json, write_table
from epochwise.data.review_files.table import read_columns
from epochwise.inputs.reviews.tokens import UNKNOWN
from epochwise.learners import linear
from tests.configuration import ROOT
from tests.epochwise.review_project import enter, make_project

THRESHOLD = 0.4


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose baseline is trained and chosen."""
    folder = tmp_path_factory.mktemp("origin")
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch)
        family = families.load("baseline")
        linear.train(family, family.read_params(), 1)
        copy_epoch(paths.epochs("baseline"), 0, paths.chosen("baseline"))
        chosen = {"epoch": 0, "threshold": THRESHOLD}
        write_json(paths.metrics("baseline", "selection.json"), chosen)
        write_json(paths.CHAMPIONS, {"champions": {"binary_reviews": {"family": "baseline"}}})
    return folder


@pytest.fixture(autouse=True)
def project(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(origin, tmp_path, dirs_exist_ok=True)
    enter(tmp_path, monkeypatch)
    return tmp_path


def test_without_a_name_the_champion_predicts() -> None:
    assert predict.load(None).family.name == "baseline"
    write_json(paths.CHAMPIONS, {"champions": {"binary_reviews": {"family": "bilstm"}}})
    with pytest.raises(InputError, match=r"bilstm/selection\.json not found: run `dvc repro thr"):
        predict.load(None)


def test_a_family_that_is_unknown_or_reads_images_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"no family 'lstn' \(did you mean 'lstm'\?\): expected one of"
    ):
        predict.load("lstn")
    with pytest.raises(InputError, match="'cnn' does not read reviews: expected one of baseline, "):
        predict.load("cnn")


def test_raw_texts_are_cleaned_first() -> None:
    classifier = predict.load("baseline")
    raw, clean = predict.probabilities(classifier, ["<b>GOOD</b> great!!", "good great"])
    assert raw == clean > 0.5
    assert predict.probabilities(classifier, ["awful, stale"])[0] < 0.5


def test_a_text_without_words_gets_no_probability() -> None:
    likely = predict.probabilities(predict.load("baseline"), ["", "good", "<br/> !!"])
    assert np.isnan(likely).tolist() == [True, False, True]
    assert np.isnan(predict.probabilities(predict.load("baseline"), ["..."])).all()


def test_a_table_keeps_its_columns_and_gets_two_more() -> None:
    table = pd.DataFrame({"n": [3, 1, 2], "review": ["good", None, "bad"]})
    found = predict.predict_table(predict.load("baseline"), table, ["good", "", "bad"])
    assert found.columns.tolist() == ["n", "review", "probability", "predicted"]
    assert found["n"].tolist() == [3, 1, 2]
    assert found["predicted"].isna().tolist() == [False, True, False]
    assert (found["predicted"][0], found["predicted"][2]) == (1, 0)
    assert found["probability"].isna().tolist() == [False, True, False]


def test_the_chosen_threshold_decides() -> None:
    table = pd.DataFrame({"text": ["good bad", "w1 w2 w3"]})
    classifier = predict.load("baseline")
    texts = table["text"].tolist()
    likely = predict.probabilities(classifier, texts)
    for threshold in (likely.min(), likely.max()):
        found = predict.predict_table(classifier._replace(threshold=threshold), table, texts)
        assert found["predicted"].tolist() == (likely >= threshold).astype(int).tolist()


def test_one_text_is_one_line() -> None:
    classifier = predict.load("baseline")
    likely = predict.probabilities(classifier, ["good"])[0]
    assert predict.predict_text(classifier, "good") == f"1 (P(1) = {likely:.4f})"
    with pytest.raises(InputError, match=r"there is nothing to read in '!!'"):
        predict.predict_text(classifier, "!!")


@pytest.mark.parametrize(("above", "expected"), [(0.0, "1 (P(1)"), (1e-3, "0 (P(1)")])
def test_one_text_is_held_against_the_threshold_that_was_chosen(
    above: float, expected: str
) -> None:
    likely = float(predict.probabilities(predict.load("baseline"), ["good"])[0])
    chosen = {"epoch": 0, "threshold": likely + above}
    write_json(paths.metrics("baseline", "selection.json"), chosen)
    assert likely > 0.5
    assert predict.predict_text(predict.load("baseline"), "good").startswith(expected)


@pytest.mark.parametrize("unknown_token", [False, True])
def test_texts_without_a_known_word_are_counted(
    unknown_token: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["good", ".", *([UNKNOWN] if unknown_token else [])]
    write_table(paths.VOCABULARY, pa.table({"word": words}))
    classifier = predict.load("baseline")
    likely = predict.probabilities(classifier, ["good mxyzptlk", "mxyzptlk .", "qwrk!", ""])
    assert np.isnan(likely).tolist() == [False, False, False, True]
    assert capsys.readouterr().err == (
        "2 reviews have no word of the vocabulary: what is predicted for them says little\n"
    )
    predict.probabilities(classifier, ["good"])
    assert capsys.readouterr().err == ""
    of_characters = classifier._replace(
        params=classifier.params.model_copy(update={"unit": "characters"})
    )
    predict.probabilities(of_characters, ["mxyzptlk"])
    assert capsys.readouterr().err == ""
    write_table(paths.VOCABULARY, pa.table({"word": ["."]}))
    predict.probabilities(classifier, ["good ."])
    assert capsys.readouterr().err.startswith("1 review has no word of the vocabulary")


def test_a_file_is_answered_as_csv_and_reviews_without_words_are_counted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "in.csv").write_text('text,n\ngood,1\n"!!",2\n,3\n')
    capsys.readouterr()
    predict.main(input_file=Path("in.csv"))
    out, err = capsys.readouterr()
    found = pd.read_csv(io.StringIO(out))
    assert found["n"].tolist() == [1, 2, 3]
    assert found["probability"].isna().tolist() == [False, True, True]
    assert out.splitlines()[2] == "!!,2,,"
    assert err.splitlines()[-1] == "2 reviews have no words to read and got no prediction"
    predict.main(input_file=Path("in.csv"), output=Path("out.csv"))
    assert capsys.readouterr().out == ""
    assert (project / "out.csv").read_text() == out
    (project / "returns.csv").write_bytes(b'text,n\n"good\rbad",1\n')
    predict.main(input_file=Path("returns.csv"), output=Path("again.csv"))
    assert read_columns(Path("again.csv"), "text")["text"].tolist() == ["good\rbad"]
    with pytest.raises(InputError, match="has a column 'probability', as what is added: rename"):
        predict.main(input_file=Path("again.csv"))
    predict.main(input_file=Path("in.csv"), output=Path("out.parquet"))
    table = pd.read_parquet("out.parquet")
    assert table["n"].tolist() == ["1", "2", "3"] and table["predicted"].isna().sum() == 2


def test_columns_of_parquet_keep_their_types_in_parquet(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int16()),
            "text": pa.array(["good", None, "bad"]).dictionary_encode(),
            "meta": [{"tags": ["x"]}, None, {"tags": []}],
            "id": pa.array([b"\xff", b"a", None], pa.binary()),
            "day": pa.array([0, 1, None], pa.date32()),
            "__index_level_0__": [7, 8, 9],
        }
    )
    pandas = {"index_columns": ["__index_level_0__"], "columns": [], "column_indexes": []}
    write_table(Path("in.parquet"), table.replace_schema_metadata({"pandas": json.dumps(pandas)}))
    predict.main(input_file=Path("in.parquet"), output=Path("out.parquet"))
    found = pq.read_table("out.parquet")
    assert found.schema.names == [*table.schema.names, "probability", "predicted"]
    assert found.select(table.schema.names).replace_schema_metadata().equals(table)
    assert found["predicted"].to_pylist() == [1, None, 0]
    assert (found["probability"].type, found["probability"].null_count) == (pa.float32(), 1)
    predict.main(input_file=Path("in.parquet"), output=Path("out.csv"))
    assert pd.read_csv("out.csv")["id"].tolist()[:2] == ["ff", "a"]


def test_a_table_in_parquet_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table, predict_table = pa.table({"text": ["good", "bad"], "n": [1, 2]}), predict.predict_table
    write_table(Path("in.parquet"), table)

    def after_reading(*given: Any) -> pd.DataFrame:
        Path("in.parquet").unlink()
        return predict_table(*given)

    monkeypatch.setattr(predict, "predict_table", after_reading)
    predict.main(input_file=Path("in.parquet"), output=Path("out.parquet"))
    assert pq.read_table("out.parquet").select(["text", "n"]).to_pylist() == table.to_pylist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "good", "input_file": Path("in.csv")}, "found both a text and --input: give one"),
        ({"text": "good", "output": Path("out.csv")}, "--output is for a table: give one with"),
        ({"input_file": Path("none.csv")}, "there is no file none.csv"),
        ({"input_file": Path()}, r"\. is a folder, expected a file"),
        ({"text": "params.yaml"}, "'params.yaml' is a file: to predict for its reviews give"),
        ({"text": "good", "column": "text"}, "--column is for a table: give one with --input"),
        (
            {"input_file": Path("in.csv"), "output": Path("./in.csv")},
            "which is the table that is read: name another",
        ),
        (
            {"input_file": Path("in.csv"), "output": Path("o.xlsx")},
            r"--output is 'o\.xlsx', expected a name that ends in \.csv or \.parquet",
        ),
        (
            {"input_file": Path("in.csv"), "output": Path("no/o.csv")},
            r"--output is 'no/o\.csv', but there is no folder 'no': make it",
        ),
        ({"text": ""}, "there is nothing to read in ''"),
    ],
)
def test_what_cannot_be_predicted_is_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        predict.main(**arguments)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"threshold": NaN}', '{"threshold": "a"}', '{"threshold": 1.5}']
)
def test_a_damaged_choice_is_told(content: str) -> None:
    paths.metrics("baseline", "selection.json").write_text(content)
    with pytest.raises(InputError, match=r"selection\.json.*: run `dvc repro threshold@base"):
        predict.load("baseline")


@pytest.mark.parametrize("content", ["5", "{}", '{"champions": {"binary_reviews": "lstm"}}'])
def test_damaged_champions_are_told(content: str) -> None:
    paths.CHAMPIONS.write_text(content)
    with pytest.raises(InputError, match=r"champions\.json is damaged .* `dvc repro champion`$"):
        predict.load(None)


def test_a_table_of_no_rows_is_answered_by_one(project: Path) -> None:
    (project / "in.csv").write_text("text,n\n")
    predict.main(input_file=Path("in.csv"), output=Path("out.csv"))
    assert (project / "out.csv").read_text() == "text,n,probability,predicted\n"


def test_the_command_reads_standard_input(project: Path) -> None:
    shutil.copy(ROOT / "families.yaml", project)
    done = subprocess.run(
        [sys.executable, "-m", "epochwise.predict"],
        cwd=project,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        input=b"good \xff great\n",
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    expected = predict.predict_text(predict.load(None), "good great")
    assert done.stdout.decode() == f"{expected}\n"


def test_params_other_than_those_of_the_training_are_told(project: Path) -> None:
    content = params.load()
    read = {"clean": content["clean"], "train.baseline": content["train"]["baseline"]}
    model = [{"path": "data/epochs/baseline", "md5": "a"}]
    stages = {
        "train@baseline": {"params": {"params.yaml": read}, "outs": model},
        "threshold@baseline": {"deps": model},
        "train@lstm": {"params": {"params.yaml": {"train.lstm": {}}}},
    }
    Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    predict.load("baseline")
    content["train"]["baseline"]["ngrams"] = 9
    Path("params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"params.yaml was changed after train@baseline ran: run"):
        predict.load("baseline")


@pytest.mark.parametrize(
    ("made", "refused"),
    [
        ("data/reviews/word2vec", {"lstm", "ensemble"}),
        ("data/epochs/baseline", {"lstm", "ensemble", "baseline"}),
    ],
)
def test_a_family_whose_words_or_members_were_made_anew_is_refused(
    made: str, refused: set[str]
) -> None:
    """As by an experiment on another family: its token ids mean other words now."""
    read = [{"path": made, "md5": "old"}]
    stages = {f"threshold@{name}": {"deps": read} for name in ("lstm", "ensemble", "baseline")}
    for digest in ("old", "new"):
        maker = {"maker": {"outs": [{"path": made, "md5": digest}]}}
        Path("dvc.lock").write_text(yaml.safe_dump({"stages": stages | maker}))
        found = set()
        for name in ("lstm", "ensemble", "baseline"):
            try:
                predict._check_current(name)
            except InputError as error:
                expected = f"what {name} was made of has been made anew since: run `dvc repro thres"
                assert str(error).startswith(expected)
                found.add(name)
        assert found == (refused if digest == "new" else set())
