"""Raw calls of a model as calls that an app may act on: words resolved to values, every value checked.

What cannot be made valid goes to `unresolved`, never to `arguments`: a call without `missing` and `unresolved` is
valid against the spec, always.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from octocli.core.calls import RawCall
from octocli.core.kinds import has_resolver
from octocli.core.resolvers import resolve
from octocli.core.schemas import is_valid, types_of
from octocli.core.spec import Parameter, Spec
from octocli.core.validation import call_is_valid


def type_call(raw: RawCall, spec: Spec, now: datetime | None, language: str = "en") -> dict[str, Any]:
    """A raw call with typed arguments: `{"name", "arguments", "missing"?, "unresolved"?}`; words are of `language`."""
    function = spec.by_name[raw.name]
    arguments: dict[str, Any] = {}
    unresolved: dict[str, Any] = {}
    for name, value in raw.arguments.items():
        parameter = function.param(name)
        assert parameter is not None
        if isinstance(value, RawCall):
            arguments[name] = type_call(value, spec, now, language)
            continue
        typed = _typed(value, parameter, now, language)
        (unresolved if typed is None else arguments)[name] = value if typed is None else typed[0]
    call = _call(raw, arguments, unresolved)
    if not raw.missing and not unresolved and not _holds_open_call(arguments) and not call_is_valid(call, spec):
        # A rule of the whole object, such as dependentRequired, that no grammar can hold.
        return _call(raw, {}, arguments)
    return call


def _call(raw: RawCall, arguments: Mapping[str, Any], unresolved: Mapping[str, Any]) -> dict[str, Any]:
    call: dict[str, Any] = {"name": raw.name, "arguments": dict(arguments)}
    if raw.missing:
        call["missing"] = list(raw.missing)
    if unresolved:
        call["unresolved"] = dict(unresolved)
    return call


def _holds_open_call(arguments: Mapping[str, Any]) -> bool:
    return any(isinstance(v, Mapping) and ("missing" in v or "unresolved" in v) for v in arguments.values())


def _typed(value: Any, parameter: Parameter, now: datetime | None, language: str) -> tuple[Any] | None:
    """The valid value that `value` stands for, in a tuple since it may itself be None; None where there is none."""
    if has_resolver(parameter.name, parameter.schema) and isinstance(value, str):
        literal = (value,) if types_of(parameter.schema) == ("string",) and is_valid(value, parameter.schema) else None
        # A valid date is written as it should be; of a phone number the schema as a rule takes any writing.
        if literal is not None and parameter.kind != "phone":
            return literal
        resolved = resolve(value, parameter.name, parameter.schema, now, language)
        return literal if resolved is None else (resolved,)
    return (value,) if is_valid(value, parameter.schema) and _is_json(value) else None


def _is_json(value: Any) -> bool:
    """Whether the value can be written as JSON: a number such as 1e999 is read as infinite and cannot."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
