"""The network of the family transfer, all of it from random weights: what the transfer is worth."""

from stages.images.transfer import HeadFit, TransferFamily

family = TransferFamily("scratch", HeadFit, frozen=False)
