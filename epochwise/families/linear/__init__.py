"""Logistic regression on the terms of a text, kept as a plain table: nothing to unpickle.

Plain, or weighted by naive Bayes (NB-SVM, Wang & Manning 2012).
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator
from scipy.special import expit
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from epochwise.core.cli import InputError
from epochwise.core.params import Section
from epochwise.families.linear.character_runs import count_runs, frequent_runs

ClassWeights = Annotated[list[PositiveFloat], Field(min_length=2, max_length=2)]
"""Of the classes 0 and 1."""
INTERCEPT = ""
"""The term of the row that holds the intercept as its coefficient."""


class Terms(Section):
    """Params of a linear model.

    Terms are runs of `shortest` to `ngrams` units, words or characters (spaces are characters,
    too); pairs of words with 1 to `gaps` words between them (0: none); and once more, as terms of
    their own, the words and pairs of neighbours among the first `ends` words of a review and among
    its last (0: none). Of those in at least `min_documents` reviews the `max_terms` most frequent
    count (null: all). For a term's count in a review stands 1 where it is `binary`, or
    1 + ln(count) where it is `sublinear`, times its inverse document frequency with `idf`; the
    vector of a review has length 1.
    """

    unit: Literal["words", "characters"]
    shortest: PositiveInt
    ngrams: PositiveInt
    gaps: NonNegativeInt
    ends: NonNegativeInt
    min_documents: PositiveInt
    max_terms: PositiveInt | None
    binary: bool
    sublinear: bool
    idf: bool
    regularization: PositiveFloat
    class_weight: Literal["balanced"] | ClassWeights | None

    @model_validator(mode="after")
    def _shortest_is_no_longer(self) -> Self:
        if self.shortest > self.ngrams:
            raise ValueError("shortest is more than ngrams, the longest run")
        return self

    @model_validator(mode="after")
    def _gaps_and_ends_are_of_words(self) -> Self:
        if self.unit != "words" and (self.gaps or self.ends):
            raise ValueError(f"gaps and ends count words: 0 where unit is {self.unit}")
        return self


class Weighted(Terms):
    """Params of a linear model whose terms are weighted by naive Bayes.

    `alpha` smooths the counts of naive Bayes. `interpolation` is how far the coefficients go from
    those of naive Bayes (0), which trusts every term alike, to those of logistic regression (1).
    """

    alpha: PositiveFloat
    interpolation: float = Field(ge=0, le=1)


class Fitted(NamedTuple):
    """A table `term, idf, coefficient`, the intercept in its last row, and P(1) of train (n,)."""

    model: pa.Table
    likely: np.ndarray


def fit(texts: list[str], labels: np.ndarray, params: Terms) -> Fitted:
    """Fit on cleaned texts."""
    terms, idf, features = fit_terms(texts, params)
    return _fitted(terms, idf, features, *regress(features, labels, params))


def fit_weighted(texts: list[str], labels: np.ndarray, params: Weighted) -> Fitted:
    """Fit on cleaned texts with weights of naive Bayes.

    Logistic regression reads the vector of a review times the log-count ratio r of each term. Its
    coefficients w become (1 - beta) mean|w| + beta w, beta being `interpolation` (Wang & Manning
    2012, section 2.3); those in the table are for the vector itself.
    """
    terms, idf, features = fit_terms(texts, params)
    ratios = log_count_ratios(features, labels, params.alpha)
    weighted = features.copy()
    weighted.data *= ratios[features.indices]
    coefficients, intercept = regress(weighted, labels, params)
    beta = params.interpolation
    smoothed = (1 - beta) * np.abs(coefficients).mean() + beta * coefficients
    return _fitted(terms, idf, features, ratios * smoothed, intercept)


def log_count_ratios(features: sp.csr_matrix, labels: np.ndarray, alpha: float) -> np.ndarray:
    """The log-count ratio r of each term (m,), from `features` (n, m) and `labels` (n,).

    r = ln((p / |p|) / (q / |q|)), where p is `alpha` + the number of reviews of class 1 with the
    term, and q that of class 0 (Wang & Manning 2012, section 2.1, with counts of 0 and 1).
    """
    ones = np.repeat(labels == 1, np.diff(features.indptr))
    terms = features.shape[1]
    p, q = (alpha + np.bincount(features.indices[of], minlength=terms) for of in (ones, ~ones))
    ratios: np.ndarray = np.log(p / p.sum()) - np.log(q / q.sum())
    return ratios


def fit_terms(texts: list[str], params: Terms) -> tuple[np.ndarray, np.ndarray, sp.csr_matrix]:
    """The terms (m,) of cleaned texts, inverse document frequencies (m,), and vectors (n, m).

    Of equally frequent terms the shorter ones are among the `max_terms`, and of those as long the
    first in order of their characters: scikit-learn's choice of them depends on the processor.

    Raises:
        InputError: no term is as long, or in as many reviews, as `params` ask for.
    """
    try:
        terms, counts = (_count_runs if params.unit == "characters" else _count)(texts, params)
    except ValueError as error:
        raise InputError(
            f"a linear model finds no terms in {len(texts)} reviews ({error}): lower its"
            " min_documents or shortest"
        ) from None
    frequencies = np.asarray(counts.sum(axis=0)).ravel()
    order = np.lexsort((np.array(list(map(len, terms))), -frequencies))
    kept = np.sort(order[: params.max_terms])
    counts, terms = counts[:, kept], terms[kept]
    weighting = TfidfTransformer(use_idf=params.idf, sublinear_tf=params.sublinear).fit(counts)
    idf = weighting.idf_ if params.idf else np.ones(len(terms))
    return terms, idf, weighting.transform(counts, copy=False)


def _count(texts: list[str], params: Terms) -> tuple[np.ndarray, sp.csr_matrix]:
    """Terms of words in alphabetical order, and how often each is in each text."""
    terms_of, among = _analyzer(params), None
    if params.binary and params.max_terms and (params.gaps or params.ends):
        among = frequent(texts, terms_of, params)
    counter = CountVectorizer(
        analyzer=lambda text: [
            term for term in terms_of(text) if among is None or hash(term) in among
        ],
        binary=params.binary,
        min_df=params.min_documents,
        dtype=np.float64,
    )
    counts = counter.fit_transform(texts)
    return counter.get_feature_names_out(), counts


def _count_runs(texts: list[str], params: Terms) -> tuple[np.ndarray, sp.csr_matrix]:
    """Runs of characters in alphabetical order, and how often each is in each text."""
    terms = frequent_runs(
        texts,
        params.shortest,
        params.ngrams,
        binary=params.binary,
        min_documents=params.min_documents,
        most=params.max_terms,
    )
    if not len(terms):
        raise ValueError("no run is as long, or in as many")
    counts = count_runs(texts, terms, params.shortest, params.ngrams, binary=params.binary)
    # As scikit-learn does: the numbers of a row stay in the order in which terms first appeared, by
    # which the last digits of sums depend on them.
    order = np.argsort(terms)
    places = np.empty(len(terms), counts.indices.dtype)
    places[order] = np.arange(len(terms))
    counts.indices = places[counts.indices]
    counts.has_sorted_indices = False
    return terms[order], counts


def frequent(texts: list[str], terms: Callable[[str], list[str]], params: Terms) -> set[int]:
    """Hashes of the terms of texts that may be among those in most reviews.

    Of `max_terms` and those in as many reviews as the last of them; two terms of one hash do no
    harm, as the vectorizer chooses of them. Most terms are in one review, and the vectorizer would
    hold them all as text: 20,000 reviews of 270 words take 1.4 GB so, not 4.3.
    """
    hashes = np.concatenate([np.array([*set(map(hash, terms(text)))], "int64") for text in texts])
    hashes.sort()
    starts = np.flatnonzero(np.diff(hashes, prepend=hashes[:1] - 1))
    reviews = np.diff(starts, append=len(hashes))
    place = max(0, len(reviews) - (params.max_terms or len(reviews)))
    least = np.partition(reviews, place)[place] if len(reviews) else 0
    return set(hashes[starts[reviews >= max(least, params.min_documents)]].tolist())


def regress(features: sp.csr_matrix, labels: np.ndarray, params: Terms) -> tuple[np.ndarray, float]:
    """Coefficients (m,) and intercept of logistic regression on `features` (n, m).

    `regularization` is the inverse strength, C of scikit-learn's LogisticRegression. Newton's steps
    end at the minimum: where L-BFGS ends depends on the processor's last digits, by 0.1 in P(1).
    """
    weights = params.class_weight
    model = LogisticRegression(
        C=params.regularization,
        class_weight=dict(enumerate(weights)) if isinstance(weights, list) else weights,
        solver="newton-cg",
        tol=1e-8,
    ).fit(features, labels)
    return model.coef_[0], model.intercept_[0]


def _fitted(
    terms: np.ndarray,
    idf: np.ndarray,
    features: sp.csr_matrix,
    coefficients: np.ndarray,
    intercept: float,
) -> Fitted:
    """The model of terms (m,), and what it makes of the vectors (n, m) that it was fitted on."""
    columns = {
        "term": [*terms, INTERCEPT],
        "idf": [*idf, 0.0],
        "coefficient": [*coefficients, intercept],
    }
    features.sort_indices()  # in the order in which `probabilities` adds up
    return Fitted(pa.table(columns), _likely(features, coefficients, intercept))


def _likely(vectors: sp.csr_matrix, coefficients: np.ndarray, intercept: float) -> np.ndarray:
    likely: np.ndarray = expit(vectors @ coefficients + intercept).astype("float32")
    return likely


def probabilities(model: pa.Table, texts: list[str], params: Terms) -> np.ndarray:
    """P(1) of cleaned texts, float32 (n,), by a table that `fit` made with the same `params`."""
    terms, idf = np.array(model["term"].to_pylist()[:-1], object), model["idf"].to_numpy()[:-1]
    coefficients = model["coefficient"].to_numpy()
    return _likely(_vectors(texts, terms, idf, params), coefficients[:-1], coefficients[-1])


def _vectors(texts: list[str], terms: np.ndarray, idf: np.ndarray, params: Terms) -> sp.csr_matrix:
    """Vectors (n, m) of texts, from `terms` (m,) and their inverse document frequencies (m,)."""
    if params.unit == "characters":
        counts = count_runs(texts, terms, params.shortest, params.ngrams, binary=params.binary)
    else:
        counts = CountVectorizer(
            analyzer=_analyzer(params), binary=params.binary, vocabulary=terms, dtype=np.float64
        ).transform(texts)
    weighting = TfidfTransformer(sublinear_tf=params.sublinear)
    weighting.idf_ = idf
    return weighting.transform(counts, copy=False)


def _analyzer(params: Terms) -> Callable[[str], list[str]]:
    """What finds the terms of a cleaned text, which are of words."""
    runs = CountVectorizer(
        tokenizer=str.split,
        token_pattern=None,
        lowercase=False,
        ngram_range=(params.shortest, params.ngrams),
    ).build_analyzer()
    return lambda text: [*runs(text), *beyond_runs(text, params.gaps, params.ends)]


def beyond_runs(text: str, gaps: int, ends: int) -> Iterator[str]:
    """The terms of a cleaned text that are no runs of words, as often as they are there.

    `not  _ _  good` is a pair with two words between, of 1 to `gaps`; `first  tea` and `last  so
    good` are a word and a pair of neighbours among the first and among the last `ends` words. Two
    spaces in a row, which are in no run of words, keep the terms apart from runs: they stand once
    in a term of the ends, twice in a pair over a gap.
    """
    words = text.split() if gaps or ends else []
    for gap in range(1, gaps + 1):
        between = f"  {' '.join('_' * gap)}  "
        yield from map(between.join, zip(words, words[gap + 1 :], strict=False))
    for end, at in (("first", words[:ends]), ("last", words[max(0, len(words) - ends) :])):
        yield from (f"{end}  {word}" for word in at)
        yield from (f"{end}  {word} {after}" for word, after in pairwise(at))
