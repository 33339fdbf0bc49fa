"""Divide the reviews into train, valid and test, so that no text stands in two of them.

Reads data/reviews/clean.parquet. Writes data/reviews/split/{train,valid,test}.parquet and
metrics/reviews/split.json.
"""

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field, model_validator
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.engine import Engine, partitions, select, write_partitions
from stages.core.files import write_json

CLEAN = Path("data/reviews/clean.parquet")
SPLIT = Path("data/reviews/split")
METRICS = Path("metrics/reviews/split.json")
NAMES = ("train", "valid", "test")


class Split(params.Section):
    """`split` in params.yaml.

    `valid` and `test` are shares of all reviews. A source's own test split is kept: then `valid` is
    drawn from its train rows, in the same proportion to them. `by` time takes the newest reviews
    for test and the newest of the others for valid; by product none stands in two splits.
    """

    by: Literal["random", "time", "product"]
    valid: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _leaves_train(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError("valid and test together take all: their sum must be below 1")
        return self


def assign(rows: pd.DataFrame, split: Split, seed: int) -> np.ndarray:
    """The split of each row, as an object array (n,) of NAMES.

    `rows` has the columns `label`, `same_text` (equal for equal texts), `product_id`, `time` and
    `split`, the source's own. Without `by: time` the labels are stratified: in each split a
    class has its share of rows to within half a group of rows that must stay together.

    Raises:
        InputError: `by` needs a column that the source lacks.
    """
    names = rows["split"].fillna("train").to_numpy(dtype=object, copy=True)
    shares = {"test": split.test, "valid": split.valid}
    for own in ("test", "valid"):
        if (names == own).any():
            del shares[own]
    if "test" not in shares and "valid" in shares:
        shares["valid"] = split.valid / (1 - split.test)
    free = np.flatnonzero(names == "train")
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
    edges = coo_array((np.ones(len(rows)), (texts, size + products)))
    nodes = size + products.max() + 1
    edges = coo_array((edges.data, edges.coords), shape=(nodes, nodes))
    components: np.ndarray = connected_components(edges, directed=False)[1]
    return components[texts]


def _stratified(rows: pd.DataFrame, groups: np.ndarray, shares: dict[str, float], seed: int) -> Any:
    """Yield the name and the rows (positions) of each split drawn at random."""
    labels = rows["label"].to_numpy()
    positive = pd.Series(labels).groupby(groups).mean().to_numpy()
    sizes = np.bincount(groups)
    random = np.random.default_rng(seed)
    for stratum in (positive < 0.5, positive >= 0.5):
        order = random.permutation(np.flatnonzero(stratum))
        yield from _cut(order, sizes, groups, shares)


def _by_time(rows: pd.DataFrame, groups: np.ndarray, shares: dict[str, float], _seed: int) -> Any:
    """Yield the name and the rows (positions) of each split, newest first; no time is oldest."""
    if rows["time"].isna().all():
        raise InputError(_lacks("time", "time"))
    newest = rows["time"].fillna(-(2**62)).groupby(groups).max().to_numpy()
    order = np.argsort(-newest, kind="stable")
    yield from _cut(order, np.bincount(groups), groups, shares)


def _cut(order: np.ndarray, sizes: np.ndarray, groups: np.ndarray, shares: dict[str, float]) -> Any:
    """Give each split its share of rows, groups taken whole in `order`."""
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    total, start = sizes[order].sum(), 0.0
    for name, share in shares.items():
        end = start + round(share * total)
        taken = order[(start < middle) & (middle < end)]
        yield name, np.flatnonzero(np.isin(groups, taken))
        start = end


def _lacks(by: str, column: str) -> str:
    return (
        f"{CLEAN}: split.by is '{by}', but the source has no {column}: name its column in"
        f" reviews.columns.{column}, or set split.by to random"
    )


def check_splits(labels: np.ndarray, names: np.ndarray) -> dict[str, Any]:
    """Rows and share of positive reviews of each split.

    Raises:
        InputError: a split has not reviews of both classes.
    """
    summary = {}
    for name in NAMES:
        chosen = labels[names == name]
        if len(np.unique(chosen)) < 2:
            raise InputError(
                f"{CLEAN}: the split {name} would get {np.count_nonzero(chosen == 0)} negative and"
                f" {np.count_nonzero(chosen == 1)} positive of {len(labels)} reviews, but needs"
                " both: give more reviews, or change split in params.yaml"
            )
        summary[name] = {"n": len(chosen), "positive": float(chosen.mean())}
    return summary


def main() -> None:
    """Run the stage."""
    split = params.read("split", Split)
    rows = params.read("engine", Engine).partition_rows
    facts = pd.concat(map(_facts, partitions(CLEAN, rows)), ignore_index=True)
    names = assign(facts, split, params.read_value("seed"))
    own = sorted(set(facts["split"].dropna()))
    metrics = {
        "by": split.by,
        "own_splits": own,
        **check_splits(facts["label"].to_numpy(), names),
    }
    for name in NAMES:
        tables = select(partitions(CLEAN, rows), names == name)
        write_partitions(SPLIT / f"{name}.parquet", tables, next(partitions(CLEAN, 1)).schema)
    write_json(METRICS, metrics)


def _facts(table: pa.Table) -> pd.DataFrame:
    facts = table.select(["label", "product_id", "time", "split"]).to_pandas()
    texts = np.array(table["text"].to_pylist(), dtype=object)
    return facts.assign(same_text=pd.util.hash_array(texts, categorize=False))


if __name__ == "__main__":
    run(main)
