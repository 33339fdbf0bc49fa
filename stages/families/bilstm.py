"""Stacked LSTM layers on sequences, the first of which reads both ways."""

from stages.reviews.networks import ReviewNetwork
from stages.reviews.recurrent import Bidirectional, build

family = ReviewNetwork("bilstm", Bidirectional, build)
