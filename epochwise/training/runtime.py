"""Keras on TensorFlow, set so that the same seed gives the same bits."""

import keras
import tensorflow as tf

from epochwise.core import params
from epochwise.core.settings import Engine


def start(seed: int, shared: bool = True) -> None:
    """Fix threads, kernels and random numbers; call before a network is built.

    Threads work on different operations of a network and, where these are `shared`, on parts of
    the same one. The first call in a process decides on threads for all that follow.
    """
    if tf.config.threading.get_inter_op_parallelism_threads() != threads():
        tf.config.threading.set_inter_op_parallelism_threads(threads())
        tf.config.threading.set_intra_op_parallelism_threads(threads() if shared else 1)
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")  # it warns of one function traced for each network
    keras.utils.clear_session()  # or else names of layers count on
    keras.utils.set_random_seed(seed)


def threads() -> int:
    """`engine.threads` in params.yaml: sums are split by thread, others give other last digits."""
    return params.read("engine", Engine).threads


def versions() -> dict[str, str]:
    """What another machine may have otherwise, so that the same seed gives other bits."""
    return {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "threads": str(threads()),
    }
