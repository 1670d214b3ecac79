"""What `octo merge` starts from: finished LoRA runs of several apps on one base, checked before anything is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octocli.core.errors import BadInput
from octocli.core.manifest import Manifest
from octocli.core.project import Project, file_hash, open_project, read_record
from octocli.core.samples import Sample, read_samples
from octocli.core.spec import Spec, parse_spec
from octocli.core.tokens import TokenTable, joined_tables
from octocli.runtime.caller import read_run

if TYPE_CHECKING:
    from octocli.model.adapter import Adapter


@dataclass(frozen=True)
class MergeInput:
    """One app: its project, its run and what the run was taught."""

    project: Project
    run: Path
    manifest: Manifest

    @property
    def app(self) -> str:
        """The app's name."""
        return self.manifest.spec.app

    @cached_property
    def record(self) -> dict[str, Any]:
        """What training wrote of the run."""
        return read_record(self.run / "run.json")

    @cached_property
    def adapter(self) -> "Adapter":
        """What was trained."""
        from octocli.model.adapter import read_adapter

        return read_adapter(self.run)

    @cached_property
    def samples(self) -> list[Sample]:
        """The app's verified samples."""
        return read_samples(self.project.accepted_file)

    @property
    def training_steps(self) -> int:
        """What the run took, with the runs that it was grown from."""
        return int(self.record["steps"]) + int(self.record.get("grown_from", {}).get("steps", 0))

    def card(self) -> dict[str, Any]:
        """What a merged model says of the app: enough to find the run again, and the licences of base and samples."""
        made = self.record["made_from"]
        return {
            "app": self.app,
            "functions": len(self.manifest.spec.functions),
            "run": file_hash(self.run / "run.json"),
            "accepted": made["accepted"],
            "samples": self.record["samples"],
            "steps": self.training_steps,
            "data_licence": self.project.config.data_licence,
            "teachers": sorted({s.teacher or "imported" for s in self.samples}),
            "base": dict(self.manifest.base),
        }


def read_inputs(paths: Sequence[Path], fewest: int = 2) -> list[MergeInput]:
    """Open project folders (their run `main`) or run folders.

    Raises:
        NotMade: no run, or an unfinished one; no samples.
        BadInput: too few, one of them twice, other bases, other prompts, or no LoRA.
    """
    if len(paths) < fewest:
        raise BadInput("one app cannot be merged", hint="give two or more: octo merge . ../yelp --out ../super")
    inputs = [_read(path) for path in paths]
    seen: dict[Path, Path] = {}
    for path, one in zip(paths, inputs, strict=True):
        if other := seen.get(one.run.resolve()):
            raise BadInput(f"{path} and {other} are the same run", hint="give each app once")
        seen[one.run.resolve()] = path
        _check_alike(inputs[0], one)
    for one in inputs:
        _ = one.adapter  # a damaged one is told before any work
    return inputs


def _read(path: Path) -> MergeInput:
    is_project = (path / "octo.toml").exists()
    project = open_project(path) if is_project else Project(path.resolve().parents[1])
    run = project.run() if is_project else path
    manifest = read_run(run)
    if not project.config_file.exists():
        raise BadInput(f"{path}: a run outside a project", hint="give the project's folder, or runs/NAME in it")
    if not project.accepted_file.exists():
        raise BadInput(f"{project.accepted_file}: no samples to heal with", hint="make them with: octo verify")
    if manifest.tokens.apps:
        raise BadInput(f"{path}: merged already, with no training rows", hint="merge its apps themselves, all at once")
    return MergeInput(project, run, manifest)


def _check_alike(first: MergeInput, one: MergeInput) -> None:
    ours, theirs = first.manifest.base, one.manifest.base
    if ours["checksum"] != theirs["checksum"]:
        raise BadInput(
            f"{one.run}: trained on {theirs['name']} ({theirs['checksum'][:8]}), "
            f"but {first.run} on {ours['name']} ({ours['checksum'][:8]})",
            hint="adapters add up on one base only: train one of them again",
        )
    if one.manifest.prompt != first.manifest.prompt:
        raise BadInput(
            f"{one.run}: trained with another prompt than {first.run}", hint="set one `prompt` in both octo.toml"
        )


def joined_spec(inputs: Sequence[MergeInput], app: str) -> tuple[Spec, TokenTable]:
    """All functions of all apps, with the tokens that they have.

    Raises:
        BadInput: two apps or two functions of one name, or no app name.
    """
    table = joined_tables([one.manifest.tokens for one in inputs], app)
    functions = [function.to_json() for one in inputs for function in one.project.spec.functions]
    apps = ", ".join(one.app for one in inputs)
    spec = parse_spec({"app": app, "description": f"Merged from {apps}.", "functions": functions}, source="api.json")
    trained = {function.name for one in inputs for function in one.manifest.spec.functions}
    untrained = [function.name for function in spec.functions if function.name not in trained]
    if untrained:
        raise BadInput(
            f"{untrained[0]!r} was added to api.json after its app was trained",
            hint="learn it: octo grow, and merge runs/grown",
        )
    return spec, table
