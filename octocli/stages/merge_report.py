"""What a merge gave and cost: each app's own model and the merged one, asked the same rows."""

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octocli.core.project import Project
from octocli.core.samples import Sample
from octocli.core.scoring import PairedRate, Rate, paired_rate, rate, same_functions, same_strictly
from octocli.core.spec import Spec
from octocli.core.tokens import TokenTable
from octocli.stages.answers import Outcome
from octocli.stages.checks import parse_clock
from octocli.stages.evaluate import answers_of, ask
from octocli.stages.merged_run import MergedRun
from octocli.stages.replay import across_apps, served_elsewhere

if TYPE_CHECKING:
    from octocli.runtime.caller import Caller

# What an app's own model and the merged one answered to one row.
Pair = tuple[Outcome, Outcome]


@dataclass(frozen=True)
class MergeReport:
    """What a merge made, app by app, and what it took.

    Attributes:
        project: the merged project.
        run: its run.
        method: of the sum.
        apps: strict call of each app's requests, before and after.
        apart: the same of those that no other app's own model would serve as well.
        hinted: of all of them, where the merged model knows which app is in the foreground.
        function_choice: of all apps' requests together.
        function_choice_apart, function_choice_hinted: the same of those two.
        called: how many requests of each app went to which app.
        abstention: refused requests that nothing serves, of all apps together.
        across: strict call of requests to two apps, which no app alone can serve.
        heal_steps: what was learnt after the sum.
        training_steps: what the apps took together.
        seconds: everything.
    """

    project: Project
    run: Path
    method: str
    apps: Mapping[str, PairedRate]
    apart: Mapping[str, PairedRate]
    hinted: Mapping[str, PairedRate]
    function_choice: PairedRate
    function_choice_apart: PairedRate
    function_choice_hinted: PairedRate
    called: Mapping[str, Mapping[str, int]]
    abstention: PairedRate
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
    """Ask each app's own model and the merged one the same test rows, with and without a hint at the app."""
    from octocli.runtime.caller import open_caller

    rng = random.Random(f"{maker.project.config.seed}/measure")
    asked = [_some_requests(part, questions, rng) for part in test]
    both = across_apps(test, min(questions, 50), rng)
    before = [
        answers_of(one.run, one.project.accepted_file, part, f"asking {one.app} alone", maker.on_tick)
        for one, part in zip(maker.inputs, asked, strict=True)
    ]
    with open_caller(maker.project.run()) as caller:
        after = [
            ask(caller, part, f"asking the merged model about {one.app}", maker.on_tick)
            for one, part in zip(maker.inputs, asked, strict=True)
        ]
        hinted = [_with_hint(caller, part, one.app) for one, part in zip(maker.inputs, after, strict=True)]
        across = ask(caller, both, "asking for two apps at once", maker.on_tick)
    positives = [[s.query for s in part if s.is_positive] for part in asked]
    shared = served_elsewhere(maker.inputs, positives, "asking each app about the others' requests", maker.on_tick)
    spec, table, names = maker.project.spec, maker.project.tokens, [one.app for one in maker.inputs]
    plain = [_pairs(b, a) for b, a in zip(before, after, strict=True)]
    apart = [[pair for pair in part if pair[0].sample.query not in shared] for part in plain]
    led = [_pairs(b, h) for b, h in zip(before, hinted, strict=True)]
    every = [pair for part in plain for pair in part]
    return MergeReport(
        project=maker.project,
        run=maker.project.run(),
        method=method,
        apps={app: _strict(part, spec) for app, part in zip(names, plain, strict=True)},
        apart={app: _strict(part, spec) for app, part in zip(names, apart, strict=True)},
        hinted={app: _strict(part, spec) for app, part in zip(names, led, strict=True)},
        called={app: _called(table, part) for app, part in zip(names, after, strict=True)},
        function_choice=_right_functions(plain),
        function_choice_apart=_right_functions(apart),
        function_choice_hinted=_right_functions(led),
        abstention=paired_rate(_both(pair, _is_refused) for pair in every if not pair[0].sample.is_positive),
        across=rate(same_strictly(o.sample.calls, o.calls, spec) for o in across),
        heal_steps=steps,
        training_steps=training_steps,
        seconds=time.monotonic() - started,
    )


def _some_requests(rows: Sequence[Sample], count: int, rng: random.Random) -> list[Sample]:
    """So many requests, and what nothing serves."""
    positives = [s for s in rows if s.is_positive]
    return rng.sample(positives, min(count, len(positives))) + [s for s in rows if not s.is_positive]


def _with_hint(caller: "Caller", outcomes: Sequence[Outcome], app: str) -> list[Outcome]:
    """The outcomes with the app in the foreground: only those change whose choice is not the app's already."""
    table, found = caller.manifest.tokens, []
    for outcome in outcomes:
        if not outcome.calls or table.app_of(outcome.calls[0]["name"]) != app:
            sample = outcome.sample
            draft = caller.draft(sample.calls, sample.said)
            answer = caller.ask(sample.query, now=parse_clock(sample.now), draft=draft, foreground=app)
            outcome = Outcome(sample, answer.calls, answer.confidence, answer.ids, answer.finished)
        found.append(outcome)
    return found


def _pairs(before: Sequence[Outcome], after: Sequence[Outcome]) -> list[Pair]:
    return list(zip(before, after, strict=True))


def _strict(pairs: Sequence[Pair], spec: Spec) -> PairedRate:
    """Strict calls of positives before and after, row by row."""
    return paired_rate(
        (same_strictly(b.sample.calls, b.calls, spec), same_strictly(a.sample.calls, a.calls, spec))
        for b, a in pairs
        if b.sample.is_positive
    )


def _right_functions(parts: Sequence[Sequence[Pair]]) -> PairedRate:
    """Function choice of all apps' positives before and after."""
    return paired_rate(_both(pair, _is_right_function) for part in parts for pair in part if pair[0].sample.is_positive)


def _both(pair: Pair, is_right: Callable[[Outcome], bool]) -> tuple[bool, bool]:
    return is_right(pair[0]), is_right(pair[1])


def _is_right_function(outcome: Outcome) -> bool:
    return same_functions(outcome.sample.calls, outcome.calls)


def _is_refused(outcome: Outcome) -> bool:
    return not outcome.calls and outcome.finished


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
        "apart": {app: score.to_json() for app, score in report.apart.items()},
        "hinted": {app: score.to_json() for app, score in report.hinted.items()},
        "function_choice": report.function_choice.to_json(),
        "function_choice_apart": report.function_choice_apart.to_json(),
        "function_choice_hinted": report.function_choice_hinted.to_json(),
        "called": {app: dict(called) for app, called in report.called.items()},
        "abstention": report.abstention.to_json(),
        "across": report.across.to_json(),
        "heal_steps": report.heal_steps,
        "training_steps": report.training_steps,
        "seconds": round(report.seconds, 1),
    }
