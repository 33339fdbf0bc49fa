"""An epoch table is read as it was written, and what became of it since is told."""

from pathlib import Path

import pytest

from epochwise.core import paths
from epochwise.core.cli import InputError
from epochwise.core.epochs import epoch_table

TABLE = "epoch,train_loss,valid_loss,kept\n0,0.5,0.6,0\n1,,0.7,1\n"


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    paths.metrics("lstm", "epochs.csv").parent.mkdir(parents=True)
    return paths.metrics("lstm", "epochs.csv")


def test_a_table_is_read_with_the_numbers_that_it_lacks(path: Path) -> None:
    path.write_text(TABLE)
    found = epoch_table("lstm")
    assert found[["epoch", "kept"]].to_numpy().tolist() == [[0, 0], [1, 1]]
    assert found["train_loss"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"\(No columns to parse from file\)"),
        ("epoch,kept\n", r"\(there are no rows\)"),
        (f"<<<<<<< HEAD\n{TABLE}=======\n", r"\(column 'epoch' is missing\)"),
        (TABLE.replace(",", ";"), r"\(column 'epoch' is missing\)"),
        (TABLE.replace("kept", "left"), r"\(column 'kept' is missing\)"),
        (TABLE.replace("0.6", "x"), r"'valid_loss' is of the type .*, expected numbers"),
        (TABLE[:-2], r"column 'kept' is of the type double, expected 0 and 1"),
        (TABLE.replace("0.7,1", "0.7,2"), r"column 'kept' has 2, expected 0 and 1"),
        (TABLE.replace("0.7,1", "0.7,0"), r"column 'kept' is 0 in all rows, expected 1 where"),
        (f"{TABLE}1,0.4,0.7,1\n", r"the epochs are \[0, 1, 1\], expected 0, 1, 2 and so on"),
        (f'{TABLE}"', "EOF inside string"),
        ("epoch,kept\n0,1\n1,1,1\n", "Expected 2 fields in line 3, saw 3"),
    ],
)
def test_a_table_of_another_form_is_told(content: str, message: str, path: Path) -> None:
    path.write_text(content)
    with pytest.raises(InputError, match=rf"^metrics/lstm/epochs\.csv is damaged .*{message}") as e:
        epoch_table("lstm")
    assert str(e.value).endswith(": run `dvc repro` to build it")


def test_a_table_in_another_encoding_is_told(path: Path) -> None:
    path.write_bytes(TABLE.encode("utf-16"))
    with pytest.raises(InputError, match=r"epochs\.csv is damaged .*'utf-8' codec can't decode"):
        epoch_table("lstm")
