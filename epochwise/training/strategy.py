"""Training on several devices, by tf.distribute: each takes its share of every batch.

The gradients of all shares are added up before a step, so that a step is that of the whole batch on
one device, to within the rounding of sums. Two things are drawn or measured by device, and differ:
the masks of dropout, and the mean and variance of batch normalization.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from epochwise.core import params
from epochwise.core.cli import InputError
from epochwise.core.settings import Engine
from epochwise.training import runtime

EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)
LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError)
"""What the others get when a worker goes."""


def start(seed: int, shared: bool = True) -> None:
    """`runtime.start`, and build networks from now on for the devices of `engine.strategy`.

    `none`, the default, is one device; `mirrored` all GPUs of this machine; `multi_worker` one
    process of each worker in the environment variable TF_CONFIG, all of which run the same command,
    each in a clone of its own, and write the same. Where that makes one device, it is as `none`.

    Raises:
        InputError: there is no TF_CONFIG.
    """
    runtime.start(seed, shared)
    match params.read("engine", Engine).strategy:
        case "none":
            return
        case "mirrored":
            devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
            chosen = tf.distribute.MirroredStrategy([device.name for device in devices])
        case "multi_worker":
            _check_workers()
            chosen = tf.distribute.MultiWorkerMirroredStrategy()
    # A network that is built for a mirror of one takes no step outside of it.
    if chosen.num_replicas_in_sync > 1:
        tf.distribute.experimental_set_strategy(chosen)


def _check_workers() -> None:
    try:
        workers = json.loads(os.environ.get("TF_CONFIG", ""))["cluster"]["worker"]
    except (ValueError, KeyError, TypeError):
        workers = None
    if not isinstance(workers, list):
        raise InputError(
            "engine.strategy is multi_worker, but the environment variable TF_CONFIG does not list"
            f" the workers: set it for each of them, as in TF_CONFIG='{EXAMPLE}'"
        )


def identity() -> dict[str, str]:
    """The devices that share a batch: another number of them gives other last digits."""
    chosen = tf.distribute.get_strategy()
    return {"strategy": type(chosen).__name__, "devices": str(chosen.num_replicas_in_sync)}


def agree(done: int, folder: Path) -> None:
    """Refuse to go on where workers have `done` different numbers of epochs, kept in `folder`.

    Raises:
        InputError: they differ.
    """
    chosen = tf.distribute.get_strategy()
    if chosen.num_replicas_in_sync > 1:
        counts = chosen.gather(tf.constant([done]), axis=0).numpy().tolist()
        if len(set(counts)) > 1:
            raise InputError(
                f"{folder}: the workers have done {counts} epochs: copy the folder from one of them"
                " to the others, or remove it everywhere, and start them again"
            )


def devices() -> int:
    """How many devices share a batch."""
    count: int = tf.distribute.get_strategy().num_replicas_in_sync
    return count


def fit(network: keras.Model, batches: tf.data.Dataset, after_step: Callable[[], None]) -> None:
    """Train on `batches` of inputs, targets and, if there are, weights of samples.

    Every device takes its share of a batch; `after_step` is called after each.
    """
    step = _step(network)
    for batch in tf.distribute.get_strategy().experimental_distribute_dataset(batches):
        step(batch)
        after_step()


@contextmanager
def watched() -> Iterator[None]:
    """Tell of workers that are lost within the block.

    Raises:
        InputError: one is.
    """
    try:
        yield
    except LOST as error:
        raise InputError(
            f"a worker of TF_CONFIG is lost ({type(error).__name__}): start all of them again, and"
            " they go on from their last epoch"
        ) from None


@lru_cache(maxsize=4)
def _step(network: keras.Model) -> Any:
    """Keras's own step, with weights that make the mean of the shares that of the whole batch."""
    chosen = tf.distribute.get_strategy()

    def on_device(inputs: Any, targets: Any, weights: Any = None) -> None:
        size = tf.shape(targets)[0]
        devices = tf.distribute.get_replica_context()
        whole = devices.all_reduce(tf.distribute.ReduceOp.SUM, size)
        share = tf.cast(size * devices.num_replicas_in_sync / whole, "float32")
        if weights is None:  # of the rank of a loss, which has no last axis
            weights = tf.ones([size, *[1] * (targets.shape.rank - 2)])
        network.train_step((inputs, targets, share * weights))

    return tf.function(
        lambda batch: chosen.run(on_device, args=batch), reduce_retracing=True, autograph=False
    )
