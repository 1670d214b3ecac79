"""The TypeScript stub: an interface, union types, and the rules as objects. No dependencies, ES2020, erasable types."""

import re
from collections.abc import Iterator
from typing import Any

from octocli.core.stubs.api import Api, Argument, Operation, head_lines
from octocli.core.stubs.fixed import HEADER, filled
from octocli.core.stubs.literals import comment, comment_lines, indented, number, quoted, shown, utf16
from octocli.core.stubs.names import Scope, identifier, identifiers, kept, pascal
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
    Union,
    item_path,
    option_path,
    type_names,
)

# Methods that every object has, or that make a promise of it.
_METHODS = frozenset(
    {"constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "then", "toLocaleString", "toString",
     "valueOf"}
)  # fmt: skip
# Types that the fixed part or the language calls by these names.
_TYPES = frozenset(
    {"Array", "Boolean", "CallError", "Checked", "Confirm", "Error", "FUNCTIONS", "FunctionRules", "Function",
     "Handlers", "IncompleteCall", "JSON", "JsonObject", "Map", "NEEDS_CONFIRMATION", "NeedsConfirmation", "Number",
     "Object", "Options", "Promise", "Readonly", "ReadonlyMap", "Record", "RegExp", "Rule", "String", "Symbol",
     "DEEPEST"}
)  # fmt: skip
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}
_SPECIAL = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LINE = 120
_NESTED = 'readonly string[] | "any"'
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


def file_name(app: str) -> str:
    """The stub's file."""
    return f"{app}-calls.ts"


def render(api: Api) -> str:
    """The stub's text."""
    return _Writer(api).text()


def literal(value: Any) -> str:
    """A JSON value as TypeScript writes it."""
    if isinstance(value, str):
        return quoted(value, _SPECIAL, utf16)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_value_key(k)}: {literal(v)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value, "Infinity", "NaN")
    return {None: "null", True: "true", False: "false"}[value]


def _key(name: str) -> str:
    """A property's name in a type."""
    return name if _PLAIN_KEY.fullmatch(name) else literal(name)


def _value_key(name: str) -> str:
    """A property's name in an object; written plainly, `__proto__` would exchange the object's prototype."""
    return '["__proto__"]' if name == "__proto__" else _key(name)


def _rule(rule: Rule) -> str:
    parts = [f"{keyword}: {_keyword(keyword, value)}" for keyword, value in rule.items()]
    return f"{{ {', '.join(parts)} }}" if parts else "{}"


def _keyword(keyword: str, value: Any) -> str:
    if keyword == "properties":
        return _map("Rule", {name: _rule(inner) for name, inner in value.items()})
    if keyword in ("anyOf", "oneOf", "allOf"):
        return f"[{', '.join(map(_rule, value))}]"
    if keyword == "items" or (keyword == "additionalProperties" and value is not False):
        return _rule(value)
    return literal(value)


def _map(kind: str, values: dict[str, str]) -> str:
    pairs = ", ".join(f"[{literal(name)}, {value}]" for name, value in values.items())
    return f"new Map<string, {kind}>({f'[{pairs}]' if pairs else ''})"


class _Writer:
    def __init__(self, api: Api) -> None:
        self.api = api
        scope = Scope(_TYPES, str.casefold)
        self.types = type_names(api.places(), lambda words: identifier(words, pascal, _TYPES), scope)
        self.arguments = {
            o.name: scope.take(identifier(f"{o.name}_arguments", pascal, _TYPES)) for o in api.operations if o.arguments
        }
        self.methods = identifiers((o.name for o in api.operations), kept, _METHODS)

    def text(self) -> str:
        confirmed = ", ".join(map(literal, self.api.confirmed))
        api = [
            "/** Functions that run only when `confirm` said true. */",
            f"export const NEEDS_CONFIRMATION: readonly string[] = [{confirmed}];",
            *self.type_lines(),
            *(line for o in self.api.operations if o.arguments for line in self.argument_lines(o)),
            "",
            "/** What your app does for each function. A method gives what a call nested in another should give. */",
            "export interface Handlers {",
            *indented([line for operation in self.api.operations for line in self.method(operation)], 2),
            "}",
        ]
        parts = {HEADER: self.header(), "api": "\n".join(api) + "\n", "rules": "\n".join(self.rule_lines()) + "\n"}
        return filled("dispatch.ts", "//", parts)

    def header(self) -> str:
        module = file_name(self.api.app)
        exempt = ", but for what is named below," if self.api.unchecked else ""
        steps = [
            f'import {{ dispatchAll, type Handlers }} from "./{module}" and write an object that is a `Handlers`.',
            "Ask the model. Its answer is JSON with `calls`.",
            "await dispatchAll(answer, handlers, { confirm: askUser }) checks all, then runs all.",
            "Catch IncompleteCall to ask back, NeedsConfirmation where the user said no, CallError for the rest.",
            f"A call that breaks api.json{exempt} never reaches your code, whoever sent it.",
        ]
        lines = head_lines(self.api, "typescript", steps, comment)
        return "".join(f"// {line}".rstrip() + "\n" for line in lines)

    def type_lines(self) -> Iterator[str]:
        written: set[str] = set()
        for (shape, path), name in self.types.items():
            if name not in written:
                written.add(name)
                yield ""
                yield from self.type_definition(name, shape, path)

    def type_definition(self, name: str, shape: Named, path: Path) -> list[str]:
        if isinstance(shape, Choice):
            values = [literal(value) for value in shape.values]
            line = f"export type {name} = {' | '.join(values)};"
            return (
                [line]
                if len(line) <= _LINE
                else [f"export type {name} =", *(f"  | {v}" for v in values[:-1]), f"  | {values[-1]};"]
            )
        fields = [self.property(f.name, f.shape, (*path, f.name), required=f.required) for f in shape.fields]
        return [f"export interface {name} {{", *indented(fields, 2), "}"]

    def property(self, name: str, shape: Shape, path: Path, *, required: bool) -> str:
        kind = self.type_of(shape, path)
        return f"{_key(name)}: {kind};" if required else f"{_key(name)}?: {_or(kind, 'undefined')};"

    def argument_lines(self, operation: Operation) -> Iterator[str]:
        yield ""
        yield f"/** What a call of {operation.name} gives. */"
        yield f"export interface {self.arguments[operation.name]} {{"
        for argument in operation.arguments:
            yield from _documented(_remark(argument), 2)
            path = (operation.name, argument.name)
            always = argument.required or argument.has_default
            yield f"  {self.property(argument.name, argument.shape, path, required=always)}"
        yield "}"

    def type_of(self, shape: Shape, path: Path) -> str:
        if isinstance(shape, Scalar):
            return _SCALARS[shape.kind]
        if isinstance(shape, Many):
            return f"Array<{self.type_of(shape.item, item_path(path))}>"
        if isinstance(shape, Nullable):
            return _or(self.type_of(shape.inner, path), "null")
        if isinstance(shape, Union):
            return " | ".join(self.type_of(option, option_path(path, i)) for i, option in enumerate(shape.options))
        if isinstance(shape, (Choice, Record)):
            return self.types[shape, path]
        return "Record<string, unknown>" if isinstance(shape, Table) else "unknown"

    def method(self, operation: Operation) -> Iterator[str]:
        method = self.methods[operation.name]
        said = [operation.description]
        said += [f"Called for {operation.name}."] if method != operation.name else []
        yield from _documented(" ".join(said), 0)
        given = f"given: {self.arguments[operation.name]}" if operation.arguments else ""
        yield f"{method}({given}): unknown;"

    def rule_lines(self) -> Iterator[str]:
        yield "const FUNCTIONS: ReadonlyMap<string, FunctionRules> = new Map<string, FunctionRules>(["
        for operation in self.api.operations:
            yield f"  [{literal(operation.name)}, {{"
            yield from indented(list(self.function_lines(operation)), 4)
            yield "  }],"
        yield "]);"

    def function_lines(self, operation: Operation) -> Iterator[str]:
        rules = [f"[{literal(a.name)}, {_rule(a.rule)}]," for a in operation.arguments]
        yield from (
            ["rules: new Map<string, Rule>([", *indented(rules, 2), "]),"]
            if rules
            else ["rules: new Map<string, Rule>(),"]
        )
        yield f"required: {literal(operation.required)},"
        nested = {
            a.name: literal("any" if a.takes_any_call else list(a.nested)) for a in operation.arguments if a.nested
        }
        yield f"nested: {_map(_NESTED, nested)},"
        method = self.methods[operation.name]
        if not operation.arguments:
            yield f"run: (handlers) => handlers.{method}(),"
            return
        yield f"run: (handlers, given) => handlers.{method}({{"
        for argument in operation.arguments:
            yield f"  {_value_key(argument.name)}: {self.passed(operation, argument)},"
        yield "}),"

    def passed(self, operation: Operation, argument: Argument) -> str:
        name = literal(argument.name)
        kind = self.type_of(argument.shape, (operation.name, argument.name))
        if argument.required:
            return f"given.get({name}) as {kind}"
        if argument.has_default:
            return f"given.has({name}) ? (given.get({name}) as {kind}) : {literal(argument.default)}"
        return f"given.get({name}) as {_or(kind, 'undefined')}"


def _or(kind: str, other: str) -> str:
    return kind if kind == "unknown" else f"{kind} | {other}"


def _documented(text: str, indent: int) -> list[str]:
    """A documentation comment above what it documents; nothing where there is nothing to say."""
    lines = comment_lines(text)
    if len(lines) == 1:
        lines = [f"/** {lines[0]} */"]
    elif lines:
        lines = ["/**", *(f" * {line}" for line in lines), " */"]
    return indented(lines, indent)


def _remark(argument: Argument) -> str:
    said = [argument.description] if argument.description else []
    if not argument.required and argument.has_default:
        said.append(f"where a call leaves it out: {shown(argument.default)}")
    elif not argument.required and argument.default is not None:
        said.append(f"undefined stands for {shown(argument.default)}")
    return "; ".join(said)
