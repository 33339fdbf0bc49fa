"""Stacked LSTM layers on sequences."""

from epochwise.families.recurrent import Recurrent, build

__all__ = ["Params", "build"]


class Params(Recurrent):
    """`train.lstm` in params.yaml."""
