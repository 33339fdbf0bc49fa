"""Check the whole of params.yaml before anything runs.

Each stage checks its own block when it starts; this finds a slip in the last block before the
first stage has done its work.
"""

from importlib import import_module
from typing import Any

from stages.core import params
from stages.core.cli import InputError, run
from stages.core.quiet import quiet

SECTIONS = {
    "engine": "stages.core.engine:Engine",
    "reviews": "stages.sources.reviews:Reviews",
    "digits": "stages.sources.digits:Digits",
    "pets": "stages.sources.pets:Pets",
    "clean": "stages.clean:Clean",
    "split": "stages.split:Split",
    "encode": "stages.encode:Encode",
    "vectorize": "stages.vectorize:Vectorize",
    "threshold": "stages.threshold:Rule",
    "transfer": "stages.images.base:Transfer",
}
"""The block of each key, and the schema of its stage."""
RULES = {"filter": "stages.filter:Rule", "select": "stages.select:Rule"}
"""The blocks that hold a rule for each of some families."""


def check_all(content: dict[str, Any]) -> None:
    """Check the content of params.yaml.

    Raises:
        InputError: a key is missing or unknown, or a value does not fit.
    """
    known = {"seed", *SECTIONS, "train", *RULES}
    for key in content.keys() - known:
        raise InputError(f"{params.PARAMS}: unknown key '{key}'{params.suggest(key, known)}")
    for key in sorted(known - content.keys()):
        raise InputError(f"{params.PARAMS}: key '{key}' is missing")
    seed = content["seed"]
    if not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise InputError(f"{params.PARAMS}: 'seed' is {seed!r}: expected an integer from 0")
    for key, schema in SECTIONS.items():
        params.check(content[key], _named(schema), key)
    for family, block in content["train"].items():
        schema = _named("stages.families:load")(family).schema
        params.check(block, schema, f"train.{family}")
    for key, schema in RULES.items():
        for family, block in content[key].items():
            if family not in content["train"]:
                raise InputError(f"{params.PARAMS}: {key}.{family} is there, train.{family} is not")
            params.check(block, _named(schema), f"{key}.{family}")


def main() -> None:
    """Check params.yaml."""
    check_all(params.load())


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    with quiet():
        return getattr(import_module(module), name)


if __name__ == "__main__":
    run(main)
