"""The checks of `verify`: each takes a sample and gives a reason to reject it, or None.

Those that need the whole store (duplicates, contradictions, splits) are in `verify.py`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from octocli.core.calls import (
    CallSyntaxError,
    RawCall,
    argument_pointer,
    is_default,
    is_nested,
    read_target,
    write_target,
)
from octocli.core.kinds import has_resolver
from octocli.core.resolvers import resolve
from octocli.core.samples import Sample
from octocli.core.schemas import is_valid
from octocli.core.spec import Function, Parameter, Spec
from octocli.core.splits import normal
from octocli.core.tokens import TokenTable
from octocli.core.validation import calls_faults
from octocli.teachers.builtin import BuiltinTeacher
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.surfaces import implied, surfaces

Check = Callable[[Sample, Spec, TokenTable, Language], str | None]


def check_schema(sample: Sample, spec: Spec, tokens: TokenTable, language: Language) -> str | None:
    """Calls obey the spec."""
    faults = calls_faults(sample.calls, spec)
    return f"schema: {faults[0]}" if faults else None


def check_said(sample: Sample, spec: Spec, tokens: TokenTable, language: Language) -> str | None:
    """The user's words stand in the query, and octo's resolver makes the value of them."""
    now = parse_clock(sample.now)
    for pointer, words in sample.said.items():
        found = _at(sample, spec, pointer)
        if found is None:
            return f"said: {pointer} points to no argument"
        parameter, value = found
        if words.lower() not in sample.query.lower():
            return f"said: {words!r} is not in the query"
        if has_resolver(parameter.name, parameter.schema):
            made = resolve(words, parameter.name, parameter.schema, now, language.words.code)
            if made != value and not (is_valid(words, parameter.schema) and words == value):
                return f"said: {words!r} gives {made!r}, not {value!r}"
    return None


def check_round_trip(sample: Sample, spec: Spec, tokens: TokenTable, language: Language) -> str | None:
    """The target, read back, gives the same calls."""
    try:
        read = read_target(write_target(sample.calls, spec, tokens), spec, tokens)
    except CallSyntaxError as error:
        return f"syntax: {error}"
    if [_flat(c) for c in read] != [_written(c, spec) for c in sample.calls]:
        return "syntax: the target read back gives other calls"
    return None


def check_grounding(sample: Sample, spec: Spec, tokens: TokenTable, language: Language) -> str | None:
    """Every argument is in the query, in its own or in other words; the spec's own examples are exempt."""
    if sample.kind == "example":
        return None
    query = f" {language.folded(normal(sample.query))} "
    for pointer, parameter, value in _arguments(sample, spec):
        if pointer in sample.said or is_default(value, parameter.schema):
            continue
        # Whoever wrote it may say a choice in words that octo does not know; of its own words it knows all.
        loose = sample.teacher not in ("", BuiltinTeacher.name) and parameter.kind in ("enum", "boolean")
        if not loose and not _grounded(value, parameter, query, language):
            return f"grounding: {parameter.name}={value!r} is not in the query"
    return None


CHECKS: Mapping[str, Check] = {
    "schema": check_schema,
    "syntax": check_round_trip,
    "said": check_said,
    "grounding": check_grounding,
}


def first_reason(sample: Sample, spec: Spec, tokens: TokenTable, language: Language) -> str | None:
    """The first check's reason to reject the sample, or None."""
    for check in CHECKS.values():
        reason = check(sample, spec, tokens, language)
        if reason:
            return reason
    return None


def parse_clock(text: str | None) -> datetime | None:
    """An ISO 8601 clock, or None."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _grounded(value: Any, parameter: Parameter, query: str, language: Language) -> bool:
    if isinstance(value, (list, tuple)):
        items = parameter.schema.get("items", {})
        inner = Parameter(parameter.name, items if isinstance(items, Mapping) else {}, required=False)
        return all(_grounded(v, inner, query, language) for v in value)
    if isinstance(value, Mapping) or value is None:
        return True
    forms = [str(value), *surfaces(value, parameter.name, parameter.schema, language)]
    if parameter.kind == "enum":  # "three bath towels" says bath_towel
        forms += [language.placed(form, "many") for form in forms]
    if any(_stands_in(form, query, language) for form in forms):
        return True
    if isinstance(value, (int, float)) and not isinstance(value, bool) and _has_number(value, query):
        return True
    shown = implied(value, parameter.name, parameter.schema, language)
    return any(_stands_in(form, query, language) for form in shown)


def _stands_in(form: str, query: str, language: Language) -> bool:
    words = language.folded(normal(form))
    return bool(words) and f" {words} " in query


def _has_number(value: float, query: str) -> bool:
    # "7" in "7pm", "20" in "20%": digits that stand against letters are still said.
    return re.search(rf"(?<!\d){re.escape(f'{value:g}')}(?!\d)", query) is not None


def _arguments(sample: Sample, spec: Spec) -> Iterator[tuple[str, Parameter, Any]]:
    """Yield (JSON pointer, parameter, value) of every argument, nested calls walked into."""

    def walk(call: Mapping[str, Any], pointer: str) -> Iterator[tuple[str, Parameter, Any]]:
        function: Function = spec.by_name[call["name"]]
        for name, value in call.get("arguments", {}).items():
            here = argument_pointer(pointer, name)
            parameter = function.param(name)
            if is_nested(value, spec, function, name):
                yield from walk(value, here)
            elif parameter is not None:
                yield here, parameter, value

    for index, call in enumerate(sample.calls):
        yield from walk(call, f"/{index}")


def _at(sample: Sample, spec: Spec, pointer: str) -> tuple[Parameter, Any] | None:
    return next(((p, v) for here, p, v in _arguments(sample, spec) if here == pointer), None)


def _flat(raw: RawCall) -> dict[str, Any]:
    arguments = {k: _flat(v) if isinstance(v, RawCall) else v for k, v in raw.arguments.items()}
    return {"name": raw.name, "arguments": arguments, "missing": sorted(raw.missing)}


def _written(call: Mapping[str, Any], spec: Spec) -> dict[str, Any]:
    """A sample's call as its target says it: optional defaults left out, numbers without `.0`."""
    function = spec.by_name[call["name"]]
    arguments: dict[str, Any] = {}
    for name, value in call.get("arguments", {}).items():
        parameter = function.param(name)
        if parameter is not None and not parameter.required and is_default(value, parameter.schema):
            continue
        arguments[name] = _written(value, spec) if is_nested(value, spec, function, name) else value
    return {"name": call["name"], "arguments": arguments, "missing": sorted(call.get("missing", ()))}
