"""Two revisions of a family on the same samples: predictions matched by id and compared."""

from collections.abc import Callable, Mapping, Sized
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from epochwise.measures.binary import compared_metrics, weighted_mean
from epochwise.measures.bootstrap import mcnemar, resamples
from epochwise.measures.generation import frechet_distance
from epochwise.measures.headlines import (
    ACCURACY,
    BALANCED_ACCURACY,
    BINARY,
    CROSS_ENTROPY,
    FRECHET,
    HEADLINES,
    MULTICLASS,
    RECALL_0,
    RECALL_1,
    RECONSTRUCTION,
    ROC_AUC,
    TRADED,
    Metric,
)
from epochwise.review.statistics import (
    Estimate,
    Measure,
    Noise,
    Part,
    Verdict,
    estimate,
    frechet_variance,
    mcnemar_estimate,
    paired_variance,
    training_parts,
)

READ = {
    ROC_AUC: "probability",
    BALANCED_ACCURACY: "predicted",
    RECALL_0: "predicted",
    RECALL_1: "predicted",
    ACCURACY: "predicted",
    CROSS_ENTROPY: "cross_entropy",
}
"""The column of the predictions that a metric is made of, beside the label."""
FEWEST = 20
"""Shared samples below which nothing is compared: resampling fewer says little."""
RELABELLED = 0.01
"""Share of other labels under the same ids above which the ids stand for other samples."""
SAME = 1e-6
"""Differences of an output up to this are last digits, which the processor decides."""
FRECHET_RESAMPLES = 200


class NotComparableError(Exception):
    """Why two revisions of a family cannot be compared, and what to do, in words."""


@dataclass(frozen=True)
class Shared:
    """How many samples of test two revisions share, and how many each has."""

    samples: int
    old: int
    new: int

    @property
    def whole(self) -> bool:
        """Whether the test sets are the same."""
        return self.samples == self.old == self.new


@dataclass(frozen=True)
class Comparison:
    """One metric of both revisions, and what can be said of the difference.

    `known` is false where a model was trained anew and its training noise is not known: `found`
    then holds resampling of test alone. `runs` is how many seeds either value is the mean of.
    """

    metric: Metric
    old: float
    new: float
    found: Estimate
    known: bool
    runs: tuple[int, int] = (1, 1)
    corrected: float | None = None
    verdict: Verdict = Verdict.WITHIN_NOISE


@dataclass(frozen=True)
class Hits:
    """Samples that only the new model gets right, and only the old one, and McNemar's exact p."""

    gained: int
    lost: int
    p: float


@dataclass(frozen=True)
class Compared:
    """All that two revisions of a family have in common: metrics, samples, and hits of classes."""

    comparisons: list[Comparison]
    shared: Shared
    hits: Hits | None = None


@dataclass(frozen=True)
class Training:
    """Whether the model was trained `anew` with noise, and that of each metric in old and new."""

    anew: bool
    old: Mapping[str, Noise]
    new: Mapping[str, Noise]


@dataclass(frozen=True)
class Images:
    """What the Fréchet distance is made of: features of test by id, and of generated images."""

    test: pd.Series
    generated: np.ndarray


def match(old: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, Shared]:
    """The rows of both that share `id` and `label`, in the same order, and how many those are.

    Raises:
        NotComparableError: too few samples are shared, or the ids stand for other samples.
    """
    left, right = (_by_id(frame) for frame in (old, new))
    ids = left.index
    if not ids.equals(right.index):
        ids = ids.intersection(right.index, sort=False)
        left, right = left.loc[ids], right.loc[ids]
    agrees = left["label"].to_numpy() == right["label"].to_numpy()
    if len(ids) and np.count_nonzero(~agrees) > RELABELLED * len(ids):
        raise NotComparableError(
            f"{np.count_nonzero(~agrees)} of {len(ids)} ids carry another label: "
            "they stand for other samples"
        )
    shared = _shared(int(np.count_nonzero(agrees)), old, new)
    return left[agrees], right[agrees], shared


def compare_predictions(
    task: str, old: pd.DataFrame, new: pd.DataFrame, training: Training, seed: int
) -> Compared:
    """The headline metrics of a task on the samples that two tables of predictions share.

    Both have `id, label` and the columns of READ that the metrics of the task are made of. `seed`
    is that of the resamples. A metric that is undefined, for want of a class, is left out.

    Raises:
        NotComparableError: the test sets are not the same samples, or lack a class.
    """
    left, right, shared = match(old, new)
    before, after = _MEASURES[task](left), _MEASURES[task](right)
    whole = np.ones((1, shared.samples))
    old_values, new_values = before(whole), after(whole)
    variances = paired_variance(before, after, resamples(shared.samples, seed))
    found = []
    for metric in HEADLINES[task]:
        values = (float(old_values[metric.key][0]), float(new_values[metric.key][0]))
        if same(*(frame[READ[metric]].to_numpy() for frame in (left, right))):
            found.append(unchanged(metric, *values))
        elif not np.isnan(values).any():
            part = Part(variances[metric.key])
            found.append(_compare(metric, values, part, training, whole=shared.whole))
    if all(each.metric in TRADED for each in found):  # recalls, of the one class that is there
        raise NotComparableError("no metric is defined on the samples of test that are shared")
    if "predicted" not in left:
        return Compared(found, shared)
    hits = mcnemar_hits(left, right)
    if not training.anew and hits.gained + hits.lost:
        exact = mcnemar_estimate(hits.gained, hits.lost, shared.samples, hits.p)
        found = [replace(each, found=exact) if each.metric == ACCURACY else each for each in found]
    return Compared(found, shared, hits)


def compare_images(old: Images, new: Images, training: Training, seed: int) -> Compared:
    """The Fréchet distances of two sets of generated images to the images of test both share.

    Raises:
        NotComparableError: the test sets differ, or the network that the features are of.
    """
    ids = old.test.index.intersection(new.test.index, sort=False)
    shared = _shared(len(ids), old.test, new.test)
    left, right = (np.stack(list(images.test.loc[ids])) for images in (old, new))
    if left.shape != right.shape or not np.allclose(left, right, rtol=1e-3, atol=1e-3):
        raise NotComparableError("the network that the images are measured with is another one")
    before, after = (frechet_distance(left, images.generated) for images in (old, new))
    if same(old.generated, new.generated):
        return Compared([unchanged(FRECHET, before, after)], shared)
    variance = frechet_variance(left, old.generated, new.generated, FRECHET_RESAMPLES, seed)
    found = _compare(FRECHET, (before, after), Part(variance), training, whole=shared.whole)
    return Compared([found], shared)


def mcnemar_hits(old: pd.DataFrame, new: pd.DataFrame) -> Hits:
    """How the same samples fare with two given models: McNemar's exact test on accuracy."""
    before, after = _hits(old), _hits(new)
    gained, lost = np.count_nonzero(after & ~before), np.count_nonzero(before & ~after)
    return Hits(int(gained), int(lost), mcnemar(after, before))


def same(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether two outputs are the same but for their last digits."""
    return old.shape == new.shape and bool(np.allclose(old, new, rtol=SAME, atol=SAME))


def unchanged(metric: Metric, old: float, new: float) -> Comparison:
    """A metric of outputs that are the same."""
    none = Estimate(0.0, 0.0, 0.0, 1.0)
    return Comparison(metric, old, new, none, known=True, verdict=Verdict.UNCHANGED)


def _compare(
    metric: Metric, values: tuple[float, float], test: Part, training: Training, *, whole: bool
) -> Comparison:
    """The comparison of two values: of single runs, or of the means of repeats of either side."""
    parts, runs = [test], (1, 1)
    old, new = (side.get(metric.key) for side in (training.old, training.new))
    old, new = old or new, new or old
    if training.anew and old and new:
        if whole and old.own and new.own and old != new:
            # Either side has repeats of its own: what is compared is what they do on average.
            values, runs = (old.mean, new.mean), (old.repeats, new.repeats)
        parts += training_parts(old, new, runs)
    found = estimate(values[1] - values[0], parts)
    return Comparison(metric, *values, found, known=not training.anew or bool(old), runs=runs)


def _shared(samples: int, old: Sized, new: Sized) -> Shared:
    """The `samples` that two test sets share, where these are enough."""
    if samples < FEWEST:
        raise NotComparableError(f"{samples} samples of test are shared, fewer than {FEWEST}")
    return Shared(samples, len(old), len(new))


def _hits(frame: pd.DataFrame) -> np.ndarray:
    right: np.ndarray = frame["predicted"].to_numpy() == frame["label"].to_numpy()
    return right


def _by_id(frame: pd.DataFrame) -> pd.DataFrame:
    by_id = frame.set_index(frame["id"].astype(str))
    if not by_id.index.is_unique:
        raise NotComparableError("ids repeat in the predictions")
    return by_id


def _binary(frame: pd.DataFrame) -> Measure:
    labels, predicted = frame["label"].to_numpy(), frame["predicted"].to_numpy() == 1
    return partial(compared_metrics, labels, predicted, frame["probability"].to_numpy())


def _mean(name: str, values: np.ndarray) -> Measure:
    return lambda weights: {name: weighted_mean(values, weights)}


_MEASURES: dict[str, Callable[[pd.DataFrame], Measure]] = {
    BINARY: _binary,
    MULTICLASS: lambda frame: _mean("accuracy", _hits(frame)),
    RECONSTRUCTION: lambda frame: _mean("cross_entropy", frame["cross_entropy"].to_numpy()),
}
