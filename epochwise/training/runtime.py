"""Keras on TensorFlow, set so that the same seed gives the same bits."""

import sys
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from epochwise.core import params
from epochwise.core.cli import InputError

THREADS = 2
"""Where params.yaml does not say."""


def start(seed: int) -> None:
    """Fix threads, kernels and random numbers; call before a network is built."""
    if tf.config.threading.get_intra_op_parallelism_threads() != threads():
        tf.config.threading.set_intra_op_parallelism_threads(threads())
        tf.config.threading.set_inter_op_parallelism_threads(threads())
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")  # it warns of one function traced for each network
    keras.utils.clear_session()  # or else names of layers count on
    keras.utils.set_random_seed(seed)


def threads() -> int:
    """`engine.threads` in params.yaml: sums are split by thread, others give other last digits."""
    count: int = params.load().get("engine", {}).get("threads", THREADS)
    return count


def versions() -> dict[str, str]:
    """What another machine may have otherwise, so that the same seed gives other bits."""
    return {
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "threads": str(threads()),
    }


def batches(
    arrays: tuple[np.ndarray, ...], size: int, order: np.ndarray | None = None
) -> tf.data.Dataset:
    """`arrays` (n, ...) in batches of up to `size`, in the `order` of row numbers, if given.

    What Keras makes of arrays itself is slower, and logs an error a run.
    """
    if order is not None:
        arrays = tuple(array[order] for array in arrays)
    return tf.data.Dataset.from_tensor_slices(arrays).batch(size)


class Column(Protocol):
    """Samples that are read by their rows: an array, or what makes one of them."""

    @property
    def shape(self) -> tuple[int | None, ...]:
        """As of an array; None where it depends on the rows."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of an array."""

    def __getitem__(self, rows: np.ndarray) -> np.ndarray: ...


def stream(columns: tuple[Column, ...], batches: list[np.ndarray]) -> tf.data.Dataset:
    """`columns` (n, ...) in `batches` of row numbers, each read when it is its turn."""
    signature = tuple(tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in columns)
    read = tf.data.Dataset.from_generator(
        lambda: (tuple(x[rows] for x in columns) for rows in batches), output_signature=signature
    )
    counted = tf.data.experimental.assert_cardinality(len(batches))
    return read.apply(counted).prefetch(2)


def outputs(network: keras.Model, inputs: np.ndarray, batch_size: int) -> np.ndarray:
    """What `network` makes of `inputs` (n, ...), float32.

    Raises:
        InputError: an output is not a number.
    """
    return predicted(network, batches((inputs,), batch_size))


def predicted(network: keras.Model, inputs: tf.data.Dataset) -> np.ndarray:
    """What `network` makes of batches of `inputs`, float32 (n, ...).

    Raises:
        InputError: an output is not a number.
    """
    return finite(network.predict(inputs, verbose=0))


def finite(made: np.ndarray) -> np.ndarray:
    """`made`, what a network gives, if all of it is numbers.

    Raises:
        InputError: an output is not a number.
    """
    if not np.isfinite(made).all():
        raise InputError(
            "the network's output is not a number: lower optimizer.learning_rate or set"
            " optimizer.clip_norm in params.yaml"
        )
    return made


def verbosity() -> int:
    """Keras's `verbose`: a bar on a terminal, nothing elsewhere."""
    return int(sys.stderr.isatty())
