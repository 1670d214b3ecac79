"""The spec's own examples: as they stand, and as recipes whose values can be exchanged.

Finds where an example's query says each of its arguments; what it cannot find is taken as said by the whole sentence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from octocli.core.kinds import RESOLVED, SYNONYMS
from octocli.core.resolvers import resolve
from octocli.core.samples import Sample
from octocli.core.spec import Function, Parameter, Spec
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.lexicon import Form
from octocli.teachers.builtin.surfaces import speaks_by_verb, surfaces

_LONGEST = 8


@dataclass(frozen=True)
class Recipe:
    """An example with slots: `fixed` arguments are said by its words, `slots` by their values."""

    pattern: str
    form: Form
    slots: tuple[str, ...]
    fixed: Mapping[str, Any]


def example_samples(function: Function, spec: Spec, language: Language) -> Iterator[Sample]:
    """The function's examples as training samples; one without calls counts where there is nothing to fill."""
    for example in function.examples:
        calls = example.calls
        if calls is None and not function.params:
            calls = ({"name": function.name, "arguments": {}},)
        if calls is None:
            continue
        said: dict[str, str] = {}
        for index, call in enumerate(calls):
            said |= _said(example.query, call, spec, index, language)
        whole = tuple({**c, "arguments": dict(c.get("arguments", {}))} for c in calls)
        yield Sample(example.query, whole, "example", "train", "builtin", None, said)


def recipes(function: Function, spec: Spec, language: Language) -> list[Recipe]:
    """The examples with one call of this function as recipes."""
    found = []
    for example in function.examples:
        if example.calls and len(example.calls) == 1 and example.calls[0]["name"] == function.name:
            arguments = example.calls[0].get("arguments", {})
            if not example.calls[0].get("missing") and not any(isinstance(v, Mapping) for v in arguments.values()):
                found.append(_recipe(example.query, function, arguments, language))
    return found


def _recipe(query: str, function: Function, arguments: Mapping[str, Any], language: Language) -> Recipe:
    text = re.sub(r"[{}]", "", query).rstrip(" .!?")
    form = _form(query, language)
    slots: list[str] = []
    fixed: dict[str, Any] = {}
    for name, value in sorted(arguments.items(), key=lambda item: -len(str(item[1]))):
        parameter = function.param(name)
        span = _span(text, parameter, value, language) if parameter is not None else None
        if span is None or parameter is None or _said_by_all(parameter, value, text[span[0] : span[1]], language):
            fixed[name] = value
            continue
        text = f"{text[: span[0]]}{{0/{name}}}{text[span[1] :]}"
        slots.append(name)
    parts = re.split(r"(\{[^{}]*\})", text)
    lowered = "".join(p if p.startswith("{") else re.sub(r"\bI\b", "i", p[:1].lower() + p[1:]) for p in parts)
    return Recipe(lowered, form, tuple(slots), fixed)


def _form(query: str, language: Language) -> Form:
    if language.words.patterns["asked"].match(query):
        return "question"
    return "command" if language.starts_with_verb(query.split(",")[0]) else "statement"


def _said_by_all(parameter: Parameter, value: Any, words: str, language: Language) -> bool:
    """Whether more of the sentence than `words` depends on the value: "shut it off", "heat it up to 22", "a selfie"."""
    if parameter.kind in ("boolean", "array", "object") or speaks_by_verb(parameter.name, parameter.schema, language):
        return True
    if parameter.kind != "enum":
        return False
    synonyms = parameter.schema.get(SYNONYMS, {}).get(value, ()) if isinstance(value, str) else ()
    return words.lower() in (s.lower() for s in synonyms) or (" " not in words and language.starts_with_verb(words))


def _said(query: str, call: Mapping[str, Any], spec: Spec, index: int, language: Language) -> dict[str, str]:
    function = spec.by_name.get(call["name"])
    said: dict[str, str] = {}
    for name, value in call.get("arguments", {}).items():
        parameter = function.param(name) if function else None
        if parameter is None or parameter.kind not in RESOLVED or isinstance(value, Mapping):
            continue
        span = _span(query, parameter, value, language)
        if span and query[span[0] : span[1]] != str(value):
            said[f"/{index}/arguments/{name}"] = query[span[0] : span[1]]
    return said


def _span(query: str, parameter: Parameter, value: Any, language: Language) -> tuple[int, int] | None:
    """Where the query says `value`: literally, by a surface, or in words that the resolver reads back."""
    said = dict.fromkeys([str(value), *surfaces(value, parameter.name, parameter.schema, language)])
    words = sorted(said, key=len, reverse=True)
    for text in words:
        match = re.search(rf"(?<![\w{{]){re.escape(text)}(?![\w}}])", query, re.IGNORECASE)
        literal = match is not None and (parameter.kind != "text" or match[0] == value)
        if match and literal and _reads_back(match[0], parameter, value, language):
            return match.span()
    return _resolved_span(query, parameter, value, language) if parameter.kind in RESOLVED else None


def _reads_back(words: str, parameter: Parameter, value: Any, language: Language) -> bool:
    if parameter.kind not in RESOLVED or words == str(value):
        return True
    return bool(resolve(words, parameter.name, parameter.schema, None, language.words.code) == value)


def _resolved_span(query: str, parameter: Parameter, value: Any, language: Language) -> tuple[int, int] | None:
    tokens = list(re.finditer(r"[^\s,!?;{}]+", query))
    for size in range(1, _LONGEST + 1):
        for start in range(len(tokens) - size + 1):
            left, right = tokens[start].start(), tokens[start + size - 1].end()
            words = query[left:right].rstrip(".")
            if (
                "{" not in words
                and resolve(words, parameter.name, parameter.schema, None, language.words.code) == value
            ):
                return left, left + len(words)
    return None
