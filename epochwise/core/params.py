"""Read params.yaml: each stage asks for its own section and gets it checked and typed."""

import difflib
import re
import reprlib
from collections import Counter
from collections.abc import Iterable
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from epochwise.core.cli import InputError

PARAMS = Path("params.yaml")
SHORT = reprlib.Repr()
"""Values in messages: YAML's references can make a small file an endless one."""
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 200
LONGEST = 1 << 20
"""Bytes of a YAML file at most: a longer one was not written by hand, and takes minutes to read."""
MOST_MERGED = 10_000
"""Pairs of a mapping into which others are merged (`<<`), which can double it at every line."""


class Section(BaseModel):
    """A block of params.yaml. Unknown keys are refused, values do not change type silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


SectionT = TypeVar("SectionT", bound=Section)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 of plain values, as DVC reads it but for dates, in bounded time and memory.

    PyYAML itself reads YAML 1.1, where 010 is 8, 5:30 is 330, yes is true and 1e-05 a text.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number: decimal even after a zero, octal after 0o."""
        text = self.construct_scalar(node).replace("_", "")
        return int(text, 0 if text.lstrip("+-")[:2] in ("0b", "0o", "0x") else 10)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Compose a mapping, and refuse a key that is there twice.

        Raises:
            ConstructorError: a key is there twice.
        """
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if again := [key for key, count in keys.items() if count > 1]:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key '{again[0]}' is there twice", node.start_mark
            )
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge the mappings that `node` names under `<<` into it.

        Raises:
            ConstructorError: there are more than MOST_MERGED pairs then.
        """
        before = len(node.value)
        super().flatten_mapping(node)
        if len(node.value) > max(before, MOST_MERGED):
            raise yaml.constructor.ConstructorError(
                None, None, f"a mapping is merged from more than {MOST_MERGED}", node.start_mark
            )


for _tag, _pattern, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|\.[0-9_]+(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", "~|null|Null|NULL|", ("~", "n", "N", "")),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first)
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class QuickLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same values, by the parser in C where PyYAML has it: for what DVC has written."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
    yaml_constructors = _Loader.yaml_constructors


def read(key: str, schema: type[SectionT], path: Path = PARAMS) -> SectionT:
    """The block at the dotted `key` of the params file, as a `schema`.

    Raises:
        InputError: the file or the key is missing, or a value does not fit; the message names
            the file, the full key, what was found and what was expected.
    """
    return check(_lookup(load(path), key, path), schema, key, path)


def read_file(path: Path, schema: type[SectionT]) -> SectionT:
    """A whole YAML file as a `schema`.

    Raises:
        InputError: the file is missing, is not YAML, or does not fit.
    """
    return check(load(path), schema, "", path)


def check(block: Any, schema: type[SectionT], key: str, path: Path = PARAMS) -> SectionT:
    """`block` as a `schema`; `key` and `path` say in messages where it stands."""
    try:
        return schema.model_validate(block)
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error, block, key, _known_keys(schema))}") from None


def explain(error: ValidationError, block: Any, key: str = "", known: Iterable[str] = ()) -> str:
    """What is wrong in `block`, which stands at `key`; `known` are keys that it may have."""
    found = [(_place(detail, block), detail) for detail in error.errors()]
    # Of the kinds that a value may be, that is meant in which it is wrong at the deepest place.
    within = {place[:end] for place, _ in found for end in range(len(place))}
    lines = [_explain(detail, place, key, known) for place, detail in found if place not in within]
    return "; ".join(lines)


def load(path: Path = PARAMS) -> Any:
    """The content of a YAML file.

    Raises:
        InputError: the file is missing or is not YAML.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LONGEST else b""
    except FileNotFoundError:
        remedy = "run from the project's root folder"
        if path == PARAMS:
            remedy += ", and `make params` if it is not there"
        raise InputError(f"{path} not found: {remedy}") from None
    if size > LONGEST:
        raise InputError(
            f"{path} has {size} bytes, of YAML expected {LONGEST} at most: is it the right file?"
        )
    return parse(content, path)


def parse(content: bytes, path: Path = PARAMS) -> Any:
    """What the bytes of a YAML file mean; `path` is for messages.

    Raises:
        InputError: they are not YAML.
    """
    try:
        return deepcopy(_parse(content))
    # A number, a tag or a key that is none, or lists in lists in lists.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    except (LookupError, AttributeError):
        raise InputError(f"{path} is not valid YAML: a value does not fit its tag (!!)") from None


@lru_cache(maxsize=4)
def _parse(content: bytes) -> Any:
    """What is parsed once: a stage asks for one section after another."""
    return yaml.load(content.decode("utf-8"), _Loader)


def _lookup(block: Any, key: str, path: Path) -> Any:
    for depth, name in enumerate(key.split(".")):
        if not isinstance(block, dict) or name not in block:
            at = ".".join(key.split(".")[: depth + 1])
            known = block if isinstance(block, dict) else ()
            raise InputError(f"{path}: key '{at}' is missing{suggest(name, known)}")
        block = block[name]
    return block


def _place(detail: Any, block: Any) -> tuple[Any, ...]:
    """The keys and numbers in `block` of what is wrong: `loc` without names of kinds of values."""
    place = []
    for part in detail["loc"]:
        is_key = isinstance(block, dict) and part in block
        if is_key or (isinstance(block, list) and part in range(len(block))):
            place.append(part)
            block = block[part]
    return (*place, detail["loc"][-1]) if detail["type"] == "missing" else tuple(place)


def _explain(detail: Any, place: tuple[Any, ...], key: str, known: Iterable[str]) -> str:
    location = ".".join(str(part) for part in (key, *place) if part != "")
    if detail["type"] == "extra_forbidden":
        return f"unknown key '{location}'{suggest(str(detail['loc'][-1]), known)}"
    if detail["type"] == "missing":
        return f"key '{location}' is missing"
    reason = detail["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
    found = f" is {SHORT.repr(detail['input'])}"
    if isinstance(detail["input"], dict):
        # Of a whole block the reason says which keys do not go together.
        found = "" if detail["type"] == "value_error" else " is a mapping"
    at = f"'{location}'" if location else "it"
    return f"{at}{found}: {reason[0].lower()}{reason[1:]}"


def _known_keys(schema: type[BaseModel]) -> set[str]:
    keys = set(schema.model_fields)
    for field in schema.model_fields.values():
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                keys |= _known_keys(kind)
    return keys


def suggest(name: str, known: Iterable[str]) -> str:
    """A question for the end of a message, if one of `known` looks like `name`."""
    near = difflib.get_close_matches(name, [str(key) for key in known], n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""
