"""How many operations an epoch of a network needs, by the sizes of its layers."""

import math

import keras
import numpy as np


def epoch(network: keras.Model, train: np.ndarray, valid: np.ndarray) -> float:
    """Multiplications and additions of an epoch: train is fitted and scored, valid is scored.

    `train` and `valid` are the words that are read of each sample (n,), or ones for other samples.
    Learning takes three times what applying the network takes, once forward and twice backward
    (Kaplan et al. 2020), in layers that do not learn once.
    """
    forward, learning = _over(network, train, False), _over(network, train, True)
    return 2 * forward + 2 * learning + _over(network, valid, False)


def _over(network: keras.Model, sizes: np.ndarray, learning: bool) -> float:
    widths, counts = np.unique(sizes, return_counts=True)
    return sum(
        count * operations(network, width, learning)
        for width, count in zip(widths.tolist(), counts.tolist(), strict=True)
    )


def operations(network: keras.Model, words: int, learning: bool = False) -> float:
    """Multiplications and additions that one sample of `words` words takes; 1 for other samples.

    Those of matrices alone: an element of a kernel is one of each wherever it is applied. With
    `learning` those of layers that learn.
    """
    return sum(_of_layer(layer, words, learning) for layer in network.layers)


def _of_layer(layer: keras.Layer, words: int, learning: bool) -> float:
    if isinstance(layer, keras.Model):
        return operations(layer, words, learning)
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    if not kernels or (learning and not layer.trainable_weights):
        return 0.0
    recurrent = isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
    # A recurrent layer reads every word, though it may give the last state alone, and its mask.
    first, *_ = keras.tree.flatten(layer.input if recurrent else layer.output)
    places = math.prod(words if size is None else size for size in first.shape[1:-1])
    found = 2.0 * places * sum(math.prod(kernel.shape) for kernel in kernels)
    if isinstance(layer, keras.layers.MultiHeadAttention):
        found += 4.0 * places**2 * layer.num_heads * layer.key_dim
    return found
