"""Requests that a function serves: what to say is planned first, then the words, then the values go in.

The skeleton decides the side of the split before any value is drawn, so a sample never has to move.
"""

import datetime as dt
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from octocli.core.calls import argument_pointer
from octocli.core.samples import Sample, Split
from octocli.core.spec import Function, Parameter, Spec
from octocli.core.spec_review.coverage import OPTIONAL_SAID
from octocli.core.splits import bucket_of, free_values, normal
from octocli.teachers.builtin.examples import Recipe, example_samples, recipes
from octocli.teachers.builtin.filling import SLOT, fill
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.roles import Role
from octocli.teachers.builtin.sentences import Clause, Grammar, framed, joined
from octocli.teachers.builtin.values import ValueSource

PARALLEL, MISSING, NESTED, REFILLED = 0.1, 0.06, 0.06, 0.09
# How often the second of two requests is put as it likes: "lock up, and what's the weather".
FREE_SECOND = 0.3
# Where sentences of the phrase book fit a function: how often what is said is what one of them says.
TOGETHER = 0.5
# How many optional parameters are said, by weight, where none is required: a request still mostly says something.
_ALONE = (0.7, 2.5, 3.5, 2.5, 1.2)
# Who undoes a thing only points at it: "cancel my alarm" wants less than setting one.
_POINTED_AT = (3, 4, 1.5, 0.4)
# How many more are said beside those of a sentence of the phrase book.
_BESIDE_TOGETHER = (4, 3, 2, 0.7)
# How much sooner than another parameter people say when.
_WHEN = 2.5
_TIMES = ("date", "time", "datetime")
# Lists of days in the speaker's own words, in every language's phrase book.
_DAYS = ("day_said", "moment")
TRIES = 400
_EPOCH = dt.datetime(2026, 1, 5, 0, 0)


@dataclass(frozen=True)
class Planned:
    """One call before its words: the values it will hold, None where they are drawn once the words stand.

    `nested` holds the calls that stand in the place of a value.
    """

    function: Function
    values: Mapping[str, Any]
    missing: tuple[str, ...] = ()
    nested: Mapping[str, "Planned"] = field(default_factory=dict)


class PositiveWriter:
    """Writes requests for the functions of one spec in one language."""

    def __init__(self, spec: Spec, language: Language) -> None:
        self.spec = spec
        self.language = language
        self._grammars: dict[str, Grammar] = {}

    def grammar(self, function: Function) -> Grammar:
        """The grammar of one function, made once."""
        if function.name not in self._grammars:
            self._grammars[function.name] = Grammar(self.language.phrasing(function, self.spec.functions))
        return self._grammars[function.name]

    def stream(self, function: Function, split: Split, rng: random.Random) -> Iterator[Sample]:
        """An endless stream, or one that ends when `TRIES` draws in a row came to nothing."""
        if split == "train":
            yield from self.examples.get(function.name, ())
        known = recipes(function, self.spec, self.language) if split == "train" else []
        taken = frozenset() if split == "train" else self._taken
        writer = _Stream(self, function, split, rng, ValueSource(rng, split, self.language.words, taken), known)
        failures = 0
        while failures < TRIES:
            sample = writer.draw()
            failures = failures + 1 if sample is None else 0
            if sample is not None:
                yield sample

    def omittable(self, function: Function) -> list[str]:
        """The required parameters that a person may forget: what the verb says is never left out."""
        states = self.grammar(function).phrasing.states
        return [p.name for p in function.params if p.required and p.kind != "boolean" and p not in states]

    def fillers(self, function: Function) -> dict[str, list[Function]]:
        """By parameter, the functions whose call can be named in its place: "text Ana the forecast for Rome"."""
        found = {p.name: [f for f in self.spec.fillers(p) if f is not function] for p in function.params}
        named = {name: [f for f in others if self.grammar(f).has_noun] for name, others in found.items()}
        return {name: others for name, others in named.items() if others}

    @cached_property
    def examples(self) -> dict[str, tuple[Sample, ...]]:
        """The spec's own examples as training samples, by function."""
        return {f.name: tuple(example_samples(f, self.spec, self.language)) for f in self.spec.functions}

    @cached_property
    def _taken(self) -> frozenset[str]:
        return frozenset(v for f in self.spec.functions for v in _free_values(self.examples[f.name], self.spec))

    @cached_property
    def example_skeletons(self) -> frozenset[str]:
        """Patterns that the training side holds because an example has them."""
        made = [r.pattern for f in self.spec.functions for r in recipes(f, self.spec, self.language)]
        queries = [s.query for rows in self.examples.values() for s in rows]
        return frozenset(normal(SLOT.sub("{}", text)) for text in (*made, *queries))


class _Stream:
    """The state of one stream: its random numbers, its decks of values, what it may write."""

    def __init__(
        self, writer: PositiveWriter, function: Function, split: Split, rng: random.Random, source: ValueSource,
        known: list[Recipe],
    ) -> None:  # fmt: skip
        self.writer, self.function, self.split, self.rng, self.source = writer, function, split, rng, source
        self.language = writer.language
        self.known = known
        self.omittable, self.fillers = writer.omittable(function), writer.fillers(function)

    def draw(self) -> Sample | None:
        """One sample, or None where this draw came to nothing."""
        point = self.rng.random()
        if point < PARALLEL:
            return self._written("parallel", [self._plan(self.function), self._plan(self._partner())])
        if point < PARALLEL + MISSING and self.omittable:
            return self._written("missing", [self._plan(self.function, self.rng.choice(self.omittable))])
        if point < PARALLEL + MISSING + NESTED and self.fillers:
            return self._written("nested", [self._plan_nested()])
        if point > 1 - REFILLED and self.known:
            return self._refilled(self.rng.choice(self.known))
        return self._written("positive", [self._plan(self.function)])

    def _partner(self) -> Function:
        return self.rng.choice(self.writer.spec.functions)

    def _plan(self, function: Function, missing: str = "") -> Planned:
        optional = [p for p in function.params if not p.required]
        together = self._together(function)
        weights = self._how_many(function, bool(together))
        count = self.rng.choices(range(len(weights)), weights=weights)[0]
        chosen = {*together, *self._some_of([p for p in optional if p.name not in together], count)}
        phrasing = self.writer.grammar(function).phrasing
        chosen |= phrasing.indispensable
        states = phrasing.states
        values: dict[str, Any] = {}
        for parameter in function.params:
            if parameter.name == missing or not (parameter.required or parameter.name in chosen):
                continue
            early = parameter in states or parameter.kind == "boolean" or parameter.name in phrasing.implied
            values[parameter.name] = self._value(function, parameter, _EPOCH) if early else None
            if early and values[parameter.name] is None:
                del values[parameter.name]
        return Planned(function, values, (missing,) if missing else ())

    def _how_many(self, function: Function, together: bool) -> Sequence[float]:
        """Weights of how many optional parameters are said."""
        if self.writer.grammar(function).phrasing.undoes:
            return _POINTED_AT
        if together:
            return _BESIDE_TOGETHER
        return OPTIONAL_SAID if any(p.required for p in function.params) else _ALONE

    def _some_of(self, optional: Sequence[Parameter], count: int) -> list[str]:
        """The names of so many parameters, when sooner than what else."""
        ranked = sorted(
            optional, key=lambda p: self.rng.random() ** (1 / _WHEN if p.kind in _TIMES else 1), reverse=True
        )
        return [p.name for p in ranked[:count]]

    def _together(self, function: Function) -> frozenset[str]:
        """Now and then, parameters that people are known to say in one sentence: "text {recipient} {message}"."""
        sets = self.writer.grammar(function).phrasing.said_together
        return self.rng.choice(sets) if sets and self.rng.random() < TOGETHER else frozenset()

    def _plan_nested(self) -> Planned:
        name = self.rng.choice(sorted(self.fillers))
        outer = self._plan(self.function)
        values = {p.name: outer.values.get(p.name) for p in self.function.params if p.name in {*outer.values, name}}
        return Planned(self.function, values, nested={name: self._plan(self.rng.choice(self.fillers[name]))})

    def _value(self, function: Function, parameter: Parameter, now: dt.datetime) -> Any | None:
        role = self.writer.grammar(function).phrasing.roles[parameter.name]
        return self.source.draw(f"{function.name}.{parameter.name}", parameter, role, now)

    def _written(self, kind: str, plans: list[Planned]) -> Sample | None:
        clauses = []
        for index, plan in enumerate(plans):
            free = index == len(plans) - 1 and (len(plans) == 1 or self.rng.random() < FREE_SECOND)
            clause = self._clause(plan, index, plain=not free)
            if clause is None or (index and (clause.front or clause.form == "statement")):
                return None
            # A message would go on with what is said next.
            if clause.end == "sentence" and index < len(plans) - 1:
                return None
            clauses.append(clause)
        text, front = clauses[0].text, clauses[0].front
        if len(clauses) > 1:
            text = joined(text, clauses[1].text, self.language, self.rng)
        pattern = framed(Clause(text, clauses[0].form, front, clauses[-1].end), self.language, self.rng)
        if bucket_of(skeleton := normal(SLOT.sub("{}", pattern))) != self.split:
            return None
        if self.split != "train" and skeleton in self.writer.example_skeletons:
            return None
        question = clauses[0].form == "question"
        return self._filled(kind, self.language.roughened(pattern, self.rng, question), skeleton, plans)

    def _clause(self, plan: Planned, index: int, *, plain: bool) -> Clause | None:
        """The words for one call, its slots numbered, the calls in it named in their places."""
        clause = self.writer.grammar(plan.function).clause(
            plan.values, self.rng, plain=plain, named=frozenset(plan.nested)
        )
        if clause is None:
            return None
        text, front = _numbered(clause.text, str(index)), _numbered(clause.front, str(index))
        for name, inner in plan.nested.items():
            noun = self.writer.grammar(inner.function).noun(inner.values, self.rng)
            if noun is None or f"{{{index}/{name}}}" not in text:
                return None
            text = text.replace(f"{{{index}/{name}}}", _numbered(noun, f"{index}/{name}"))
        return replace(clause, text=text, front=front)

    def _filled(
        self, kind: str, pattern: str, skeleton: str, plans: list[Planned], split: Split | None = None
    ) -> Sample | None:
        now = _EPOCH + dt.timedelta(minutes=self.rng.randrange(500 * 24 * 60))
        slots: dict[str, tuple[Parameter, Any, str]] = {}
        calls = [self._call(plan, str(index), f"/{index}", now, slots) for index, plan in enumerate(plans)]
        if None in calls:
            return None
        led = self._keys(plans, lambda role: role.leads)
        things = self._keys(plans, lambda role: role.item)
        done = fill(pattern, slots, now, self.language, self.rng, self._beside_a_day(plans), led, things)
        if done is None:
            return None
        done = self.language.typed(done, self.rng)
        clock = now.isoformat() if done.relative else None
        return Sample(
            done.query, tuple(c for c in calls if c), kind, split, "builtin", clock, dict(done.said), skeleton
        )

    def _beside_a_day(self, plans: list[Planned]) -> frozenset[str]:
        """Keys of the times whose function takes a day as well, as a date or in the speaker's own words."""
        return frozenset(
            f"{index}/{p.name}"
            for index, plan in enumerate(plans)
            if any(self._is_day(plan.function, q) for q in plan.function.params)
            for p in plan.function.params
            if p.kind == "time"
        )

    def _is_day(self, function: Function, parameter: Parameter) -> bool:
        role = self.writer.grammar(function).phrasing.roles[parameter.name]
        return parameter.kind == "date" or (parameter.kind == "text" and (role.leads or role.pool in _DAYS))

    def _keys(self, plans: list[Planned], wanted: Callable[[Role], bool]) -> frozenset[str]:
        """Keys of the parameters that have a role of some sort: those that bring their own preposition, or things."""
        return frozenset(
            f"{index}/{name}"
            for index, plan in enumerate(plans)
            for name, role in self.writer.grammar(plan.function).phrasing.roles.items()
            if wanted(role)
        )

    def _call(
        self, plan: Planned, key: str, pointer: str, now: dt.datetime, slots: dict[str, tuple[Parameter, Any, str]]
    ) -> dict[str, Any] | None:
        """The call of a plan, all its values drawn and put into `slots`; None where one could not be drawn."""
        arguments: dict[str, Any] = {}
        for name, early in plan.values.items():
            here, place = f"{key}/{name}", argument_pointer(pointer, name)
            parameter = plan.function.param(name)
            assert parameter is not None
            if name in plan.nested:
                arguments[name] = self._call(plan.nested[name], here, place, now, slots)
            else:
                arguments[name] = early if early is not None else self._value(plan.function, parameter, now)
                slots[here] = (parameter, arguments[name], place)
            if arguments[name] is None:
                return None
        return {
            "name": plan.function.name,
            "arguments": arguments,
            **({"missing": list(plan.missing)} if plan.missing else {}),
        }

    def _refilled(self, recipe: Recipe) -> Sample | None:
        # What no single words say stays as the example's author had it, and is no question of grounding.
        kind = "example" if recipe.fixed else "positive"
        plan = Planned(self.function, {**recipe.fixed, **dict.fromkeys(recipe.slots)})
        pattern = (
            recipe.pattern
            if self.rng.random() < 0.6
            else framed(Clause(recipe.pattern, recipe.form), self.language, self.rng)
        )
        skeleton = normal(SLOT.sub("{}", pattern))
        question = recipe.form == "question"
        return self._filled(kind, self.language.roughened(pattern, self.rng, question), skeleton, [plan], "train")


def _numbered(text: str, index: str) -> str:
    """Slots that say which call they belong to."""
    return SLOT.sub(lambda m: f"{{{index}/{m[1]}}}", text)


def _free_values(samples: tuple[Sample, ...], spec: Spec) -> Iterator[str]:
    for sample in samples:
        yield from free_values(sample, spec)
