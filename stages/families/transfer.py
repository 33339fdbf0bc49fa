"""New layers on a frozen base network (transfer learning)."""

from stages.images.transfer import TransferFamily, TransferFit

family = TransferFamily("transfer", TransferFit, frozen=True)
