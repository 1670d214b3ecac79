"""The Python stub of an API without functions: `python.py` exchanges what stands between the marks."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

# octo: end header
Confirm = Callable[[str, Mapping[str, object]], bool]
"""Asks the user: takes a function's name and arguments, and only True lets the call run."""

# octo: begin api
NEEDS_CONFIRMATION: tuple[str, ...] = ()
"""Functions that run only when `confirm` said True."""


class Handlers(Protocol):
    """What your app does for each function."""


# octo: end api


class CallError(Exception):
    """A call that must not run: which function, which argument ("" for the call as a whole), and why."""

    def __init__(self, function: str, argument: str, reason: str) -> None:
        super().__init__(function, argument, reason)
        self.function = function
        self.argument = argument
        self.reason = reason

    def __str__(self) -> str:
        return ": ".join(part for part in (self.function, self.argument, self.reason) if part)


class IncompleteCall(CallError):
    """A call that lacks what the user did not say; ask back, then ask the model again."""

    def __init__(self, function: str, missing: Sequence[str], unresolved: Mapping[str, object]) -> None:
        asked = [*missing, *unresolved]
        super().__init__(function, asked[0], "the user has to be asked for " + ", ".join(asked))
        self.args = (function, missing, unresolved)
        self.missing = tuple(missing)
        self.unresolved = dict(unresolved)


class NeedsConfirmation(CallError):
    """A call that runs only after the user said yes."""

    def __init__(self, function: str, arguments: Mapping[str, object]) -> None:
        super().__init__(function, "", "needs to be confirmed first")
        self.args = (function, arguments)
        self.arguments = arguments


def dispatch(call: object, handlers: Handlers, *, confirm: Confirm | None = None) -> object:
    """Check one call and hand it to its handler; calls nested in it go first.

    Returns what the handler gives.

    Raises CallError, IncompleteCall or NeedsConfirmation; then no handler was called, unless a nested call gave
    what its place does not allow.
    """
    checked = _checked(call)
    _ask(checked, confirm)
    return _run(checked, handlers)


def dispatch_all(answer: object, handlers: Handlers, *, confirm: Confirm | None = None) -> list[object]:
    """Run the calls of a whole answer of octo, an object (or its JSON text) with `calls`.

    All calls are checked first, then confirmed, then run in order. No calls means: none of these functions.
    Returns what each handler gives, and raises what `dispatch` raises.
    """
    every = [_checked(call) for call in _calls_of(answer)]
    for checked in every:
        _ask(checked, confirm)
    return [_run(checked, handlers) for checked in every]


_Rule = Mapping[str, Any]
_KINDS = {str: "string", list: "array", dict: "object", type(None): "null"}
_DEEPEST = 16


@dataclass(frozen=True)
class _Function:
    """What a call of a function may say: a rule by parameter, and which functions' calls may stand as its value."""

    rules: Mapping[str, _Rule]
    required: Sequence[str]
    nested: Mapping[str, Sequence[str] | None]
    run: Callable[[Handlers, Mapping[str, Any]], object]


@dataclass(frozen=True)
class _Checked:
    """A call that may run; a value that is a call itself is a `_Checked` too."""

    name: str
    function: _Function
    given: Mapping[str, object]
    said: Mapping[str, object]


def _calls_of(answer: object) -> Sequence[object]:
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except (ValueError, RecursionError):
            raise CallError("", "", "the answer is not JSON") from None
    if not isinstance(answer, Mapping) or not isinstance(answer.get("calls"), (list, tuple)):
        raise CallError("", "", "the answer has no list of calls")
    if answer.get("unfinished") or answer.get("error"):
        raise CallError("", "", "the model gave no whole answer")
    calls: Sequence[object] = answer["calls"]
    return calls


def _checked(call: object, depth: int = 0) -> _Checked:
    if not isinstance(call, Mapping) or not isinstance(call.get("name"), str):
        raise CallError("", "", "a call is an object with a name and arguments")
    name: str = call["name"]
    function = _FUNCTIONS.get(name)
    if function is None:
        raise CallError(name, "", "there is no such function")
    said, unresolved = _object(call, "arguments"), _object(call, "unresolved")
    missing = _names(call)
    for argument in (*said, *missing, *unresolved):
        if argument not in function.rules:
            raise CallError(name, str(argument), "there is no such parameter")
    given = {argument: _argument(name, function, argument, value, depth) for argument, value in said.items()}
    if missing or unresolved:
        raise IncompleteCall(name, missing, unresolved)
    for argument in function.required:
        if argument not in given:
            raise CallError(name, argument, "is required")
    return _Checked(name, function, given, said)


def _object(call: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = call.get(key, {})
    if not isinstance(found, Mapping):
        raise CallError(str(call["name"]), "", f"{key} is no object")
    return found


def _names(call: Mapping[str, object]) -> Sequence[str]:
    found = call.get("missing", [])
    if not isinstance(found, (list, tuple)) or not all(isinstance(name, str) for name in found):
        raise CallError(str(call["name"]), "", "missing is no list of names")
    return found


def _argument(name: str, function: _Function, argument: str, value: object, depth: int) -> object:
    if argument in function.nested and _is_call(value, function.nested[argument]):
        if depth == _DEEPEST:
            raise CallError(name, argument, "calls are nested too deep")
        return _checked(value, depth + 1)
    fault = _fault(value, function.rules[argument])
    if fault:
        raise CallError(name, argument, fault)
    return _typed(value, function.rules[argument])


def _is_call(value: object, names: Sequence[str] | None) -> bool:
    """Whether a value is a call of one of `names`; None stands for any call."""
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        return False
    whole = set(value) <= {"name", "arguments", "missing", "unresolved"}
    return whole and ("arguments" in value if names is None else value["name"] in names)


def _ask(checked: _Checked, confirm: Confirm | None) -> None:
    for value in checked.given.values():
        if isinstance(value, _Checked):
            _ask(value, confirm)
    # Only True itself: a confirm that is a coroutine by mistake must not count as a yes.
    if checked.name in NEEDS_CONFIRMATION and (confirm is None or confirm(checked.name, checked.said) is not True):
        raise NeedsConfirmation(checked.name, checked.said)


def _run(checked: _Checked, handlers: Handlers) -> object:
    given = {
        argument: _result(checked, argument, value, handlers) if isinstance(value, _Checked) else value
        for argument, value in checked.given.items()
    }
    return checked.function.run(handlers, given)


def _result(checked: _Checked, argument: str, nested: _Checked, handlers: Handlers) -> object:
    """What a nested call gives, if it may stand in its place."""
    result = _run(nested, handlers)
    if inspect.iscoroutine(result):
        result.close()
        raise CallError(checked.name, argument, f"the handler of {nested.name} is asynchronous")
    rule: _Rule = {} if checked.function.nested[argument] is None else checked.function.rules[argument]
    fault = _fault(result, rule)
    if fault:
        raise CallError(checked.name, argument, f"what {nested.name} gave {fault}")
    return _typed(result, rule)


def _fault(value: object, rule: _Rule) -> str:
    """How a value breaks its rule; empty when it does not."""
    return (
        _type_fault(value, rule)
        or _number_fault(value, rule)
        or _text_fault(value, rule)
        or _list_fault(value, rule)
        or _object_fault(value, rule)
        or _branch_fault(value, rule)
    )


def _type_fault(value: object, rule: _Rule) -> str:
    if "type" in rule and not any(_is_of(kind, value) for kind in rule["type"]):
        return "is not of type " + " or ".join(rule["type"])
    if "enum" in rule and not any(_same(value, choice) for choice in rule["enum"]):
        return "is none of the allowed values"
    return ""


def _is_of(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in ("integer", "number")
    if isinstance(value, float):
        return math.isfinite(value) and (kind == "number" or (kind == "integer" and value.is_integer()))
    return kind == _KINDS.get(type(value))


def _same(one: object, other: object) -> bool:
    """Equality of JSON: 1 equals 1.0, but not True."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return one == other


def _number_fault(value: object, rule: _Rule) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if "minimum" in rule and value < rule["minimum"]:
        return "is below its minimum"
    if "maximum" in rule and value > rule["maximum"]:
        return "is above its maximum"
    if "exclusiveMinimum" in rule and value <= rule["exclusiveMinimum"]:
        return "is not above its exclusive minimum"
    if "exclusiveMaximum" in rule and value >= rule["exclusiveMaximum"]:
        return "is not below its exclusive maximum"
    if "multipleOf" in rule and not _is_multiple(value, rule["multipleOf"]):
        return "is no multiple of its step"
    return ""


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(step, int):
        return value % step == 0
    try:
        return (value / step).is_integer()
    except OverflowError:
        return False


def _text_fault(value: object, rule: _Rule) -> str:
    if not isinstance(value, str):
        return ""
    if "minLength" in rule and len(value) < rule["minLength"]:
        return "is too short"
    if "maxLength" in rule and len(value) > rule["maxLength"]:
        return "is too long"
    if "pattern" in rule:
        try:
            return "" if re.search(rule["pattern"], value) else "does not match its pattern"
        except re.error:
            return "has a pattern that cannot be read here"
    return ""


def _list_fault(value: object, rule: _Rule) -> str:
    if not isinstance(value, list):
        return ""
    if "minItems" in rule and len(value) < rule["minItems"]:
        return "has too few items"
    if "maxItems" in rule and len(value) > rule["maxItems"]:
        return "has too many items"
    if "uniqueItems" in rule and any(_same(a, b) for index, a in enumerate(value) for b in value[:index]):
        return "has an item twice"
    faults = (_at(f"[{index}]", _fault(item, rule.get("items", {}))) for index, item in enumerate(value))
    return next(filter(None, faults), "")


def _object_fault(value: object, rule: _Rule) -> str:
    if not isinstance(value, dict):
        return ""
    for name in rule.get("required", ()):
        if name not in value:
            return f"lacks {name}"
    faults = (_at(str(name), _property_fault(name, inner, rule)) for name, inner in value.items())
    return next(filter(None, faults), "")


def _property_fault(name: object, value: object, rule: _Rule) -> str:
    if name in rule.get("properties", {}):
        return _fault(value, rule["properties"][name])
    others = rule.get("additionalProperties", {})
    return "there is no such property" if others is False else _fault(value, others)


def _at(place: str, fault: str) -> str:
    return f"{place}: {fault}" if fault else ""


def _branch_fault(value: object, rule: _Rule) -> str:
    if "anyOf" in rule and all(_fault(value, branch) for branch in rule["anyOf"]):
        return "fits none of its alternatives"
    if "oneOf" in rule and sum(not _fault(value, branch) for branch in rule["oneOf"]) != 1:
        return "does not fit exactly one of its alternatives"
    return next(filter(None, (_fault(value, branch) for branch in rule.get("allOf", ()))), "")


def _typed(value: object, rule: _Rule) -> object:
    """A valid value with whole numbers as int where the rule asks for integers: 3.0 is JSON for 3."""
    if isinstance(value, float) and value.is_integer() and "integer" in rule.get("type", ()):
        return value if "number" in rule["type"] else int(value)
    if isinstance(value, float) and "enum" in rule:
        return next(choice for choice in rule["enum"] if _same(value, choice))
    if isinstance(value, list) and "items" in rule:
        value = [_typed(item, rule["items"]) for item in value]
    elif isinstance(value, dict) and "properties" in rule:
        value = {name: _typed(inner, rule["properties"].get(name, {})) for name, inner in value.items()}
    for branch in (*rule.get("anyOf", ()), *rule.get("oneOf", ()), *rule.get("allOf", ())):
        if not _fault(value, branch):
            value = _typed(value, branch)
    return value


# octo: begin rules
_FUNCTIONS: Mapping[str, _Function] = {}
# octo: end rules
