"""A spec as a stub needs it: functions with their rules and shapes, and which calls may stand inside others.

Leaves names and syntax to the language modules.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from octocli.core.spec import Function, Parameter, Spec
from octocli.core.stubs.rules import Rule, left_out, make_rule
from octocli.core.stubs.shapes import (
    Anything,
    Choice,
    Named,
    Nullable,
    Path,
    Scalar,
    Shape,
    named_shapes,
    shape_of,
)

# A function that gives nothing can fill only a parameter that takes any call.
_PROBE = Spec("probe", "", (Function("probe", "", {}),))


@dataclass(frozen=True)
class Argument:
    """One parameter of a function.

    Attributes:
        has_default: whether there is a default that every language writes as a literal: text, number, boolean, null.
        default: that default.
        nested: functions whose call may stand as its value.
        takes_any_call: whether a call of any function may, whatever it gives.
    """

    name: str
    description: str
    rule: Rule
    shape: Shape
    required: bool
    has_default: bool
    default: Any
    nested: tuple[str, ...]
    takes_any_call: bool


@dataclass(frozen=True)
class Operation:
    """One function of the API."""

    name: str
    description: str
    arguments: tuple[Argument, ...]
    confirm: bool

    @property
    def required(self) -> list[str]:
        """Arguments that a call must give."""
        return [argument.name for argument in self.arguments if argument.required]


@dataclass(frozen=True)
class Api:
    """The API of an app; `unchecked` names what of its schemas no stub checks, by place."""

    app: str
    description: str
    operations: tuple[Operation, ...]
    unchecked: tuple[str, ...]

    @property
    def confirmed(self) -> list[str]:
        """Functions that the user has to confirm."""
        return [operation.name for operation in self.operations if operation.confirm]

    def places(self) -> Iterator[tuple[Named, Path]]:
        """Yield every shape that may have a name of its own, with its path; inner ones come first."""
        for operation in self.operations:
            for argument in operation.arguments:
                yield from named_shapes(argument.shape, (operation.name, argument.name))


def describe(spec: Spec, *, portable: bool) -> Api:
    """What a stub is made from; `portable` where it is not Python that reads the patterns."""
    made = [_operation(function, spec, portable) for function in spec.functions]
    unchecked = dict.fromkeys(place for _, places in made for place in places)
    return Api(spec.app, spec.description, tuple(operation for operation, _ in made), tuple(unchecked))


def _operation(function: Function, spec: Spec, portable: bool) -> tuple[Operation, list[str]]:
    unchecked = [f"{function.name}: {keyword}" for keyword in _rules_of_the_whole(function)]
    arguments = []
    for parameter in function.params:
        rule, lost = make_rule(parameter.schema, f"{function.name}.{parameter.name}", portable=portable)
        arguments.append(_argument(parameter, rule, spec))
        unchecked += lost
    return Operation(function.name, function.description, tuple(arguments), function.confirm), unchecked


def _rules_of_the_whole(function: Function) -> list[str]:
    branches = [k for k in ("anyOf", "oneOf", "allOf", "enum", "const", "$ref") if k in function.parameters]
    return branches + left_out(function.parameters)


def _argument(parameter: Parameter, rule: Rule, spec: Spec) -> Argument:
    takes_any_call = bool(_PROBE.fillers(parameter))
    shape = Anything() if takes_any_call else shape_of(rule)
    default = _typed(parameter.schema.get("default"), shape)
    return Argument(
        name=parameter.name,
        description=parameter.description,
        rule=rule,
        shape=shape,
        required=parameter.required,
        has_default="default" in parameter.schema and isinstance(default, (str, int, float, bool, type(None))),
        default=default,
        nested=tuple(f.name for f in spec.fillers(parameter)),
        takes_any_call=takes_any_call,
    )


def _typed(default: Any, shape: Shape) -> Any:
    """A default of an integer as an int: JSON may write 3 as 3.0."""
    inner = shape.inner if isinstance(shape, Nullable) else shape
    counts = isinstance(inner, Choice) or (isinstance(inner, Scalar) and inner.kind == "integer")
    return int(default) if counts and isinstance(default, float) else default


def head_lines(api: Api, language: str, steps: Sequence[str], shown: Callable[[str], str]) -> list[str]:
    """What stands at the top of a stub: what it is, how to use it step by step, what it leaves to octo.

    Args:
        api: the API.
        language: as `octo export --stubs` names it.
        steps: how to use the stub.
        shown: makes words of the spec fit for the language's comments.
    """
    lines = [
        f"Checked calls of the app {api.app}: what its model answers, handed to your code.",
        "",
        f"Made by octo from api.json. Do not edit: change api.json, then run `octo export --stubs {language}`.",
        "",
        *(f"{number}. {step}" for number, step in enumerate(steps, 1)),
    ]
    if api.unchecked:
        lines += ["", "Checked by octo before it answers, but not here:", *(f"  {shown(p)}" for p in api.unchecked)]
    return lines
