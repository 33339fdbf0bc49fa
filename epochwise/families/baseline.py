"""The plain baseline: TF-IDF of words and pairs of words, and logistic regression."""

from epochwise.families.linear import Terms, fit, probabilities

__all__ = ["Params", "fit", "probabilities"]


class Params(Terms):
    """`train.baseline` in params.yaml."""
