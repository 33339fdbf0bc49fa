"""A linear model of the characters of a review, weighted by naive Bayes."""

from epochwise.families.linear import Weighted, probabilities
from epochwise.families.linear import fit_weighted as fit

__all__ = ["Params", "fit", "probabilities"]


class Params(Weighted):
    """`train.nb_characters` in params.yaml."""
