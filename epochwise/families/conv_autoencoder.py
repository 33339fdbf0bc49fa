"""The convolutional autoencoder."""

from epochwise.families.convolutional import Params, build

__all__ = ["Params", "build"]
