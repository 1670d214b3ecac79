"""`octo data coverage`: how often samples use each parameter, and parameters together; what none of them uses.

Counts only what is there. Which samples there are is `stages/browse.py`, what ought to be there is the plan of `synth`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from octocli.core.calls import dump_value, walk_calls
from octocli.core.samples import Sample
from octocli.core.spec import Function, Parameter, Spec


@dataclass(frozen=True)
class Use:
    """How one parameter is used.

    Attributes:
        function: its function.
        parameter: its name; empty for a function that takes none.
        required: whether a call must have it.
        calls: calls of the function.
        given: calls that give it.
        missing: calls whose query leaves it out though it is required.
        values: different values that were given.
        unseen: listed values (enum, true and false) that were not.
    """

    function: str
    parameter: str
    required: bool
    calls: int
    given: int
    missing: int
    values: int
    unseen: tuple[Any, ...]


@dataclass(frozen=True)
class Coverage:
    """What samples use of a spec; `sets` are by function the sets of arguments that calls give, the commonest first."""

    uses: tuple[Use, ...]
    sets: dict[str, tuple[tuple[tuple[str, ...], int], ...]]

    @property
    def gaps(self) -> tuple[str, ...]:
        """What no sample uses: a function, a parameter, a listed value."""
        return tuple(dict.fromkeys(gap for use in self.uses for gap in _gaps(use)))


def cover(samples: Sequence[Sample], spec: Spec) -> Coverage:
    """Count what the calls of `samples` give, nested ones too."""
    by_function: dict[str, list[Mapping[str, Any]]] = {f.name: [] for f in spec.functions}
    for sample in samples:
        for call in walk_calls(sample.calls, spec):
            by_function.setdefault(call["name"], []).append(call)
    uses = [use for f in spec.functions for use in _uses(f, by_function[f.name])]
    sets = {f.name: _sets(f, by_function[f.name]) for f in spec.functions}
    return Coverage(tuple(uses), sets)


def _uses(function: Function, calls: Sequence[Mapping[str, Any]]) -> Iterator[Use]:
    if not function.params:
        yield Use(function.name, "", False, len(calls), 0, 0, 0, ())
    for parameter in function.params:
        values = [c["arguments"][parameter.name] for c in calls if parameter.name in c.get("arguments", {})]
        seen = {dump_value(value) for value in _items(values)}
        yield Use(
            function=function.name,
            parameter=parameter.name,
            required=parameter.required,
            calls=len(calls),
            given=len(values),
            missing=sum(parameter.name in c.get("missing", ()) for c in calls),
            values=len({dump_value(value) for value in values}),
            unseen=tuple(v for v in _listed(parameter) if dump_value(v) not in seen),
        )


def _items(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, list) else [value]


def _listed(parameter: Parameter) -> Sequence[Any]:
    items = parameter.schema.get("items")
    schema = items if isinstance(items, Mapping) else parameter.schema
    listed: Sequence[Any] = (True, False) if parameter.kind == "boolean" else schema.get("enum", ())
    usual = list(_items([parameter.schema.get("default")]))
    return [v for v in listed if v is not None and v not in usual]


def _sets(function: Function, calls: Sequence[Mapping[str, Any]]) -> tuple[tuple[tuple[str, ...], int], ...]:
    order = [p.name for p in function.params]
    found = Counter(tuple(n for n in order if n in c.get("arguments", {})) for c in calls)
    return tuple(found.most_common())


def _gaps(use: Use) -> Iterator[str]:
    if not use.calls:
        yield f"{use.function}: no sample calls it"
    elif use.parameter and not use.given:
        yield f"{use.function}.{use.parameter}: no sample gives it"
    else:
        yield from (f"{use.function}.{use.parameter}: no sample has {value!r}" for value in use.unseen)
