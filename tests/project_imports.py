"""Which project files stages import: JSON of commands on standard input, JSON on standard output.

A process of its own, so that nothing is loaded already. A command is the list of a module and
its argument, if it has one. Imports inside functions count, and so does a module that is
loaded by the name in the argument: `import_module(f"stages.families.{name}")`.
"""

import ast
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NETWORK_LIBRARIES = {"tensorflow", "keras"}


def imports(module: str, argument: str | None = None) -> dict[str, Any]:
    """The project files that `module` imports, and whether a library for networks is among it all.

    The libraries stay loaded from one call to the next: ask first for what should not load them.
    """
    for name in project_modules():
        del sys.modules[name]
    importlib.import_module(module)
    libraries, read = set(sys.modules), set[str]()
    while unread := project_modules() - read:
        for name in sorted(unread):
            for wanted in imported_names(syntax(name), argument):
                libraries.add(wanted.partition(".")[0])
                if is_project(wanted) and exists(wanted):
                    importlib.import_module(wanted)
        read |= unread
    files = sorted(str(source(name).relative_to(Path.cwd())) for name in read if has_code(name))
    return {"files": files, "network_library": bool(libraries & NETWORK_LIBRARIES)}


def imported_names(tree: ast.Module, argument: str | None) -> Iterator[str]:
    """Every name that may be a module in the import statements of a file, wherever they stand."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                yield from (alias.name for alias in aliases)
            case ast.ImportFrom(module=str(package), names=aliases):
                yield package
                yield from (f"{package}.{alias.name}" for alias in aliases)
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.JoinedStr(values=[ast.Constant(value=str(package)), _]), *_],
            ) if argument:
                yield package + argument


def project_modules() -> set[str]:
    return set(filter(is_project, sys.modules))


def is_project(name: str) -> bool:
    return name.partition(".")[0] == "stages"


def exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # the name of a class or a function: its parent is no package
        return False


def source(name: str) -> Path:
    return Path(str(sys.modules[name].__file__))


def syntax(name: str) -> ast.Module:
    return ast.parse(source(name).read_text(encoding="utf-8"))


def has_code(name: str) -> bool:
    """Whether the file holds more than a docstring."""
    body = syntax(name).body
    return len(body) > (ast.get_docstring(syntax(name)) is not None)


if __name__ == "__main__":
    json.dump([imports(*command) for command in json.load(sys.stdin)], sys.stdout)
