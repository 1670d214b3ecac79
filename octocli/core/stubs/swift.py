"""The Swift stub: a protocol, enums and structs in a namespace of the app, the rules as objects. Foundation alone."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from octocli.core.stubs.api import Api, Argument, Operation, head_lines
from octocli.core.stubs.fixed import HEADER, filled
from octocli.core.stubs.literals import comment, comment_lines, indented, number, quoted, real, shown, wrapped
from octocli.core.stubs.names import Scope, camel, identifier, identifiers, pascal
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
    "any as associatedtype async await break case catch class continue default defer deinit do else enum extension "
    "fallthrough false fileprivate for func guard if import in init inout internal is let nil operator precedencegroup "
    "private protocol public repeat rethrows return self some static struct subscript super switch throw throws true "
    "try typealias var where while".split()
)
# What every type has, or what reads like an empty Optional.
_MEMBERS = _KEYWORDS | frozenset("allCases hash hashValue none rawValue type".split())
# Types that the fixed part or the language calls by these names.
_TYPES = frozenset(
    "Any Array Bool CallError CaseIterable Chosen Confirm CustomStringConvertible Dictionary Double Error Foundation "
    "Handlers IncompleteCall Int NSNull NSNumber NSRange NSRegularExpression NeedsConfirmation Optional Protocol "
    "RawRepresentable Read Self Sendable Set String Type Void Checked FunctionRules Nested Rule Run".split()
)
_SCALARS = {"string": "String", "integer": "Int", "number": "Double", "boolean": "Bool"}
_READERS = {"string": "text", "integer": "whole", "number": "real", "boolean": "flag"}
_SPECIAL = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_PARTS = {"type": "types", "enum": "choices", "additionalProperties": "others"}
# The order in which Swift wants them.
_ORDER = (
    "type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength",
    "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "items", "properties", "required",
    "additionalProperties", "anyOf", "oneOf", "allOf",
)  # fmt: skip
_REALS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_LONGEST = 2**63
_NO_CHARACTER = 0xFFFD


def file_name(app: str) -> str:
    """The stub's file."""
    return f"{pascal(app)}Calls.swift"


def render(api: Api) -> str:
    """The stub's text."""
    return _Writer(api).text()


def literal(value: Any) -> str:
    """A JSON value as Swift writes it."""
    if isinstance(value, str):
        return quoted(value, _SPECIAL, _numeric)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}] as [Any]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items())
        return f"[{pairs or ':'}] as [String: Any]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if -_LONGEST <= value < _LONGEST else _real(value)
    return _real(value) if isinstance(value, float) else {None: "NSNull()", True: "true", False: "false"}[value]


def _numeric(code: int) -> str:
    return f"\\u{{{_NO_CHARACTER if 0xD800 <= code < 0xE000 else code:X}}}"


def _real(value: int | float) -> str:
    return number(real(value), "Double.infinity", "Double.nan")


def _texts(values: list[str]) -> str:
    return f"[{', '.join(map(literal, values))}]"


def _map(values: dict[str, str]) -> str:
    return f"[{', '.join(f'{literal(name)}: {value}' for name, value in values.items()) or ':'}]"


def _rule(rule: Rule) -> str:
    parts = [
        "closed: true" if keyword == "additionalProperties" and rule[keyword] is False else
        f"{_PARTS.get(keyword, keyword)}: {_part(keyword, rule[keyword])}"
        for keyword in _ORDER if keyword in rule
    ]  # fmt: skip
    return f"Rule({', '.join(parts)})"


def _part(keyword: str, value: Any) -> str:
    if keyword in ("type", "required"):
        return _texts(value)
    if keyword in _REALS:
        return _real(value)
    if keyword == "properties":
        return _map({name: _rule(inner) for name, inner in value.items()})
    if keyword in ("anyOf", "oneOf", "allOf"):
        return f"[{', '.join(map(_rule, value))}]"
    return _rule(value) if keyword in ("items", "additionalProperties") else literal(value)


def _is_enum(shape: Shape) -> bool:
    """Whether Swift can hold it as an enum; it takes texts for equal that only their characters tell apart."""
    if not isinstance(shape, Choice) or shape.kinds not in ({"string"}, {"integer"}) or not shape.fits_64_bits:
        return False
    return len({unicodedata.normalize("NFC", str(value)) for value in shape.values}) == len(shape.values)


class _Writer:
    def __init__(self, api: Api) -> None:
        self.api = api
        self.space = f"{pascal(api.app)}Calls"
        self.protocol = f"{pascal(api.app)}Handlers"
        places = [place for place in api.places() if isinstance(place[0], Record) or _is_enum(place[0])]
        reserved = _TYPES | {self.space, self.protocol}
        scope = Scope(reserved, str.casefold)
        self.types = type_names(places, lambda words: identifier(words, pascal, reserved), scope)
        self.cases = {
            shape: identifiers(shape.words, camel, _MEMBERS) for shape, _ in self.types if isinstance(shape, Choice)
        }
        self.methods = identifiers((o.name for o in api.operations), camel, _MEMBERS)

    def text(self) -> str:
        confirmed = ", ".join(map(literal, self.api.confirmed))
        api = [
            "/// What your app does for each function.",
            f"public protocol {self.protocol} {{",
            *indented([line for operation in self.api.operations for line in self.method(operation)], 4),
            "}",
            "",
            f"/// The calls of the app {self.api.app}.",
            f"public enum {self.space} {{",
            f"    public typealias Handlers = {self.protocol}",
            "",
            "    /// Functions that run only when `confirm` said true.",
            f"    public static let needsConfirmation: Set<String> = [{confirmed}]",
            *indented(list(self.type_lines()), 4),
            "}",
        ]
        parts = {
            HEADER: self.header(),
            "api": "\n".join(api) + "\n",
            "extension": f"extension {self.space} {{\n",
            "rules": "\n".join(self.rule_lines()) + "\n",
        }
        return filled("dispatch.swift", "//", parts)

    def header(self) -> str:
        steps = [
            f"Write a type that conforms to {self.space}.Handlers.",
            "Ask the model, and read its JSON with JSONSerialization into [String: Any].",
            f"{self.space}.dispatchAll(answer, handlers: handlers, confirm: askUser) checks all, then runs all.",
            "Catch IncompleteCall to ask back, NeedsConfirmation where the user said no, CallError for the rest.",
            "A call nested in another is refused here; the Python and TypeScript stubs run those.",
        ]
        lines = head_lines(self.api, "swift", steps, comment)
        return "".join(f"// {line}".rstrip() + "\n" for line in lines)

    def type_lines(self) -> Iterator[str]:
        written: set[str] = set()
        for (shape, path), name in self.types.items():
            if name not in written:
                written.add(name)
                yield ""
                yield from self.type_definition(name, shape, path)

    def type_definition(self, name: str, shape: Named, path: Path) -> Iterator[str]:
        if isinstance(shape, Choice):
            yield f"public enum {name}: {'String' if shape.kinds == {'string'} else 'Int'}, CaseIterable, Sendable {{"
            for words, value in zip(shape.words, shape.values, strict=True):
                yield f"    case {self.cases[shape][words]} = {literal(value)}"
        else:
            names = _field_names(shape)
            yield f"public struct {name} {{"
            for field in shape.fields:
                kind = self.type_of(field.shape, (*path, field.name))
                yield f"    public let {names[field.name]}: {kind if field.required else _or_nil(kind)}"
        yield "}"

    def method(self, operation: Operation) -> Iterator[str]:
        names = _parameter_names(operation)
        said = [operation.description, f"Called for {operation.name}."]
        text = " ".join(said if self.methods[operation.name] != operation.name else said[:1])
        yield from comment_lines(text, first="/// ", rest="/// ")
        for argument in operation.arguments:
            yield from _remark(argument, names[argument.name])
        parameters = [
            f"{names[a.name]}: {self.parameter_type(a, (operation.name, a.name))}" for a in operation.arguments
        ]
        yield from wrapped(f"func {self.methods[operation.name]}(", parameters, ") throws -> Any?", trailing="")

    def parameter_type(self, argument: Argument, path: Path) -> str:
        kind = self.type_of(argument.shape, path)
        return kind if argument.required or argument.has_default else _or_nil(kind)

    def type_of(self, shape: Shape, path: Path) -> str:
        if isinstance(shape, Scalar):
            return _SCALARS[shape.kind]
        if isinstance(shape, Many):
            return f"[{self.type_of(shape.item, item_path(path))}]"
        if isinstance(shape, Nullable):
            return _or_nil(self.type_of(shape.inner, path))
        if isinstance(shape, Record) or _is_enum(shape):
            return f"{self.space}.{self.types[shape, path]}"  # type: ignore[index]
        if isinstance(shape, Choice) and len(shape.kinds) == 1:
            return _SCALARS[next(iter(shape.kinds))]
        return "[String: Any]" if isinstance(shape, Table) else "Any?"

    def default(self, argument: Argument, path: Path) -> str:
        value = argument.default
        shape = argument.shape.inner if isinstance(argument.shape, Nullable) else argument.shape
        if value is None:
            return "nil"
        if isinstance(shape, Choice) and _is_enum(shape):
            case = self.cases[shape][shape.words[shape.values.index(value)]]
            return f"{self.space}.{self.types[shape, path]}.{case}"
        return _real(value) if isinstance(shape, Scalar) and shape.kind == "number" else literal(value)

    def rule_lines(self) -> Iterator[str]:
        yield f"private typealias Run = (_ handlers: {self.protocol}, _ given: [String: Any]) throws -> Any?"
        yield ""
        yield from self.reader_lines()
        yield "private func rulesOf(_ name: String) -> FunctionRules? {"
        yield "    switch name {"
        for operation in self.api.operations:
            yield f"    case {literal(operation.name)}:"
            yield f"        return {self.methods[operation.name]}Rules()"
        yield "    default:"
        yield "        return nil"
        yield "    }"
        yield "}"
        for operation in self.api.operations:
            yield ""
            yield from self.function_lines(operation)

    def reader_lines(self) -> Iterator[str]:
        """A reader for each struct: from a checked value to the struct."""
        written: set[str] = set()
        for (shape, path), name in self.types.items():
            if name in written or isinstance(shape, Choice):
                continue
            written.add(name)
            yield f"private func read{name}(_ value: Any?) throws -> {self.space}.{name} {{"
            yield f"    let given = try {self.space}.table(value)"
            names = _field_names(shape)
            fields = [f"{names[f.name]}: {self.field(shape, f.name, path)}" for f in shape.fields]
            yield f"    return {'try ' if any('(' in field for field in fields) else ''}{self.space}.{name}("
            yield from indented(_separated(fields), 8)
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
            a.name: ".any" if a.takes_any_call else f".calls({_texts(list(a.nested))})"
            for a in operation.arguments if a.nested
        }  # fmt: skip
        rules = [f"{literal(a.name)}: {_rule(a.rule)}" for a in operation.arguments]
        passed = [f"{names[a.name]}: {self.passed(a, (operation.name, a.name))}" for a in operation.arguments]
        yield f"private func {self.methods[operation.name]}Rules() -> FunctionRules {{"
        yield "    return FunctionRules("
        yield from (
            ["        rules: [", *indented(_separated(rules), 12), "        ],"] if rules else ["        rules: [:],"]
        )
        yield f"        required: {_texts(operation.required)},"
        yield f"        nested: {_map(nested)},"
        yield f"        run: {{ handlers, {'given' if passed else '_'} in"
        yield f"            return try handlers.{self.methods[operation.name]}("
        yield from indented(_separated(passed), 16)
        yield "            )"
        yield "        }"
        yield "    )"
        yield "}"

    def passed(self, argument: Argument, path: Path) -> str:
        given = f"given[{literal(argument.name)}]"
        if argument.required:
            return self.read(argument.shape, given, path)
        if argument.has_default and argument.default is not None:
            return f"{given} == nil ? {self.default(argument, path)} : {self.read(argument.shape, given, path)}"
        shape = argument.shape if isinstance(argument.shape, Nullable) else Nullable(argument.shape)
        return self.read(shape, given, path)

    def read(self, shape: Shape, value: str, path: Path, depth: int = 1) -> str:
        """The expression that makes a typed value of a checked one."""
        kind = self.type_of(shape, path)
        if kind == "Any?":
            return value
        if isinstance(shape, Choice) and _is_enum(shape):
            return f"{self.space}.choice({kind}.self, {self.space}.{_READERS[next(iter(shape.kinds))]}({value}))"
        if isinstance(shape, (Scalar, Choice)):
            reader = _READERS[shape.kind if isinstance(shape, Scalar) else next(iter(shape.kinds))]
            return f"{self.space}.{reader}({value})"
        if isinstance(shape, Record):
            return f"read{self.types[shape, path]}({value})"
        if isinstance(shape, Many):
            return f"{self.space}.list({value}) {self.closure(shape.item, item_path(path), depth)}"
        if isinstance(shape, Nullable):
            return f"{self.space}.optional({value}) {self.closure(shape.inner, path, depth)}"
        return f"{self.space}.table({value})"

    def closure(self, shape: Shape, path: Path, depth: int) -> str:
        inner = f"it{depth}"
        read = self.read(shape, inner, path, depth + 1)
        return f"{{ {inner} in {read if read == inner else f'try {read}'} }}"


def _parameter_names(operation: Operation) -> dict[str, str]:
    return identifiers((a.name for a in operation.arguments), camel, _KEYWORDS)


def _field_names(record: Record) -> dict[str, str]:
    return identifiers((f.name for f in record.fields), camel, _MEMBERS)


def _or_nil(kind: str) -> str:
    return kind if kind.endswith("?") else f"{kind}?"


def _separated(lines: list[str]) -> list[str]:
    """The lines with a comma behind each but the last; Swift's calls take none there."""
    return [*(f"{line}," for line in lines[:-1]), *lines[-1:]]


def _remark(argument: Argument, name: str) -> list[str]:
    said = [argument.description] if argument.description else []
    if not argument.required and argument.has_default and argument.default is not None:
        said.append(f"where a call leaves it out: {shown(argument.default)}")
    elif not argument.required and argument.default is not None:
        said.append(f"nil stands for {shown(argument.default)}")
    return comment_lines(f"{name}: {'; '.join(said)}", first="/// - ", rest="///   ") if said else []
