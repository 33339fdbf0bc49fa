"""The other review families together."""

from epochwise.families.stacking import Stacking, fit, out_of_fold, probabilities

__all__ = ["Params", "fit", "out_of_fold", "probabilities"]


class Params(Stacking):
    """`train.ensemble` in params.yaml."""
