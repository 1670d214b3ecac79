"""`octo export --adapter`: one shared base with every app's token rows, and a small adapter for each app beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from octocli.core.errors import BadInput, Refused
from octocli.core.manifest import GGUF_KEY
from octocli.core.project import file_hash, write_json
from octocli.core.samples import Sample
from octocli.core.scoring import Rate, rate
from octocli.runtime.apps import APPS_FILE
from octocli.stages.evaluate import answers_of, ask
from octocli.stages.merge_inputs import MergeInput, read_inputs
from octocli.stages.progress import OnTick, Tick, silent

if TYPE_CHECKING:
    from octocli.model.bases import Base


_OURS = re.compile(rf"{re.escape(APPS_FILE)}|base-\w+\.gguf|.*-lora\.gguf|\..*")


@dataclass(frozen=True)
class AppFile:
    """One app's adapter: its size, and how many of its calls are those of the trained model."""

    app: str
    file: Path
    bytes: int
    same: Rate


@dataclass(frozen=True)
class AppsReport:
    """What was written."""

    folder: Path
    base: Path
    bytes: int
    apps: tuple[AppFile, ...]


def export_apps(
    paths: Sequence[Path],
    out: Path,
    *,
    quant: str = "q8_0",
    tolerance: float = 0.01,
    questions: int = 100,
    on_tick: OnTick = silent,
) -> AppsReport:
    """Write the shared base, the adapters and `apps.json` into `out`.

    Args:
        paths: project folders, or run folders.
        out: the folder to make.
        quant: of the shared base; adapters stay in float32.
        tolerance: share of an app's calls that the files may change.
        questions: rows of each app that its run and its adapter are both asked.
        on_tick: progress.

    Raises:
        NotMade, BadInput: see `read_inputs`; two apps of one name; tokens on reserved places, which the apps share.
        Refused: an app's calls changed by more than the tolerance; nothing is left in `out`.
    """
    inputs = read_inputs(paths, fewest=1)
    _check(inputs, out)
    first = inputs[0]
    from octocli.model.bases import open_base
    from octocli.model.gguf_adapter import write_adapter_gguf
    from octocli.model.gguf_base import base_gguf

    base = open_base(first.project.config.base, first.project.root)
    source = base_gguf(base, lambda note: on_tick(Tick("export", note=note)))
    out.mkdir(parents=True, exist_ok=True)
    shared = _write_shared(inputs, base, source, out, quant, on_tick)
    files = {one.app: out / f"{one.app}-lora.gguf" for one in inputs}
    for one in inputs:
        write_adapter_gguf(one.adapter, source, files[one.app], {GGUF_KEY: one.manifest.dumps()})
    record = {"version": 1, "base": shared.name, "apps": {app: file.name for app, file in files.items()}}
    write_json(out / APPS_FILE, {**record, "runs": {one.app: file_hash(one.run / "run.json") for one in inputs}})
    same = _parity(inputs, out, questions, on_tick)
    apps = tuple(AppFile(app, file, file.stat().st_size, same[app]) for app, file in files.items())
    changed = [a for a in apps if a.same.n - a.same.hits > tolerance * a.same.n]
    if changed:
        for file in (out / APPS_FILE, shared, *files.values()):
            file.unlink()
        told = ", ".join(f"{a.app} changes {a.same.n - a.same.hits} of {a.same.n} calls" for a in changed)
        raise Refused(f"not shipped: {told}; the tolerance is {tolerance:.1%}", hint="try --quant f16, or --tolerance")
    return AppsReport(out, shared, shared.stat().st_size, apps)


def _check(inputs: Sequence[MergeInput], out: Path) -> None:
    # What an earlier export left there, finished or killed, is made anew.
    if out.exists() and not (out.is_dir() and all(_OURS.fullmatch(path.name) for path in out.iterdir())):
        raise BadInput(f"{out}: already there, with other things in it", hint="choose another folder for --adapter")
    names = [one.app for one in inputs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"two apps are named {twice[0]!r}", hint="give one of them another name")
    reserved = [one.app for one in inputs if one.project.config.reserved]
    if reserved:
        raise BadInput(
            f"{reserved[0]}: its tokens stand on places that the base reserved, and the apps would share them",
            hint="set reserved = false in its octo.toml and train again",
        )


def _write_shared(
    inputs: Sequence[MergeInput], base: "Base", source: Path, out: Path, quant: str, on_tick: OnTick
) -> Path:
    """The base's GGUF with the rows of every app's tokens, quantised."""
    from octocli.model.gguf_adapter import write_base_with_rows
    from octocli.model.quantise import quantise

    on_tick(Tick("export", note=f"writing the base with the tokens of {len(inputs)} apps"))
    full, shared = out / ".base-f16.gguf", out / f"base-{quant}.gguf"
    try:
        write_base_with_rows(
            base,
            source,
            full,
            [(one.adapter, one.manifest.tokens.all_tokens(one.manifest.spec)) for one in inputs],
            # Octo stops by each app's own end token; other front ends know one.
            end_token=inputs[0].manifest.tokens.end,
            prompt=inputs[0].manifest.prompt,
            name=f"{base.name} with tokens of {', '.join(one.app for one in inputs)} (octo)",
        )
        quantise(full, shared, quant)
    finally:
        full.unlink(missing_ok=True)
    return shared


def _parity(inputs: Sequence[MergeInput], out: Path, questions: int, on_tick: OnTick) -> dict[str, Rate]:
    """How many of each app's calls are those of its run."""
    from octocli.runtime.apps import open_apps

    asked = {one.app: _some(one.samples, questions) for one in inputs}
    before = {
        one.app: answers_of(one.run, one.project.accepted_file, asked[one.app], f"asking {one.app} as trained", on_tick)
        for one in inputs
    }
    found = {}
    with open_apps(out) as apps:
        for one in inputs:
            after = ask(apps.callers[one.app], asked[one.app], f"asking {one.app}'s adapter", on_tick)
            found[one.app] = rate(b.calls == a.calls for b, a in zip(before[one.app], after, strict=True))
    return found


def _some(samples: Sequence[Sample], count: int) -> list[Sample]:
    held_out = [s for s in samples if s.split == "test"] or list(samples)
    return held_out[:: max(1, len(held_out) // count)][:count]
