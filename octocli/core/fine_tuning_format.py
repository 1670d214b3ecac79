"""OpenAI's fine-tuning format: a sample as a conversation with tools, and back. What has no place in it is said here.

* A query that no function serves is answered in words.
* A missing argument is left out of `arguments`; a required one that is not there is read as missing.
* A nested call stands in `arguments` as `{"name", "arguments"}`, an object like any other.
* `now` is a system message. `said`, `kind`, `split` and `teacher` have no place.

Whether the calls obey the spec is `validation.py`'s question, as for every sample.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from octocli.core.calls import is_nested
from octocli.core.errors import BadInput
from octocli.core.importers.names import free_name
from octocli.core.samples import Sample, parse_json, parse_sample
from octocli.core.spec import Spec

NO_FUNCTION = "None of these functions serves this request."
_CLOCK = "The time is {}."
_CLOCK_READ = re.compile(r"The time is (.+)\.")
_LONGEST_NAME = 64
_ROLES = ("system", "developer", "user", "assistant", "tool", "function")


class NotTaken(ValueError):
    """A conversation that is in order and that no single sample can hold; the reason."""


@dataclass(frozen=True)
class Reading:
    """What a line gave: its sample, if one could be made, and why anything of it was left."""

    sample: Sample | None
    refused: tuple[str, ...] = ()


@dataclass(frozen=True)
class FineTuningFormat:
    """The format for one spec: all of its functions are the tools of every line."""

    spec: Spec

    @cached_property
    def names(self) -> dict[str, str]:
        """The functions' names as the format takes them (`[A-Za-z0-9_-]`, at most 64), by their own."""
        fitting = {f.name for f in self.spec.functions if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", f.name)}
        taken, names = set(fitting), {}
        for function in self.spec.functions:
            name = function.name
            if name not in fitting:
                name = free_name(re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_LONGEST_NAME], taken)
                taken.add(name)
            names[function.name] = name
        return names

    @cached_property
    def tools(self) -> list[dict[str, Any]]:
        """The `tools` of every line: all functions, in the order of the spec."""
        return [
            {
                "type": "function",
                "function": {
                    "name": self.names[function.name],
                    "description": function.description,
                    "parameters": function.parameters,
                },
            }
            for function in self.spec.functions
        ]

    def write(self, sample: Sample, *, parallel: bool) -> dict[str, Any]:
        """One line. `parallel` is for the whole file: a line of its own would give its answer away."""
        clock = [{"role": "system", "content": _CLOCK.format(sample.now)}] if sample.now else []
        messages = [*clock, {"role": "user", "content": sample.query}, self._answer(sample)]
        return {"messages": messages, "tools": self.tools, "parallel_tool_calls": parallel}

    def read(self, data: Mapping[str, Any], where: str) -> Reading:
        """The first exchange of a conversation as a sample; what comes later hangs on what was said before.

        Raises:
            BadInput: a message or its calls are not in the format; `where` opens the error message.
        """
        messages = _messages(data, where)
        try:
            at, asked = _first_exchange(messages)
            refused = _refused_after(messages[at + 1 :])
            calls = list(self._read_calls(messages[at], f"{where}: messages[{at}]"))
            if not calls:
                _check_words(messages[at], goes_on=bool(refused))
            row = {"query": _text(asked), "calls": calls, "now": _clock(messages[:at])}
            return Reading(parse_sample(row, where), refused)
        except NotTaken as reason:
            return Reading(None, (str(reason),))

    def _answer(self, sample: Sample) -> dict[str, Any]:
        if not sample.calls:
            return {"role": "assistant", "content": NO_FUNCTION}
        called = [self._named(call, self.names) for call in sample.calls]
        functions = [
            {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)} for call in called
        ]
        return {
            "role": "assistant",
            "tool_calls": [{"id": f"call_{i}", "type": "function", "function": f} for i, f in enumerate(functions)],
        }

    def _named(self, call: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
        """A call and those inside it with their names exchanged, without what the format does not hold."""
        function = self.spec.by_name[call["name"]]
        arguments = {
            name: self._named(value, names) if is_nested(value, self.spec, function, name) else value
            for name, value in call.get("arguments", {}).items()
        }
        return {"name": names[function.name], "arguments": arguments}

    @cached_property
    def _own_names(self) -> dict[str, str]:
        return {name: own for own, name in self.names.items()}

    def _read_calls(self, answer: Mapping[str, Any], where: str) -> Iterator[dict[str, Any]]:
        for index, tool_call in enumerate(answer.get("tool_calls") or ()):
            place = f"{where}.tool_calls[{index}]"
            if not isinstance(tool_call, Mapping):
                raise BadInput(f"{place}: not an object")
            if tool_call.get("type", "function") != "function":
                raise NotTaken(f"a tool of type {tool_call['type']!r} is no function")
            yield self._read_call(tool_call.get("function"), f"{place}.function")
        if answer.get("function_call"):
            yield self._read_call(answer["function_call"], f"{where}.function_call")

    def _read_call(self, function: Any, where: str) -> dict[str, Any]:
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise BadInput(f"{where}: no function with a name", hint='it is {"name": "...", "arguments": "{...}"}')
        arguments = function.get("arguments") or {}
        if isinstance(arguments, str):
            arguments = parse_json(arguments, f"{where}.arguments", hint="they are a JSON object, written as a string")
        if not isinstance(arguments, Mapping):
            raise BadInput(f"{where}.arguments: no JSON object")
        return self._completed({"name": function["name"], "arguments": arguments})

    def _completed(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """A call under octo's name, with what it lacks named; calls inside it too."""
        name = self._own_name(call["name"])
        function = self.spec.by_name.get(name)
        given = call.get("arguments", {})
        if function is None:  # the check against the spec names it
            return {"name": name, "arguments": dict(given)}
        arguments = {}
        for key, value in given.items():
            inner = value
            if isinstance(value, Mapping) and isinstance(value.get("name"), str):
                inner = {**value, "name": self._own_name(value["name"])}
            arguments[key] = self._completed(inner) if is_nested(inner, self.spec, function, key) else value
        missing = [p.name for p in function.params if p.required and p.name not in given]
        return {"name": name, "arguments": arguments, **({"missing": missing} if missing else {})}

    def _own_name(self, name: str) -> str:
        return name if name in self.spec.by_name else self._own_names.get(name, name)


def is_conversation(data: Any) -> bool:
    """Whether a line is in this format, not in octo's own."""
    return isinstance(data, Mapping) and isinstance(data.get("messages"), list) and "query" not in data


def _messages(data: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    for index, message in enumerate(data["messages"]):
        place = f"{where}: messages[{index}]"
        if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
            raise BadInput(f"{place}: no message with a role", hint=f"roles are {', '.join(_ROLES)}")
        if not isinstance(message.get("tool_calls") or [], list):
            raise BadInput(f"{place}.tool_calls: not a list")
    return list(data["messages"])


def _first_exchange(messages: Sequence[Mapping[str, Any]]) -> tuple[int, Mapping[str, Any]]:
    """Where the first answer stands, and the user's last message before it."""
    at = next((i for i, m in enumerate(messages) if m["role"] == "assistant"), None)
    if at is None:
        raise NotTaken("no assistant answers")
    asked = [m for m in messages[:at] if m["role"] == "user"]
    if not asked:
        raise NotTaken("no user speaks before the assistant")
    if messages[at].get("weight") == 0:
        raise NotTaken("the first answer has weight 0, and later ones hang on what was said before")
    return at, asked[-1]


def _refused_after(later: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Why what follows the first answer is left; results and closing words of the same turn are nothing to learn."""
    end = next((i for i, m in enumerate(later) if m["role"] == "user"), len(later))
    if any(m.get("tool_calls") or m.get("function_call") for m in later[:end]):
        raise NotTaken("calls in several steps, where a later one may hang on an earlier one's result")
    turns = sum(m["role"] == "user" for m in later)
    if not turns:
        return ()
    return (f"{turns} later user turn{'s' if turns > 1 else ''}: an answer there hangs on what was said before",)


def _check_words(answer: Mapping[str, Any], *, goes_on: bool) -> None:
    """Whether an answer in words alone says that no function serves."""
    words = _text(answer, or_else=answer.get("refusal"))
    if goes_on:
        raise NotTaken("answered in words before a later turn, so it may be served there")
    if words.rstrip().endswith(("?", "？")):
        raise NotTaken("the answer asks back: neither a call nor a no")


def _text(message: Mapping[str, Any], or_else: Any = None) -> str:
    """What a message says, where that is text alone."""
    content = message.get("content") or or_else
    if isinstance(content, list) and all(isinstance(p, Mapping) and p.get("type") == "text" for p in content):
        content = "".join(str(part.get("text", "")) for part in content)
    if isinstance(content, list):
        raise NotTaken(f"the {message['role']}'s message holds more than text")
    if not isinstance(content, str) or not content.strip():
        raise NotTaken(f"the {message['role']}'s message is empty")
    return content


def _clock(before: Sequence[Mapping[str, Any]]) -> str | None:
    """The clock that `write` puts into a system message."""
    for message in before:
        content = message.get("content")
        found = _CLOCK_READ.fullmatch(content) if message["role"] == "system" and isinstance(content, str) else None
        if found and _is_clock(found[1]):
            return found[1]
    return None


def _is_clock(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
