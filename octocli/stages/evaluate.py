"""`octo eval`: ask a model every question of a test set and score its answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.errors import NotMade
from octocli.core.project import Project, write_json
from octocli.core.samples import Sample, read_samples, write_atomically
from octocli.core.scoring import (
    Rate,
    rate,
    same_functions,
    same_missing,
    same_relaxedly,
    same_strictly,
)
from octocli.core.spec import Spec
from octocli.stages.answers import Outcome, keep_answers, kept_answers, made_from
from octocli.stages.checks import parse_clock
from octocli.stages.progress import OnTick, Tick, silent
from octocli.stages.score_page import score_page

# Questions read in one pass: more gain nothing on a CPU.
_AT_ONCE = 16


@dataclass(frozen=True)
class ScoreCard:
    """The scores of one model on one set. A rate whose n is 0 does not apply to the set."""

    function_choice: Rate
    recall: Rate
    strict: Rate
    relaxed: Rate
    abstention: Rate
    missing: Rate
    by_kind: Mapping[str, Rate]
    by_function: Mapping[str, Rate]

    @property
    def whole(self) -> dict[str, Rate]:
        """The scores over all rows, by name."""
        names = ("function_choice", "recall", "strict", "relaxed", "abstention", "missing")
        return {name: getattr(self, name) for name in names}

    def to_json(self) -> dict[str, Any]:
        """The card as `report.json` writes it."""
        return {
            "version": 1,
            **{name: rate.to_json() for name, rate in self.whole.items()},
            "by_kind": {k: r.to_json() for k, r in self.by_kind.items()},
            "by_function": {k: r.to_json() for k, r in self.by_function.items()},
        }


@dataclass(frozen=True)
class EvalReport:
    """The card, where it came from, and the wrong answers."""

    card: ScoreCard
    model: Path
    data: Path
    errors: tuple[dict[str, Any], ...]
    report: Path | None


def evaluate(
    project: Project | None,
    model: Path,
    *,
    data: Path | None = None,
    max_false_calls: float | None = None,
    on_tick: OnTick = silent,
) -> EvalReport:
    """Score `model` (a run folder or a GGUF) on the project's test split, or on the samples of `data`.

    With `max_false_calls` nothing is kept: the run's own score card is of the model as it ships.

    Raises:
        NotMade: no verified samples, or no model.
    """
    from octocli.runtime.caller import open_caller

    samples, source = _questions(project, data)
    own = model.is_dir() and data is None and max_false_calls is None
    origin = made_from(model, source) if own else {}  # before the first question: a training may end meanwhile
    with open_caller(model, max_false_calls=max_false_calls) as caller:
        outcomes = ask_all(caller, samples, lambda n: on_tick(Tick("eval", n, len(samples))))
        card = score(outcomes, caller.manifest.spec)
        errors = tuple(_error(o) for o in outcomes if not _is_right(o, caller.manifest.spec))
    report = None
    if own:
        report = model / "report.json"
        keep_answers(model, origin, outcomes)
        write_json(report, {**card.to_json(), "made_from": origin, "errors": list(errors)})
        write_atomically(model / "report.html", _page(model, card, errors))
    return EvalReport(card, model, source, errors, report)


def _questions(project: Project | None, data: Path | None) -> tuple[list[Sample], Path]:
    if data is not None:
        return read_samples(data), data
    if project is None or not project.accepted_file.exists():
        raise NotMade(
            "no verified samples to test on", hint="make them with: octo synth && octo verify, or give --data"
        )
    samples = [s for s in read_samples(project.accepted_file) if s.split == "test"]
    if not samples:
        raise NotMade(f"{project.accepted_file}: no row has split 'test'", hint="give --data FILE.jsonl")
    return samples, project.accepted_file


def ask_all(
    caller: Any,
    samples: Sequence[Sample],
    on_answer: Callable[[int], None] = lambda _: None,
    drafts: Sequence[Sequence[int]] | None = None,
) -> list[Outcome]:
    """Ask every question. A draft (by default the expected answer) is only a guess that saves time, see `decoding`."""
    guesses = [caller.draft(s.calls, s.said) for s in samples] if drafts is None else drafts
    # Questions of one length stand together, since a batch is as long as its longest.
    order = sorted(range(len(samples)), key=lambda i: len(samples[i].query))
    outcomes: dict[int, Outcome] = {}
    for start in range(0, len(samples), _AT_ONCE):
        part = order[start : start + _AT_ONCE]
        clocks = [parse_clock(samples[i].now) for i in part]
        answers = caller.ask_many([samples[i].query for i in part], clocks, [guesses[i] for i in part])
        for index, answer in zip(part, answers, strict=True):
            outcomes[index] = Outcome(samples[index], answer.calls, answer.confidence, answer.ids, answer.finished)
        on_answer(len(outcomes))
    return [outcomes[i] for i in range(len(samples))]


def ask(caller: Any, samples: Sequence[Sample], task: str, on_tick: OnTick) -> list[Outcome]:
    """Ask every question, and tell of the progress under the name of `task`."""
    return ask_all(caller, samples, lambda n: on_tick(Tick(task, n, len(samples))))


def answers_of(run: Path, data: Path, samples: Sequence[Sample], task: str, on_tick: OnTick) -> list[Outcome]:
    """A run's answers to samples of the file `data`: those that `octo eval` kept, or it is asked."""
    from octocli.runtime.caller import open_caller

    kept = kept_answers(run, data, samples)
    if kept is not None:
        return kept
    with open_caller(run) as caller:
        return ask(caller, samples, task, on_tick)


def score(outcomes: Sequence[Outcome], spec: Spec) -> ScoreCard:
    """The score card of a list of outcomes."""
    positives = [o for o in outcomes if o.sample.is_positive]
    negatives = [o for o in outcomes if not o.sample.is_positive]
    lacking = [o for o in positives if any(c.get("missing") for c in o.sample.calls)]
    kinds = sorted({o.sample.kind for o in outcomes})
    functions = sorted({o.sample.calls[0]["name"] for o in positives})
    return ScoreCard(
        function_choice=rate(same_functions(o.sample.calls, o.calls) for o in positives),
        recall=rate(bool(o.calls) or not o.finished for o in positives),
        strict=rate(same_strictly(o.sample.calls, o.calls, spec) for o in positives),
        relaxed=rate(same_relaxedly(o.sample.calls, o.calls, spec) for o in positives),
        abstention=rate(not o.calls and o.finished for o in negatives),
        missing=rate(same_missing(o.sample.calls, o.calls) for o in lacking),
        by_kind={k: rate(_is_right(o, spec) for o in outcomes if o.sample.kind == k) for k in kinds},
        by_function={
            f: rate(_is_right(o, spec) for o in positives if o.sample.calls[0]["name"] == f) for f in functions
        },
    )


def _page(model: Path, card: ScoreCard, errors: Sequence[dict[str, Any]]) -> str:
    groups = [("All rows", card.whole), ("By kind", card.by_kind), ("By function, strict", card.by_function)]
    return score_page(f"{model.resolve().parents[1].name}: run {model.name}", groups, errors)


def _is_right(outcome: Outcome, spec: Spec) -> bool:
    if not outcome.sample.is_positive:
        return not outcome.calls and outcome.finished
    return same_strictly(outcome.sample.calls, outcome.calls, spec)


def _error(outcome: Outcome) -> dict[str, Any]:
    return {
        "query": outcome.sample.query,
        "expected": list(outcome.sample.calls),
        "calls": list(outcome.calls),
        "confidence": round(outcome.confidence, 4),
        "kind": outcome.sample.kind,
    }
