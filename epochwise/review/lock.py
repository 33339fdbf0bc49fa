"""dvc.lock of a revision: which outputs are the same bytes, and what they were made with."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from epochwise.core.lock import places


class Model(StrEnum):
    """How the model of a family in one revision stands to that in another."""

    SAME = "no"
    ANOTHER_EPOCH = "no, another epoch of the same training"
    ANEW = "yes"
    UNKNOWN = "unknown"

    @property
    def anew(self) -> bool:
        """Whether training may have moved the results, which is so unless bytes tell otherwise."""
        return self in (Model.ANEW, Model.UNKNOWN)


@dataclass(frozen=True)
class Output:
    """Digest and bytes of an output or of a dependency."""

    digest: str
    size: int | None


@dataclass(frozen=True)
class Lock:
    """Outputs of all stages by path, and what they depend on elsewhere: code and pins.

    Of `sources` it holds the digest that each stage has read: after a run of one family the others'
    are of before.
    """

    outputs: dict[str, Output]
    sources: dict[str, dict[str, str]]

    def model(self, family: str) -> dict[str, Output]:
        """The outputs that hold the chosen networks of a family."""
        folder = PurePosixPath("models", family)
        kept = self._under(folder)
        return {path: output for path, output in kept.items() if path != str(folder / "epochs")}

    def epochs(self, family: str) -> dict[str, Output]:
        """The outputs that hold the network of every epoch of a family."""
        # Before families.yaml they stood beside the chosen one.
        earlier = self._under(PurePosixPath("models", family, "epochs"))
        return self._under(PurePosixPath("data/epochs", family)) | earlier

    def model_bytes(self, family: str) -> int | None:
        """Bytes of the chosen networks of a family; None if dvc.lock does not say."""
        sizes = [output.size for output in self.model(family).values() if output.size is not None]
        return sum(sizes) if sizes else None

    def digest(self, path: str) -> str | None:
        """The digest of the output at `path`, or of the folder that is an output and holds it."""
        known = (place for place in places(path) if place in self.outputs)
        return next((self.outputs[place].digest for place in known), None)

    def _under(self, folder: PurePosixPath) -> dict[str, Output]:
        return {
            path: output
            for path, output in self.outputs.items()
            if PurePosixPath(path).is_relative_to(folder)
        }


def parse(content: Any) -> Lock:
    """The content of dvc.lock; that of a project that was never run, None, locks nothing."""
    stages = (content or {}).get("stages") or {}
    outputs: dict[str, Output] = {}
    for stage in stages.values():
        outputs |= _entries(stage.get("outs"))
    # Not by path: while the pipeline runs, what a stage has read may not be locked as made yet.
    made = {PurePosixPath(path).parts[0] for path in outputs}
    sources: dict[str, dict[str, str]] = {}
    for name, stage in stages.items():
        for path, entry in _entries(stage.get("deps")).items():
            if PurePosixPath(path).parts[0] not in made:
                sources.setdefault(path, {})[name] = entry.digest
    return Lock(outputs, sources)


def trained(old: Lock, new: Lock, family: str) -> Model:
    """Whether the model of a family was trained anew between two revisions, by its bytes."""
    models = (old.model(family), new.model(family))
    epochs = (old.epochs(family), new.epochs(family))
    if all(models) and models[0] == models[1]:
        return Model.SAME
    if all(epochs) and epochs[0].keys() == epochs[1].keys():
        return Model.ANOTHER_EPOCH if epochs[0] == epochs[1] else Model.ANEW
    return Model.UNKNOWN


def changed_sources(old: Lock, new: Lock) -> list[str]:
    """Code and pins that differ for any stage in both, are new or are gone."""

    def changed(path: str) -> bool:
        before, after = old.sources.get(path, {}), new.sources.get(path, {})
        if both := before.keys() & after.keys():
            return any(before[stage] != after[stage] for stage in both)
        return set(before.values()) != set(after.values())

    return sorted(path for path in old.sources.keys() | new.sources.keys() if changed(path))


def _entries(listed: Any) -> dict[str, Output]:
    return {
        entry["path"]: Output(str(entry.get("md5", entry.get("etag", ""))), entry.get("size"))
        for entry in listed or ()
    }
