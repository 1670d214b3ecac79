"""What a merge gave and cost: each app's own model and the merged one, asked the same rows."""

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.project import Project
from octocli.core.samples import Sample
from octocli.core.scoring import PairedRate, Rate, paired_rate, rate, same_strictly
from octocli.core.spec import Spec
from octocli.core.tokens import TokenTable
from octocli.stages.answers import Outcome
from octocli.stages.evaluate import ask
from octocli.stages.merged_run import MergedRun
from octocli.stages.replay import across_apps


@dataclass(frozen=True)
class MergeReport:
    """What a merge made, app by app, and what it took."""

    project: Project
    run: Path
    method: str
    apps: Mapping[str, PairedRate]
    called: Mapping[str, Mapping[str, int]]
    abstention: Rate
    across: Rate
    heal_steps: int
    training_steps: int
    seconds: float


def measured(
    maker: MergedRun,
    method: str,
    test: Sequence[Sequence[Sample]],
    questions: int,
    steps: int,
    training_steps: int,
    started: float,
) -> MergeReport:
    """Ask each app's own model and the merged one the same test rows."""
    from octocli.runtime.caller import open_caller

    rng = random.Random(f"{maker.project.config.seed}/measure")
    asked = [rng.sample(part, min(questions, len(part))) for part in test]
    both = across_apps(test, min(questions, 50), rng)
    before = []
    for one, part in zip(maker.inputs, asked, strict=True):
        with open_caller(one.run) as caller:
            before.append(ask(caller, part, f"asking {one.app} alone", maker.on_tick))
    with open_caller(maker.project.run()) as caller:
        after = [
            ask(caller, part, f"asking the merged model about {one.app}", maker.on_tick)
            for one, part in zip(maker.inputs, asked, strict=True)
        ]
        across = ask(caller, both, "asking for two apps at once", maker.on_tick)
    spec, table = maker.project.spec, maker.project.tokens
    apps = {one.app: _compared(b, a, spec) for one, b, a in zip(maker.inputs, before, after, strict=True)}
    called = {one.app: _called(table, part) for one, part in zip(maker.inputs, after, strict=True)}
    negatives = [o for part in after for o in part if not o.sample.is_positive]
    return MergeReport(
        project=maker.project,
        run=maker.project.run(),
        method=method,
        apps=apps,
        called=called,
        abstention=rate(not o.calls and o.finished for o in negatives),
        across=rate(same_strictly(o.sample.calls, o.calls, spec) for o in across),
        heal_steps=steps,
        training_steps=training_steps,
        seconds=time.monotonic() - started,
    )


def _compared(before: Sequence[Outcome], after: Sequence[Outcome], spec: Spec) -> PairedRate:
    """Strict calls of the app's positives before and after, row by row."""
    return paired_rate(
        (same_strictly(b.sample.calls, b.calls, spec), same_strictly(a.sample.calls, a.calls, spec))
        for b, a in zip(before, after, strict=True)
        if b.sample.is_positive
    )


def _called(table: TokenTable, outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many requests of one app went to which app; "none" for those that were refused."""
    positives = [o for o in outcomes if o.sample.is_positive]
    return dict(Counter(table.app_of(o.calls[0]["name"]) if o.calls else "none" for o in positives))


def as_json(report: MergeReport) -> dict[str, Any]:
    """The report as `merge.json` writes it."""
    return {
        "version": 1,
        "method": report.method,
        "apps": {app: score.to_json() for app, score in report.apps.items()},
        "called": {app: dict(called) for app, called in report.called.items()},
        "abstention": report.abstention.to_json(),
        "across": report.across.to_json(),
        "heal_steps": report.heal_steps,
        "training_steps": report.training_steps,
        "seconds": round(report.seconds, 1),
    }
