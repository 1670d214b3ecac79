"""What may be wrong with a spec: every fault with its place and its mend. Reads plain JSON, makes nothing of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from octocli.core.kinds import SYNONYMS
from octocli.core.schemas import dangling_references, schema_faults, value_faults, with_definitions

APP_PATTERN = r"[a-z][a-z0-9-]{0,23}"
_FUNCTION_NAME = re.compile(r"[A-Za-z_][\w.\-/]{0,63}")
_PARAMETER_NAME = re.compile(r"[\w.\-$\[\]@]{1,64}")
_FUNCTION_KEYS = {"name", "description", "parameters", "returns", "examples", "aliases", "confirm"}


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a spec: where, what, and what to do."""

    place: str
    what: str
    mend: str

    def line(self, source: str) -> str:
        """The fault as one line for the user."""
        return " ".join(f"{source}: {self.place}: {self.what}. {self.mend}.".splitlines())


def spec_faults(data: Any) -> Iterator[Fault]:
    """Yield what keeps a JSON value from being a spec, in its own order; nothing if it is one."""
    if not isinstance(data, dict):
        yield Fault("top level", "not an object", 'Write {"app": "...", "functions": [...]} or a list of functions')
        return
    app = data.get("app")
    if not isinstance(app, str) or not re.fullmatch(APP_PATTERN, app):
        yield Fault(
            "app",
            f"{app!r} is no app name",
            "Use lower case letters, digits and '-', at most 24, letter first",
        )
    if not isinstance(data.get("description", ""), str):
        yield Fault("description", "not a string", "Write one sentence")
    functions = data.get("functions")
    if not isinstance(functions, list) or not functions:
        yield Fault("functions", "not a list with at least one function", "List what the app can do")
        return
    seen: dict[str, int] = {}
    for index, function in enumerate(functions):
        place = f"functions[{index}]"
        yield from _function_faults(function, place)
        name = function.get("name") if isinstance(function, dict) else None
        if isinstance(name, str):
            if name in seen:
                yield Fault(f"{place}.name", f"{name!r} is already the name of functions[{seen[name]}]", "Rename one")
            seen.setdefault(name, index)


def _function_faults(data: Any, place: str) -> Iterator[Fault]:
    if not isinstance(data, dict):
        yield Fault(place, "not an object", 'Write {"name": ..., "description": ..., "parameters": ...}')
        return
    name = data.get("name")
    if not isinstance(name, str) or not _FUNCTION_NAME.fullmatch(name):
        yield Fault(f"{place}.name", f"{name!r} is no function name", "Use letters, digits and _ . - /, letter first")
    description = data.get("description")
    if not isinstance(description, str) or not description.strip():
        yield Fault(f"{place}.description", "missing or empty", "Say in one sentence what the function does")
    for key in sorted(set(data) - _FUNCTION_KEYS):
        yield Fault(f"{place}.{key}", "unknown key", f"Known keys are {', '.join(sorted(_FUNCTION_KEYS))}")
    if not isinstance(data.get("confirm", False), bool):
        yield Fault(f"{place}.confirm", "not true or false", "Write true to ask before acting")
    aliases = data.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(a, str) and a.strip() for a in aliases):
        yield Fault(f"{place}.aliases", "not a list of strings", "List other words that people use for it")
    if data.get("returns") is not None and not isinstance(data["returns"], dict):
        yield Fault(f"{place}.returns", "not a schema object", 'Write {"type": "string"} or the like')
    elif data.get("returns") is not None:
        yield from _schema_faults(data["returns"], f"{place}.returns")
    faults = list(_parameters_faults(data.get("parameters"), f"{place}.parameters"))
    yield from faults
    if not faults:
        yield from _examples_faults(data.get("examples", []), f"{place}.examples")


def _parameters_faults(data: Any, place: str) -> Iterator[Fault]:
    if data is None:
        return
    if not isinstance(data, dict):
        yield Fault(place, "not a schema object", 'Write {"type": "object", "properties": {...}}')
        return
    broken = list(_schema_faults(data, place))
    yield from broken
    if broken:
        return
    if data and data.get("type") != "object":
        yield Fault(f"{place}.type", f"{data.get('type')!r} instead of 'object'", 'Write "type": "object"')
    properties = data.get("properties", {})
    for name, schema in properties.items():
        here = f"{place}.properties.{name}"
        if not _PARAMETER_NAME.fullmatch(name):
            yield Fault(here, "no parameter name", "Use letters, digits and _ . - $ @ [ ]")
        elif not isinstance(schema, dict):
            yield Fault(here, "not a schema object", 'Write {"type": "string"} or the like')
        else:
            yield from _value_faults(with_definitions(schema, data.get("$defs")), here)
            yield from _synonym_faults(schema, f"{here}.{SYNONYMS}")
    for name in data.get("required", ()):
        if name not in properties:
            yield Fault(f"{place}.required", f"{name!r} is not among the properties", "Add it there or drop it here")


def _synonym_faults(schema: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What is wrong with the words that a parameter has for its listed values."""
    words = schema.get(SYNONYMS, {})
    if not isinstance(words, Mapping):
        yield Fault(place, "not an object", 'Write {"living_room": ["lounge"]}')
        return
    for value, others in words.items():
        if value not in schema.get("enum", ()):
            yield Fault(f"{place}.{value}", "is not among the enum's values", "Add it there or drop it here")
        elif not isinstance(others, list) or not all(isinstance(w, str) and w.strip() for w in others):
            yield Fault(f"{place}.{value}", "not a list of words", "List other words that people use for it")


def _value_faults(schema: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What shows only when a value meets the schema: references that lead nowhere, a default that is no value."""
    lost = next(dangling_references(schema), None)
    if lost is not None:
        yield Fault(place, f"the reference {lost!r} leads nowhere", "Put its target under the parameters' $defs")
        return
    bare = {k: v for k, v in schema.items() if k != "default"}
    try:
        if value_faults(schema.get("default"), bare) and "default" in schema:
            yield Fault(f"{place}.default", f"{schema['default']!r} breaks its own schema", "Change one of the two")
    except Exception as error:  # whatever class the validator gives it; a schema that refers to itself, for one
        yield Fault(place, f"no value can be checked against it ({type(error).__name__})", "Simplify the schema")


def _schema_faults(data: Any, place: str) -> Iterator[Fault]:
    for where, message in schema_faults(data):
        yield Fault(f"{place}.{where}" if where else place, message, "See json-schema.org, draft 2020-12")


def _examples_faults(data: Any, place: str) -> Iterator[Fault]:
    if not isinstance(data, list):
        yield Fault(place, "not a list", "List real queries")
        return
    for index, example in enumerate(data):
        whole = isinstance(example, dict) and isinstance(example.get("query"), str) and _is_calls(example.get("calls"))
        if not whole and not (isinstance(example, str) and example.strip()):
            yield Fault(f"{place}[{index}]", "no example", 'Write a string or {"query": ..., "calls": [...]}')


def _is_calls(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in data)
