"""Where everything of the pipeline stands, relative to the project's root: each path once."""

from pathlib import Path

SPLITS = ("train", "valid", "test")
"""The splits of every data set."""

METRICS = Path("metrics")
PLOTS = Path("plots")
MODELS = Path("models")

REVIEWS = Path("data/reviews")
RAW_REVIEWS = REVIEWS / "raw.parquet"
CLEAN_REVIEWS = REVIEWS / "clean.parquet"
VOCABULARY = REVIEWS / "vocabulary.parquet"
WORD_VECTORS = REVIEWS / "word2vec"
"""Everything that turns new texts into vectors: vocabulary, word vectors, and what was fitted."""

DIGITS = Path("data/digits")
TARGET = Path("data/target")
BASE_DIGITS = TARGET / "base_digits.npz"
"""Digits for a base network to learn from."""
BASE = MODELS / "base"
"""The base network of transfer, and its features of train and valid."""

LEADERBOARD = METRICS / "leaderboard.json"
NOISE = METRICS / "noise.json"
"""What another training seed changes."""
CHAMPIONS = METRICS / "champions.json"
CARDS = Path("cards")


def review_split(step: str, split: str) -> Path:
    """The reviews of a split after `step`: split, sequences or vectors."""
    return REVIEWS / step / f"{split}.parquet"


def stacked(split: str, family: str) -> Path:
    """What a review family makes of a split, for an ensemble to read."""
    return REVIEWS / "stack" / split / f"{family}.parquet"


def stacked_model(family: str) -> Path:
    """The size of a review family's chosen model, for an ensemble to read."""
    return REVIEWS / "stack" / "models" / f"{family}.json"


def digits(split: str) -> Path:
    """The digits of a split. Those of test stand apart, so that only what names them reads them."""
    return (DIGITS if split == "test" else DIGITS / "trainval") / f"{split}.npz"


def target(split: str) -> Path:
    """The folder of a split of the target data set, with a folder for each class."""
    return (TARGET if split == "test" else TARGET / "trainval") / split


def dataset_metrics(dataset: str, step: str) -> Path:
    """The counts that a stage keeps of a data set."""
    return METRICS / dataset / f"{step}.json"


def epochs(family: str) -> Path:
    """The model of every epoch kept, and what each predicts for valid."""
    return Path("data/epochs", family)


def unfinished(family: str) -> Path:
    """A training before its last epoch. DVC does not know of it, and so does not remove it."""
    return Path("data/unfinished", family)


def chosen(family: str) -> Path:
    """The networks of the chosen epoch."""
    return MODELS / family


def scores(family: str) -> Path:
    """What the chosen epoch makes of train, valid and test."""
    return Path("data/scores", family)


def predictions(family: str) -> Path:
    """What the chosen epoch and threshold say of test."""
    return Path("data/predictions", family, "test.parquet")


def live(family: str) -> Path:
    """The curves of a training, written as it runs."""
    return PLOTS / family / "live"


def metrics(family: str, name: str) -> Path:
    """A file of metrics of a family: train.json, selection.json, epochs.csv."""
    return METRICS / family / name


def headline(family: str) -> Path:
    """The metrics that DVC shows of a family, as YAML.

    DVC writes `m/lstm:roc_auc` over their columns where families share the names of metrics, so
    that there are few columns: hence a path as short as this.
    """
    return Path("m", family)


def plot(kind: str, family: str, suffix: str) -> Path:
    """Data to plot (csv), or a drawn figure (png), of a family: a folder for each kind."""
    return PLOTS / kind / f"{family}.{suffix}"
