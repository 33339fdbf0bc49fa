"""Tables in every format: what is read, and what is refused by name."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from epochwise.core.cli import InputError
from epochwise.data.review_files import RAW_SCHEMA, json_lines, stream
from epochwise.data.review_files.ratings import Rule
from epochwise.data.review_files.table import Columns, read_columns, read_table_file, read_typed

STARS = Rule((1.0, 5.0), None, None)
NAMES = {name: name for name in RAW_SCHEMA.names if name != "review_id"}
AMAZON = [
    {"overall": 5.0, "reviewText": "Café", "helpful": [0, 1], "asin": "B1", "verified": True},
    {"overall": 1, "reviewText": None, "style": {"Color:": "red"}, "unixReviewTime": 1303862400},
    {"overall": "3", "reviewText": "so \ud83d\ude00 so", "unixReviewTime": "1535760000"},
]
AMAZON_COLUMNS = {
    "text": "reviewText",
    "rating": "overall",
    "product_id": "asin",
    "time": "unixReviewTime",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(path: str, rows: int = 1000, **columns: Any) -> list[dict[str, Any]]:
    tables = read_table_file(Path(path), Columns(**NAMES | columns), STARS, rows)
    return pa.concat_tables(tables).to_pylist()


def refuse(message: str, path: str, content: bytes | None = None, **columns: Any) -> None:
    if content is not None:
        Path(path).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read(path, **columns)


def write_lines(path: str, rows: list[Any]) -> None:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    Path(path).write_bytes(gzip.compress(content) if path.endswith(".gz") else content)


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.jsonl.gz", "t.ndjson.gz", "t.json.gz"])
@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_json_lines(name: str, rows: int) -> None:
    write_lines(name, AMAZON)
    first, second, third = read(name, rows, **AMAZON_COLUMNS)
    assert first["text"] == "Café" and first["rating"] == 5.0 and first["label"] == 1
    assert (first["product_id"], first["time"], second["time"]) == ("B1", None, 1303862400)
    assert (second["review_id"], second["text"], second["label"]) == (1, None, 0)
    assert (third["text"], third["label"], third["time"]) == ("so 😀 so", None, 1535760000)


def test_json_lines_may_have_blank_lines_a_mark_and_no_end() -> None:
    Path("t.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a", "label": true}\r\n\n{"label": 0}')
    assert [(row["text"], row["label"]) for row in read("t.jsonl")] == [("a", 1), (None, 0)]


def test_columns_that_only_later_rows_have_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "FIRST", 10)
    write_lines("t.jsonl", [{"text": "a", "label": 1}] * 5 + [{"text": "b", "rating": 1}])
    rows = read("t.jsonl")
    assert [row["label"] for row in rows] == [1, 1, 1, 1, 1, 0]
    refuse("no column 'stars'", "t.jsonl", rating="stars")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            '{"text": ["b"]}',
            r"line 2: column 'text' is nested \(\[\"b\"\]\), expected text or a num",
        ),
        ('{"text": {"a": 1}}', "line 2: column 'text' is nested"),
        ('{"text": "b"', "line 2 is not valid JSON"),
        ("{'text': 'b'}", "line 2 is not valid JSON"),
        ('["b"]', r"line 2: found \[\"b\"\], expected an object in each line"),
        ("[" * 100_000, "line 2 is not valid JSON"),
        ('{"text": "b", "text": "c"}', "line 2: the object has a key twice: keep one"),
        ('{"text": "b", "label": 2}', "row 2: column 'label' has '2', expected 0 or 1"),
        ('{"text": "b", "rating": Infinity}', "row 2: column 'rating' has 'Infinity', expected a"),
        ('{"text": "b", "rating": 1e999}', "row 2: column 'rating' has '1e999', expected a number"),
        ('{"text": "b", "rating": ' + "1" * 5000 + "}", "row 2: column 'rating' has '1111"),
        ('{"text": "b", "text2": "\xe9"}', "line 2: found .*, expected UTF-8"),
    ],
)
def test_bad_json_lines_are_refused(line: str, message: str) -> None:
    refuse(message, "t.jsonl", b'{"text": "a", "label": 1}\n' + line.encode("latin-1"))


def test_what_is_nested_is_refused_only_if_it_is_asked_for() -> None:
    table = {"text": ["a", "b"], "label": [1, 0], "tags": [["x"], None], "user": [{"id": 1}, None]}
    pq.write_table(pa.table(table), "t.parquet")
    assert [row["text"] for row in read("t.parquet")] == ["a", "b"]
    refuse(r"t.parquet: column 'tags' is nested \(list<", "t.parquet", domain="tags")
    refuse(r"column 'user' is nested \(struct<", "t.parquet", user_id="user")
    assert read_columns(Path("t.parquet"), "text")["tags"].tolist()[0] == '["x"]'


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"row_group_size": 2},
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    ],
)
@pytest.mark.parametrize("rows", [5, 0])
def test_a_table_in_parquet_keeps_its_types_beside_its_texts(
    options: dict[str, Any], rows: int
) -> None:
    table = pa.table(
        {
            "text": ["a", None, "c", "", "é"],
            "kind": pa.array(["x", "y", None, "x", "x"]).dictionary_encode(),
            "tags": [["b"], None, [], [None, "b"], ["d"]],
            "maker": [{"name": "m", "year": 1}, None, {"name": None, "year": 2}, None, None],
            "words": pa.array([[("k", "v")], None, [], None, None], pa.map_("string", "string")),
            "id": pa.array([*UUIDS, None, None, None], pa.uuid()),
            "day": pa.array([1, 2, None, 3, 4], pa.date32()),
        }
    ).slice(0, rows)
    pq.write_table(table, "t.parquet", **options)
    found, texts = read_typed(Path("t.parquet"), "text")
    assert pa.Table.from_pandas(found, preserve_index=False).replace_schema_metadata() == table
    assert texts == ["a", "", "c", "", "é"][:rows]
    texts = read_typed(Path("t.parquet"), "tags")[1]
    assert texts == ['["b"]', "", "[]", '[null, "b"]', '["d"]'][:rows]
    assert read_typed(Path("t.parquet"), "kind")[1] == ["x", "y", "", "x", "x"][:rows]


def test_a_column_that_cannot_be_text_is_refused() -> None:
    kind = pa.timestamp("us", "Europe/Nowhere")
    pq.write_table(pa.table({"text": pa.array([1, 2], kind), "label": [1, 0]}), "t.parquet")
    refuse("column 'text' has the type timestamp.*, expected text or numbers", "t.parquet")


def test_a_json_array_says_what_to_do() -> None:
    refuse("holds a JSON array, expected JSON Lines", "t.json", b'[{"text": "a"}]')
    refuse("no column 'text', found: id", "t.jsonl", b'{"id": 1}')


def test_half_of_a_surrogate_pair_becomes_a_question_mark() -> None:
    Path("t.jsonl").write_text('{"text": "\\ud83d!", "label": 1}')
    assert read("t.jsonl")[0]["text"] == "?!"


def test_whole_tables_are_read_as_text() -> None:
    write_lines("t.jsonl", AMAZON)
    table = read_columns(Path("t.jsonl"), "reviewText")
    assert table["reviewText"].tolist()[0] == "Café" and table["overall"].tolist()[1] == "1"
    assert table["helpful"].tolist()[0] == "[0, 1]" and table["verified"].tolist()[0] == "true"
    Path("t.csv").write_text("text,n\na,1\n")
    assert read_columns(Path("t.csv"), "text").to_dict("list") == {"text": ["a"], "n": ["1"]}
    message = r"no column 'txt' \(did you mean 'text'\?\), found: text, n: give --column"
    with pytest.raises(InputError, match=message):
        read_columns(Path("t.csv"), "txt")


NUMBERS = ["2", "1.50", "-0", "1e400", "NaN", "12345678901234567890.10"]
NESTED = st.recursive(
    st.sampled_from(["null", "true", '"a\\u00e9: {\\"}"', '"]"', *NUMBERS]),
    lambda inside: (
        st.lists(inside).map(lambda values: f"[{' , '.join(values)}]")
        | st.lists(inside).map(lambda values: "{" + ",".join(f'"k" :{v}' for v in values) + "}")
    ),
)


@given(st.lists(NESTED.filter(lambda text: text[0] in "[{"), min_size=1, max_size=3))
def test_what_is_nested_stays_as_it_is_written(nested: list[str]) -> None:
    values = ", ".join(f'"n{place}" : {value}' for place, value in enumerate(nested))
    Path("t.jsonl").write_text(f'{{ "text": "a", {values} ,"n": 1.50, "x": 2 }}\n')
    found = read_columns(Path("t.jsonl"), "text").iloc[0].to_dict()
    expected = {f"n{place}": value for place, value in enumerate(nested)}
    assert found == {"text": "a", **expected, "n": "1.50", "x": "2"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,caf\xe9\na,1\n", r"the header has b'\\xe9', expected UTF-8"),
        (b"\xff\xfet\0e\0x\0t\0", "t.csv is text in UTF-16, expected csv"),
        (b"PK\x03\x04\x14", "t.csv is an Excel workbook or a zip archive, expected csv, .* as csv"),
        (b"text\rlabel\na,1\n", "neither ratings nor labels, found: text"),
        (b"text,text,label\na,b,1\n", "has the column 'text' twice"),
        (b'"text,label\n' + b"a,1\n" * 20_000, "t.csv, row 0: its quotes are not closed"),
        (b'text,label\na,1\n"b,0\nc,1\n', "t.csv, row 2: its quotes are not closed"),
        (b'text,label\na,1\nb,"0\n', "t.csv, row 2: its quotes are not closed"),
        (b'text,label\na,1\n"b"c,"0\nd,1\n', "row 2: text follows a closing quote, expected each"),
        (
            b'text,label\n"' + (b"a" * 99 + b"\n") * 180_000,
            "t.csv, row 1: field larger than field limit",
        ),
        (
            b"text,label\n" + (b'"' + b"," * 99 + b'\n"') * 170_000,
            "t.csv: a row is longer than 16777216 bytes: are its quotes closed",
        ),
        (b"sep=\r\ntext,label\r\na,1\r\n", "no column 'text'"),
        (b"a" * 70_000, "no end of the header in 65536 bytes"),
        (b"text,label\n" + b"a" * 17_000_000 + b",1\n", "line 2 is longer than 16777216"),
        (b"text,label\ncaf\xe9,1\n", r"row 1: column 'text' has b'\\xe9', expected UTF-8"),
        (b"text\0,label\na,1\n", "the header has NUL bytes, as text in UTF-16LE does"),
        *(
            ("text,label\na,1\n".encode(encoding), f"`iconv -f {encoding} -t UTF-8`")
            for encoding in ("UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE")
        ),
    ],
)
def test_hostile_csv_files_are_refused(content: bytes, message: str) -> None:
    refuse(message, "t.csv", content)


@pytest.mark.parametrize("bad", [1, 2, 3, 7])
def test_what_is_refused_while_the_scale_is_sought_has_its_row(
    bad: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("epochwise.data.review_files.table.WHOLE", 2)
    ratings = [b"caf\xe9" if row == bad else b"%d" % (row % 5 + 1) for row in range(1, 8)]
    Path("t.csv").write_bytes(b"text,rating\n" + b"".join(b"a,%s\n" % each for each in ratings))
    unknown = Rule(None, None, None)
    with pytest.raises(InputError, match=f"row {bad}: column 'rating' has .*, expected UTF-8"):
        list(read_table_file(Path("t.csv"), Columns(**NAMES), unknown, 1000))


def test_headers_may_have_quotes_and_other_line_ends() -> None:
    Path("t.csv").write_bytes(b'"te\nxt",label\ra,1\rb,0\r')
    assert [row["text"] for row in read("t.csv", text="te\nxt")] == ["a", "b"]


def test_a_file_that_unpacks_to_far_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochwise.core.unpacking.SMALL", 1000)
    for name, start in (
        ("t.csv.gz", b"text,label\n"),
        ("t.jsonl.gz", b'{"text": "a", "label": 1}'),
    ):
        content = gzip.compress(start + b"\n" * 5_000_000)
        refuse("as a decompression bomb does", name, content)


def test_a_line_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST", 100)
    refuse("t.jsonl, line 1 is longer than 100 bytes", "t.jsonl", b'{"text": "' + b"a" * 200)


@pytest.mark.parametrize("size", [10, 300, 500])
def test_damaged_parquet_files_are_refused(size: int) -> None:
    pq.write_table(pa.table({"text": ["a", "b"], "label": [1, 0]}), "t.parquet")
    content = Path("t.parquet").read_bytes()
    refuse("t.parquet", "t.parquet", content[:size])
    damaged = bytearray(content)
    damaged[size % len(content) : size % len(content) + 60] = bytes(60)
    Path("t.parquet").write_bytes(damaged)
    try:
        read("t.parquet")
    except InputError as error:
        assert "t.parquet" in str(error)


def test_parquet_has_all_kinds_of_columns() -> None:
    table = pa.table(
        {
            "text": pa.array(["a", "b"]).dictionary_encode(),
            "label": pa.array([True, False]),
            "time": pa.array(pd.to_datetime(["2006-11-14", None])),
            "rating": pa.array([5.0, None]),
            "user_id": pa.array([2**63, 1], pa.uint64()),
        }
    )
    pq.write_table(table, "t.parquet")
    first, second = read("t.parquet")
    assert (first["text"], first["label"], first["time"]) == ("a", 1, 1163462400)
    assert (second["label"], second["time"], first["user_id"]) == (0, None, str(2**63))


def test_parquet_that_is_not_utf8_is_refused_by_row() -> None:
    text = pa.array([b"a", b"caf\xe9"]).cast(pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": text, "label": [0, 1]}), "t.parquet")
    refuse(r"t.parquet, row 2: column 'text' has b'\\xe9', expected UTF-8", "t.parquet")
    pq.write_table(pa.table({"text": text.cast(pa.large_binary()), "label": [0, 1]}), "t.parquet")
    refuse(r"t.parquet, row 2: column 'text' has b'\\xe9', expected UTF-8", "t.parquet")


UUIDS = [bytes(range(0xF0, 0x100)), bytes(range(0x60, 0x70))]
AS_TEXT = ["f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "`abcdefghijklmno"]


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(16), pa.uuid()]
)
def test_bytes_of_parquet_that_are_no_text_become_hexadecimal(kind: pa.DataType) -> None:
    table = {"text": ["a", "b", "c"], "label": [0, 1, None], "id": pa.array([*UUIDS, None], kind)}
    pq.write_table(pa.table(table), "t.parquet")
    assert read_columns(Path("t.parquet"), "text")["id"].tolist()[:2] == AS_TEXT
    rows = read("t.parquet", product_id="id")
    assert [row["product_id"] for row in rows] == [*AS_TEXT, None]
    refuse("column 'id' has", "t.parquet", text="id")
    with pytest.raises(InputError, match="column 'id' has"):
        read_columns(Path("t.parquet"), "id")


def test_bytes_of_csv_that_are_no_text_are_refused() -> None:
    Path("t.csv").write_bytes(b"text,label,product_id\na,1,caf\xe9\n")
    refuse("column 'product_id' has .*, expected UTF-8: convert .* a csv file", "t.csv")
    with pytest.raises(InputError, match="column 'product_id' has"):
        read_columns(Path("t.csv"), "text")


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()]
)
def test_parquet_has_all_kinds_of_text(kind: pa.DataType) -> None:
    pq.write_table(pa.table({"text": pa.array(["a", "é"], kind), "label": [0, 1]}), "t.parquet")
    assert [row["text"] for row in read("t.parquet")] == ["a", "é"]


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_one_column_may_serve_twice(name: str) -> None:
    rows = [{"text": "a", "stars": "1"}, {"text": "b", "stars": "1"}]
    pq.write_table(pa.Table.from_pylist(rows), "t.parquet")
    write_lines("t.jsonl", rows)
    Path("t.csv").write_text("text,stars\na,1\nb,1\n")
    first, _ = read(name, rating="stars", domain="stars")
    assert (first["rating"], first["label"], first["domain"]) == (1, 0, "1")


def test_a_separator_may_be_named_or_be_a_bar() -> None:
    Path("t.csv").write_text("sep=;\ntext;label\na,b;1\n")
    assert read("t.csv")[0]["text"] == "a,b"
    Path("t.csv").write_text('\n"sep=;"\ntext;label\na,b;1\n')
    assert read("t.csv")[0]["text"] == "a,b"
    Path("t.csv").write_text("text|label\na,b;c|1.00\n")
    assert (read("t.csv")[0]["text"], read("t.csv")[0]["label"]) == ("a,b;c", 1)


CELLS = st.lists(st.text("ab,;| \"\n'\\u00e9"), min_size=2, max_size=2)


@given(
    st.lists(CELLS.map(lambda cells: ["a", *cells]), min_size=1, max_size=30),
    st.sampled_from(";\t|"),
    st.sampled_from(["", "\n", "\r\n", "  \n\n"]),
    st.sampled_from(["b(0,1)", "b (x, y, z)", "b"]),
)
def test_the_separator_is_that_by_which_rows_have_one_width(
    rows: list[list[str]], separator: str, start: str, name: str
) -> None:
    with Path("t.csv").open("w", newline="") as file:
        file.write(start)
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
        writer.writerows([["text", name, "c"], *rows])
    found = read_columns(Path("t.csv"), "text")
    assert found.columns.tolist() == ["text", name, "c"]
    assert found.to_numpy().tolist() == rows


@pytest.mark.parametrize("separator", ";\t|")
@pytest.mark.parametrize("start", ["", "\n", " \r\n\n", "\ufeff\n"])
@pytest.mark.parametrize("name", ["label(0,1)", "label", "label (no, maybe, yes)"])
def test_a_header_may_have_commas_and_blank_lines_before_it(
    separator: str, start: str, name: str
) -> None:
    rows = "".join(f"good{', well' * (row % 3)}{separator}1\n" for row in range(40))
    Path("t.csv").write_text(f"{start}text{separator}{name}\n{rows}")
    assert {row["label"] for row in read("t.csv", label=name)} == {1}
    long = "good, " * 3000
    Path("t.csv").write_text(f"{start}text{separator}{name}\n" + f"{long}{separator}1\n" * 9)
    assert read("t.csv", label=name)[8]["text"] == long


def test_a_ragged_table_is_told_by_its_header() -> None:
    refuse("row 2: expected 2 columns, got 3", "t.csv", b"text,label\na;b,1\nc;d,e,0\n")


def test_a_blank_line_of_a_single_column_is_an_empty_row() -> None:
    Path("t.csv").write_text("text\na\n\nb\n")
    assert read_columns(Path("t.csv"), "text")["text"].tolist() == ["a", "", "b"]


def test_names_of_columns_reach_no_terminal_as_commands() -> None:
    refuse(r"found: 'a.x1b.2Jx', .n.nl.: give", "t.csv", b'a\x1b[2Jx,"n\nl"\n')


def test_a_column_of_another_case_is_told_and_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text("text,label,Split\ngood,1,test\nbad,0,train\n")
    assert [row["split"] for row in read("t.csv")] == [None, None]
    assert capsys.readouterr().out == (
        "fetch: the column 'Split' is not read: if it is the split of a review, give"
        " -S reviews.columns.split=Split\n"
    )
    assert [row["split"] for row in read("t.csv", split="Split")] == ["test", "train"]
    read("t.csv", split=None)
    assert capsys.readouterr().out == ""


def test_a_label_that_is_something_else_can_be_left_out() -> None:
    content = b"text,rating,label\ngood,5,spam\nbad,1,ham\n"
    refuse("has 'spam', expected 0 or 1.* or null to read ratings alone", "t.csv", content)
    assert [row["label"] for row in read("t.csv", label=None)] == [1, 0]


@pytest.mark.parametrize(
    "texts",
    [
        ['"A good film', 'bad film"', "x"],
        ['"Great" product', "bad", 'x"'],
        [r'"With all this \"stuff\" going on"', '"bad"', "x"],
    ],
)
def test_quotes_of_a_tsv_without_quoting_are_characters(texts: list[str]) -> None:
    rows = [f"{text}\t{row % 2}\n" for row, text in enumerate(texts)]
    Path("t.tsv").write_text("text\tlabel\n" + "".join(rows))
    assert [row["text"] for row in read("t.tsv")] == texts


def test_a_long_start_of_blank_lines_is_no_table() -> None:
    refuse("t.tsv is empty", "t.tsv", b"\n" * (2 * stream.START))


def test_blanks_before_quotes_are_left_out() -> None:
    Path("t.csv").write_text('"text", "label"\n"good, and cheap", "1"\n"bad", 0\n')
    assert [(row["text"], row["label"]) for row in read("t.csv")] == [
        ("good, and cheap", 1),
        ("bad", 0),
    ]


def test_a_tsv_may_have_quotes_all_the_same() -> None:
    texts = ['one\ttwo "three"', "four\nfive", "six"]
    table = pd.DataFrame({"text": texts, "label": [0, 1, 0]})
    for part in (table, table[:1], table[:2]):
        part.to_csv("t.tsv", sep="\t", index=False)
        assert [row["text"] for row in read("t.tsv")] == texts[: len(part)]


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"\x28\xb5\x2f\xfd", "packed by zstd"),
        (b"ARROW1\0\0", "an Arrow"),
        (b"\x80\x04\x95", "a pickle"),
        (b"\x01\x02\0\0\0", "no text"),
    ],
)
def test_files_that_are_no_tables_are_told_by_their_first_bytes(start: bytes, told: str) -> None:
    refuse(f"t.csv is {told}", "t.csv", start + b"\0\x90" * 40)


def test_unquoted_commas_of_a_single_column_are_told() -> None:
    Path("t.csv").write_text("text\nI like it, really\n")
    with pytest.raises(InputError, match="expected 1 columns, got 2: put texts with commas in quo"):
        read_columns(Path("t.csv"), "text")
