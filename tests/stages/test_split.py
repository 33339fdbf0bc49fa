"""Split keeps equal texts together, and the shares of each class."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core import params, paths
from epochwise.core.cli import InputError
from epochwise.core.files import read_json
from stages import split as stage
from stages.clean import SCHEMA
from stages.split import Split, assign, check_splits

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 30), st.integers(0, 4) | st.none()),
    min_size=1,
    max_size=80,
)
SHARES = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4))


def split(valid: float = 0.1, test: float = 0.2, by: Any = "random") -> Split:
    return Split(by=by, valid=valid, test=test)


def facts(rows: list[tuple[int, Any, Any]], **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["label", "same_text", "product_id"])
    return table.assign(**({"time": np.nan, "split": None} | columns))


@given(ROWS, SHARES, st.integers(0, 9))
def test_no_text_stands_in_two_splits(rows: Any, shares: tuple[float, float], seed: int) -> None:
    table = facts(rows)
    names = assign(table, split(*shares), seed)
    assert (pd.Series(names).groupby(table["same_text"]).nunique() == 1).all()
    assert (names == assign(table, split(*shares), seed)).all()


@given(st.lists(st.integers(0, 1), min_size=20, max_size=200), SHARES, st.integers(0, 9))
def test_shares_hold_within_a_row_a_class(labels: Any, shares: Any, seed: int) -> None:
    table = facts([(label, number, None) for number, label in enumerate(labels)])
    names = assign(table, split(*shares), seed)
    for label in (0, 1):
        of_class = table["label"].to_numpy() == label
        for name, share in zip(("valid", "test"), shares, strict=True):
            found = np.count_nonzero(names[of_class] == name)
            assert abs(found - share * of_class.sum()) <= 1


@given(ROWS, SHARES, st.integers(0, 9))
def test_by_product_no_product_stands_in_two(rows: Any, shares: Any, seed: int) -> None:
    table = facts(rows)
    if table["product_id"].isna().all():
        with pytest.raises(InputError, match=r"the source has no product_id"):
            assign(table, split(shares[0], shares[1], by="product"), seed)
        return
    names = pd.Series(assign(table, split(shares[0], shares[1], by="product"), seed))
    assert (names.groupby(table["same_text"]).nunique() == 1).all()
    assert (names.groupby(table["product_id"]).nunique() == 1).all()


def test_by_product_rows_of_no_product_do_not_stay_together() -> None:
    table = facts([(n % 2, n, 1 if n < 2 else None) for n in range(100)])
    names = assign(table, split(by="product"), seed=1)
    assert [np.count_nonzero(names == name) for name in ("valid", "test")] == [10, 20]


def test_shares_hold_within_half_a_group() -> None:
    table = facts([(1, n // 10, None) for n in range(100)])
    assert np.count_nonzero(assign(table, split(test=0.24), seed=1) == "test") == 20
    assert np.count_nonzero(assign(table, split(test=0.26), seed=1) == "test") == 30


def test_by_time_the_newest_are_for_test() -> None:
    times = np.random.default_rng(0).permutation(100)
    table = facts([(n % 2, n, None) for n in range(100)], time=times.astype(float))
    names = assign(table, split(by="time"), seed=1)
    assert set(names[times >= 80]) == {"test"}
    assert set(names[(times >= 70) & (times < 80)]) == {"valid"}
    assert set(names[times < 70]) == {"train"}


def test_by_time_no_row_of_train_is_newer_than_one_of_valid() -> None:
    """Texts that are there twice, and shares that end in the middle of a pair."""
    table = facts([(n % 2, n // 2, None) for n in range(20)], time=np.arange(20) // 2 * 1.0)
    names = assign(table, split(valid=0.15, test=0.15, by="time"), seed=1)
    ranks = [("train", "valid", "test").index(name) for name in names]
    assert ranks == sorted(ranks) and set(ranks) == {0, 1, 2}


def test_by_time_the_newest_of_equal_texts_counts() -> None:
    times = np.array([0.0, *range(1, 99), 99.0])
    texts = [0, *range(1, 99), 0]
    names = assign(
        facts([(n % 2, text, None) for n, text in enumerate(texts)], time=times),
        split(by="time"),
        seed=1,
    )
    assert names[0] == names[-1] == "test"


@pytest.mark.parametrize("by", ["time", "product"])
def test_where_the_source_leaves_nothing_to_divide_its_own_splits_stay(by: str) -> None:
    table = facts([(0, 1, None), (1, 2, None)], time=[1.0, 2.0]).assign(split=["valid", "test"])
    assert assign(table, split(by=by), seed=1).tolist() == ["valid", "test"]


def test_by_time_without_times_is_refused() -> None:
    with pytest.raises(InputError, match=r"the source has no time: name its column in reviews"):
        assign(facts([(0, 1, None), (1, 2, None)]), split(by="time"), seed=1)


def test_the_source_s_own_test_split_is_kept() -> None:
    own = ["test" if n >= 80 else "train" for n in range(160)]
    names = assign(facts([(n % 2, n, None) for n in range(160)], split=own), split(), seed=1)
    assert [name == "test" for name in names] == [name == "test" for name in own]
    assert np.count_nonzero(names == "valid") == round(80 * 0.1 / 0.8)


def test_the_source_s_own_valid_split_is_kept() -> None:
    own = ["valid"] * 20 + ["train"] * 180
    names = assign(facts([(n % 2, n, None) for n in range(200)], split=own), split(), seed=1)
    assert [name == "valid" for name in names] == [name == "valid" for name in own]
    assert np.count_nonzero(names == "test") == round(180 * 0.2 / 0.9)


def test_another_seed_draws_others() -> None:
    table = facts([(n % 2, n, None) for n in range(100)])
    assert (assign(table, split(), 1) != assign(table, split(), 2)).any()


def test_a_split_without_both_classes_is_refused() -> None:
    labels, names = np.array([0, 1, 1, 0, 1]), np.array(["train", "train", "valid", "test", "test"])
    with pytest.raises(InputError, match=r"valid would get 0 negative and 1 positive of 5 reviews"):
        check_splits(labels, names, [])
    with pytest.raises(
        InputError, match="the source's own splits are test and valid, which -S rev"
    ):
        check_splits(labels, names, ["test", "valid"])
    with pytest.raises(InputError, match=r"split\.by \(product, which keeps all reviews"):
        check_splits(labels, names, [], by="product")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": "chance"}, "'split.by' is 'chance'"),
        ({"test": 0.95}, "valid and test leave nothing for train"),
        ({"valid": 0}, "'split.valid' is 0"),
        ({"tset": 0.1}, r"unknown key 'split.tset' \(did you mean 'test'\?\)"),
    ],
)
def test_wrong_params_are_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    section = {"by": "random", "valid": 0.1, "test": 0.2} | changes
    path.write_text(yaml.safe_dump({"split": section}))
    with pytest.raises(InputError, match=message):
        params.read("split", Split, path)


def test_stage_divides_all_rows_in_order_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths.CLEAN_REVIEWS.parent.mkdir(parents=True)
    rows = [{"review_id": n, "text": f"word{n}", "label": n % 2} for n in range(60)]
    filled = [{name: None for name in SCHEMA.names} | row for row in rows]
    pq.write_table(pa.Table.from_pylist(filled, schema=SCHEMA), paths.CLEAN_REVIEWS)
    metrics_file = paths.dataset_metrics("reviews", "split")
    written = set()
    for size in (7, 1000):
        content = {
            "seed": {"data": 3, "training": 1},
            "split": dict(split()),
            "engine": {"partition_rows": size},
        }
        Path("params.yaml").write_text(yaml.safe_dump(content))
        stage.main()
        splits = [paths.review_split("split", name) for name in paths.SPLITS]
        written.add(tuple(path.read_bytes() for path in (*splits, metrics_file)))
    assert len(written) == 1
    ids = [pq.read_table(path)["review_id"].to_pylist() for path in splits]
    assert all(part == sorted(part) for part in ids)
    assert sorted(number for part in ids for number in part) == list(range(60))
    metrics = read_json(metrics_file)
    assert {name: metrics[name]["n"] for name in paths.SPLITS} == {
        "train": 42,
        "valid": 6,
        "test": 12,
    }


def test_what_by_time_cannot_divide_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    paths.CLEAN_REVIEWS.parent.mkdir(parents=True)
    filled = [
        {name: None for name in SCHEMA.names}
        | {"review_id": n, "text": f"word{n}", "label": n % 2, "time": n if n > 5 else None}
        | {"split": "test" if n > 80 else None}
        for n in range(100)
    ]
    pq.write_table(pa.Table.from_pylist(filled, schema=SCHEMA), paths.CLEAN_REVIEWS)
    content = {"seed": {"data": 3, "training": 1}, "split": dict(split(by="time", valid=0.2))}
    Path("params.yaml").write_text(yaml.safe_dump(content | {"engine": {"partition_rows": 9}}))
    stage.main()
    assert capsys.readouterr().out.splitlines() == [
        "split: test are the source's own; split.by divides what it has not divided",
        "split: 6 of 100 reviews have no time and count as the oldest",
    ]
    metrics = read_json(paths.dataset_metrics("reviews", "split"))
    assert (metrics["test"]["n"], metrics["without_time"]) == (19, 6)


def test_texts_that_differ_in_marks_alone_stand_in_one_split() -> None:
    texts = [f"word{number}{mark}" for number in range(50) for mark in ("", " !", " . .")]
    table = pa.table({"text": texts, "label": [1] * 150, "split": pa.nulls(150, pa.string())})
    rows = stage._facts(table, "random")
    names = assign(rows, split(valid=0.2), seed=1)
    assert len(set(names)) == 3
    assert all(len(set(names[start : start + 3])) == 1 for start in range(0, 150, 3))
