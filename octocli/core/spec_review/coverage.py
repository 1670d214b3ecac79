"""Rule: more to learn than the data plan shows: listed values and optional parameters seen too seldom, too few rows."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from octocli.core.spec import MANY_FUNCTIONS, Function, Parameter, Spec
from octocli.core.spec_review.findings import WHOLE_SPEC, DataPlan, Place, Remark
from octocli.core.spec_review.places import Value, function_places, parameters_of

# A value that training saw once or twice is learned from its spelling alone.
FEWEST_SIGHTINGS = 3
# An optional parameter needs a few rows with different words around it.
FEWEST_ROWS = 8
# Where verify accepted less than this share of the plan, a function has run out of things to say.
LEAST_ACCEPTED = 0.8
# How often the built-in teacher says 0, 1, 2 or 3 optional parameters beside the required ones, by weight.
OPTIONAL_SAID = (3.0, 4.0, 2.5, 1.0)
# Shares are fractions: 200 rows of 0.6 for 40 values are 3 for each, and should be seen as such.
_ROUNDING = 1e-6


def coverage_remarks(spec: Spec, plan: DataPlan) -> Iterator[Remark]:
    """Yield what the planned or accepted rows do not cover."""
    yield from _listed_values(spec, plan)
    yield from _optional_parameters(spec, plan)
    if len(spec.functions) > MANY_FUNCTIONS:
        what = f"{len(spec.functions)} functions are many for one small model"
        mend = "leave out what nobody asks for, make several apps and merge them, or plan more rows and epochs"
        yield Remark("warning", "data", WHOLE_SPEC, what, mend)
    yield from _accepted(spec, plan)


def share_of(function: Function, parameter: Parameter) -> float:
    """The share of a function's rows that say the parameter."""
    if parameter.required:
        return 1.0
    optional = sum(not p.required for p in function.params)
    said = sum(min(count, optional) * weight for count, weight in enumerate(OPTIONAL_SAID))
    return said / sum(OPTIONAL_SAID) / optional


def _listed_values(spec: Spec, plan: DataPlan) -> Iterator[Remark]:
    unseen: list[tuple[Place, int]] = []
    seldom: list[tuple[Place, int]] = []
    for value in parameters_of(spec):
        listed = len(_listed(value))
        share = share_of(value.function, value.parameter)
        sightings = plan.rows(value.function.name) * share / listed if listed else FEWEST_SIGHTINGS
        if sightings < FEWEST_SIGHTINGS - _ROUNDING:
            needed = math.ceil(FEWEST_SIGHTINGS * listed / share - _ROUNDING)
            (unseen if sightings < 1 and not _is_shown(value) else seldom).append((value.place, needed))
    what = "some listed values come in no training row"
    yield from (Remark("warning", "data", place, what, mend) for place, mend in _with_mend(unseen))
    what = f"a listed value comes in fewer than {FEWEST_SIGHTINGS} training rows"
    yield from (Remark("note", "data", place, what, mend) for place, mend in _with_mend(seldom))


def _optional_parameters(spec: Spec, plan: DataPlan) -> Iterator[Remark]:
    scarce: list[tuple[Place, int]] = []
    for value in parameters_of(spec):
        share = share_of(value.function, value.parameter)
        if not value.parameter.required and plan.rows(value.function.name) * share < FEWEST_ROWS - _ROUNDING:
            scarce.append((value.place, math.ceil(FEWEST_ROWS / share - _ROUNDING)))
    what = f"the optional parameter comes in fewer than {FEWEST_ROWS} training rows"
    yield from (Remark("warning", "data", place, what, mend) for place, mend in _with_mend(scarce))


def _accepted(spec: Spec, plan: DataPlan) -> Iterator[Remark]:
    if plan.accepted is None:
        return
    for place, function in function_places(spec):
        if plan.rows(function.name) < LEAST_ACCEPTED * plan.per_function:
            what = f"verify accepted far fewer training rows than the {plan.per_function} that are planned"
            mend = "add aliases and examples, then run octo synth and octo verify; data/rejected.jsonl has the reasons"
            yield Remark("warning", "data", place, what, mend)


def _listed(value: Value) -> list[Any]:
    """The listed values that a row may say; a default is said by leaving the parameter out."""
    listed = value.schema.get("enum")
    if not isinstance(listed, (list, tuple)):
        return []
    return [v for v in listed if v is not None and not ("default" in value.schema and v == value.schema["default"])]


def _is_shown(value: Value) -> bool:
    """Whether the spec's own examples, which are training rows, have every listed value."""
    calls = [call for example in value.function.examples for call in example.calls or ()]
    arguments = [call.get("arguments") for call in calls if call["name"] == value.function.name]
    shown = [given.get(value.parameter.name) for given in arguments if isinstance(given, Mapping)]
    return all(listed in shown for listed in _listed(value))


def _with_mend(places: list[tuple[Place, int]]) -> Iterator[tuple[Place, str]]:
    """The places with the one mend that covers them all."""
    if places:
        rows = -(-max(needed for _, needed in places) // 10) * 10
        yield from ((place, f"[synth] per_function = {rows}, or examples that say them") for place, _ in places)
