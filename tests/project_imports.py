"""Which project files stages import: JSON of commands on standard input, JSON on standard output.

A process of its own, so that nothing is loaded already. A command is the list of a module and
its argument, if it has one. Imports inside functions count, and so does a module that is loaded
by a name in a variable, `import_module(f"epochwise.learners.{learner}")`: for a family the name,
the task and the learner are those of its row in families.yaml.
"""

import ast
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

NETWORK_LIBRARIES = {"tensorflow", "keras"}
PACKAGES = {"stages", "epochwise"}


def imports(module: str, argument: str | None = None) -> dict[str, Any]:
    """The project files that `module` imports, and whether a library for networks is among it all.

    The libraries stay loaded from one call to the next: ask first for what should not load them.
    """
    for name in project_modules():
        del sys.modules[name]
    importlib.import_module(module)
    libraries, read = set(sys.modules), set[str]()
    names = variables(argument)
    while unread := project_modules() - read:
        for name in sorted(unread):
            for wanted in imported_names(importing(source(name)), loader(name, names)):
                libraries.add(wanted.partition(".")[0])
                if is_project(wanted) and exists(wanted):
                    importlib.import_module(wanted)
        read |= unread
    files = [source(name) for name in read if has_code(source(name))]
    return {
        "files": sorted(str(file.relative_to(Path.cwd())) for file in files),
        "network_library": bool(libraries & NETWORK_LIBRARIES),
    }


def variables(argument: str | None) -> dict[str, str]:
    """What the variables in the names of loaded modules stand for, for a stage of `argument`."""
    if argument is None:
        return {}
    if argument not in families():
        return {"dataset": argument}
    row = families()[argument]
    return {"name": argument, "task": row["task"], "learner": row["learner"]}


@cache
def families() -> dict[str, Any]:
    return dict(yaml.safe_load(Path("families.yaml").read_text(encoding="utf-8"))["families"])


def loader(module: str, names: dict[str, str]) -> dict[str, str]:
    """`names`, where `module` is a stage that may load by them, or what such a stage loads with.

    evaluate reads the table of families, in the module that loads them, and loads none.
    """
    if module == "epochwise.families" and not {"stages.train", "stages.score"} & sys.modules.keys():
        return {}
    return names


@cache
def importing(file: Path) -> list[ast.AST]:
    """What may import in a file, wherever it stands; read once for all commands."""
    kinds = ast.Import | ast.ImportFrom | ast.Call
    return [node for node in ast.walk(syntax(file)) if isinstance(node, kinds)]


def imported_names(nodes: list[ast.AST], names: dict[str, str]) -> Iterator[str]:
    """Every name that may be a module in the import statements among `nodes`."""
    for node in nodes:
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(package), names=aliases):
                yield package
                yield from (f"{package}.{alias.name}" for alias in aliases)
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[
                    ast.JoinedStr(
                        values=[
                            ast.Constant(value=str(package)),
                            ast.FormattedValue(value=ast.Name(id=variable)),
                        ]
                    ),
                    *_,
                ],
            ) if variable in names:
                yield package + names[variable]


def project_modules() -> set[str]:
    return set(filter(is_project, sys.modules))


def is_project(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the name of a class or a function: its parent is no package
        return False


def source(name: str) -> Path:
    return Path(str(sys.modules[name].__file__))


def syntax(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def has_code(file: Path) -> bool:
    """Whether the file holds more than a docstring."""
    tree = syntax(file)
    return len(tree.body) > (ast.get_docstring(tree) is not None)


if __name__ == "__main__":
    json.dump([imports(*command) for command in json.load(sys.stdin)], sys.stdout)
