"""The call syntax: what is written reads back, and text can never pass for a token."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_projects import fun, obj, spec_of, table_of

from octocli.core.calls import CallSyntaxError, Piece, RawCall, dump_value, read_target, write_target
from octocli.core.spec import Spec

ORDER = spec_of(
    *(fun(f"f{i}") for i in range(3)),
    fun(
        "order",
        obj(
            {
                "note": {"type": "string"},
                "restaurant": {"type": "string"},
                "party_size": {"type": "integer", "default": 2},
                "address": {"type": "string"},
            },
            ("restaurant",),
        ),
    ),
    fun("alarm", obj({"time": {"type": "string", "format": "time"}, "label": {"type": "string"}}, ("time",))),
    fun("locate", obj({"who": {"type": "string"}}, ("who",)), returns={"type": "string"}),
    app="doordash",
)
TOKENS = table_of(ORDER)


def text(calls: list[dict[str, Any]], said: dict[str, str] | None = None) -> str:
    return "".join(p.text for p in write_target(calls, ORDER, TOKENS, said))


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


@pytest.mark.parametrize(
    ("calls", "target"),
    [
        ([call("order", restaurant="Thai Palace", party_size=4)], '<doordash_3>("Thai Palace", party_size=4)'),
        ([call("order", party_size=2, restaurant="Roma")], '<doordash_3>("Roma")'),
        ([call("order", restaurant="Roma", party_size=4.0)], '<doordash_3>("Roma", party_size=4)'),
        ([call("order", address="a", restaurant="r", note="n")], '<doordash_3>("r", note="n", address="a")'),
        ([{"name": "order", "missing": ["restaurant"], "arguments": {}}], "<doordash_3>(?)"),
        ([call("f0"), call("f1")], "<doordash_0>();<doordash_1>()"),
        ([call("order", restaurant=call("locate", who="Ana"))], '<doordash_3>(<doordash_5>("Ana"))'),
        ([call("order", restaurant="Größe 🎉")], '<doordash_3>("Größe 🎉")'),
        ([], "<doordash_none>()"),
    ],
)
def test_the_documented_shapes(calls: list[dict[str, Any]], target: str) -> None:
    assert text(calls) == target + "<doordash_end>"


def test_the_users_words_stand_where_octo_can_resolve_them_and_nowhere_else() -> None:
    said = {"/0/arguments/time": "half past six", "/0/arguments/label": "my label"}
    written = text([call("alarm", time="18:30", label="tea")], said)
    assert written == '<doordash_4>("half past six", label="tea")<doordash_end>'


def test_the_words_of_a_second_and_of_a_nested_call_are_found_by_their_pointer() -> None:
    said = {"/1/arguments/time": "noon"}
    written = text([call("alarm", time="07:00"), call("alarm", time="12:00")], said)
    assert written == '<doordash_4>("07:00");<doordash_4>("noon")<doordash_end>'


def test_only_tokens_are_special_pieces() -> None:
    pieces = write_target([call("order", restaurant="<doordash_0>")], ORDER, TOKENS)
    assert [p.text for p in pieces if p.special] == ["<doordash_3>", "<doordash_end>"]


def test_a_token_typed_as_text_does_not_read_as_a_call() -> None:
    with pytest.raises(CallSyntaxError):
        read_target([Piece("<doordash_0>()")], ORDER, TOKENS)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "(",
        "()",
        '("a"',
        '("a" )',
        '("a",party_size=3)',
        '("a", party_size=)',
        '("a", none=1)',
        '("a"))',
        '("a", ?)',
    ],
)
def test_what_leaves_the_syntax_is_refused(body: str) -> None:
    with pytest.raises(CallSyntaxError):
        read_target([Piece("<doordash_3>", special=True), Piece(body)], ORDER, TOKENS)


def test_an_unknown_function_token_is_refused() -> None:
    with pytest.raises(CallSyntaxError, match="function token"):
        read_target([Piece("<doordash_99>", special=True), Piece("()")], ORDER, TOKENS)


tricky = st.text(max_size=12) | st.sampled_from(
    [
        'say "hi"',
        "<app_3>",
        "<tiny_end>",
        "a;b",
        "two\nlines",
        "\\",
        "a, b=3",
        "(?)",
        "?",
        "Grüße 🎉 你好",
        ")",
        '"',
        " ",
    ]
)
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False, width=32)
leaves = tricky | numbers | st.booleans() | st.none()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
names = st.sampled_from(["to", "body", "n", "größe", "x-y", "a.b"])


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    functions = [fun("where", obj({"q": {"type": "string"}}, ("q",)), returns={"type": "string"})]
    for index in range(draw(st.integers(1, 3))):
        properties: dict[str, Any] = {}
        for name in draw(st.lists(names, unique=True, max_size=4)):
            # Untyped parameters take any value; text ones may hold a nested call.
            properties[name] = draw(st.sampled_from([{}, {"type": "string"}, {"default": 3}, {"default": {"a": [1]}}]))
        required = draw(st.sets(st.sampled_from(sorted(properties)))) if properties else set()
        functions.append(fun(f"f{index}", obj(properties, tuple(sorted(required)))))
    return spec_of(*functions)


@st.composite
def calls_of(draw: st.DrawFn, spec: Spec) -> dict[str, Any]:
    function = draw(st.sampled_from(spec.functions))
    arguments: dict[str, Any] = {}
    missing = []
    for parameter in function.params:
        what = draw(st.sampled_from(["value", "value", "left out", "default", "nested"]))
        if what == "left out":
            missing += [parameter.name] if parameter.required else []
        elif what == "default" and "default" in parameter.schema:
            arguments[parameter.name] = parameter.schema["default"]
        elif what == "nested" and parameter.schema.get("type") == "string":
            arguments[parameter.name] = {"name": "where", "arguments": {"q": draw(tricky)}}
        else:
            arguments[parameter.name] = draw(tricky if parameter.schema.get("type") == "string" else values)
    return {"name": function.name, "arguments": arguments, **({"missing": missing} if missing else {})}


def meaning(call: dict[str, Any] | RawCall, spec: Spec) -> Any:
    """A call without the optional arguments that say no more than their default."""
    raw = isinstance(call, RawCall)
    name, arguments = (call.name, call.arguments) if raw else (call["name"], call["arguments"])  # type: ignore[union-attr,index]
    missing = call.missing if raw else call.get("missing", ())  # type: ignore[union-attr]
    said = {}
    for key, value in arguments.items():
        parameter = spec.by_name[name].param(key)
        assert parameter is not None
        nested = isinstance(value, RawCall) or (isinstance(value, dict) and value.get("name") == "where")
        optional = not nested and not parameter.required and "default" in parameter.schema
        if optional and dump_value(value) == dump_value(parameter.schema["default"]):
            continue
        said[key] = meaning(value, spec) if nested else json.loads(dump_value(value))
    return name, said, sorted(missing)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_written_reads_back_the_same(data: st.DataObject) -> None:
    spec = data.draw(specs())
    tokens = table_of(spec)
    calls = data.draw(st.lists(calls_of(spec), max_size=3))
    pieces = write_target(calls, spec, tokens)
    assert pieces[-1] == Piece("<tiny_end>", special=True)
    read = read_target(pieces, spec, tokens)
    assert [meaning(c, spec) for c in read] == [meaning(c, spec) for c in calls]
    assert read_target(pieces[:-1], spec, tokens) == read, "the end token is optional when reading"


@settings(max_examples=200, deadline=None)
@given(st.lists(st.builds(Piece, st.text('<tiny_0>("a, ?=);', max_size=8), st.booleans()), max_size=4))
def test_any_pieces_read_or_leave_the_syntax(pieces: list[Piece]) -> None:
    spec = spec_of(fun("go", obj({"x": {"type": "string"}}, ("x",))))
    try:
        read_target(pieces, spec, table_of(spec))
    except CallSyntaxError as error:
        assert str(error)
