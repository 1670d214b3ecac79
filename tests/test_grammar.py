"""Decoding is masked by the spec: whatever the weights want, only valid calls come out, from both engines."""

import functools
import json
from typing import Any

import numpy as np
import pytest
from tiny_projects import EVERYTHING, fun, obj, shipped, spec_of, table_of, trained

from octocli.core.calls import RawCall
from octocli.core.manifest import Manifest
from octocli.core.prompts import make_prompt
from octocli.core.validation import call_is_valid, calls_faults
from octocli.runtime import caller as caller_module
from octocli.runtime.caller import Caller, open_caller
from octocli.runtime.decoding import Sampling, decode
from octocli.runtime.grammar import make_grammar
from octocli.runtime.typed_values import type_call

ENGINES = ("transformers", "llama.cpp")


@pytest.fixture(scope="module")
def callers() -> Any:
    """Random models of the spec with one of each kind of parameter, by engine."""
    opened = {
        "transformers": open_caller(trained(spec="all").run()),
        "llama.cpp": open_caller(shipped(spec="all"), threads=1),
    }
    yield opened
    for caller in opened.values():
        caller.close()


@pytest.fixture(autouse=True)
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model seldom closes a string: the limit bounds the time, an unfinished answer has no calls."""
    monkeypatch.setattr(caller_module, "decode", functools.partial(decode, limit=72))


def drawn(caller: Caller, function: str, temperature: float, seed: int) -> tuple[dict[str, Any], ...]:
    """A random answer that begins with one function, so that every function is tried."""
    token = caller.engine.special[caller.manifest.tokens.token(function)]
    read = caller.engine.read

    def forced(ids: Any, last: int = 1) -> np.ndarray:
        caller.engine.read = read  # type: ignore[method-assign]
        rows = np.array(read(ids, last))
        rows[0, token] = rows[0].max() + 50 * max(temperature, 1)
        return rows

    caller.engine.read = forced  # type: ignore[method-assign]
    try:
        answer = caller.ask("ping", sampling=Sampling(temperature, np.random.default_rng(seed)))
    finally:
        caller.engine.read = read  # type: ignore[method-assign]
    assert answer.finished or answer.calls == ()
    return answer.calls  # type: ignore[return-value]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("temperature", [0.0, 1.0, 3.0])
def test_whatever_is_drawn_is_valid(callers: dict[str, Caller], engine: str, temperature: float) -> None:
    caller = callers[engine]
    spec = caller.manifest.spec
    whole: set[str] = set()
    for function in spec.by_name:
        for seed in range(1 if not temperature else 5):
            for call in drawn(caller, function, temperature, seed):
                assert call["name"] in spec.by_name
                open_ends = "missing" in str(call) or "unresolved" in str(call)
                assert open_ends or call_is_valid(call, spec), call
                assert calls_faults([call], spec) == [], call
                whole.update(() if open_ends else [call["name"]])
    assert len(whole) >= (3 if not temperature else 6), "too few whole calls to have shown anything"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_keyword_that_no_grammar_holds_goes_to_unresolved(callers: dict[str, Caller], engine: str) -> None:
    caller, spec = callers[engine], callers[engine].manifest.spec
    seen: set[str] = set()
    for function in ("options", "not_seven"):
        for seed in range(40):
            for call in drawn(caller, function, 3.0, seed):
                if "unresolved" in call:
                    seen.add(call["name"])
                    bad = {**call["arguments"], **call["unresolved"]}
                    assert not call_is_valid({"name": call["name"], "arguments": bad}, spec)
    assert {"options", "not_seven"} <= seen


def typed(call: RawCall) -> dict[str, Any]:
    return type_call(call, spec_of(*EVERYTHING["functions"], app="all"), None)


@pytest.mark.parametrize(
    ("raw", "call"),
    [
        (RawCall("tags", {"tags": ["a", "a"]}), {"arguments": {}, "unresolved": {"tags": ["a", "a"]}}),
        (RawCall("not_seven", {"n": 7}), {"arguments": {}, "unresolved": {"n": 7}}),
        (RawCall("options", {"fast": True}), {"arguments": {}, "unresolved": {"fast": True}}),
        (RawCall("options", {"fast": True, "n": 1}), {"arguments": {"fast": True, "n": 1}}),
        (RawCall("go", {"place": "home", "at": "half past six"}), {"arguments": {"place": "home", "at": "18:30"}}),
        (
            RawCall("go", {"place": "home", "at": "blah"}),
            {"arguments": {"place": "home"}, "unresolved": {"at": "blah"}},
        ),
        (RawCall("level", {}, ("n",)), {"arguments": {}, "missing": ["n"]}),
        (RawCall("level", {"n": "ten"}), {"arguments": {"n": 10}}),
        (RawCall("level", {"n": "ninety"}), {"arguments": {}, "unresolved": {"n": "ninety"}}),
        (RawCall("odds", {"ratio": 1.5, "on": False}), {"arguments": {"ratio": 1.5, "on": False}}),
        (
            RawCall("odds", {"ratio": 10**400, "on": True}),
            {"arguments": {"on": True}, "unresolved": {"ratio": 10**400}},
        ),
        (
            RawCall("go", {"place": RawCall("where", {"who": "Ana"})}),
            {"arguments": {"place": {"name": "where", "arguments": {"who": "Ana"}}}},
        ),
        (RawCall("either", {"v": 3}), {"arguments": {}, "unresolved": {"v": 3}}),
    ],
)
def test_what_cannot_be_made_valid_is_unresolved_never_an_argument(raw: RawCall, call: dict[str, Any]) -> None:
    assert typed(raw) == {"name": raw.name, **call}


@pytest.mark.parametrize(
    ("words", "number"),
    [("(512) 436-1759", "5124361759"), ("five five five oh one two nine", "5550129"), ("my gym", "my gym")],
)
def test_a_phone_number_is_given_in_one_writing_where_it_is_one(words: str, number: str) -> None:
    spec = spec_of(fun("call", obj({"phone_number": {"type": "string"}}, ("phone_number",))))
    assert type_call(RawCall("call", {"phone_number": words}), spec, None)["arguments"] == {"phone_number": number}


def test_a_number_too_large_for_multiple_of_is_unresolved_and_breaks_nothing() -> None:
    spec = spec_of(fun("pay", obj({"x": {"type": "number", "multipleOf": 0.01}}, ("x",))))
    assert type_call(RawCall("pay", {"x": 10**400}), spec, None)["unresolved"] == {"x": 10**400}


def test_an_infinite_number_is_unresolved_for_no_json_could_hold_it() -> None:
    spec = spec_of(fun("pay", obj({"x": {"type": "number"}, "y": {"type": "array"}}, ("x",))))
    call = type_call(RawCall("pay", {"x": float("inf"), "y": [1, float("-inf")]}), spec, None)
    assert call["arguments"] == {} and set(call["unresolved"]) == {"x", "y"}


def accepts(
    spec_functions: list[dict[str, Any]], body: str, token: int = 0, query: str = "ping", **taught: Any
) -> bool:
    """Whether the grammar takes a target, tried over bytes."""
    import llguidance

    spec = spec_of(*spec_functions)
    tokens = table_of(spec)
    ids = {t: 300 + i for i, t in enumerate(tokens.all_tokens(spec))}
    manifest = Manifest(spec, tokens, make_prompt("short"), {}, {}, **taught)
    matcher = make_grammar(manifest, ids).matcher(byte_tokenizer(list(ids), 300), query)
    sequence = [300 + token, *body.encode()] if token >= 0 else list(body.encode())
    taken = matcher.try_consume_tokens(sequence)
    assert isinstance(matcher, llguidance.LLMatcher)
    return taken == len(sequence) and matcher.is_accepting()


@functools.lru_cache
def byte_tokenizer_of(special: tuple[str, ...], first: int) -> Any:
    import llguidance

    class Bytes:
        eos_token_id = first + len(special) - 1
        bos_token_id = None
        tokens = [bytes([i]) for i in range(256)] + [b"\xff[%d]" % i for i in range(256, first)]
        tokens += [b"\xff" + t.encode() for t in special]
        special_token_ids = list(range(256, first + len(special)))

        def __call__(self, text: bytes | str) -> list[int]:
            return list(text if isinstance(text, bytes) else text.encode())

    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(Bytes()))


def byte_tokenizer(special: list[str], first: int) -> Any:
    return byte_tokenizer_of(tuple(special), first)


ORDER = [fun("order", obj({"what": {"type": "string"}, "n": {"type": "integer", "minimum": 1, "maximum": 20},
                           "fast": {"type": "boolean"}, "size": {"enum": ["S", "M"]}}, ("what",)))]  # fmt: skip
OPTIONAL = [fun("set", obj({"a": {"type": "boolean"}, "b": {"type": "boolean"}, "c": {"type": "boolean"}}))]


@pytest.mark.parametrize(
    "body",
    ['("tea")', '("tea", n=1)', '("tea", n=20, fast=true, size="M")', '("tea", size="S")', "(?)", '("two", n="two")',
     '("\\"q\\" \\n ö <tiny_0>")'],
)  # fmt: skip
def test_what_the_syntax_says_is_taken(body: str) -> None:
    assert accepts(ORDER, body)


@pytest.mark.parametrize(
    "body",
    ["()", '("tea"', '("tea", n=0)', '("tea", n=21)', '("tea", n=1.5)', '("tea",n=1)', '("tea", size="L")',
     '("tea", fast=true, n=1)', '("tea", n=?)', '("tea", n=1, n=2)', '("tea", x=1)', "(3)", '("tea") '],
)  # fmt: skip
def test_what_the_spec_forbids_is_not(body: str) -> None:
    assert not accepts(ORDER, body)


@pytest.mark.parametrize("body", ["()", "(a=true)", "(c=true)", "(a=true, c=false)", "(b=true, c=true)"])
def test_any_choice_of_optional_arguments_in_order_is_taken(body: str) -> None:
    assert accepts(OPTIONAL, body)


@pytest.mark.parametrize("body", ["(, a=true)", "(c=true, a=true)", "(a=true,)", "(a=true b=true)", "(true)"])
def test_no_other_way_to_write_optional_arguments_is_taken(body: str) -> None:
    assert not accepts(OPTIONAL, body)


def test_text_cannot_begin_an_answer() -> None:
    assert not accepts(OPTIONAL, "<tiny_0>()", token=-1) and not accepts(OPTIONAL, "()", token=-1)


def test_none_takes_no_arguments_and_no_call_beside_it() -> None:
    assert accepts(OPTIONAL, "()", token=1)
    assert not accepts(OPTIONAL, "(a=true)", token=1)
    assert not accepts(OPTIONAL, "();", token=1)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^(?=a)b$"},
        {"type": "string", "pattern": "(a)\\1"},
        {"type": "array", "contains": {"const": 1}},
        {"type": "object", "patternProperties": {"^x": {"type": "integer"}}},
        {"not": {"type": "string"}},
        {"if": {"type": "string"}, "then": {"maxLength": 1}},
        {"allOf": [{"type": "string"}, {"maxLength": 3}]},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"type": ["string", "null"]},
        {"type": "integer", "multipleOf": 7},
        {"type": "string", "format": "no-such-format"},
        {"type": "number", "minimum": 0.001, "exclusiveMaximum": 1e30},
        {"enum": ["a", 1, None, {"x": [1]}]},
        {"const": {"a": 1}},
        {"$ref": "#/$defs/x", "$defs": {"x": {"type": "integer"}}},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
        {"type": "string", "minLength": 1000},
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {},
        {"x-octo-type": "unknown", "type": "string"},
    ],
)
def test_any_schema_that_a_spec_may_hold_gives_a_grammar(schema: dict[str, Any]) -> None:
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    assert not accepts([fun("go", obj({"x": schema}, ("x",), **definitions))], "()")


def test_properties_may_have_the_names_of_keywords() -> None:
    from octocli.runtime.grammar import _expressible

    schema = {"type": "object", "properties": {"title": {"type": "string", "title": "T"}, "not": {"type": "integer"}}}
    assert _expressible(schema)["properties"] == {"title": {"type": "string"}, "not": {"type": "integer"}}


COPIED = {"order": ("what", "n")}


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ('("green tea")', True),
        ('("two")', True),
        ('("\\"green\\"")', False),
        ('("Green tea")', False),
        ('("green te")', False),
        ('("")', False),
        ('(" tea")', False),
        ('("tea two")', False),
        ("(?)", True),
        ('("tea", n="two")', True),
        ('("tea", n=7)', True),
        ('("tea", n="green")', False),
        ('("tea", size="S")', True),
    ],
)
def test_copied_text_is_the_query_s_own_and_words_for_a_number_are_numbers(body: str, taken: bool) -> None:
    assert accepts(ORDER, body, query="two green tea, please", copied=COPIED) == taken


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('play "Hey Jude" now', '"Hey Jude"'),
        ("say C:\\new to all", "C:\\new"),
        ("grüße an Zoë 🎉 bitte", "Zoë 🎉"),
        ("给妈妈发短信", "妈妈"),
        ("line\nbreak and\ttab", "break and\ttab"),
        ("Jonas' kid's toy", "Jonas' kid's"),
        ("a b {x} [y] /z/ <tiny_0>", "{x} [y] /z/"),
    ],
)
def test_any_stretch_of_any_query_can_be_copied(query: str, text: str) -> None:
    assert accepts(ORDER, f"({json.dumps(text, ensure_ascii=False)})", query=query, copied=COPIED)


def test_copied_text_keeps_to_its_length() -> None:
    named = [fun("name", obj({"x": {"type": "string", "minLength": 3, "maxLength": 5}}, ("x",)))]
    query, copied = 'to abc abcde abcdef a"c', {"name": ("x",)}
    taken = [t for t in ("to", "abc", "abcde", "abcdef", 'a"c') if accepts(
        named, f"({json.dumps(t)})", query=query, copied=copied)]  # fmt: skip
    assert taken == ["abc", "abcde", 'a"c']


def test_a_copied_value_neither_begins_nor_ends_in_a_comma_unless_there_is_nothing_else() -> None:
    query = "tea, and milk; now"
    assert accepts(ORDER, '("tea, and milk")', query=query, copied=COPIED)
    assert not any(accepts(ORDER, f'("{cut}")', query=query, copied=COPIED) for cut in ("tea,", ", and milk", "milk;"))
    assert accepts(ORDER, '(",")', query=",", copied=COPIED)


def test_words_that_mean_no_number_may_still_be_copied_where_there_is_no_better() -> None:
    """They come as unresolved, which is the truth, and better than a number that nobody said."""
    assert accepts(ORDER, '("tea", n="many")', query="tea, many of it", copied=COPIED)
    assert not accepts(ORDER, '("tea", n="many")', query="tea, many of it, say two", copied=COPIED)


@pytest.mark.parametrize(("most", "taken"), [(1, False), (2, True)])
def test_an_answer_has_no_more_calls_than_a_training_row_had(most: int, taken: bool) -> None:
    """The calls are written with the function's own token, 300."""
    spec = spec_of(fun("go"))
    tokens = table_of(spec)
    ids = {t: 300 + i for i, t in enumerate(tokens.all_tokens(spec))}
    manifest = Manifest(spec, tokens, make_prompt("short"), {}, {}, most_calls=most)
    matcher = make_grammar(manifest, ids).matcher(byte_tokenizer(list(ids), 300), "go and go")
    sequence = [300, *b"();", 300, *b"()"]
    assert (matcher.try_consume_tokens(sequence) == len(sequence)) == taken
