"""What a file that the pipeline has written must hold to be read again.

It may have been edited, merged badly, or be of another version of the project.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    TypeAdapter,
    ValidationError,
    create_model,
)

from epochwise.core.params import SHORT, explain

Share = Annotated[float, Field(ge=0, le=1)]
Classes = Annotated[list[str], Field(min_length=1)]
"""data/scores/<family>/classes.json."""


class Form(BaseModel):
    """A mapping in JSON with these keys, and perhaps others; values do not change type."""

    # Built when they are used: most stages use one of them, and the `dvc` that starts stages none.
    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)


class Epochs(Form):
    """metrics/<family>/filter.json."""

    epochs: list[NonNegativeInt] = Field(min_length=1)
    relaxed: bool


class Selection(Form):
    """metrics/<family>/selection.json."""

    epoch: NonNegativeInt


class ReviewSelection(Selection):
    """The same of a review family."""

    threshold: Share


class Model(Form):
    """data/scores/<family>/model.json."""

    parameters: NonNegativeInt
    weights: dict[str, float] = {}


class Slice(Form):
    """The metrics of a kind of reviews."""

    by: str
    slice: str
    n: NonNegativeInt


class Class(Form):
    """The metrics of a class."""

    n: NonNegativeInt
    precision: float
    recall: float


class Report(Form):
    """metrics/<family>/{train,valid,test}.json: what is not named here is a single number."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    n: NonNegativeInt = 0
    epoch: NonNegativeInt = 0
    parameters: NonNegativeInt = 0
    threshold: Share = 0
    ci95: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = {}
    histogram: dict[str, NonNegativeInt] = {}
    per_class: dict[str, Class] = {}
    slices: list[Slice] = []
    weights: dict[str, float] = {}

    @classmethod
    def of(cls, names: Iterable[str]) -> type["Report"]:
        """A report in which the numbers `names` are there."""
        known = cls.model_fields
        fields: Any = {
            name: (known[name].annotation if name in known else float, ...) for name in names
        }
        return create_model(cls.__name__, __base__=cls, **fields)


class Spread(Form):
    """What other training seeds make of a metric."""

    mean: float
    std: NonNegativeFloat
    values: list[float]


class Noise(Form):
    """What metrics/noise.json holds of a family."""

    repeats: NonNegativeInt
    metrics: dict[str, Spread]
    valid: dict[str, Spread] = {}


class Champion(Form):
    """The champion of a task."""

    family: str


class Champions(Form):
    """metrics/champions.json."""

    champions: dict[str, Champion]


class Kind(NamedTuple):
    """The kind of values of a column, in words and by Arrow's type, and their bounds."""

    words: str
    has_type: Callable[[pa.DataType], bool]
    low: float = -np.inf
    high: float = np.inf
    nullable: bool = False


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _is_list(kind: pa.DataType) -> bool:
    return (pa.types.is_list(kind) and _is_number(kind.value_type)) or _is_row(kind)


def _is_row(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) and _is_number(kind.value_type)


ANY = Kind("values", lambda _: True, nullable=True)
TEXT = Kind("text", lambda kind: kind in (pa.string(), pa.large_string()))
NUMBERS = Kind("numbers", _is_number)
WHOLE = Kind("whole numbers", pa.types.is_integer)
PLACES = Kind("whole numbers from 0", pa.types.is_integer, 0)
BINARY = Kind("0 and 1", pa.types.is_integer, 0, 1)
SHARES = Kind("numbers from 0 to 1", _is_number, 0, 1)
SOME_TEXT = TEXT._replace(nullable=True)
SOME_NUMBERS = NUMBERS._replace(nullable=True)
"""The same, or nothing."""
LISTS = Kind("lists of numbers", _is_list)
ROWS = Kind("lists of numbers, all as long", _is_row)


def lists_of(size: int) -> Kind:
    """Lists of so many numbers."""
    return Kind(f"lists of {size} numbers", lambda kind: _is_row(kind) and kind.list_size == size)


def place_among(count: int) -> Kind:
    """Places among so many, counted from 0."""
    return Kind(f"whole numbers from 0 to {count - 1}", pa.types.is_integer, 0, count - 1)


NO_ROWS = "there are no rows"
Columns = dict[str, Kind]
"""The columns that a table must have."""
REVIEWS: Columns = {
    "review_id": WHOLE,
    "text": SOME_TEXT,
    "label": BINARY._replace(nullable=True),
    "rating": SOME_NUMBERS,
    "product_id": SOME_TEXT,
    "user_id": SOME_TEXT,
    "time": WHOLE._replace(nullable=True),
    "domain": SOME_TEXT,
    "split": SOME_TEXT,
}
"""Reviews as they were fetched."""
CLEAN: Columns = REVIEWS | {"text": TEXT, "label": BINARY}
TEXTS: Columns = {"review_id": WHOLE, "label": BINARY, "text": TEXT}
"""What is read of cleaned reviews."""
TOKENS: Columns = {"review_id": WHOLE, "label": BINARY, "tokens": LISTS}
VECTORS: Columns = {"review_id": WHOLE, "label": BINARY, "vector": ROWS}
VOCABULARY: Columns = {"word": TEXT, "count": WHOLE}
SCORED: Columns = {"id": ANY, "label": BINARY, "probability": SHARES}
FACTS: Columns = {"words": WHOLE, "domain": SOME_TEXT, "rating": SOME_NUMBERS}
"""What is kept of a review of test beside its probability, to report on kinds of reviews."""


class Array(NamedTuple):
    """The shape of an array, None for axes of any length, and what its values may be."""

    shape: tuple[int | None, ...]
    kinds: tuple[type[np.generic], ...] = (np.number,)


Arrays = dict[str, Array]
LABELS = Array((None,), (np.integer,))
SAMPLES: Arrays = {"labels": LABELS, "ids": Array((None,), (np.integer, np.str_))}
IMAGES: Arrays = {"images": Array((None, 28, 28), (np.uint8,)), "labels": LABELS}
"""The arrays of digits."""


def json_trouble(content: Any, form: Any, key: str = "") -> str:
    """What is wrong with what stands at a `key` in JSON and is to have a `form`, if it is."""
    try:
        TypeAdapter(form).validate_python(content, strict=True)
    except ValidationError as error:
        return explain(error, content, key)
    return ""


def table_trouble(table: pa.Table, columns: Columns) -> str:
    """What is wrong with a table that is to have `columns`, if something is."""
    import pyarrow.compute as pc

    if not len(table):
        return NO_ROWS
    for name, kind in columns.items():
        if (count := table.schema.names.count(name)) != 1:
            return f"column '{name}' is {'there twice' if count else 'missing'}"
        column = table[name]
        if not kind.has_type(column.type):
            return f"column '{name}' is of the type {column.type}, expected {kind.words}"
        right = pc.if_else(pc.is_valid(column), True, None)
        if np.isfinite(kind.low):  # of NaN neither is true
            right = pc.and_(pc.greater_equal(column, kind.low), pc.less_equal(column, kind.high))
        if (row := pc.index(pc.fill_null(right, kind.nullable), False).as_py()) >= 0:
            return f"column '{name}' has {column[row].as_py()}, expected {kind.words}"
    return ""


def arrays_trouble(arrays: Mapping[str, np.ndarray], expected: Arrays, optional: Arrays) -> str:
    """What is wrong with arrays that are to be as `expected`, and `optional` ones, if something is.

    Those that are expected with a first axis of any length must all have the same.
    """
    rows = {}
    for name, (shape, kinds) in (expected | optional).items():
        if name not in arrays:
            return f"array '{name}' is missing"
        array = arrays[name]
        fits = len(shape) == array.ndim and all(
            length in (None, found) for length, found in zip(shape, array.shape, strict=True)
        )
        if not fits or not any(np.issubdtype(array.dtype, kind) for kind in kinds):
            axes = ", ".join("any" if length is None else str(length) for length in shape)
            known = " or ".join(kind.__name__ for kind in kinds)
            found = f"is {array.dtype} of shape {array.shape}"
            return f"array '{name}' {found}, expected {known} of shape ({axes})"
        if name in expected and shape and shape[0] is None:
            rows[name] = len(array)
    if len(set(rows.values())) > 1:
        return f"arrays have different lengths: {SHORT.repr(rows)}"
    return ""
