"""Reviews from every source, as the stage fetches them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.core.paths import RAW_REVIEWS, dataset_metrics
from epochwise.data.review_files import RAW_SCHEMA
from epochwise.data.sources import reviews

METRICS = dataset_metrics("reviews", "fetch")
COLUMNS = {name: name for name in RAW_SCHEMA.names if name != "review_id"}
SNAP = (
    "product/productId: B001\nreview/userId: A1\nreview/profileName: Zo\xeb\nthe second line\n"
    "review/helpfulness: 1/1\nreview/score: 5.0\nreview/time: 1303862400\nreview/summary: \n"
    "review/text: Caf\xe9 is good: <br />really &amp; truly.\x85 So it is\n\n"
    "product/productId: B002\nreview/userId: A2\nreview/profileName: dll pa\n"
    "review/helpfulness: 0/0\nreview/score: 1.0\nreview/time: 1346976000\n"
    "review/summary: Not as Advertised\nreview/text: Jumbo, unsalted\n\n"
)
KAGGLE = (
    "Id,ProductId,UserId,ProfileName,HelpfulnessNumerator,HelpfulnessDenominator,Score,Time,"
    'Summary,Text\n1,B001,A1,"a, ""b""",1,1,5,1303862400,,"Good ""food""<br />\nagain, really"\n'
    "2,B002,A2,c,0,0,1,1346976000,Bad,Poor\n"
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fetch(source: str, path: str, rule: Any = (), **columns: Any) -> list[dict[str, Any]]:
    """The rows of a source; `rule` are keys of reviews beside the columns of a table."""
    block = {"source": source, "path": path, "columns": None, **dict(rule)}
    if source == "table":
        block["columns"] = {**COLUMNS, **columns}
    reviews.fetch(params.check(block, reviews.Params, "reviews"), rows=1000)
    return pq.read_table(RAW_REVIEWS).to_pylist()


def refuse(message: str, source: str, path: str, rule: Any = (), **columns: Any) -> None:
    with pytest.raises(InputError, match=message):
        fetch(source, path, rule, **columns)
    assert not RAW_REVIEWS.exists() and not METRICS.exists()


@pytest.mark.parametrize("compressed", [False, True])
def test_finefoods_in_snap_s_form(compressed: bool) -> None:
    content = SNAP.encode("latin-1")
    Path("foods.txt").write_bytes(gzip.compress(content) if compressed else content)
    first, second = fetch("finefoods", "foods.txt")
    assert first == {
        "review_id": 0,
        "text": "Café is good: <br />really &amp; truly.\x85 So it is",
        "rating": 5.0,
        "label": 1,
        "product_id": "B001",
        "user_id": "A1",
        "time": 1303862400,
        "domain": None,
        "split": None,
    }
    assert (second["review_id"], second["text"], second["rating"]) == (1, "Jumbo, unsalted", 1.0)
    metrics = json.loads(METRICS.read_text())
    assert (metrics["rows"], metrics["rating_1"], metrics["rating_5"]) == (2, 1, 1)


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_finefoods_in_kaggle_s_form(start: str) -> None:
    Path("Reviews.csv").write_text(start + KAGGLE, encoding="utf-8")
    first, second = fetch("finefoods", "Reviews.csv")
    assert first["text"] == 'Good "food"<br />\nagain, really'
    assert (first["product_id"], first["user_id"], first["time"]) == ("B001", "A1", 1303862400)
    assert (second["review_id"], second["rating"]) == (1, 1.0)


def test_damaged_finefoods_are_refused() -> None:
    content = SNAP.encode("latin-1")
    Path("cut.gz").write_bytes(gzip.compress(content * 5000)[:-40])
    refuse("cut.gz, after line .*: get the file again", "finefoods", "cut.gz")
    Path("score.txt").write_text(SNAP.replace("1.0", "9"), encoding="latin-1")
    refuse(r"begins in line 11 has the score 9, expected 1 to 5", "finefoods", "score.txt")
    Path("text.txt").write_text(SNAP.rpartition("review/text")[0] + "\n", encoding="latin-1")
    refuse(r"begins in line 11 has no 'review/text'", "finefoods", "text.txt")
    Path("other.csv").write_text("a,b\n1,2\n")
    refuse("expected SNAP's 'product/productId:' or the header of Kaggle", "finefoods", "other.csv")


@pytest.mark.parametrize(
    ("name", "separator"),
    [("t.csv", ","), ("t.tsv", "\t"), ("t.csv.gz", ","), ("t.tsv.gz", "\t"), ("t.csv", ";")],
)
def test_tables_of_text(name: str, separator: str) -> None:
    table = pd.DataFrame(
        {
            "comment": ["fine, I say", 'a "b"\nc', ""],
            "label": ["Positive", "neg", "1"],
            "split": ["Training", "TEST", "dev"],
            "time": ["November 14, 2006", "2006-11-15", "?"],
        }
    )
    table.to_csv(name, sep=separator, index=False)
    rows = fetch("table", name, text="comment")
    assert [row["text"] for row in rows] == ["fine, I say", 'a "b"\nc', ""]
    assert [row["label"] for row in rows] == [1, 0, 1]
    assert [row["split"] for row in rows] == ["train", "test", "valid"]
    assert [row["time"] for row in rows] == [1163462400, 1163548800, None]
    assert [row["rating"] for row in rows] == [None] * 3


def test_tables_in_parquet() -> None:
    table = {"text": ["a", "b", None], "stars": [5, 1, None], "user_id": [7, 8, 9]}
    pq.write_table(pa.table(table), "t.parquet")
    rows = fetch("table", "t.parquet", rating="stars")
    assert [(row["text"], row["rating"], row["user_id"]) for row in rows] == [
        ("a", 5.0, "7"),
        ("b", 1.0, "8"),
        (None, None, "9"),
    ]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("text,label\na,1\nb,2\n", {}, r"t.csv, row 2: column 'label' has '2', expected 0 or 1"),
        ("text,rating\na,5\nb,0\n", {}, r"row 2: column 'rating' has '0', expected a rating from"),
        ("text,rating\na,5\nb,bad\n", {}, r"row 2: column 'rating' has 'bad', expected a number"),
        ("text,label,split\na,1,x\nb,0,x\n", {}, r"row 1: column 'split' has 'x', expected train"),
        ("text,label\na,1\nb,1\n", {}, r"found 0 negative and 2 positive of 2 reviews, expected"),
        ("text,label\na,1\nb,0\n", {"text": "txt"}, r"no column 'txt' \(did you mean 'text'\?\)"),
        ("text,label\na,1\nb,0\n", {"rating": "stars"}, r"no column 'stars', found: text, label"),
        ("text,other\na,1\nb,0\n", {}, r"neither ratings nor labels, found: text, other"),
        ("text,label\na,1\nb\n", {}, r"t.csv, row 2: expected 2 columns, got 1"),
        ("", {}, r"t.csv is empty"),
        ("text,label\n", {}, r"t.csv has no rows"),
    ],
)
def test_bad_tables_are_refused(content: str, columns: dict[str, str], message: str) -> None:
    Path("t.csv").write_text(content)
    refuse(message, "table", "t.csv", **columns)


def test_what_is_not_utf8_is_refused_by_row() -> None:
    Path("t.csv").write_bytes("text,label\ngood,1\ncaf\xe9,0\n".encode("latin-1"))
    refuse(r"t.csv, row 2: column 'text' has b'\\xe9', expected UTF-8", "table", "t.csv")


def test_files_that_are_not_what_their_names_say_are_refused() -> None:
    refuse("reviews.path is 'none.csv': there is no such file", "table", "none.csv")
    Path("t.parquet").write_text("text,label\n")
    refuse("t.parquet cannot be read as Parquet", "table", "t.parquet")
    whole = gzip.compress(("text,label\n" + "good,1\nbad,0\n" * 2000).encode())
    Path("t.csv.gz").write_bytes(whole[: len(whole) // 2])
    refuse("t.csv.gz", "table", "t.csv.gz")


@pytest.mark.parametrize("content", ["text,label\na,1\nb,0\n", '{"text": "a"}', ""])
def test_a_table_without_its_source_is_told(content: str) -> None:
    Path("mine.csv").write_text(content)
    message = "reviews.path is 'mine.csv', expected a pin .*: for a table .* set reviews=table"
    refuse(message, "snippets", "mine.csv")


def test_scales_and_columns_are_for_tables_alone() -> None:
    with pytest.raises(InputError, match="columns is for source: table alone"):
        fetch("snippets", "x", {"columns": COLUMNS})
    with pytest.raises(InputError, match="scale, negative_up_to and positive_from are for source"):
        fetch("finefoods", "x", {"scale": [1, 10]})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"scale": [5, 1]}, "the scale goes from 5 to 1: expected lowest, highest"),
        ({"scale": [1]}, r"'reviews.scale' is \[1\]: list should have at least 2 items"),
        ({"scale": [1, float("nan")]}, "finite"),
        ({"positive_from": 6}, "negative up to 2 and positive from 6 do not follow one another"),
        ({"negative_up_to": 4, "positive_from": 4}, "negative up to 4 and positive from 4 do not"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(rule: dict[str, Any], message: str) -> None:
    refuse(message, "table", "t.csv", rule)


def write_ratings(*ratings: Any, **columns: list[Any]) -> None:
    texts = [f"review {number}" for number in range(len(ratings))]
    pd.DataFrame({"text": texts, "rating": ratings, **columns}).to_csv("t.csv", index=False)


@pytest.mark.parametrize(
    ("rule", "labels"),
    [
        ({"scale": [1, 10]}, [0, 0, None, None, None, 1, 1]),
        ({"scale": None}, [0, 0, None, None, None, 1, 1]),
        ({"scale": [1, 10], "negative_up_to": 4, "positive_from": 7}, [0, 0, 0, None, 1, 1, 1]),
        ({"scale": [0, 10], "negative_up_to": 1.5}, [0, None, None, None, None, 1, 1]),
    ],
)
def test_ratings_from_1_to_10_become_labels(rule: dict[str, Any], labels: list[Any]) -> None:
    write_ratings(1, 3, 4, 5.5, 7, 8, 10)
    rows = fetch("table", "t.csv", rule)
    assert [row["label"] for row in rows] == labels
    assert [row["rating"] for row in rows] == [1, 3, 4, 5.5, 7, 8, 10]
    metrics = json.loads(METRICS.read_text())
    assert (metrics["label_0"], metrics["label_1"]) == (labels.count(0), labels.count(1))
    assert metrics["rating_10"] == 1


def test_stars_are_labels_as_ever() -> None:
    write_ratings(1, 2, 2.5, 3, 3.5, 4, 5, None)
    rows = fetch("table", "t.csv")
    assert [row["label"] for row in rows] == [0, 0, None, None, None, 1, 1, None]


def test_labels_win_over_ratings_and_ratings_fill_in() -> None:
    write_ratings(5, 1, 5, 1, 3, label=["0", "1", "", "", ""])
    rows = fetch("table", "t.csv")
    assert [row["label"] for row in rows] == [0, 1, 1, 0, None]


def test_ratings_that_labels_make_superfluous_stop_nothing() -> None:
    write_ratings(10, "n/a", 7, "inf", label=[1, 0, 1, 0])
    rows = fetch("table", "t.csv")
    assert [row["label"] for row in rows] == [1, 0, 1, 0]
    assert [row["rating"] for row in rows] == [10, None, 7, None]


@pytest.mark.parametrize("order", [1, -1])
def test_no_rating_decides_on_a_scale_that_others_leave(order: int) -> None:
    write_ratings(*[10, 1, 5][::order], label=["1", "0", ""][::order])
    row = {1: "row 1", -1: "row 3"}[order]
    message = rf"{row}: column 'rating' has '10', expected a rating from 1 to 5 \(row"
    refuse(message, "table", "t.csv")
    rows = fetch("table", "t.csv", {"scale": [1, 10]})
    assert [row["label"] for row in rows][::order] == [1, 0, None]


def test_a_rating_out_of_scale_says_what_to_do() -> None:
    write_ratings(1, 5, 10)
    refuse(
        r"row 3: column 'rating' has '10', expected a rating from 1 to 5: give the lowest and the"
        r" highest rating as -S reviews.scale=\[LOWEST,HIGHEST\] \(null: as found in the data\), or"
        " -S reviews.columns.rating=null",
        "table",
        "t.csv",
    )


def test_a_scale_is_found_in_the_data_where_there_is_one() -> None:
    write_ratings(7, 7, 7)
    refuse(
        "every rating is 7: give the lowest .* -S reviews.scale=", "table", "t.csv", {"scale": None}
    )
    rule = {"scale": None, "negative_up_to": 4, "positive_from": 7}
    write_ratings(5, 9, "bad")
    refuse("negative up to 4 and positive from 7 do not follow", "table", "t.csv", rule)
    write_ratings(3, 9, "bad")
    refuse(
        "row 3: column 'rating' has 'bad', expected a number from 3 to 9", "table", "t.csv", rule
    )
    write_ratings(7, 7, "bad", label=[0, 1, 1])
    assert [row["label"] for row in fetch("table", "t.csv", {"scale": None})] == [0, 1, 1]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
@pytest.mark.parametrize("labels", [None, ["", "", ""], ["", "0", ""]])
def test_it_is_told_where_labels_begin_unless_the_data_have_labels(
    name: str, labels: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ratings(1, 5, 9, **({"label": labels} if labels else {}))
    table = pd.read_csv("t.csv", dtype={"label": str})
    table.to_json("t.jsonl", orient="records", lines=True)
    table.to_parquet("t.parquet")
    fetch("table", name, {"scale": None})
    told = "fetch: ratings go from 1 to 9: up to 3 is negative, from 7 on positive\n"
    assert (told in capsys.readouterr().out) == (not labels or "0" not in labels)


@pytest.mark.parametrize("missing", ["", "NA", "NaN", "None", "null", "n/a", "-"])
def test_a_missing_rating_says_neither(missing: str) -> None:
    write_ratings(1, 5, missing)
    assert [row["label"] for row in fetch("table", "t.csv")] == [0, 1, None]


def test_a_fine_scale_is_not_counted_rating_by_rating() -> None:
    write_ratings(*range(101))
    fetch("table", "t.csv", {"scale": [0, 100]})
    metrics = json.loads(METRICS.read_text())
    assert (metrics["rows"], metrics["label_0"], metrics["label_1"]) == (101, 26, 26)
    assert not any(name.startswith("rating") for name in metrics)


def test_no_ratings_where_their_column_is_switched_off() -> None:
    write_ratings(10, 10, label=[0, 1])
    assert [row["rating"] for row in fetch("table", "t.csv", rating=None)] == [None, None]
