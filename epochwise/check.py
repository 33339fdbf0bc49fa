"""Check the whole of params.yaml before anything runs, and mend what a kill left cut short.

Each stage checks its own block when it starts; this finds a slip in the last block before the
first stage has done its work. With --compose it writes params.yaml from conf/ first.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from epochwise import families, recovery
from epochwise.core import params, paths
from epochwise.core.cli import InputError, quiet, run
from epochwise.core.files import replacing
from epochwise.measures import columns

CONF = Path("conf")
PARAMS = params.PARAMS

SECTIONS = {
    "seed": "epochwise.core.settings:Seed",
    "engine": "epochwise.core.settings:Engine",
    "reviews": "epochwise.data.sources.reviews:Params",
    "digits": "epochwise.data.sources.digits:Params",
    "target": "epochwise.data.sources.target:Params",
    "clean": "epochwise.data.cleaning:Clean",
    "split": "stages.split:Split",
    "encode": "stages.encode:Encode",
    "vectorize": "stages.vectorize:Vectorize",
    "transfer": "epochwise.families.base:Transfer",
    "threshold": "stages.threshold:Rule",
    "champion": "stages.champion:Champion",
}
"""The keys of params.yaml, and the schema of each block."""
RULES = {"filter": "stages.filter:Rule", "select": "stages.select:Rule"}
"""The keys of the blocks that hold a rule for each of some families."""
PATHS = ("reviews", "digits", "target", "vectorize")
"""The keys of the blocks whose `path` has to be there."""
WORDS = paths.review_split("split", "train")
"""The path of word vectors that are trained on the words of the pipeline's own reviews."""
ABOUT = "about"
"""The key of a note, which no stage reads."""


def check_all(content: Any) -> None:
    """Check the content of params.yaml.

    Raises:
        InputError: a key is missing or unknown, or a value does not fit.
    """
    _check_keys(content)
    _check_sections(content, SECTIONS.keys())
    check_families(content, families.table())


def check_chosen(content: dict[str, Any], choices: Sequence[str], before: Any) -> None:
    """Check the blocks of params.yaml that choices name, and those that are not as `before`.

    Blocks of networks are checked only where a choice names them: their libraries take seconds to
    load, and stages check them before they train.

    Raises:
        InputError: a key is missing or unknown, or a value does not fit.
    """
    _check_keys(content)
    named = [re.split("[.=@]", choice.lstrip("+~")) for choice in choices]
    known = before if isinstance(before, dict) else {}
    changed = {key for key, block in content.items() if known.get(key) != block} - {"transfer"}
    chosen = {keys[0] for keys in named} | changed
    _check_sections(content, chosen & SECTIONS.keys())
    check_paths(content, chosen)
    table = families.table()
    needed = _needed(table)
    for key in chosen & needed.keys():
        _check_listed(content[key], needed[key], key, table)
        if key in RULES:
            _check_rules(content, key, needed[key], table)
    for name, row in table.items():
        is_quick = "train" in changed and row.training != families.NETWORKS
        if is_quick or ["train", name] in (keys[:2] for keys in named):
            params.check(content["train"][name], _schema(name), f"train.{name}")


def check_paths(content: dict[str, Any], keys: Collection[str] = PATHS) -> None:
    """Check that what the blocks at `keys` read is there, or is made before it is read.

    Raises:
        InputError: it is not.
    """
    for key in (key for key in PATHS if key in keys):
        path = content[key]["path"]
        if Path(path) != WORDS and not Path(path).exists():
            raise InputError(f"{PARAMS}: '{key}.path' is '{path}': there is no such file or folder")


def _check_keys(content: Any) -> None:
    """Check that there are the keys of params.yaml, and no others."""
    known = {ABOUT, *SECTIONS, "train", *RULES}
    if not isinstance(content, dict):
        raise InputError(f"{PARAMS}: expected the keys {', '.join(sorted(known))}")
    for key in content.keys() - known:
        raise InputError(f"{PARAMS}: unknown key '{key}'{params.suggest(str(key), known)}")
    for key in sorted(known - {ABOUT} - content.keys()):
        raise InputError(f"{PARAMS}: key '{key}' is missing")


def _check_sections(content: dict[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        params.check(content[key], _named(SECTIONS[key]), key)
    if "champion" in keys:
        for task, metric in content["champion"]["metric"].items():
            _check_name(metric, columns.REPORTS[task], f"champion.metric.{task}")


def check_families(content: dict[str, Any], table: dict[str, families.Row]) -> None:
    """Check the blocks of families: those that families.yaml asks for, and no others.

    Raises:
        InputError: a block is missing or superfluous, or a value does not fit.
    """
    needed = _needed(table)
    for key, names in needed.items():
        _check_listed(content[key], names, key, table)
    for name in table:
        params.check(content["train"][name], _schema(name), f"train.{name}")
    for key in RULES:
        _check_rules(content, key, needed[key], table)


def _needed(table: dict[str, families.Row]) -> dict[str, list[str]]:
    """The families that need a block, by its key."""
    return {
        "train": list(table),
        "filter": [name for name, row in table.items() if row.kept == "filter.json"],
        "select": [name for name, row in table.items() if row.task != "binary"],
    }


def _check_rules(
    content: dict[str, Any], key: str, names: Iterable[str], table: dict[str, families.Row]
) -> None:
    """Check the rules at `key` of the families `names`, and that they name known columns."""
    for name in names:
        rule, task = content[key][name], table[name].task
        params.check(rule, _named(RULES[key]), f"{key}.{name}")
        if key == "filter":
            for column in (*rule["below"], *rule["above"]):
                _check_name(column, columns.EPOCHS[task], f"filter.{name}")
        else:
            _check_name(rule["lowest"], columns.LOSSES[task], f"select.{name}.lowest")


def _check_listed(blocks: Any, names: list[str], key: str, table: dict[str, families.Row]) -> None:
    """Check that the blocks at `key` are those of the families `names`, no fewer and no more."""
    found = blocks if isinstance(blocks, dict) else {}
    for name in names:
        if name not in found:
            raise InputError(
                f"{PARAMS}: '{key}.{name}' is missing, but {families.TABLE} lists the family"
                f" '{name}': add the block to {CONF}/config.yaml and run `make params`"
            )
    for name in found:
        if name not in names:
            listed = "has no use for it" if name in table else "does not list the family"
            raise InputError(
                f"{PARAMS}: '{key}.{name}' is there, but {families.TABLE} {listed}"
                f"{params.suggest(str(name), names)}: add a row there, or remove the block from"
                f" {CONF}/config.yaml and run `make params`"
            )


def _check_name(name: str, known: list[str], key: str) -> None:
    if name not in known:
        raise InputError(
            f"{PARAMS}: '{key}' names '{name}'{params.suggest(name, known)}: expected one of"
            f" {', '.join(known)}"
        )


def compose(conf: Path, choices: Sequence[str]) -> str:
    """The YAML that the Hydra configuration in `conf` is composed to, with `choices` applied.

    Choices are overrides such as `reviews=table` or `train.lstm.epochs=3`, as `dvc exp run -S`
    takes them.

    Raises:
        InputError: conf/ cannot be read, or a choice that it does not have.
    """
    from hydra import compose as compose_config
    from hydra import initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        OverridesParser.create().parse_overrides(list(choices))
        with initialize_config_dir(str(conf.resolve()), version_base=None):
            composed = compose_config("config", list(choices))
        OmegaConf.resolve(composed)
        return OmegaConf.to_yaml(composed)
    except UnicodeDecodeError:
        raise InputError(_undecodable(conf)) from None
    except OverrideParseException as error:
        raise InputError(unreadable(error.override)) from None
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise InputError(_refusal(str(error), conf, choices)) from None
    # Of what is no YAML, its constructors raise whatever they meet.
    except (yaml.YAMLError, LookupError, TypeError, RecursionError, OSError) as error:
        told = " ".join(str(error).split()).replace(str(conf.resolve()), conf.name)
        raise InputError(f"{conf.name}/ cannot be read: {told}") from None


def unreadable(choice: str, option: str = "") -> str:
    """What to do about a choice, given with an `option`, that Hydra cannot read."""
    key, _, value = choice.partition("=")
    return (
        f"{option}{choice} cannot be read: put a value with blanks, brackets or other signs in two"
        f" kinds of quotes, {option}'{key}=\"{value}\"'"
    )


def _undecodable(conf: Path) -> str:
    """Which file in `conf` is not in UTF-8, and where."""
    for path in sorted(conf.rglob("*.yaml")):
        try:
            path.read_bytes().decode()
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            name = path.relative_to(conf.parent)
            return f"{name} is not in UTF-8, as line {line} shows: save it in that encoding"
    return f"{conf.name}/ cannot be read: it is not in UTF-8"


def _refusal(reason: str, conf: Path, choices: Sequence[str]) -> str:
    """What is wrong with `choices` that Hydra refuses for a `reason`."""
    reason = " ".join(reason.partition("Config search path")[0].split())
    # Hydra's own advice, to append the key, would add one that nothing reads.
    reason = reason.partition(" To append to your config")[0]
    groups = [path.name for path in conf.iterdir() if path.is_dir()]
    groups_chosen = [each for each in choices if each.partition("=")[0] in groups]
    if reason.startswith("Config group override must be"):  # of a number, true or null
        told = []
        for group, _, name in (each.partition("=") for each in groups_chosen):
            known = sorted(path.stem for path in (conf / group).glob("*.yaml"))
            if name not in known:
                told.append(f"'{group}={name}': expected one of {', '.join(known)}")
        reason = "; ".join(told) or reason
    if unknown := re.match(r"Could not override '([^']+)'", reason):
        known = [*groups, *_keys(yaml.safe_load(compose(conf, groups_chosen)))]
        if unknown[1] not in known:
            return f"{conf.name}/ has no key '{unknown[1]}'{params.suggest(unknown[1], known)}"
    return f"{conf.name}/ cannot be composed: {reason or 'a value in it is incomplete'}"


def _keys(block: Any) -> Iterator[str]:
    """The dotted keys of all values in `block`."""
    for key, value in block.items() if isinstance(block, dict) else ():
        yield key
        yield from (f"{key}.{below}" for below in _keys(value))


def main(
    choices: Annotated[
        list[str] | None, typer.Argument(help="with --compose: choices such as reviews=table")
    ] = None,
    composed: Annotated[
        bool, typer.Option("--compose", help="write params.yaml from conf/ first")
    ] = False,
) -> None:
    """Check params.yaml, or compose, check and write it."""
    if choices and not composed:
        raise InputError(f"{' '.join(choices)}: choices need --compose")
    if not composed:
        for line in recovery.mend():
            print(line)
        content = params.load()
        check_all(content)
        check_paths(content)
        return
    text = compose(CONF, choices or ())
    check_all(params.parse(text.encode()))
    with replacing(PARAMS) as beside:
        beside.write_text(text, encoding="utf-8")


def _schema(family: str) -> type[params.Section]:
    try:
        return families.load(family).schema
    except ModuleNotFoundError as error:
        if error.name != f"epochwise.families.{family}":
            raise
        raise InputError(
            f"{families.TABLE} lists the family '{family}', but there is no"
            f" epochwise/families/{family}.py: add it, or remove the row"
        ) from None


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    with quiet():
        return getattr(import_module(module), name)


if __name__ == "__main__":
    run(main)
