"""Stacked LSTM layers on sequences, the first of which reads both ways."""

from epochwise.families.recurrent import Bidirectional, build

__all__ = ["Params", "build"]


class Params(Bidirectional):
    """`train.bilstm` in params.yaml."""
