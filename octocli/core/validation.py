"""Whether a call obeys the spec: known function, known and valid arguments, nothing required left unsaid.

One check for all: importing, verifying, typing a model's answer, scoring. Grounding in the query is `stages/`' work.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from octocli.core.calls import is_nested
from octocli.core.schemas import value_faults
from octocli.core.spec import Function, Spec


def calls_faults(calls: Sequence[Mapping[str, Any]], spec: Spec) -> list[str]:
    """What is wrong with the calls of a sample, one line each; empty when all are valid."""
    return [fault for index, call in enumerate(calls) for fault in _call_faults(call, spec, f"calls[{index}]")]


def call_is_valid(call: Mapping[str, Any], spec: Spec) -> bool:
    """Whether one call may be acted on as it is: valid, and nothing missing."""
    return not call.get("missing") and not any(_call_faults(call, spec, ""))


def _call_faults(call: Mapping[str, Any], spec: Spec, place: str) -> Iterator[str]:
    function = spec.by_name.get(str(call.get("name")))
    if function is None:
        yield f"{place}: no function {call.get('name')!r} in the spec"
        return
    arguments = call.get("arguments", {})
    if not isinstance(arguments, Mapping) or not isinstance(call.get("missing", ()), (list, tuple)):
        yield f"{place}: 'arguments' is no object, or 'missing' no list"
        return
    missing = set(call.get("missing", ())) | set(call.get("unresolved", {}))
    for name in missing - {p.name for p in function.params}:
        yield f"{place}: {function.name} has no parameter {name!r} to miss"
    for parameter in function.params:
        if parameter.required and parameter.name not in arguments and parameter.name not in missing:
            yield f"{place}: {function.name} needs {parameter.name!r}"
    for name, value in arguments.items():
        yield from _argument_faults(function, name, value, spec, f"{place}.{name}")
    if not any(is_nested(v, spec, function, n) for n, v in arguments.items()) and not missing:
        yield from (f"{place}: {fault}" for fault in value_faults(dict(arguments), function.object_rules))


def _argument_faults(function: Function, name: str, value: Any, spec: Spec, place: str) -> Iterator[str]:
    parameter = function.param(name)
    if parameter is None:
        if function.parameters.get("additionalProperties", False) is False:
            yield f"{place}: {function.name} has no parameter {name!r}"
    elif is_nested(value, spec, function, name):
        yield from _call_faults(value, spec, place)
    else:
        yield from (f"{place}: {fault}" for fault in value_faults(value, parameter.schema))
