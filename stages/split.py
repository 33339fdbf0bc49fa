"""Divide the reviews into train, valid and test, so that no text is in two of them.

Reads data/reviews/clean.parquet. Writes data/reviews/split/{train,valid,test}.parquet and
metrics/reviews/split.json.
"""

from collections.abc import Iterator
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from epochwise.core import params, paths
from epochwise.core.cli import InputError, run
from epochwise.core.files import partitions, write_json
from epochwise.core.forms import CLEAN
from epochwise.core.settings import Engine, Seed
from epochwise.data.cleaning import without_punctuation
from epochwise.data.partitions import take_rows, write_partitions

OLDEST = -(2**62)
"""A time before all others, whose negative is a time too."""

Drawn: TypeAlias = tuple[str, np.ndarray]
"""The name of a split, and the positions of its rows."""


class Split(params.Section):
    """`split` in params.yaml.

    `valid` and `test` are shares of all reviews. A source's own valid or test split is kept: the
    other is drawn from its train rows, in the same proportion to them. `by: time` takes the newest
    reviews for test and the newest of the others for valid; `by: product` leaves the rows of a
    product together. Both divide only what the source has not divided itself: a product of its own
    test split may be in train, too.
    """

    by: Literal["random", "time", "product"]
    valid: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _leaves_train(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError("valid and test leave nothing for train: their sum must be below 1")
        return self


def assign(rows: pd.DataFrame, split: Split, seed: int) -> np.ndarray:
    """The split of each row, as an object array (n,) of paths.SPLITS.

    `rows` has the columns `label`, `same_text` (equal for equal texts), `split`, the source's own,
    and `product_id` or `time` where rows are divided by it. Of the rows that the source has not
    divided itself those that share a text, or a product, stay together. Unless they go `by: time`
    the splits are stratified by the label that most rows of such a group have: where all its rows
    have it, a class has its share of rows in each split, to within about a group.

    Raises:
        InputError: `by` needs a column that the source lacks.
    """
    names = rows["split"].fillna("train").to_numpy(dtype=object, copy=True)
    shares = {"test": split.test, "valid": split.valid}
    for own in ("test", "valid"):
        if (names == own).any():
            del shares[own]
    if shares.keys() == {"valid"}:
        shares["valid"] = split.valid / (1 - split.test)
    elif shares.keys() == {"test"}:
        shares["test"] = split.test / (1 - split.valid)
    free = np.flatnonzero(names == "train")
    if not len(free):  # which check_splits tells
        return names
    groups = _groups(rows.iloc[free], split.by)
    drawn = _by_time if split.by == "time" else _stratified
    for name, rank in drawn(rows.iloc[free], groups, shares, seed):
        names[free[rank]] = name
    return names


def _groups(rows: pd.DataFrame, by: str) -> np.ndarray:
    """A number for each row (n,): equal for rows that share a text or, `by` product, a product."""
    texts = pd.factorize(rows["same_text"])[0]
    if by != "product":
        return texts
    if rows["product_id"].isna().all():
        raise InputError(_lacks("product", "product_id"))
    products = pd.factorize(rows["product_id"])[0]
    alone = products < 0
    products[alone] = products.max() + 1 + np.arange(alone.sum())
    size = texts.max() + 1
    nodes = size + products.max() + 1
    edges = coo_array((np.ones(len(rows)), (texts, size + products)), shape=(nodes, nodes))
    components: np.ndarray = connected_components(edges, directed=False)[1]
    return components[texts]


def _stratified(
    rows: pd.DataFrame, groups: np.ndarray, shares: dict[str, float], seed: int
) -> Iterator[Drawn]:
    """Yield the splits, drawn at random from each class."""
    sizes = np.bincount(groups)
    positive = np.bincount(groups, weights=rows["label"]) / sizes
    random = np.random.default_rng(seed)
    for stratum in (positive < 0.5, positive >= 0.5):
        order = random.permutation(np.flatnonzero(stratum))
        yield from _cut(order, sizes, groups, shares)


def _by_time(
    rows: pd.DataFrame, groups: np.ndarray, shares: dict[str, float], _seed: int
) -> Iterator[Drawn]:
    """Yield the splits, the newest rows first; rows without a time count as the oldest."""
    if rows["time"].isna().all():
        raise InputError(_lacks("time", "time"))
    newest = rows["time"].fillna(OLDEST).clip(lower=OLDEST).groupby(groups).max().to_numpy()
    order = np.argsort(-newest, kind="stable")
    yield from _cut(order, np.bincount(groups), groups, shares)


def _cut(
    order: np.ndarray, sizes: np.ndarray, groups: np.ndarray, shares: dict[str, float]
) -> Iterator[Drawn]:
    """Yield the splits, each with its share of rows: whole groups, in their `order`."""
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    total, start = sizes[order].sum(), 0.0
    for name, share in shares.items():
        end = start + round(share * total)
        taken = order[(start <= middle) & (middle < end)]
        yield name, np.flatnonzero(np.isin(groups, taken))
        start = end


def _lacks(by: str, column: str) -> str:
    return (
        f"{paths.CLEAN_REVIEWS}: split.by is '{by}', but the source has no {column}: name its"
        f" column in reviews.columns.{column}, or set split.by to random"
    )


def check_splits(
    labels: np.ndarray, names: np.ndarray, own: list[str], by: str = "random"
) -> dict[str, Any]:
    """The number of rows of each split, and its share of positive reviews.

    `own` are the splits that the source has itself, `by` is what the others are divided by.

    Raises:
        InputError: a split would have reviews of one class only.
    """
    summary = {}
    for name in paths.SPLITS:
        chosen = labels[names == name]
        negative, positive = (np.count_nonzero(chosen == label) for label in (0, 1))
        if not (negative and positive):
            advice = "give more reviews, or change split.valid, split.test or split.by"
            if by == "product":
                advice += " (product, which keeps all reviews of a product together)"
            if own:
                advice += (
                    f"; the source's own splits are {' and '.join(own)}, which"
                    " -S reviews.columns.split=null leaves aside"
                )
            raise InputError(
                f"{paths.CLEAN_REVIEWS}: the split {name} would get {negative} negative and"
                f" {positive} positive of {len(labels)} reviews, but needs both: {advice}"
            )
        summary[name] = {"n": len(chosen), "positive": float(chosen.mean())}
    return summary


def main() -> None:
    """Run the stage."""
    split = params.read("split", Split)
    rows = params.read("engine", Engine).partition_rows
    source = paths.CLEAN_REVIEWS
    facts = pd.concat(
        (_facts(table, split.by) for table in partitions(source, rows, CLEAN)), ignore_index=True
    )
    names = assign(facts, split, params.read("seed", Seed).data)
    metrics: dict[str, Any] = {
        "by": split.by,
        "own_splits": sorted(facts["split"].dropna().unique()),
    }
    metrics |= check_splits(facts["label"].to_numpy(), names, metrics["own_splits"], split.by)
    if metrics["own_splits"] and split.by != "random":
        own = " and ".join(metrics["own_splits"])
        print(f"split: {own} are the source's own; split.by divides what it has not divided")
    if split.by == "time" and (without := int(facts["time"].isna().sum())):
        print(f"split: {without} of {len(facts)} reviews have no time and count as the oldest")
        metrics["without_time"] = without
    schema = next(partitions(source, 1)).schema
    for name in paths.SPLITS:
        tables = take_rows(partitions(source, rows), names == name)
        write_partitions(paths.review_split("split", name), tables, schema)
    write_json(paths.dataset_metrics("reviews", "split"), metrics)


def _facts(table: pa.Table, by: str) -> pd.DataFrame:
    """What `assign` needs to know of each row; hashes stand for texts and products."""
    label, texts = table["label"].to_numpy(), table["text"].to_pylist()
    words = _hashes([without_punctuation(text) for text in texts])
    facts = pd.DataFrame({"label": label, "same_text": words})
    facts["split"] = pd.Categorical(table["split"].to_pandas(), paths.SPLITS)
    if by == "time":
        facts["time"] = table["time"].to_pandas()
    if by == "product":
        known = pc.is_valid(table["product_id"]).to_numpy()
        products = _hashes(pc.fill_null(table["product_id"], "").to_pylist())
        facts["product_id"] = pd.arrays.IntegerArray(products, ~known)
    return facts


def _hashes(texts: list[str]) -> np.ndarray:
    """64-bit hashes (n,)."""
    hashes: np.ndarray = pd.util.hash_array(np.array(texts, object), categorize=False)
    return hashes


if __name__ == "__main__":
    run(main)
