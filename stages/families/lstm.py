"""Stacked LSTM layers on sequences."""

from stages.reviews.networks import ReviewNetwork
from stages.reviews.recurrent import Recurrent, build

family = ReviewNetwork("lstm", Recurrent, build)
