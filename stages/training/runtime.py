"""Keras on TensorFlow, set so that the same seed gives the same bits."""

import sys

import keras
import tensorflow as tf

THREADS = 2
"""Fixed: sums are split by thread, so another number gives other last digits."""


def start(seed: int) -> None:
    """Fix threads, kernels and random numbers; call before a network is built."""
    if tf.config.threading.get_intra_op_parallelism_threads() != THREADS:
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


def verbosity() -> int:
    """Keras's `verbose`: a bar on a terminal, nothing elsewhere."""
    return int(sys.stderr.isatty())
