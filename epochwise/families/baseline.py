"""The plain baseline: TF-IDF of words and pairs of words, and logistic regression."""

from epochwise.families.linear import Tfidf, fit, probabilities

__all__ = ["Params", "fit", "probabilities"]


class Params(Tfidf):
    """`train.baseline` in params.yaml."""
