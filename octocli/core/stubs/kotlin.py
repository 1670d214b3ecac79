"""The Kotlin stub: an interface, enum and data classes, and the rules as objects. Kotlin's standard library alone."""

from collections.abc import Iterator
from typing import Any

from octocli.core.stubs.api import Api, Argument, Operation, head_lines
from octocli.core.stubs.fixed import HEADER, filled
from octocli.core.stubs.literals import comment, comment_lines, indented, number, quoted, real, shown, utf16, wrapped
from octocli.core.stubs.names import Scope, camel, identifier, identifiers, pascal, upper
from octocli.core.stubs.rules import Rule
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
    item_path,
    type_names,
)

_KEYWORDS = frozenset(
    "as break class continue do else false for fun if in interface is null object package return super this throw "
    "true try typealias typeof val var when while".split()
)
# Methods of every object on the JVM.
_METHODS = _KEYWORDS | frozenset("clone equals finalize getClass hashCode notify notifyAll toString wait".split())
# Types that the fixed part or the language calls by these names.
_TYPES = frozenset(
    "Any Array Boolean CallError Char CharSequence Checked Confirm Double Enum Exception Float FunctionRules Handlers "
    "IllegalArgumentException IncompleteCall Int Iterable List Long Map NEEDS_CONFIRMATION NeedsConfirmation Nothing "
    "Number Object Pair Regex Rule Set String T Throwable Unit".split()
)
_SCALARS = {"string": "String", "integer": "Long", "number": "Double", "boolean": "Boolean"}
_READERS = {"string": "text", "integer": "whole", "number": "real", "boolean": "flag"}
_SPECIAL = {"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PARTS = {"type": "types", "enum": "choices", "additionalProperties": "others"}
_REALS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_LONGEST = 2**63


def file_name(app: str) -> str:
    """The stub's file."""
    return f"{pascal(app)}Calls.kt"


def render(api: Api) -> str:
    """The stub's text."""
    return _Writer(api).text()


def literal(value: Any) -> str:
    """A JSON value as Kotlin writes it."""
    if isinstance(value, str):
        return quoted(value, _SPECIAL, utf16)
    if isinstance(value, list):
        return f"listOf<Any?>({', '.join(map(literal, value))})"
    if isinstance(value, dict):
        return f"mapOf<String, Any?>({', '.join(f'{literal(k)} to {literal(v)}' for k, v in value.items())})"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}L" if -_LONGEST < value < _LONGEST else _real(value)
    return _real(value) if isinstance(value, float) else {None: "null", True: "true", False: "false"}[value]


def _real(value: int | float) -> str:
    return number(real(value), "Double.POSITIVE_INFINITY", "Double.NaN")


def _texts(values: list[str]) -> str:
    return f"listOf({', '.join(map(literal, values))})" if values else "listOf()"


def _map(kind: str, values: dict[str, str]) -> str:
    return f"mapOf<String, {kind}>({', '.join(f'{literal(name)} to {value}' for name, value in values.items())})"


def _rule(rule: Rule) -> str:
    parts = [
        "closed = true" if keyword == "additionalProperties" and value is False else
        f"{_PARTS.get(keyword, keyword)} = {_part(keyword, value)}"
        for keyword, value in rule.items()
    ]  # fmt: skip
    return f"Rule({', '.join(parts)})"


def _part(keyword: str, value: Any) -> str:
    if keyword in ("type", "required"):
        return _texts(value)
    if keyword in _REALS:
        return _real(value)
    if keyword == "properties":
        return _map("Rule", {name: _rule(inner) for name, inner in value.items()})
    if keyword in ("anyOf", "oneOf", "allOf"):
        return f"listOf({', '.join(map(_rule, value))})"
    if keyword in ("items", "additionalProperties"):
        return _rule(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else literal(value)


def _is_enum(shape: Shape) -> bool:
    return isinstance(shape, Choice) and shape.kinds in ({"string"}, {"integer"}) and shape.fits_64_bits


class _Writer:
    def __init__(self, api: Api) -> None:
        self.api = api
        places = [place for place in api.places() if isinstance(place[0], Record) or _is_enum(place[0])]
        scope = Scope(_TYPES, str.casefold)
        self.types = type_names(places, lambda words: identifier(words, pascal, _TYPES), scope)
        self.entries = {shape: identifiers(shape.words, upper) for shape, _ in self.types if isinstance(shape, Choice)}
        self.methods = identifiers((o.name for o in api.operations), camel, _METHODS)

    def text(self) -> str:
        confirmed = ", ".join(map(literal, self.api.confirmed))
        api = [
            "/** Functions that run only when `confirm` said true. */",
            f"val NEEDS_CONFIRMATION: Set<String> = setOf({confirmed})",
            *self.type_lines(),
            "",
            "/** What your app does for each function. */",
            "interface Handlers {",
            *indented([line for operation in self.api.operations for line in self.method(operation)], 4),
            "}",
        ]
        parts = {HEADER: self.header(), "api": "\n".join(api) + "\n", "rules": "\n".join(self.rule_lines()) + "\n"}
        return filled("dispatch.kt", "//", parts)

    def header(self) -> str:
        steps = [
            "Write a class that implements `Handlers`.",
            "Ask the model, and read its JSON into Map, List, String, Number, Boolean and null with any library.",
            "dispatchAll(answer, handlers) { name, given -> askUser(name, given) } checks all, then runs all.",
            "Catch IncompleteCall to ask back, NeedsConfirmation where the user said no, CallError for the rest.",
            "A call nested in another is refused here; the Python and TypeScript stubs run those.",
        ]
        lines = head_lines(self.api, "kotlin", steps, comment)
        package = identifier(self.api.app.replace("-", ""), str, _KEYWORDS)
        return "".join(f"// {line}".rstrip() + "\n" for line in lines) + f"package octo.{package}\n"

    def type_lines(self) -> Iterator[str]:
        written: set[str] = set()
        for (shape, path), name in self.types.items():
            if name not in written:
                written.add(name)
                yield ""
                yield from self.type_definition(name, shape, path)

    def type_definition(self, name: str, shape: Named, path: Path) -> Iterator[str]:
        if isinstance(shape, Choice):
            yield f"enum class {name}(val raw: {'String' if shape.kinds == {'string'} else 'Long'}) {{"
            for words, value in zip(shape.words, shape.values, strict=True):
                yield f"    {self.entries[shape][words]}({literal(value)}),"
            yield "}"
            return
        names = _field_names(shape)
        yield f"data class {name}("
        for field in shape.fields:
            kind = self.type_of(field.shape, (*path, field.name))
            yield f"    val {names[field.name]}: {kind if field.required else _or_null(kind)},"
        yield ")"

    def method(self, operation: Operation) -> Iterator[str]:
        names = _parameter_names(operation)
        said = [operation.description, f"Called for {operation.name}."]
        remarks = [line for a in operation.arguments for line in _remark(a, names[a.name])]
        yield from _documented(" ".join(said if self.methods[operation.name] != operation.name else said[:1]), remarks)
        parameters = [self.parameter(operation, argument, names[argument.name]) for argument in operation.arguments]
        yield from wrapped(f"fun {self.methods[operation.name]}(", parameters, "): Any?")

    def parameter(self, operation: Operation, argument: Argument, name: str) -> str:
        kind = self.type_of(argument.shape, (operation.name, argument.name))
        if argument.required:
            return f"{name}: {kind}"
        if argument.has_default:
            return f"{name}: {kind} = {self.default(operation, argument)}"
        return f"{name}: {_or_null(kind)} = null"

    def type_of(self, shape: Shape, path: Path) -> str:
        if isinstance(shape, Scalar):
            return "Int" if shape.small else _SCALARS[shape.kind]
        if isinstance(shape, Many):
            return f"List<{self.type_of(shape.item, item_path(path))}>"
        if isinstance(shape, Nullable):
            return _or_null(self.type_of(shape.inner, path))
        if isinstance(shape, Record) or _is_enum(shape):
            return self.types[shape, path]  # type: ignore[index]
        if isinstance(shape, Choice) and shape.kinds == {"boolean"}:
            return "Boolean"
        return "Map<String, Any?>" if isinstance(shape, Table) else "Any?"

    def default(self, operation: Operation, argument: Argument) -> str:
        value = argument.default
        shape = argument.shape.inner if isinstance(argument.shape, Nullable) else argument.shape
        if isinstance(shape, Choice) and _is_enum(shape) and value is not None:
            entry = self.entries[shape][shape.words[shape.values.index(value)]]
            return f"{self.types[shape, (operation.name, argument.name)]}.{entry}"
        if isinstance(shape, Scalar) and value is not None:
            if shape.small:
                return str(value)
            return _real(value) if shape.kind == "number" else literal(value)
        return literal(value)

    def rule_lines(self) -> Iterator[str]:
        yield from self.reader_lines()
        yield "private fun rulesOf(name: String): FunctionRules? = when (name) {"
        for operation in self.api.operations:
            yield f"    {literal(operation.name)} -> {self.methods[operation.name]}Rules"
        yield "    else -> null"
        yield "}"
        for operation in self.api.operations:
            yield ""
            yield from self.function_lines(operation)

    def reader_lines(self) -> Iterator[str]:
        """A reader for each type: from a checked value to the type."""
        written: set[str] = set()
        for (shape, path), name in self.types.items():
            if name in written:
                continue
            written.add(name)
            if isinstance(shape, Choice):
                reader = _READERS[next(iter(shape.kinds))]
                yield f"private fun read{name}(value: Any?): {name} ="
                yield f"    {name}.values().first {{ it.raw == {reader}(value) }}"
            else:
                yield f"private fun read{name}(value: Any?): {name} {{"
                yield "    val given = table(value)"
                yield f"    return {name}("
                for field, identity in _field_names(shape).items():
                    yield f"        {identity} = {self.field(shape, field, path)},"
                yield "    )"
                yield "}"
            yield ""

    def field(self, record: Record, name: str, path: Path) -> str:
        field = next(f for f in record.fields if f.name == name)
        shape = field.shape if field.required or isinstance(field.shape, Nullable) else Nullable(field.shape)
        return self.read(shape, f"given[{literal(name)}]", (*path, name))

    def function_lines(self, operation: Operation) -> Iterator[str]:
        names = _parameter_names(operation)
        nested = {
            a.name: "null" if a.takes_any_call else _texts(list(a.nested)) for a in operation.arguments if a.nested
        }
        yield f"private val {self.methods[operation.name]}Rules: FunctionRules by lazy {{"
        yield "    FunctionRules("
        yield "        rules = mapOf("
        for argument in operation.arguments:
            yield f"            {literal(argument.name)} to {_rule(argument.rule)},"
        yield "        ),"
        yield f"        required = {_texts(operation.required)},"
        yield f"        nested = {_map('List<String>?', nested)},"
        given = "given" if operation.arguments else "_"
        yield f"        run = {{ handlers, {given} ->"
        yield f"            handlers.{self.methods[operation.name]}("
        for argument in operation.arguments:
            yield f"                {names[argument.name]} = {self.passed(operation, argument)},"
        yield "            )"
        yield "        },"
        yield "    )"
        yield "}"

    def passed(self, operation: Operation, argument: Argument) -> str:
        name, path = literal(argument.name), (operation.name, argument.name)
        value = self.read(argument.shape, f"given[{name}]", path)
        if argument.required:
            return value
        if argument.has_default:
            return f"if ({name} in given) {value} else {self.default(operation, argument)}"
        shape = argument.shape if isinstance(argument.shape, Nullable) else Nullable(argument.shape)
        return self.read(shape, f"given[{name}]", path)

    def read(self, shape: Shape, value: str, path: Path, depth: int = 1) -> str:
        """The expression that makes a typed value of a checked one."""
        if isinstance(shape, Scalar):
            return f"{_READERS[shape.kind]}({value}){'.toInt()' if shape.small else ''}"
        if isinstance(shape, Choice) and shape.kinds == {"boolean"}:
            return f"flag({value})"
        if isinstance(shape, Record) or _is_enum(shape):
            return f"read{self.types[shape, path]}({value})"  # type: ignore[index]
        if isinstance(shape, Table):
            return f"table({value})"
        inner = f"it{depth}"
        if isinstance(shape, Many):
            return f"list({value}) {{ {inner} -> {self.read(shape.item, inner, item_path(path), depth + 1)} }}"
        if isinstance(shape, Nullable) and self.type_of(shape.inner, path) != "Any?":
            return f"optional({value}) {{ {inner} -> {self.read(shape.inner, inner, path, depth + 1)} }}"
        return value


def _parameter_names(operation: Operation) -> dict[str, str]:
    return identifiers((a.name for a in operation.arguments), camel, _KEYWORDS)


def _field_names(record: Record) -> dict[str, str]:
    return identifiers((f.name for f in record.fields), camel, _METHODS)


def _or_null(kind: str) -> str:
    return kind if kind.endswith("?") else f"{kind}?"


def _documented(text: str, remarks: list[str]) -> list[str]:
    lines = [*comment_lines(text), *([""] if remarks else []), *remarks]
    if len(lines) == 1:
        return [f"/** {lines[0]} */"]
    return ["/**", *(f" * {line}".rstrip() for line in lines), " */"]


def _remark(argument: Argument, name: str) -> list[str]:
    said = [argument.description] if argument.description else []
    if not argument.required and not argument.has_default and argument.default is not None:
        said.append(f"null stands for {shown(argument.default)}")
    return comment_lines(f"{name}: {'; '.join(said)}") if said else []
