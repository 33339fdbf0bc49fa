"""The stage reads its params and hands them to the source."""

from pathlib import Path

import pytest
import yaml

from epochwise.core.cli import InputError
from epochwise.core.files import read_json
from epochwise.core.paths import RAW_REVIEWS, dataset_metrics
from stages import fetch
from tests.configuration import ROOT


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_params(rows: object = 1000) -> None:
    table = yaml.safe_load((ROOT / "conf/reviews/table.yaml").read_text())
    content = {"reviews": table, "engine": {"partition_rows": rows}} | {
        "seed": {"data": 1, "training": 1}
    }
    Path("params.yaml").write_text(yaml.safe_dump(content))


def test_a_data_set_is_fetched_by_its_name() -> None:
    write_params()
    Path("reviews.csv").write_text("text,label\ngood,1\nbad,0\n")
    fetch.main("reviews")
    assert RAW_REVIEWS.exists()
    assert read_json(dataset_metrics("reviews", "fetch"))["rows"] == 2


def test_unknown_data_sets_and_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="no data set 'pets': expected one of reviews, digits, ta"):
        fetch.main("pets")
    write_params(rows="many")
    with pytest.raises(InputError, match=r"'engine.partition_rows' is 'many': input should be a"):
        fetch.main("reviews")
