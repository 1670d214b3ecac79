"""The Python stub: a Protocol, Literal and TypedDict types, and the rules as dicts. Standard library, Python 3.9."""

import keyword
from collections.abc import Iterator
from typing import Any

from octocli.core.stubs.api import Api, Argument, Operation, head_lines
from octocli.core.stubs.fixed import HEADER, filled
from octocli.core.stubs.literals import escaped, indented, number, one_line, quoted, shown, wrapped
from octocli.core.stubs.names import Scope, identifier, identifiers, kept, pascal
from octocli.core.stubs.shapes import (
    Choice,
    Many,
    Named,
    Nullable,
    Path,
    Record,
    Scalar,
    Shape,
    Table,
    Union,
    item_path,
    option_path,
    type_names,
)

_KEYWORDS = frozenset(keyword.kwlist)
# Words that stand in annotations: inside a class, a method or field of that name would hide them.
_ANNOTATIONS = frozenset(
    {"Any", "Literal", "Protocol", "TypedDict", "bool", "dict", "float", "int", "list", "object", "str"}
)  # fmt: skip
# What the fixed part calls by these names.
_OURS = frozenset(
    {"CallError", "Callable", "Confirm", "Exception", "Handlers", "IncompleteCall", "Mapping", "NEEDS_CONFIRMATION",
     "NeedsConfirmation", "OverflowError", "Sequence", "ValueError", "RecursionError"}
)  # fmt: skip
_TYPES = _KEYWORDS | _ANNOTATIONS | _OURS
_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
_IMPORTS = """from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
"""
_SPECIAL = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def file_name(app: str) -> str:
    """The stub's file: a module that can be imported."""
    return f"{kept(app)}_calls.py"


def render(api: Api) -> str:
    """The stub's text."""
    return _Writer(api).text()


def literal(value: Any) -> str:
    """A JSON value as Python writes it."""
    if isinstance(value, str):
        return quoted(value, _SPECIAL, _numeric)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value, 'float("inf")', 'float("nan")')
    return repr(value)


def _numeric(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _docstring(lines: list[str]) -> list[str]:
    """A docstring of these lines of data."""
    safe = [escaped(line, _SPECIAL, _numeric) for line in lines]
    return [f'"""{safe[0]}"""'] if len(safe) == 1 else [f'"""{safe[0]}', *safe[1:], '"""']


class _Writer:
    def __init__(self, api: Api) -> None:
        self.api = api
        self.types = type_names(
            api.places(), lambda words: identifier(words, pascal, _TYPES), Scope(_TYPES, str.casefold)
        )
        taken = _TYPES | set(self.types.values())
        self.methods = identifiers((o.name for o in api.operations), kept, taken)

    def text(self) -> str:
        types = self.type_lines()
        handlers = ["class Handlers(Protocol):", *indented(list(self.handler_lines()), 4)]
        confirmed = "".join(f"\n    {literal(name)}," for name in self.api.confirmed)
        api = [
            f"NEEDS_CONFIRMATION: tuple[str, ...] = ({confirmed}{chr(10) if confirmed else ''})",
            '"""Functions that run only when `confirm` said True."""',
            *types,
            "",
            "",
            *handlers,
            "",
            "",
        ]
        used = {"Any", "Protocol"} | {
            name
            for name in ("Literal", "TypedDict")
            if any(f"= {name}" in line or f"({name}" in line for line in types)
        }
        return filled(
            "dispatch.py",
            "#",
            {
                HEADER: f"{self.header()}\n{_IMPORTS}from typing import {', '.join(sorted(used))}\n\n",
                "api": "\n".join(api),
                "rules": "\n".join(self.rule_lines()) + "\n",
            },
        )

    def header(self) -> str:
        module = file_name(self.api.app).removesuffix(".py")
        exempt = ", but for what is named below," if self.api.unchecked else ""
        steps = [
            "Write a class with the methods of `Handlers` below, the same names and keyword arguments.",
            "Ask the model. Its answer is JSON with `calls`.",
            f"`{module}.dispatch_all(answer, YourHandlers(), confirm=ask_user)` checks all, then runs all.",
            "Catch `IncompleteCall` to ask back, `NeedsConfirmation` where the user said no, `CallError` otherwise.",
            f"A call that breaks api.json{exempt} never reaches your code, whoever sent it.",
        ]
        lines = head_lines(self.api, "python", steps, one_line)
        return "\n".join(_docstring(lines)) + "\n"

    def type_lines(self) -> list[str]:
        """The types in an order in which each is there before it is used."""
        lines: list[str] = []
        written: set[str] = set()
        for (shape, path), name in self.types.items():
            if name not in written:
                written.add(name)
                definition = self.type_definition(name, shape, path)
                # Two empty lines around a class, one between aliases.
                apart = [""] if lines and lines[-1].startswith(" ") and definition[1] else []
                lines += apart + definition
        return lines

    def type_definition(self, name: str, shape: Named, path: Path) -> list[str]:
        if isinstance(shape, Choice):
            return ["", *wrapped(f"{name} = Literal[", [literal(v) for v in shape.values], "]")]
        required = {f.name: self.type_of(f.shape, (*path, f.name)) for f in shape.fields if f.required}
        optional = {f.name: self.type_of(f.shape, (*path, f.name)) for f in shape.fields if not f.required}
        if not required or not optional:
            return self.typed_dict(name, required or optional, total=bool(required))
        return [
            *self.typed_dict(f"_{name}Required", required, total=True),
            *self.typed_dict(f"_{name}Optional", optional, total=False),
            "",
            "",
            f"class {name}(_{name}Required, _{name}Optional):",
            f'    """An object as {one_line(path[0])} takes it."""',
        ]

    def typed_dict(self, name: str, fields: dict[str, str], *, total: bool) -> list[str]:
        hidden = _TYPES | set(self.types.values())
        if all(f.isidentifier() and f.isascii() and not f.startswith("__") and f not in hidden for f in fields):
            base = "TypedDict" if total else "TypedDict, total=False"
            return ["", "", f"class {name}({base}):", *(f"    {field}: {kind}" for field, kind in fields.items())]
        # As texts: Python 3.9 cannot evaluate `int | None`.
        pairs = [f"{literal(field)}: {literal(kind)}" for field, kind in fields.items()]
        return ["", *wrapped(f'{name} = TypedDict("{name}", {{', pairs, "})" if total else "}, total=False)")]

    def type_of(self, shape: Shape, path: Path) -> str:
        if isinstance(shape, Scalar):
            return _SCALARS[shape.kind]
        if isinstance(shape, Many):
            return f"list[{self.type_of(shape.item, item_path(path))}]"
        if isinstance(shape, Nullable):
            return _or_none(self.type_of(shape.inner, path))
        if isinstance(shape, Union):
            return " | ".join(self.type_of(option, option_path(path, i)) for i, option in enumerate(shape.options))
        if isinstance(shape, (Choice, Record)):
            return self.types[shape, path]
        return "dict[str, Any]" if isinstance(shape, Table) else "Any"

    def handler_lines(self) -> Iterator[str]:
        yield '"""What your app does for each function. A method returns what a call nested in another should give."""'
        for operation in self.api.operations:
            yield ""
            yield from self.method(operation)

    def method(self, operation: Operation) -> list[str]:
        names = _parameter_names(operation)
        parameters = [self.parameter(operation, argument, names[argument.name]) for argument in operation.arguments]
        method = self.methods[operation.name]
        opening = [f"def {method}(self) -> object:"]
        if parameters:
            opening = [f"def {method}(", "    self,", "    *,", *(f"    {p}," for p in parameters), ") -> object:"]
        told = [one_line(operation.description)]
        if method != operation.name:
            told += ["", f"Called for {operation.name}."]
        remarks = [remark for a in operation.arguments for remark in _remarks(a, names[a.name])]
        told += ["", *remarks] if remarks else []
        return [*opening, *indented([*_docstring(told), "..."], 4)]

    def parameter(self, operation: Operation, argument: Argument, name: str) -> str:
        kind = self.type_of(argument.shape, (operation.name, argument.name))
        if argument.required:
            return f"{name}: {kind}"
        if argument.has_default:
            return f"{name}: {kind} = {literal(argument.default)}"
        return f"{name}: {_or_none(kind)} = None"

    def rule_lines(self) -> Iterator[str]:
        yield "_FUNCTIONS: Mapping[str, _Function] = {"
        for operation in self.api.operations:
            yield f"    {literal(operation.name)}: _Function("
            yield from indented(list(self.function_lines(operation)), 8)
            yield "    ),"
        yield "}"

    def function_lines(self, operation: Operation) -> Iterator[str]:
        names = _parameter_names(operation)
        nested = {a.name: None if a.takes_any_call else list(a.nested) for a in operation.arguments if _is_fillable(a)}
        yield from _opened("rules={", [f"{literal(a.name)}: {literal(a.rule)}," for a in operation.arguments], "},")
        yield f"required={literal(operation.required)},"
        yield f"nested={literal(nested)},"
        yield from _opened(
            f"run=lambda handlers, given: handlers.{self.methods[operation.name]}(",
            [f"{names[a.name]}={_passed(a)}," for a in operation.arguments],
            "),",
        )


def _parameter_names(operation: Operation) -> dict[str, str]:
    return identifiers((a.name for a in operation.arguments), kept, _KEYWORDS | {"self"})


def _is_fillable(argument: Argument) -> bool:
    return bool(argument.nested) or argument.takes_any_call


def _opened(opening: str, lines: list[str], closing: str) -> list[str]:
    return [opening, *indented(lines, 4), closing] if lines else [opening + closing]


def _or_none(kind: str) -> str:
    return kind if kind == "Any" or kind.endswith("| None") else f"{kind} | None"


def _remarks(argument: Argument, name: str) -> Iterator[str]:
    said = [argument.name] if name != argument.name else []
    said += [argument.description] if argument.description else []
    if not argument.required and not argument.has_default and argument.default is not None:
        said.append(f"None stands for {shown(argument.default)}")
    if said:
        yield f"{name}: {one_line('; '.join(said))}"


def _passed(argument: Argument) -> str:
    name = literal(argument.name)
    if argument.required:
        return f"given[{name}]"
    if argument.has_default and argument.default is not None:
        return f"given.get({name}, {literal(argument.default)})"
    return f"given.get({name})"
