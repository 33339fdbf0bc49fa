"""The convolutional autoencoder that reads noisy images and learns to write clean ones."""

from pydantic import PositiveFloat

from epochwise.families import convolutional
from epochwise.families.convolutional import build

__all__ = ["Params", "build"]


class Params(convolutional.Params):
    """`train.denoising_autoencoder` in params.yaml.

    The network reads clip(x + `noise` * N(0, 1), 0, 1).
    """

    noise: PositiveFloat

    def deviation(self) -> float:
        """The standard deviation of noise on what the network reads."""
        return self.noise
