"""Write `.keras` files whose bytes depend on the network alone, and read them back."""

import json
import math
import random
import re
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
from keras.src.saving import saving_lib

from epochwise.core.cli import InputError
from epochwise.core.files import replacing
from epochwise.core.unpacking import most_bytes, refuse_bomb, zip_member

# Keras keeps it by one name and looks for it by another: it would build a layer for each it saves.
saving_lib.get_attr_skipset = cache(saving_lib.get_attr_skipset)

NO_DATE = (1980, 1, 1, 0, 0, 0)
BYTES_OF_WEIGHT = 4
SHARED_ID = re.compile(r'("shared_object_id": )(\d+)')


def save(network: keras.Model, path: Path) -> None:
    """Save `network` to `path` for use: layers and weights, without the state of its optimizer.

    Dates are fixed, and so are ids, which Keras takes from memory.
    """
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
    with replacing(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, NO_DATE), content)


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
        reason = [*str(error).strip().splitlines(), type(error).__name__][0]
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
