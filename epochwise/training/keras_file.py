"""Write `.keras` files whose bytes depend on the network alone, and read them back."""

import io
import json
import math
import random
import re
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras.src.saving import saving_lib

from epochwise.core.cli import InputError
from epochwise.core.files import replacing
from epochwise.core.unpacking import most_bytes, refuse_bomb, zip_member

# Keras keeps it by one name and looks for it by another: it would build a layer for each it saves.
saving_lib.get_attr_skipset = cache(saving_lib.get_attr_skipset)

NO_DATE = (1980, 1, 1, 0, 0, 0)
BYTES_OF_WEIGHT = 4
WEIGHTS = "model.weights.h5"
LONGEST_REASON = 300
"""Characters of what Keras says of a file: its first lines do not always hold the cause."""
NUMBERED = 1_000_000
"""From where variables are numbered: hardly a value of anything else."""
EXACT = {"float32", "float64", "int32", "uint32", "int64"}
"""The types that hold such numbers."""
Content = dict[str, list[Any]]
"""The files within a `.keras` file by name, each as the pieces of bytes that it consists of."""
SHARED_ID = re.compile(r'("shared_object_id": )(\d+)')


def save(network: keras.Model, path: Path) -> None:
    """Save `network` to `path` for use: layers and weights, without the state of its optimizer.

    Dates are fixed, and so are ids, which Keras takes from memory.
    """
    write(path, _content(network))


class Saver:
    """Takes what `save` would write of a network, again and again, in a fraction of its time.

    Between two epochs its weights change, and of its config at most which layers learn. Where each
    weight lies in the file is found once until they are others, from a file in which every weight
    is filled with its own number.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._learning: list[bool] | None = None

    def content(self) -> Content:
        """The network as it is now, for `write`; training goes on without changing it."""
        if not EXACT.issuperset(variable.dtype for variable in self._network.variables):
            return _content(self._network)
        # Its config says the same, and takes Keras milliseconds to make.
        learning = [layer.trainable for layer in self._network._flatten_layers()]
        if self._learning != learning:
            self._find_places()
            self._learning = learning
        weights: list[Any] = [self._between[0]]
        for variable, content in zip(self._variables, self._between[1:], strict=True):
            weights += [np.array(variable.numpy(), order="C").data, content]
        return {**self._members, WEIGHTS: weights}

    def _find_places(self) -> None:
        """Divide what `save` writes into the variables, in their order there, and all the rest."""
        before = [variable.numpy() for variable in self._network.variables]
        try:
            for number, variable in enumerate(self._network.variables, NUMBERED):
                variable.assign(np.full(variable.shape, number, variable.dtype))
            members = _content(self._network)
        finally:
            for variable, value in zip(self._network.variables, before, strict=True):
                variable.assign(value)
        (weights,) = members.pop(WEIGHTS)
        places = _numbered(weights, len(before))
        self._members = members
        self._variables = [self._network.variables[number] for number in places.values()]
        ends = [0, *(start + before[number].nbytes for start, number in places.items())]
        starts = [*places, len(weights)]
        self._between = [weights[end:start] for end, start in zip(ends, starts, strict=True)]


def _content(network: keras.Model) -> Content:
    bare = keras.Model(network.input, network.output, name=network.name)
    with tempfile.TemporaryDirectory() as folder:
        dated = Path(folder) / "network.keras"
        bare.save(dated)
        with zipfile.ZipFile(dated) as archive:
            members = {name: archive.read(name) for name in sorted(archive.namelist())}
    ids: dict[str, str] = {}
    members["config.json"] = SHARED_ID.sub(
        lambda found: found[1] + ids.setdefault(found[2], str(len(ids))),
        members["config.json"].decode(),
    ).encode()
    metadata = json.loads(members["metadata.json"]) | {"date_saved": "1980-01-01@00:00:00"}
    members["metadata.json"] = json.dumps(metadata).encode()
    return {name: [member] for name, member in members.items()}


def _numbered(weights: bytes, count: int) -> dict[int, int]:
    """Where the variables of these `count` numbers begin in an HDF5 file, the first one first."""
    begins = {}
    with h5py.File(io.BytesIO(weights)) as file:

        def note(_: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset) and item.size:
                value = item[(0,) * item.ndim]
                if NUMBERED <= value < NUMBERED + count:
                    begins[item.id.get_offset()] = int(value) - NUMBERED

        file.visititems(note)
    return dict(sorted(begins.items()))


def write(path: Path, content: Content) -> None:
    """Write what `Saver.content` gave as the `.keras` file `path`."""
    with replacing(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        for name, pieces in content.items():
            info = zipfile.ZipInfo(name, NO_DATE)
            info.file_size = sum(memoryview(piece).nbytes for piece in pieces)
            with archive.open(info, "w") as member:
                for piece in pieces:
                    member.write(piece)


def load(path: Path) -> keras.Model:
    """The network saved at `path`, not compiled; `safe_mode` stays on.

    Raises:
        InputError: the file is missing, is not a `.keras` file that loads safely, or describes a
            network with far more weights than it holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(zip_member(archive, "config.json", path))
        if _bytes_of_weights(config) > most_bytes(path):
            refuse_bomb(path)
        network: keras.Model = keras.models.load_model(path, compile=False, safe_mode=True)
    except InputError:
        raise
    # Of a damaged file, zipfile, HDF5 and the layers of Keras raise whatever they meet.
    except Exception as error:
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise InputError(f"{path} cannot be loaded as a Keras model: {reason}") from None
    return network


def _bare(config: Any) -> Any:
    """`config` without optimizers, which networks within it have where they were compiled."""
    if isinstance(config, dict):
        return {key: _bare(value) for key, value in config.items() if key != "compile_config"}
    return [_bare(value) for value in config] if isinstance(config, list) else config


def _bytes_of_weights(config: Any) -> int:
    """The bytes that the weights of a network would take: it is built without any."""
    drawn = random.getstate()  # layers draw seeds, which must not change what is drawn later
    try:
        with keras.StatelessScope(initialize_variables=False):
            network = keras.saving.deserialize_keras_object(_bare(config), safe_mode=True)
    finally:
        random.setstate(drawn)
    if not isinstance(network, keras.Model):
        raise ValueError(f"it holds a {type(network).__name__}, expected a model")
    return sum(math.prod(weight.shape) * BYTES_OF_WEIGHT for weight in network.variables)
