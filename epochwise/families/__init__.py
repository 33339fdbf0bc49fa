"""The model families: one module a family, listed in families.yaml.

A family's module has `Params`, the schema of its block `train.<family>`, and the functions that its
learner asks for: `build` for a network, `fit` and `probabilities` for what has no network.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from epochwise.core import params, paths
from epochwise.core.cli import InputError, quiet, without

TABLE = Path("families.yaml")
NETWORKS = "epochwise/training"
"""The code that trains networks."""

Task = Literal["binary", "multiclass", "reconstruction", "generation"]
COMPARED = ("binary", "multiclass")
"""The tasks of which families are compared sample by sample."""


class Row(params.Section):
    """A row of families.yaml.

    `task` is what the family does, and how it is chosen and reported; `learner` how it is trained
    and scored. `reads`, `layers` and `training` are code that it shares with others; `train`,
    `valid`, `test` and `pretrained` are its inputs; `kept` is the file of its metrics that lists
    the epochs to choose among. `embeds` is the network that turns an image into a code, `rival`
    the family it is compared with.
    """

    task: Task
    learner: Literal["linear", "text", "ensemble", "classifier", "autoencoder", "gan"]
    reads: str
    layers: str
    training: str
    train: str
    valid: str
    test: str
    pretrained: str
    kept: Literal["epochs.csv", "filter.json"]
    embeds: str | None
    rival: str | None

    @property
    def dataset(self) -> str:
        """The data set: reviews, digits or target."""
        return Path(self.test).parts[1]

    @property
    def inputs(self) -> list[Path]:
        """What training reads: the splits train and valid, and what it starts from."""
        return [Path(self.train), Path(self.valid), Path(self.pretrained)]


class Table(params.Section):
    """The content of families.yaml, by what is done and how; `families` holds them all."""

    linear: dict[str, Row]
    text: dict[str, Row]
    ensembles: dict[str, Row]
    multiclass: dict[str, Row]
    reconstruction: dict[str, Row]
    generation: dict[str, Row]
    binary: dict[str, Row]
    images: dict[str, Row]
    networks: dict[str, Row]
    families: dict[str, Row]


class Family(NamedTuple):
    """A family: its name, its row of the table, and its module."""

    name: str
    row: Row
    module: ModuleType

    @property
    def schema(self) -> type[params.Section]:
        """The schema of `train.<name>` in params.yaml."""
        schema: type[params.Section] = self.module.Params
        return schema

    def read_params(self) -> params.Section:
        """`train.<name>` in params.yaml."""
        return params.read(f"train.{self.name}", self.schema)


def table() -> dict[str, Row]:
    """Every family and its row, one task after another.

    Raises:
        InputError: the rival of a family is none, or does something else.
    """
    found = params.read_file(TABLE, Table)
    reviews = found.linear | found.text | found.ensembles
    rows = reviews | found.multiclass | found.reconstruction | found.generation
    for name, listed in rows.items():
        if listed.rival not in (None, *rows):
            raise InputError(
                f"{TABLE}: the rival of {name} is '{listed.rival}', expected one of"
                f" {', '.join(rows)}"
            )
        if listed.rival and not _are_rivals(listed, rows[listed.rival]):
            raise InputError(
                f"{TABLE}: the rival of {name} is '{listed.rival}', expected a family that tells"
                f" classes of {listed.dataset} apart, as {name} has to do, too"
            )
    return rows


def _are_rivals(*both: Row) -> bool:
    tasks = {(found.task, found.dataset) for found in both}
    return len(tasks) == 1 and both[0].task in COMPARED


def members() -> list[str]:
    """The families that an ensemble may have: those that read reviews themselves."""
    found = params.read_file(TABLE, Table)
    return [*found.linear, *found.text]


def row(name: str) -> Row:
    """The row of the family `name`.

    Raises:
        InputError: no such family; the message lists those that exist.
    """
    known = table()
    if name not in known:
        hint = params.suggest(name, known)
        raise InputError(f"no family '{name}'{hint}: expected one of {', '.join(sorted(known))}")
    return known[name]


def load(name: str) -> Family:
    """The family `name` with its module.

    Raises:
        InputError: no such family; the message lists those that exist.
    """
    found = row(name)
    with quiet():
        if found.training == NETWORKS:
            with without("matplotlib", "sklearn"):
                import_module("keras")
        module = import_module(f"epochwise.families.{name}")
    if not hasattr(module, "Params"):
        raise InputError(f"epochwise/families/{name}.py is no family: it has no Params")
    return Family(name, found, module)


def load_learner(learner: str) -> ModuleType:
    """The module that trains and scores families with this `learner`."""
    with quiet():
        return import_module(f"epochwise.learners.{learner}")


def champion(group: str) -> str:
    """The family that the stage `champion` has chosen in `group`, such as `binary_reviews`.

    Raises:
        InputError: none is chosen.
    """
    from epochwise.core.files import read_json
    from epochwise.core.forms import Champions

    # A DVC that cannot read this file runs no stage.
    remedy = "run `python -m epochwise.check` and `dvc repro champion`"
    found = read_json(paths.CHAMPIONS, Champions, remedy)["champions"].get(group)
    if found is None:
        raise InputError(f"{paths.CHAMPIONS} has no champion of {group}: {remedy}")
    name: str = found["family"]
    return name
