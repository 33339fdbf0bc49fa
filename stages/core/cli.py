"""Run a stage from the command line: `--help`, one clear line for an error, exit status 1."""

import argparse
import inspect
import sys
from collections.abc import Callable


class InputError(Exception):
    """Bad input, told to a person: what was found, where, what was expected, what to do."""


def run(main: Callable[..., None]) -> None:
    """Call `main` with what stands on the command line.

    A parameter is a positional argument; a keyword-only one, of type bool, is a flag.

    The help text is the docstring of the module that defines `main`. An `InputError` ends the
    process with status 1 and its message on standard error, without a traceback.
    """
    description = inspect.getdoc(inspect.getmodule(main))
    parser = argparse.ArgumentParser(
        prog=f"python -m {_module_name(main)}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, parameter in inspect.signature(main).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(name)
    arguments = parser.parse_args()
    with exit_on_input_error():
        main(**vars(arguments))


class exit_on_input_error:  # noqa: N801 (reads as the statement it is)
    """Context: an `InputError`, or a missing file, becomes one line and exit status 1."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, FileNotFoundError) and error.filename:
            error = InputError(f"{error.filename} not found: run `dvc repro` to build it")
        if isinstance(error, InputError):
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(1) from None


def _module_name(main: Callable[..., None]) -> str:
    spec = sys.modules[main.__module__].__spec__
    return spec.name if spec else main.__module__
