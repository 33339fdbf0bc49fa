"""DVC for many short stages: the same commands and the same bytes, in less time.

It takes DVC's own arguments, and is what `dvc` in the project's environment runs
(epochwise/launcher.py): `dvc exp run …`. Nine things are otherwise:

- Stages begin as forks of a process that has their libraries loaded, where the system is Linux:
  elsewhere such forks are not safe.
- A stage replaces its own lines of dvc.lock. DVC itself reads the whole with ruamel.yaml's round
  trip after every stage, which is written in Python and remembers every comment, and writes the
  whole of it in place: a kill in that moment leaves the start of the file.
- A YAML file is parsed once, and not for every target and every stage.
- The files that an experiment commits are given to git when all stages have run, and found without
  an index of all stages. DVC builds that anew after every stage, whether it ran or not.
- Whether git has an output is looked up in the index of git as it was read when it last changed.
- What ran once is restored from DVC's run cache, whoever asks for it again. DVC leaves stages out
  of it that have an output in git which is no metric, as most have here.
- An experiment gathers no params and metrics for DVC Studio where none is told.
- The table of `dvc exp show` fits the terminal (epochwise/experiment_table.py).
- What is wrong in conf/ or with a choice (`-S`) is told as `make params` tells it.
"""

import gc
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, chdir, suppress
from copy import deepcopy
from functools import cache, lru_cache, partial, wraps
from pathlib import Path, PurePosixPath
from typing import Any

from dvc.cli import main
from dvc.dvcfile import Lockfile, logger
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.experiments.executor.base import BaseExecutor
from dvc.repo.metrics import show as metrics
from dvc.repo.params import Params
from dvc.repo.reproduce import _reproduce_stage
from dvc.stage import Stage
from dvc.stage import run as stage_run
from dvc.stage.exceptions import StageCmdFailedError
from dvc.stage.serialize import to_lockfile
from dvc.utils import hydra, relpath, serialize, strictyaml
from dvc.utils.serialize import dumps_yaml
from dvc_studio_client.config import get_studio_config
from scmrepo.git.backend.dulwich import DulwichBackend

from epochwise import experiment_table
from epochwise.core.cli import InputError
from epochwise.core.files import replacing
from epochwise.fork_server import ForkServer
from epochwise.recovery import HEAD, stages

FURTHER = re.compile(r"^\S", re.MULTILINE)
"""What begins a line of dvc.lock that belongs to no stage."""
STAGE = re.compile(r"python -m (stages\.\w+)((?: [\w@]+)*)")
"""The command of a stage."""
_dump_all = Lockfile.dump_stages
_parse_text = strictyaml.parse_yaml
_run_in_shell = stage_run._run
_to_hydra_overrides = hydra.to_hydra_overrides
_top_level_paths = BaseExecutor._get_top_level_paths
_run_and_save = Stage.run


def replace_entry(text: str, name: str, entry: dict[str, Any]) -> str | None:
    """The text of dvc.lock with another `entry` for the stage `name`, new stages at the end.

    None where the text has more than stages, which is for DVC itself to write.
    """
    lines = stages(text)
    if text != HEAD + "".join(lines.values()) or FURTHER.search(text, len(HEAD)):
        return None
    lines[name] = dumps_yaml({"stages": {name: entry}}).removeprefix("stages:\n")
    return HEAD + "".join(lines.values())


def _dump_stages(lockfile: Lockfile, changed: list[Any], **options: Any) -> None:
    path = Path(lockfile.path)
    before = path.read_text(encoding="utf-8") if path.exists() else HEAD
    after: str | None = before
    for stage in changed:
        entry = to_lockfile(stage, **options)[stage.name]
        after = after and replace_entry(after, stage.name, entry)
    if after is None:
        _dump_all(lockfile, changed, **options)
    elif after != before:
        if not path.exists():
            logger.info("Generating lock file '%s'", lockfile.relpath)
        logger.info("Updating lock file '%s'", lockfile.relpath)
        with replacing(path) as beside:
            beside.write_text(after, encoding="utf-8")
        lockfile.repo.scm_context.track_file(lockfile.relpath)


def parse(text: str, path: str, typ: str = "safe") -> Any:
    """What the text of a YAML file means, a copy for each caller; comments are for `typ` rt."""
    return deepcopy(_parse_once(text, path)) if typ == "safe" else _parse_text(text, path, typ)


@lru_cache(maxsize=8)
def _parse_once(text: str, path: str) -> Any:
    return _parse_text(text, path)


def stage_files(stage: Any) -> list[str]:
    """What git shall have of a stage that ran: dvc.yaml, dvc.lock, and what DVC does not keep."""
    cached = _cached(stage.repo)
    found = [stage.dvcfile.relpath, stage.dvcfile._lockfile.relpath]
    for one in (*stage.deps, *stage.outs):
        if not one.use_scm_ignore and one.is_in_repo:
            path = Path(one.fs_path)
            if cached.isdisjoint((path, *path.parents)):
                found.append(relpath(path))
    return found


def reproduce_and_note(noted: set[str], stage: Stage, **options: Any) -> Stage | None:
    """Reproduce a stage of an experiment, and note which of its files the experiment commits.

    With the first come the files beside those of stages, while DVC has its index.
    """
    if not noted:
        noted.update(_top_level_paths(stage.repo))
    done: Stage | None = _reproduce_stage(stage, **options)
    if not options.get("dry"):
        noted.update(stage_files(stage))
    return done


def top_level_paths(noted: set[str], repo: Repo) -> list[str]:
    """The files that an experiment commits: what has been `noted`, or beside stages without any."""
    return sorted(noted or _top_level_paths(repo))


@cache
def _cached(repo: Repo) -> set[Path]:
    """The outputs that DVC keeps in its cache; a pipeline does not change while it runs."""
    return {Path(out.fs_path) for out in repo.index.outs if out.use_cache}


def is_tracked(self: DulwichBackend, path: str) -> bool:
    """Whether git has the file `path`, or a file in the folder."""
    index = Path(self.repo.index_path())
    changed = index.stat().st_mtime_ns if index.exists() else 0
    return relpath(path, self.root_dir) in _tracked(self.repo, changed)


@lru_cache(maxsize=1)
def _tracked(repo: Any, _changed: int) -> set[str]:
    """The files and folders in the index of git."""
    paths = [PurePosixPath(os.fsdecode(path)) for path in repo.open_index()]
    return {str(place) for path in paths for place in (path, *path.parents)}


def compose_and_dump(output: str, folder: str, *options: Any) -> None:
    """Compose params.yaml of the configuration in `folder`.

    Raises:
        DvcException: the configuration cannot be read, has no such choice, or has a value that does
            not fit.
    """
    from epochwise import check
    from epochwise.core import params

    choices = options[-1]
    before = None
    with chdir(Path(folder).parent):
        try:
            text = check.compose(Path(folder), choices)
            with suppress(InputError):  # What is no YAML, or not there, is made anew.
                before = params.load()
            check.check_chosen(params.parse(text.encode()), choices, before)
        except InputError as error:
            raise DvcException(str(error)) from None
        Path(output).write_text(text, encoding="utf-8")


def to_hydra_overrides(choices: list[str]) -> Any:
    """The choices (`-S`) as Hydra reads them.

    Raises:
        DvcException: one cannot be read, as with a blank or a bracket in a name.
    """
    from hydra.errors import OverrideParseException

    try:
        return _to_hydra_overrides(choices)
    except OverrideParseException as error:
        from epochwise import check

        raise DvcException(check.unreadable(error.override, "-S ")) from None


def for_studio(gather: Callable[..., Any]) -> Callable[..., Any]:
    """What does as `gather` where a token says that DVC Studio is told, and else finds nothing.

    DVC gathers all params when an experiment begins and all metrics when it ends, each from an
    index of all stages, and only then looks for the token.
    """

    @wraps(gather)
    def gathered(asker: Any, **options: Any) -> Any:
        repo = getattr(asker, "repo", asker)
        return gather(asker, **options) if get_studio_config(repo.config.get("studio")) else {}

    return gathered


def run_stage(server: ForkServer, executable: str, command: str, **options: Any) -> None:
    """Run the `command` of a stage; DVC, too, ignores Ctrl+C until the stage has ended."""
    found = STAGE.fullmatch(command)
    environment = options["env"]
    ours = shutil.which("python", path=environment.get("PATH")) == sys.executable
    if not (found and ours and server.is_ready()):
        return _run_in_shell(executable, command, **options)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        status = server.run(found[1], found[2].split(), options["cwd"], environment)
    finally:
        signal.signal(signal.SIGINT, before)
    if status:
        raise StageCmdFailedError(command, status)


def run_and_remember(
    stage: Stage, dry: bool = False, no_commit: bool = False, **options: Any
) -> None:
    """Run a stage and enter what it made in the run cache."""
    _run_and_save(stage, dry=dry, no_commit=no_commit, **options)
    if not (dry or no_commit) and all(out.hash_info for out in stage.outs):
        stage.repo.stage_cache.save(stage)


def begins_stages(given: set[str]) -> bool:
    """Whether a command runs stages of this project, and the system is one where forks are safe."""
    here = Path.cwd()
    return (
        sys.platform == "linux"
        and not given.isdisjoint({"repro", "run", "exec-run"})
        and given.isdisjoint({"--dry", "--queue"})
        and any((folder / "stages").is_dir() for folder in (here, *here.parents))
    )


if __name__ == "__main__":
    # The pipeline stays in memory as long as DVC runs: to look for garbage in it takes a second.
    gc.freeze()
    gc.set_threshold(100_000)
    Stage.run = run_and_remember
    Lockfile.dump_stages = _dump_stages
    serialize._yaml.parse_yaml = strictyaml.parse_yaml = parse
    noted: set[str] = set()
    BaseExecutor._repro_and_track = partial(reproduce_and_note, noted)
    BaseExecutor._get_top_level_paths = partial(top_level_paths, noted)
    DulwichBackend.is_tracked = is_tracked  # type: ignore[method-assign]
    hydra.compose_and_dump = compose_and_dump
    hydra.to_hydra_overrides = to_hydra_overrides
    experiment_table.replace()
    given = set(sys.argv)
    if "exp" in given and given & {"run", "exec-run"}:
        Params.show, metrics._gather_metrics = map(
            for_studio, (Params.show, metrics._gather_metrics)
        )
    with ExitStack() as stack:
        if begins_stages(given):
            stage_run._run = partial(run_stage, stack.enter_context(ForkServer()))
        sys.exit(main())
