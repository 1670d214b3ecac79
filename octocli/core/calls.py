"""The call syntax: `<app_3>("Thai Palace", party_size=4);<app_1>()<app_end>`. The one place that writes and reads it.

A target is a tuple of pieces, special tokens apart from text, so that text typed by a user can never be taken for a
token. Turning words into values is the job of `typed_values.py` in the runtime: here raw values go in and come out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from octocli.core.kinds import has_resolver
from octocli.core.spec import Function, Spec
from octocli.core.tokens import TokenTable

MISSING = "?"
ARGUMENT_SEPARATOR = ", "
CALL_SEPARATOR = ";"


@dataclass(frozen=True)
class Piece:
    """A stretch of a target: plain text, or one special token."""

    text: str
    special: bool = False


class CallSyntaxError(ValueError):
    """A target that does not follow the syntax, with the place where it leaves it."""


@dataclass(frozen=True)
class RawCall:
    """A call as the model wrote it: values are JSON or nested `RawCall`s, not yet typed."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()


def write_target(
    calls: Sequence[Mapping[str, Any]],
    spec: Spec,
    tokens: TokenTable,
    said: Mapping[str, str] | None = None,
) -> tuple[Piece, ...]:
    """The target of a sample: its calls in the paper's shape, closed by the end token.

    Args:
        calls: calls as samples hold them, `{"name", "arguments", "missing"?}`; none means *none*.
        spec: the app's API.
        tokens: its token table.
        said: the user's own words by JSON pointer; used where octo has a resolver for the parameter.
    """
    writer = _Writer(spec, tokens, said or {})
    if not calls:
        writer.special(tokens.none)
        writer.plain("()")
    for index, call in enumerate(calls):
        if index:
            writer.plain(CALL_SEPARATOR)
        writer.call(call, f"/{index}")
    writer.special(tokens.end)
    return tuple(writer.pieces)


class _Writer:
    def __init__(self, spec: Spec, tokens: TokenTable, said: Mapping[str, str]) -> None:
        self.spec, self.tokens, self.said = spec, tokens, said
        self.pieces: list[Piece] = []

    def special(self, token: str) -> None:
        self.pieces.append(Piece(token, special=True))

    def plain(self, text: str) -> None:
        if self.pieces and not self.pieces[-1].special:
            text = self.pieces.pop().text + text
        self.pieces.append(Piece(text))

    def call(self, call: Mapping[str, Any], pointer: str) -> None:
        function = self.spec.by_name[call["name"]]
        self.special(self.tokens.token(function.name))
        self.plain("(")
        for index, (prefix, name) in enumerate(_written_arguments(function, call)):
            self.plain((ARGUMENT_SEPARATOR if index else "") + prefix)
            self._value(function, call, name, argument_pointer(pointer, name))
        self.plain(")")

    def _value(self, function: Function, call: Mapping[str, Any], name: str, pointer: str) -> None:
        arguments = call.get("arguments", {})
        parameter = function.param(name)
        assert parameter is not None
        if name not in arguments:
            self.plain(MISSING)
        elif is_nested(arguments[name], self.spec, function, name):
            self.call(arguments[name], pointer)
        elif pointer in self.said and has_resolver(name, parameter.schema):
            self.plain(dump_value(self.said[pointer]))
        else:
            self.plain(dump_value(arguments[name]))


def _written_arguments(function: Function, call: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (text before the value, parameter name) in target order, defaults left out."""
    arguments = call.get("arguments", {})
    for parameter in function.params:
        if parameter.required:
            yield "", parameter.name
        elif parameter.name in arguments and not is_default(arguments[parameter.name], parameter.schema):
            yield f"{parameter.name}=", parameter.name


def is_default(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether an argument says no more than leaving it out would."""
    return "default" in schema and dump_value(value) == dump_value(schema["default"])


def is_nested(value: Any, spec: Spec, function: Function, parameter: str) -> bool:
    """Whether an argument's value is itself a call that may stand there."""
    if not _looks_like_a_call(value):
        return False
    found = function.param(parameter)
    return found is not None and any(f.name == value["name"] for f in spec.fillers(found))


def called_functions(calls: Sequence[Mapping[str, Any]], spec: Spec) -> Iterator[str]:
    """Yield the name of each function that is called, nested calls included, whether the spec has it or not."""
    return (call["name"] for call in walk_calls(calls, spec))


def walk_calls(calls: Sequence[Mapping[str, Any]], spec: Spec) -> Iterator[Mapping[str, Any]]:
    """Yield each call, and after it the calls among its arguments."""
    for call in calls:
        yield call
        function = spec.by_name.get(call["name"])
        if function is not None:
            inner = [v for n, v in call.get("arguments", {}).items() if is_nested(v, spec, function, n)]
            yield from walk_calls(inner, spec)


def with_names(calls: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Calls whose functions, nested ones included, bear the names that `names` has for them."""
    return [_with_name(call, names) for call in calls]


def _with_name(call: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    inner = {n: _with_name(v, names) if _looks_like_a_call(v) else v for n, v in call.get("arguments", {}).items()}
    return {**call, "name": names.get(call["name"], call["name"]), **({"arguments": inner} if inner else {})}


def _looks_like_a_call(value: Any) -> bool:
    return isinstance(value, Mapping) and "name" in value and set(value) <= {"name", "arguments", "missing"}


def dump_value(value: Any) -> str:
    """A value as a target writes it: JSON, not escaped to ASCII, integers without `.0`."""
    return json.dumps(_plain_integers(value), ensure_ascii=False)


def _plain_integers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {k: _plain_integers(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_integers(v) for v in value]
    return value


def argument_pointer(call: str, name: str) -> str:
    """The JSON pointer (RFC 6901) of an argument, from that of its call; `said` is kept by it."""
    return f"{call}/arguments/{name.replace('~', '~0').replace('/', '~1')}"


def read_target(pieces: Sequence[Piece], spec: Spec, tokens: TokenTable) -> tuple[RawCall, ...]:
    """The calls that a target holds; the end token may be there or not.

    Raises:
        CallSyntaxError: the pieces do not follow the syntax.
    """
    return _Reader(pieces, spec, tokens).target()


class _Reader:
    """A cursor over pieces. JSON values never cross a special token, so each is read within one piece."""

    def __init__(self, pieces: Sequence[Piece], spec: Spec, tokens: TokenTable) -> None:
        self.pieces = [p for p in pieces if p.text]
        self.functions = {token: spec.by_name[name] for name, token in tokens.tokens(spec).items()}
        self.tokens = tokens
        self.index = self.offset = 0

    def target(self) -> tuple[RawCall, ...]:
        if self._special() == self.tokens.none:
            self.index += 1
            self._expect("()")
            calls: list[RawCall] = []
        else:
            calls = [self._call()]
            while self._accept(CALL_SEPARATOR):
                calls.append(self._call())
        if self._special() == self.tokens.end:
            self.index += 1
        if self.index < len(self.pieces):
            raise CallSyntaxError(f"unexpected {self._rest()!r} after the calls")
        return tuple(calls)

    def _special(self) -> str | None:
        piece = self.pieces[self.index] if self.index < len(self.pieces) else None
        return piece.text if piece and piece.special else None

    def _call(self) -> RawCall:
        function = self.functions.get(self._special() or "")
        if function is None:
            raise CallSyntaxError(f"a function token was expected, not {self._rest()!r}")
        self.index += 1
        self._expect("(")
        arguments: dict[str, Any] = {}
        missing: list[str] = []
        positional = [p.name for p in function.params if p.required]
        while not self._accept(")"):
            if arguments or missing:
                self._expect(ARGUMENT_SEPARATOR)
            name = positional.pop(0) if positional else self._keyword(function)
            if self._accept(MISSING):
                missing.append(name)
            else:
                arguments[name] = self._call() if self._special() else self._json()
        if positional:
            raise CallSyntaxError(f"{function.name} lacks {', '.join(positional)}")
        return RawCall(function.name, arguments, tuple(missing))

    def _keyword(self, function: Function) -> str:
        for parameter in function.params:
            if not parameter.required and self._accept(f"{parameter.name}="):
                return parameter.name
        raise CallSyntaxError(f"{function.name} has no optional parameter at {self._rest()!r}")

    def _json(self) -> Any:
        text = self.pieces[self.index].text if self.index < len(self.pieces) else ""
        try:
            value, end = json.JSONDecoder().raw_decode(text, self.offset)
        except json.JSONDecodeError:
            raise CallSyntaxError(f"no JSON value at {self._rest()!r}") from None
        self._advance(end - self.offset)
        return value

    def _accept(self, literal: str) -> bool:
        if self.index >= len(self.pieces) or self.pieces[self.index].special:
            return False
        if not self.pieces[self.index].text.startswith(literal, self.offset):
            return False
        self._advance(len(literal))
        return True

    def _expect(self, literal: str) -> None:
        if not self._accept(literal):
            raise CallSyntaxError(f"{literal!r} was expected, not {self._rest()!r}")

    def _advance(self, count: int) -> None:
        self.offset += count
        if self.offset == len(self.pieces[self.index].text):
            self.index, self.offset = self.index + 1, 0

    def _rest(self) -> str:
        return "".join(p.text for p in self.pieces[self.index :])[self.offset :][:40]
