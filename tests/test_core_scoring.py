"""The scores mean what DESIGN.md says they mean."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_projects import fun, obj, spec_of

from octocli.core.samples import Sample
from octocli.core.scoring import (
    Rate,
    rate,
    relaxed_text,
    same_functions,
    same_missing,
    same_relaxedly,
    same_strictly,
)
from octocli.core.spec import parse_spec
from octocli.stages.answers import Outcome
from octocli.stages.evaluate import score

SPEC = spec_of(
    fun(
        "order",
        obj(
            {
                "what": {"type": "string"},
                "count": {"type": "integer", "default": 1},
                "size": {"type": "string", "default": "Large"},
                "extra": {"type": "object", "default": {"a": 1, "b": 2}},
                "tags": {"type": "array"},
            },
            ("what",),
        ),
    ),
    fun("must", obj({"n": {"type": "integer", "default": 1}}, ("n",))),
    fun("where", obj({"who": {"type": "string"}}, ("who",)), returns={"type": "string"}),
    fun("stop"),
)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def order(what: Any = "tea", **arguments: Any) -> list[dict[str, Any]]:
    return [call("order", what=what, **arguments)]


BOTH = [
    (order("Green Tea "), order("green tea")),
    (order(count=1), order()),
    (order(count=1.0), order()),
    (order(count=2.0), order(count=2)),
    (order(size="Large"), order()),
    (order(size="large"), order()),
    (order(extra={"b": 2, "a": 1}), order()),
    (order(extra={"b": 3, "a": 1}), order(extra={"a": 1, "b": 3})),
    (order(tags=["A", "b "]), order(tags=["a", "B"])),
    (order(call("where", who="ANA")), order(call("where", who="ana"))),
    ([], []),
]
NEITHER = [
    (order("tea"), order("coffee")),
    (order(count=2), order()),
    (order(count=1), order(count=2)),
    (order(tags=["a", "b"]), order(tags=["b", "a"])),
    (order(call("where", who="ana")), order(call("where", who="bob"))),
    (order(call("where", who="ana")), order("ana")),
    ([call("must", n=1)], [{"name": "must", "arguments": {}, "missing": ["n"]}]),
    ([call("must", n=1)], [{"name": "must", "arguments": {}, "unresolved": {"n": 1}}]),
    (order("7"), order(7)),
    (order(), []),
    (order(), [*order(), call("stop")]),
    ([call("stop"), call("stop")], [call("stop")]),
]
ONLY_RELAXED = [
    (order("at 10"), order("10")),
    (order("my husband"), order("husband")),
    (order('"green tea".'), order("green tea")),
    (order("green  tea"), order("green tea")),
    (order(call("where", who="the boss")), order(call("where", who="boss"))),
    ([*order(), call("stop")], [call("stop"), *order()]),
]


@pytest.mark.parametrize(("one", "other"), BOTH)
def test_equal_strictly_and_relaxedly(one: Any, other: Any) -> None:
    assert same_strictly(one, other, SPEC) and same_strictly(other, one, SPEC)
    assert same_relaxedly(one, other, SPEC) and same_relaxedly(other, one, SPEC)


@pytest.mark.parametrize(("one", "other"), NEITHER)
def test_equal_neither_strictly_nor_relaxedly(one: Any, other: Any) -> None:
    assert not same_strictly(one, other, SPEC) and not same_strictly(other, one, SPEC)
    assert not same_relaxedly(one, other, SPEC) and not same_relaxedly(other, one, SPEC)


@pytest.mark.parametrize(("one", "other"), ONLY_RELAXED)
def test_equal_relaxedly_only(one: Any, other: Any) -> None:
    assert not same_strictly(one, other, SPEC)
    assert same_relaxedly(one, other, SPEC) and same_relaxedly(other, one, SPEC)


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("at 10", "10"), ("my husband's", "husband's"), ("The The", "the"), ("the", "the"), ("to", "to"), ("?!", "?!"),
        ("-5", "-5"), ("40%", "40%"), ("$12.50", "$12.50"), ("in the kitchen.", "kitchen"), ("„Tea“", "tea"),
        (" My ", "my"), ("the ...", "the"), ("C++", "c"), ("", ""),
    ],
)  # fmt: skip
def test_relaxed_text(text: str, bare: str) -> None:
    assert relaxed_text(text) == bare


@given(st.text(max_size=20) | st.text("the a\"'.1", max_size=20))
def test_relaxed_text_never_comes_to_nothing_and_settles_at_once(text: str) -> None:
    bare = relaxed_text(text)
    assert bool(bare) == bool(text.strip())
    assert relaxed_text(bare) == bare


def test_function_choice_is_the_names_in_order() -> None:
    assert same_functions(order("a"), order("b"))
    assert not same_functions([*order(), call("stop")], [call("stop"), *order()])
    assert not same_functions(order(), order() + order())


def test_missing_arguments_are_compared_call_by_call() -> None:
    lacking = [{"name": "must", "arguments": {}, "missing": ["n"]}]
    assert same_missing(lacking, lacking)
    assert not same_missing(lacking, [call("must", n=1)])


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe 1998, table I, method 3; and the closed forms at the ends.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
     (29, 29, 0.8830, 1.0), (95, 100, 0.8882, 0.9785)],
)  # fmt: skip
def test_the_interval_is_wilsons(hits: int, n: int, low: float, high: float) -> None:
    assert Rate(hits, n).interval == pytest.approx((low, high), abs=1e-4)


def test_a_rate_of_nothing_says_so() -> None:
    nothing = rate([])
    assert math.isnan(nothing.value) and nothing.interval == (0.0, 1.0) and nothing.to_json()["value"] is None


def test_the_card_counts_each_score_on_the_rows_it_is_about() -> None:
    lacking = {"name": "must", "arguments": {}, "missing": ["n"]}
    asked = [
        (order("tea"), order("TEA")),  # right
        (order("tea"), order("a tea")),  # right relaxedly
        (order("tea"), []),  # not recalled
        (order("tea"), [call("stop")]),  # wrong function
        ([lacking], [call("must", n=1)]),  # not seen as missing
        ([], []),  # abstained
        ([], [call("stop")]),  # a false call
    ]
    outcomes = [
        Outcome(Sample(f"q{i}", tuple(want), kind="a" if want else "b"), tuple(got), 1.0, ())
        for i, (want, got) in enumerate(asked)
    ]
    card = score(outcomes, SPEC)
    found = {name: (r["hits"], r["n"]) for name, r in card.to_json().items() if isinstance(r, dict) and "hits" in r}
    assert found == {
        "function_choice": (3, 5),
        "recall": (4, 5),
        "strict": (1, 5),
        "relaxed": (2, 5),
        "abstention": (1, 2),
        "missing": (0, 1),
    }
    assert (card.by_kind["a"].hits, card.by_kind["b"].hits) == (1, 1)


def test_an_unresolved_argument_is_no_strict_hit() -> None:
    spec = parse_spec({"app": "x", "functions": [{"name": "f", "description": "Does it."}]})
    plain = [{"name": "f", "arguments": {}}]
    assert not same_strictly(plain, [{"name": "f", "arguments": {}, "unresolved": {"level": "blah"}}], spec)
