"""Any state of the project to read from: a git revision, an experiment of DVC, or the workspace.

Files come from git, from DVC's cache or from its remote; nothing is checked out.
"""

import hashlib
import io
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from dvc_data.index import DataIndexDirError

from epochwise.core.cli import InputError
from epochwise.core.lock import digest_made
from epochwise.core.params import QuickLoader, suggest
from epochwise.review.lock import Lock, parse

WORKSPACE = "workspace"
"""The name of the files as they stand in the project's folder."""
EXPERIMENTS = "refs/exps/"
_CONFIGURED = ("core", "cache", "remote")


class MissingError(Exception):
    """A file of a revision that cannot be had.

    `why` says so in words; `command` gets it, if `fetches` with the `path` at its end.
    """

    def __init__(self, path: str, why: str, command: str, *, fetches: bool) -> None:
        """Tell of `path`, why it cannot be had, and what may help."""
        self.path, self.why, self.command, self.fetches = path, why, command, fetches
        super().__init__(f"{path} {why}: run `{self.run([self])}`")

    @staticmethod
    def run(missing: list["MissingError"]) -> str:
        """What gets all that is `missing` of one revision."""
        paths = [each.path for each in missing if each.fetches]
        return " ".join([missing[0].command, *paths])


class Revision:
    """The files of a git revision, of an experiment, or of the workspace; reads, never writes.

    Attributes:
        name: the revision as it was asked for.
        commit: the full name of its commit; None for the workspace.
    """

    def __init__(self, name: str, root: Path = Path()) -> None:
        """Find the revision `name` of the project in the folder `root`.

        Raises:
            InputError: `root` is no DVC project in git, or `name` is nothing that it knows.
        """
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            self._repo = Repo(str(root.resolve()))
            # Before anything is read: a project without git has no revisions but this one.
            self.commit = None if name == WORKSPACE else _resolve(self._repo, name)
        except DvcException as error:
            raise InputError(f"{root.resolve()} cannot be read by DVC: {error}") from None
        self.name = name
        self._files = self._open(remote=True)
        self._unreachable = ""

    def read(self, path: str | Path) -> bytes:
        """The content of a file, wherever it is kept.

        Raises:
            MissingError: it is neither in git nor in a cache or remote that can be reached.
        """
        try:
            content: bytes = self._files.cat_file(f"/{Path(path).as_posix()}")
        # A remote fails with the errors of whatever library it is reached through.
        except Exception as error:
            if self._unreachable or _is_absent(error):
                raise self._missing(path) from None
            # Once is enough to wait for it. What is in the cache can still be had.
            self._unreachable = _reason(error.__cause__ or error)
            self._files = self._open(remote=False)
            return self.read(path)
        return content

    def optional(self, path: str | Path) -> bytes | None:
        """The content of a file, or None where the revision has none that can be had."""
        try:
            return self.read(path)
        except MissingError:
            return None

    def json(self, path: str | Path) -> Any:
        """The content of a JSON file, or None where the revision has none.

        Raises:
            InputError: the file is not JSON.
        """
        content = self.optional(path)
        try:
            return None if content is None else json.loads(content)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} of {self.name} is not JSON: {error}") from None

    def yaml(self, path: str | Path) -> Any:
        """The content of a YAML file, or None where the revision has none.

        Raises:
            InputError: the file is not YAML.
        """
        content = self.optional(path)
        try:
            return None if content is None else yaml.load(content, QuickLoader)
        # A number, a tag or a key that is none, or lists in lists in lists.
        except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
            text = " ".join(str(error).split())
            raise InputError(
                f"{path} of {self.name} is not YAML: {text}: settle the conflict, if it is in one"
            ) from None

    def table(self, path: str | Path, columns: list[str]) -> pd.DataFrame:
        """Columns of a Parquet file.

        Raises:
            MissingError: the file cannot be had.
            InputError: the file is not Parquet, or lacks a column.
        """
        content = self.read(path)
        if self.commit is None:
            self._check_made(path, content)
        try:
            table = pq.read_table(io.BytesIO(content))
        # Arrow raises a plain OSError for some kinds of damage.
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{path} of {self.name} is not Parquet: {error}") from None
        absent = [column for column in columns if column not in table.column_names]
        if absent:
            raise InputError(f"{path} of {self.name} has no column {', '.join(absent)}")
        frame: pd.DataFrame = table.select(columns).to_pandas()
        return frame

    @cached_property
    def locked(self) -> dict[str, Any]:
        """The content of dvc.lock; empty where nothing was ever run.

        Raises:
            InputError: it is not DVC's.
        """
        from dvc.schema import COMPILED_LOCKFILE_SCHEMA
        from voluptuous import Invalid

        content: dict[str, Any] = self.yaml("dvc.lock") or {}
        try:
            if content:
                COMPILED_LOCKFILE_SCHEMA(content)
        except Invalid as error:
            raise InputError(f"dvc.lock of {self.name} is not DVC's: {error}") from None
        return content

    @cached_property
    def lock(self) -> Lock:
        """What dvc.lock says of outputs and sources."""
        return parse(self.locked)

    def _check_made(self, path: str | Path, content: bytes) -> None:
        """Make sure that a file of the workspace is the one that its dvc.lock is of.

        Raises:
            MissingError: it is another, as after `git switch` without `dvc checkout`.
        """
        made = {place: output.digest for place, output in self.lock.outputs.items()}
        name = Path(path).as_posix()
        expected = digest_made(made, name, Path(self._repo.root_dir))
        if expected not in (None, hashlib.md5(content, usedforsecurity=False).hexdigest()):
            why = f"of {self.name} is another than its dvc.lock says"
            raise MissingError(name, why, "dvc checkout", fetches=True)

    def _open(self, *, remote: bool) -> Any:
        """The files of the revision, those of the remote too if asked for."""
        from dvc.api import DVCFileSystem

        # The remotes of today: what was pushed later is not in the configuration of an old commit.
        config = {section: dict(self._repo.config[section]) for section in _CONFIGURED}
        if not remote:
            config["core"]["remote"] = ""
        return DVCFileSystem(self._repo.root_dir, rev=self.commit, config=config)

    def _missing(self, path: str | Path) -> MissingError:
        remote = f"remote that answers ({self._unreachable})" if self._unreachable else "remote"
        why = f"of {self.name} is in no cache and in no {remote}"
        fetches = bool(self._repo.config["remote"])
        command = f"dvc fetch{self._fetched_with}"
        if not fetches:
            there = f"git checkout {self._checked_out} && dvc checkout; " if self.commit else ""
            command = f"{there}dvc repro"
        return MissingError(Path(path).as_posix(), why, command, fetches=fetches)

    @cached_property
    def _checked_out(self) -> str:
        """What git calls this revision: it does not know experiments by their names."""
        assert self.commit is not None
        is_experiment = self.commit in _experiments(self._repo.scm).values()
        return self.commit[:10] if is_experiment else self.name

    @cached_property
    def _fetched_with(self) -> str:
        """The option of `dvc fetch` that takes in this revision."""
        if self.commit is None:
            return ""
        scm = self._repo.scm
        if self.name in scm.list_branches():
            return " --all-branches"
        if self.name in scm.list_tags():
            return " --all-tags"
        if self.commit in _experiments(scm).values():
            return " --all-experiments"
        return " --all-commits"


def _resolve(repo: Any, name: str) -> str:
    from dvc.scm import NoSCMError, RevError, SCMError, resolve_rev

    try:
        # An empty name, as of a variable that is not set, is HEAD to DVC.
        commit: str = resolve_rev(repo.scm, name or "''")
        repo.scm.resolve_commit(commit)
    except NoSCMError:
        raise InputError(f"no revision '{name}': the project is not in git") from None
    # A file or a folder of a commit has no time, which is looked for.
    except (RevError, SCMError, AttributeError, UnicodeError):
        known = [*repo.scm.list_branches(), *repo.scm.list_tags(), *_experiments(repo.scm)]
        raise InputError(
            f"no revision '{name}': expected '{WORKSPACE}', a branch, tag or commit of git, or "
            f"the name of an experiment{suggest(name, [WORKSPACE, *known])}"
        ) from None
    return commit


def _experiments(scm: Any) -> dict[str, str]:
    """Name to commit of the experiments of DVC."""
    names = (ref for ref in scm.iter_refs(base=EXPERIMENTS) if len(ref.split("/")) == 5)
    return {ref.rsplit("/", 1)[1]: scm.get_ref(ref) for ref in names}


def _is_absent(error: BaseException | None) -> bool:
    """Whether a file is not there, rather than not to be reached."""
    if isinstance(error, FileNotFoundError | IsADirectoryError):
        return True
    # DVC cannot list a folder if the file of its names is not there.
    return isinstance(error, DataIndexDirError) and _is_absent(error.__cause__)


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}…"
