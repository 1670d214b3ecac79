"""A spec is accepted, or each of its faults is one line with file, place and mend."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_projects import fun, obj, spec_of

from octocli.core.errors import BadInput
from octocli.core.schemas import dangling_references, value_faults
from octocli.core.spec import Spec, fits, load_spec, parse_spec
from octocli.core.tokens import assign_tokens


def faults_of(data: Any) -> list[str]:
    with pytest.raises(BadInput) as caught:
        parse_spec(data, source="api.json")
    return caught.value.message.splitlines()


def one_function(**changes: Any) -> dict[str, Any]:
    return {"app": "tiny", "functions": [{**fun("go"), **changes}]}


def one_parameter(schema: Any, **more: Any) -> dict[str, Any]:
    return one_function(parameters={"type": "object", "properties": {"x": schema}, **more})


@pytest.mark.parametrize(
    ("data", "place", "says"),
    [
        (7, "top level", "not an object"),
        ({"app": "Bad App", "functions": [fun("go")]}, "app", "'Bad App' is no app name"),
        ({"app": "a" * 25, "functions": [fun("go")]}, "app", "at most 24"),
        ({"functions": [fun("go")]}, "app", "None is no app name"),
        ({"app": "tiny"}, "functions", "at least one function"),
        ({"app": "tiny", "functions": []}, "functions", "at least one function"),
        ({"app": "tiny", "functions": ["go"]}, "functions[0]", "not an object"),
        ({"app": "tiny", "functions": [fun("go"), fun("go")]}, "functions[1].name", "already the name of functions[0]"),
        (one_function(name="1 go"), "functions[0].name", "no function name"),
        (one_function(description=" "), "functions[0].description", "missing or empty"),
        (one_function(paramters={}), "functions[0].paramters", "unknown key"),
        (one_function(confirm="yes"), "functions[0].confirm", "not true or false"),
        (one_function(aliases="other"), "functions[0].aliases", "not a list of strings"),
        (one_function(examples=[{"query": "x"}]), "functions[0].examples[0]", "no example"),
        (one_function(returns={"type": "strin"}), "functions[0].returns", "strin"),
        (one_function(parameters={"type": "array"}), "functions[0].parameters.type", "instead of 'object'"),
        (one_parameter({"type": "strin"}), "functions[0].parameters.properties.x", "strin"),
        (one_parameter({"type": "integer", "default": "a"}), "functions[0].parameters.properties.x.default", "breaks"),
        (one_parameter({"enum": ["a"], "default": "b"}), "functions[0].parameters.properties.x.default", "breaks"),
        (one_parameter({}, required=["y"]), "functions[0].parameters.required", "'y' is not among the properties"),
        (one_parameter({"$ref": "#/$defs/none"}), "functions[0].parameters.properties.x", "leads nowhere"),
        (one_parameter({"type": "string", "pattern": "(["}), "functions[0].parameters.properties.x.pattern", "regex"),
    ],
)
def test_a_fault_is_one_line_with_file_place_and_mend(data: Any, place: str, says: str) -> None:
    lines = faults_of(data)
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"api.json: {place}")
    assert says in lines[0]
    assert lines[0].endswith(".") and lines[0].count(". ") >= 1, "no mend"


def test_a_spec_with_three_faults_gives_three_lines() -> None:
    broken = {"app": "tiny", "functions": [{**fun("go"), "description": "", "confirm": 1}, fun("bad name")]}
    assert len(faults_of(broken)) == 3


def test_broken_json_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "api.json"
    path.write_text('{\n  "app": "x",\n  "functions": [,]\n}')
    with pytest.raises(BadInput, match=r"api\.json:3: not JSON"):
        load_spec(path)


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"[" * 100_000, b""])
def test_a_file_that_is_no_json_is_bad_input(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "api.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"api\.json"):
        load_spec(path)


def test_a_missing_file_and_a_folder_are_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(BadInput):
            load_spec(path)


def test_a_bare_list_of_functions_is_accepted_with_a_name() -> None:
    spec = parse_spec([fun("go")], app="mine")
    assert spec.app == "mine" and [f.name for f in spec.functions] == ["go"]


def test_the_name_given_wins_over_the_one_in_the_file() -> None:
    assert parse_spec({"app": "theirs", "functions": [fun("go")]}, app="mine").app == "mine"


def test_a_spec_written_and_read_again_is_the_same() -> None:
    spec = spec_of(
        fun("go", obj({"x": {"type": "string"}}, ("x",)), returns={"type": "string"}, aliases=["walk"], confirm=True),
        fun("stop", examples=["stop it", {"query": "halt", "calls": [{"name": "stop", "arguments": {}}]}]),
    )
    assert parse_spec(json.loads(json.dumps(spec.to_json()))) == spec


def test_required_parameters_come_first_in_the_schemas_order() -> None:
    spec = spec_of(fun("go", obj({k: {"type": "string"} for k in "dbca"}, ("a", "b"))))
    assert [p.name for p in spec.functions[0].params] == ["b", "a", "d", "c"]


def test_keywords_that_no_grammar_expresses_are_named_with_their_place() -> None:
    tags = {"type": "array", "uniqueItems": True, "items": {"type": "string"}}
    spec = spec_of(fun("go", obj({"tags": tags, "not": {"type": "string"}})))
    assert spec.unexpressed() == ["functions[0].parameters.properties.tags.uniqueItems"]


def test_a_call_fills_a_parameter_only_where_what_it_returns_surely_fits() -> None:
    spec = spec_of(
        fun("text", returns={"type": "string"}),
        fun("room", returns={"type": "string", "enum": ["a"]}),
        fun("count", returns={"type": "integer"}),
        fun(
            "use",
            obj(
                {
                    "free": {"type": "string"},
                    "room": {"type": "string", "enum": ["a", "b"]},
                    "number": {"type": "number"},
                    "ranged": {"type": "integer", "minimum": 1},
                    "any": {},
                    "call": obj({"name": {"type": "string"}, "arguments": {"type": "object"}}, ("name", "arguments")),
                }
            ),
        ),
    )
    use = spec.by_name["use"]
    names = {p.name: [f.name for f in spec.fillers(p)] for p in use.params}
    assert names == {
        "free": ["text", "room"],
        "room": ["room"],
        "number": ["count"],
        "ranged": [],
        "any": [],
        "call": ["text", "room", "count", "use"],
    }


@pytest.mark.parametrize(
    ("returned", "wanted", "surely"),
    [
        ({"type": "string", "maxLength": 80}, {"type": "string", "maxLength": 100}, True),
        ({"type": "string", "maxLength": 200}, {"type": "string", "maxLength": 100}, False),
        ({"type": "string"}, {"type": "string", "maxLength": 100}, False),
        ({"type": "integer", "minimum": 2, "maximum": 5}, {"type": "number", "minimum": 1, "maximum": 5}, True),
        ({"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 1}, False),
        ({"type": "number"}, {"type": "number", "exclusiveMinimum": 0}, False),
        ({"type": "string", "x-octo-type": "place"}, {"type": "string", "x-octo-type": "place"}, True),
        ({"type": "string", "x-octo-type": "place"}, {"type": "string"}, False),
        ({"type": "string"}, {"type": "string", "x-octo-type": "place"}, False),
    ],
)
def test_bounds_and_type_names_decide_what_fits(returned: Any, wanted: Any, surely: bool) -> None:
    assert fits(returned, wanted) is surely


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_KEYWORDS = ("type", "enum", "default", "items", "properties", "required", "pattern", "format", "$ref", "$defs",
             "anyOf", "oneOf", "minimum", "multipleOf", "const", "not", "description", "examples")  # fmt: skip
schemas = st.recursive(
    st.dictionaries(
        st.sampled_from(_KEYWORDS),
        json_values
        | st.sampled_from(["string", "integer", "object", "array", "#/$defs/x", "time", ["null", "number"]]),
        max_size=4,
    ),
    lambda inner: (
        st.fixed_dictionaries(
            {},
            optional={"type": st.just("object"), "properties": st.dictionaries(st.text(max_size=4), inner, max_size=2)},
        )
        | st.fixed_dictionaries({"items": inner, "type": st.just("array")})
    ),
    max_leaves=4,
)
near_specs = st.fixed_dictionaries(
    {"app": st.just("tiny") | json_values},
    optional={
        "description": json_values,
        "functions": st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["go", "stop", ""]) | json_values, "description": st.just("Does.")},
                optional={
                    "parameters": st.fixed_dictionaries(
                        {"type": st.just("object")},
                        optional={
                            "properties": st.dictionaries(st.sampled_from(["x", "y", "a b"]), schemas, max_size=2),
                            "required": st.lists(st.sampled_from(["x", "y"]), max_size=2, unique=True) | json_values,
                            "$defs": st.dictionaries(st.just("x"), schemas, max_size=1),
                        },
                    )
                    | json_values,
                    "returns": schemas,
                    "examples": json_values,
                    "aliases": json_values,
                    "confirm": json_values,
                },
            ),
            max_size=2,
        )
        | json_values,
    },
)


@settings(max_examples=400, deadline=None)
@given(json_values | near_specs)
def test_any_json_is_bad_input_or_a_spec_that_works(data: Any) -> None:
    try:
        spec = parse_spec(data)
    except BadInput as error:
        assert all(line.startswith("api.json: ") for line in error.message.splitlines())
        return
    assert isinstance(spec, Spec)
    assign_tokens(spec)
    spec.unexpressed()
    assert parse_spec(spec.to_json()) == spec
    for function in spec.functions:
        for parameter in function.params:
            _ = parameter.kind, spec.fillers(parameter)
            value_faults("x", parameter.schema)
            value_faults(3, parameter.schema)


@pytest.mark.parametrize("key", ["parameters", "returns"])
def test_a_boolean_schema_for_a_function_is_refused(key: str) -> None:
    function = {"name": "f", "description": "Does it.", key: True}
    with pytest.raises(BadInput, match=rf"functions\[0\]\.{key}: not a schema object"):
        parse_spec({"app": "x", "functions": [function]})


@pytest.mark.parametrize(
    ("synonyms", "says"),
    [
        (["lounge"], "x-octo-synonyms: not an object"),
        ({"den": ["lounge"]}, "x-octo-synonyms.den: is not among the enum's values"),
        ({"hall": "corridor"}, "x-octo-synonyms.hall: not a list of words"),
        ({"hall": [""]}, "x-octo-synonyms.hall: not a list of words"),
    ],
)
def test_broken_synonyms_are_named(synonyms: Any, says: str) -> None:
    room = {"enum": ["hall", "living_room"], "x-octo-synonyms": synonyms}
    with pytest.raises(BadInput, match=re.escape(says)):
        spec_of(fun("go", obj({"room": room})))


@pytest.mark.parametrize("name", ["default", "enum", "const", "examples", "value"])
def test_a_dangling_reference_is_found_under_any_name(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"$ref": "#/$defs/nowhere"}}}
    assert list(dangling_references(schema)) == ["#/$defs/nowhere"]
    assert not list(dangling_references({"type": "object", "default": {"$ref": "#/$defs/nowhere"}}))
