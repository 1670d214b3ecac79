"""`octo grow`: a finished run learns what the API gained and forgets what it lost, without training from scratch.

Tokens keep their rows; new ones are learnt against a replay of the old functions' samples, and requests for dropped
functions as requests that nothing serves. What differs is told by `growth.py`, how it is learnt by `healing.py`.
"""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from octocli.core import GROWN_RUN, MOST_LOST
from octocli.core.calls import called_functions, walk_calls, with_names
from octocli.core.copying import copied_parameters
from octocli.core.errors import BadInput, NotMade, Refused
from octocli.core.manifest import MOST_CALLS, Manifest
from octocli.core.project import DEFAULT_RUN, Project, data_hash, file_hash, read_record, write_json
from octocli.core.prompts import make_prompt
from octocli.core.samples import Sample, Split, read_samples
from octocli.core.scoring import PairedRate, Rate, paired_rate, rate, same_strictly
from octocli.core.spec import Spec
from octocli.core.splits import bucket_of, normal, skeleton_of
from octocli.runtime.caller import read_run
from octocli.stages.answers import Outcome
from octocli.stages.evaluate import ask
from octocli.stages.growth import Growth, growth_since
from octocli.stages.healing import Healing, Lesson
from octocli.stages.progress import OnTick, silent
from octocli.stages.replay import replay
from octocli.stages.verify import is_verified

_REPORT = "grow.json"
# Rows of what stays, for each row of what is new, and the fewest of them. Tried once, with these, and nothing was lost.
_REPLAYED = 2
_FEWEST_REPLAYED = 400
_NEGATIVES_ASKED = 100


@dataclass(frozen=True)
class GrowReport:
    """What growing gave and cost.

    Attributes:
        run: the new run's folder.
        growth: what differed.
        kept: strict call of the functions that stay as they were, before and after, on the same test rows.
        by_function: the same for each of them, by its name now.
        taught: strict call of what was learnt, by function.
        dropped: refused requests for functions that are gone.
        abstention: refused requests that nothing ever served, before and after.
        steps: of training.
        seconds: everything.
    """

    run: Path
    growth: Growth
    kept: PairedRate
    by_function: Mapping[str, PairedRate]
    taught: Mapping[str, Rate]
    dropped: Rate
    abstention: PairedRate
    steps: int
    seconds: float


def grow(
    project: Project,
    *,
    run: str = DEFAULT_RUN,
    into: str = GROWN_RUN,
    questions: int = 400,
    tolerance: float = MOST_LOST,
    on_tick: OnTick = silent,
) -> GrowReport:
    """Grow a run into a new one with the functions that the spec has now.

    Args:
        project: the project, its samples made and verified for the spec as it is.
        run: the run to begin with; it stays as it is.
        into: the run to make.
        questions: test rows of the functions that stay, which both runs are asked.
        tolerance: what growing may cost them for sure, as a share of their calls.
        on_tick: progress.

    Raises:
        NotMade: no such run, or no samples of a new function.
        BadInput: nothing to grow; a run of another base or prompt; no LoRA; `into` is another finished run.
        Refused: the old functions lost more than the tolerance. The new run is there, to be looked at.
    """
    started = time.monotonic()
    source, folder = project.run(run), project.run(into)
    plan = _Plan(project, source, read_run(source))
    _check(plan, folder)
    steps = _taught(plan, folder, on_tick)
    report = _measured(plan, folder, steps, questions, started, on_tick)
    write_json(folder / _REPORT, as_json(report))
    if report.kept.after.n and report.kept.interval[1] < -tolerance:
        raise Refused(
            f"growing costs too much: the old functions {100 * report.kept.difference:+.1f} points of strict call",
            hint=f"{folder / _REPORT} says which; grow it with a lower train.lr, or train anew: octo train --lora",
        )
    return report


@dataclass(frozen=True)
class _Plan:
    """A run, and the rows that it grows by."""

    project: Project
    source: Path
    before: Manifest

    @cached_property
    def growth(self) -> Growth:
        return growth_since(self.before, self.project)

    @cached_property
    def _accepted(self) -> list[Sample]:
        return read_samples(self.project.accepted_file)

    def calls(self, sample: Sample) -> set[str]:
        """Every function that a verified sample calls."""
        return _calls(sample, self.project.spec)

    def rows(self, split: Split) -> list[Sample]:
        """Verified rows of one side, of functions that there are."""
        return [s for s in self._accepted if s.split == split]

    def fresh(self, split: Split) -> list[Sample]:
        """Those that call a function which is new or was changed."""
        return [s for s in self.rows(split) if self.calls(s) & self.growth.taught]

    def kept(self, split: Split) -> list[Sample]:
        """Those that call functions alone that stay as they were, and the negatives.

        A near-miss of the API as it was may be just what a new function does, so these are left out then.
        """
        rows = [s for s in self.rows(split) if not self.calls(s) & self.growth.taught]
        return [s for s in rows if s.kind != "near-miss"] if self.growth.added else rows

    def gone(self, split: Split) -> list[Sample]:
        """Requests for dropped functions, now served by nothing."""
        spec, dropped = self.before.spec, set(self.growth.dropped)
        asked = {normal(s.query) for s in self._accepted}
        found = [s for s in self._written if s.calls and _calls(s, spec) <= dropped]
        placed = [s if s.split else s.with_split(bucket_of(skeleton_of(s, spec))) for s in found]
        return [
            replace(s, calls=(), kind="dropped", said={})
            for s in placed
            if s.split == split and normal(s.query) not in asked
        ]

    @cached_property
    def _written(self) -> list[Sample]:
        """Every sample that was ever made: those of dropped functions are verified no more."""
        file = self.project.samples_file
        return read_samples(file, growing=True) if self.growth.dropped and file.exists() else []

    @cached_property
    def fingerprint(self) -> str:
        """Of what the new run begins with."""
        return data_hash([self.growth.to_json(), file_hash(self.source / "run.json"), self.project.spec.to_json()])

    @property
    def steps_before(self) -> int:
        """What the run took that this one begins with, and those before it."""
        record = read_record(self.source / "run.json")
        return int(record["steps"]) + int(record.get("grown_from", {}).get("steps", 0))


def _calls(sample: Sample, spec: Spec) -> set[str]:
    """Every function that a sample calls, nested calls included."""
    return set(called_functions(sample.calls, spec))


def _check(plan: _Plan, folder: Path) -> None:
    project, growth = plan.project, plan.growth
    if folder == plan.source:
        raise BadInput(f"{folder}: a run does not grow in place, to be compared", hint="give another --into")
    record = read_record(folder / "run.json")
    if record and "grown_from" not in record:
        raise BadInput(f"{folder}: a finished run of another training", hint="give another --into")
    if make_prompt(project.config.prompt).template != plan.before.prompt.template:
        raise BadInput(f"{plan.source}: trained with another prompt", hint="set the run's `prompt` in octo.toml")
    if not is_verified(project):
        raise NotMade(f"{project.accepted_file}: not of the API as it is", hint="make it so: octo synth && octo verify")
    train = plan.fresh("train")
    for name in sorted(growth.taught):
        if not any(name in plan.calls(s) for s in train):
            raise NotMade(
                f"{project.accepted_file}: no training rows of {name!r}",
                hint="make them with: octo synth && octo verify",
            )
    for name in sorted(growth.changed):
        if parameter := _unsaid(plan, name):
            raise NotMade(
                f"{project.accepted_file}: no training row of {name!r} says {parameter!r}",
                hint=f"take the rows of {name!r} out of data/samples.jsonl, then: octo synth && octo verify",
            )


def _unsaid(plan: _Plan, name: str) -> str | None:
    """A parameter that a changed function gained and no training row says: synth keeps rows that are valid still."""
    (then,) = [old for old, new in plan.growth.now_called.items() if new == name]
    had = {p.name for p in plan.before.spec.by_name[then].params}
    spec = plan.project.spec
    calls = [c for s in plan.fresh("train") for c in walk_calls(s.calls, spec) if c["name"] == name]
    said = {parameter for call in calls for parameter in call.get("arguments", {})}
    return next((p.name for p in spec.by_name[name].params if p.name not in had | said), None)


def _taught(plan: _Plan, folder: Path, on_tick: OnTick) -> int:
    """Write the grown run; returns its steps."""
    from octocli.model.adapter import read_adapter
    from octocli.model.growing import first_rows, with_rows

    project, before, growth = plan.project, plan.before, plan.growth
    adapter = read_adapter(plan.source)
    healing = Healing(project, project.root, on_tick)
    if healing.base.checksum != before.base["checksum"]:
        raise BadInput(
            f"{plan.source}: trained on {before.base['name']} ({before.base['checksum'][:8]}), "
            f"but octo.toml has {healing.base.name} ({healing.base.checksum[:8]})",
            hint="set the run's `base` in octo.toml",
        )
    added = [project.spec.by_name[name] for name in growth.added]
    fresh = first_rows(healing.base.folder, healing.vocabulary, added, project.config.seed) if added else ()
    rows = dict(zip((project.tokens.token(f.name) for f in added), fresh, strict=True))
    laid_out = with_rows(adapter, before.tokens.all_tokens(before.spec), healing.token_ids, rows)
    lesson = Lesson(_passes(plan), plan.rows("validation") + plan.gone("validation"), "all", plan.fingerprint)
    about = {"grown_from": {"run": plan.source.name, "steps": plan.steps_before, **growth.to_json()}}
    return healing.write(
        laid_out, folder, _manifest(plan, healing.base.to_json()), lesson, project.config.train, **about
    )


def _passes(plan: _Plan) -> list[list[Sample]]:
    """What is new, whole, and each time another draw of what stays; nothing where functions were only renamed."""
    new = plan.fresh("train") + plan.gone("train")
    if not new:
        return []
    count = max(_FEWEST_REPLAYED, _REPLAYED * len(new))
    config = plan.project.config
    old = [plan.kept("train")]
    return [new + replay(old, count, config.seed + number) for number in range(config.train.epochs)]


def _manifest(plan: _Plan, base: Mapping[str, Any]) -> Manifest:
    """What the grown model knows: of what stays, a parameter is copied where the run copied it."""
    project, growth = plan.project, plan.growth
    train = plan.rows("train")
    found = copied_parameters(train, project.spec)
    kept = {growth.now_called[old]: names for old, names in plan.before.copied.items() if old in growth.now_called}
    return replace(
        plan.before,
        spec=project.spec,
        tokens=project.tokens,
        base=base,
        settings={"method": "grow", "from": plan.source.name, "seed": project.config.seed},
        copied={**kept, **{name: found[name] for name in growth.taught if name in found}},
        most_calls=min(MOST_CALLS, max([plan.before.most_calls, *(len(s.calls) for s in train)])),
    )


def _measured(plan: _Plan, folder: Path, steps: int, questions: int, started: float, on_tick: OnTick) -> GrowReport:
    """Ask the run and the grown one the same rows of what stays, and the grown one of what is new and what is gone."""
    from octocli.runtime.caller import open_caller

    rng = random.Random(f"{plan.project.config.seed}/grow")
    test = plan.kept("test")
    positives, negatives = [s for s in test if s.is_positive], [s for s in test if not s.is_positive]
    asked = _some(positives, questions, rng) + _some(negatives, _NEGATIVES_ASKED, rng)
    then_called = {new: old for old, new in plan.growth.now_called.items()}
    with open_caller(plan.source) as caller:
        before = ask(caller, [_as_called_then(s, then_called) for s in asked], f"asking {plan.source.name}", on_tick)
    fresh, gone = _some(plan.fresh("test"), questions, rng), _some(plan.gone("test"), _NEGATIVES_ASKED, rng)
    with open_caller(folder) as caller:
        after = ask(caller, asked, f"asking {folder.name}", on_tick)
        new = ask(caller, fresh, "asking for what is new", on_tick)
        lost = ask(caller, gone, "asking for what is gone", on_tick)
    spec = plan.project.spec
    right = [same_strictly(o.sample.calls, o.calls, spec) for o in after]
    was_right = [same_strictly(o.sample.calls, o.calls, plan.before.spec) for o in before]
    pairs = list(zip((_subject(s) for s in asked), was_right, right, strict=True))
    names = [f.name for f in spec.functions]
    return GrowReport(
        run=folder,
        growth=plan.growth,
        kept=paired_rate((b, a) for name, b, a in pairs if name),
        by_function={
            name: paired_rate((b, a) for n, b, a in pairs if n == name) for name in names if name in plan.growth.kept
        },
        taught={name: _strict(new, name, plan) for name in names if name in plan.growth.taught},
        dropped=rate(not o.calls and o.finished for o in lost),
        abstention=paired_rate((b, a) for name, b, a in pairs if not name),
        steps=steps,
        seconds=time.monotonic() - started,
    )


def _some(samples: Sequence[Sample], count: int, rng: random.Random) -> list[Sample]:
    return rng.sample(samples, min(count, len(samples)))


def _subject(sample: Sample) -> str:
    """The first function that a sample calls; nothing for a negative."""
    return str(sample.calls[0]["name"]) if sample.calls else ""


def _as_called_then(sample: Sample, names: Mapping[str, str]) -> Sample:
    """A sample with the names that its functions had."""
    return replace(sample, calls=tuple(with_names(sample.calls, names)))


def _strict(outcomes: Iterable[Outcome], name: str, plan: _Plan) -> Rate:
    asked = (o for o in outcomes if name in plan.calls(o.sample))
    return rate(same_strictly(o.sample.calls, o.calls, plan.project.spec) for o in asked)


def as_json(report: GrowReport) -> dict[str, Any]:
    """The report as `grow.json` writes it."""
    return {
        "version": 1,
        "run": report.run.name,
        "growth": report.growth.to_json(),
        "kept": report.kept.to_json(),
        "by_function": {name: pair.to_json() for name, pair in report.by_function.items()},
        "taught": {name: found.to_json() for name, found in report.taught.items()},
        "dropped": report.dropped.to_json(),
        "abstention": report.abstention.to_json(),
        "steps": report.steps,
        "seconds": round(report.seconds, 1),
    }
