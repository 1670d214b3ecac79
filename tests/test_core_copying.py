"""What is copied from a query: learnt from samples, cut at the borders of words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_projects import fun, obj, spec_of

from octocli.core.copying import chunks, copied_parameters, spans, stands_in
from octocli.core.samples import Sample

SPEC = spec_of(
    fun("play", obj({"title": {"type": "string"}, "room": {"enum": ["den", "hall"]}}, ("title",))),
    fun("wake", obj({"time": {"type": "string", "format": "time"}, "tags": {"type": "array"}}, ("time",))),
    fun("send", obj({"code": {"type": "string", "pattern": "^[A-Z]+$"}, "level": {"type": "integer"}})),
)


def sample(query: str, name: str, said: dict[str, str] | None = None, **arguments: object) -> Sample:
    return Sample(query, ({"name": name, "arguments": arguments},), said=said or {})


@given(st.text())
def test_the_chunks_of_a_text_are_the_text(text: str) -> None:
    assert "".join(chunks(text)) == text


@given(st.text(max_size=40))
def test_every_span_stands_in_its_query(text: str) -> None:
    found = list(spans(text))
    assert all(stands_in(s, text) and s == s.strip() for s in found) and len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("words", "inside"),
    [("Jude", True), ("hey Jude", True), ("jude", False), ("Jud", False), ("", False), ("Jude hey", False)],
)
def test_words_stand_in_a_query_from_border_to_border(words: str, inside: bool) -> None:
    assert stands_in(words, "play hey Jude, please") == inside


def test_what_every_sample_copies_is_copied() -> None:
    found = copied_parameters(
        [
            sample("play Yesterday in the den", "play", title="Yesterday", room="den"),
            sample("play One", "play", title="One"),
            sample("up at seven", "wake", {"/0/arguments/time": "seven"}, time="07:00"),
            sample("code ABC", "send", code="ABC"),
        ],
        SPEC,
    )
    assert found == {"play": ("title",), "wake": ("time",)}, "an enum or a pattern has its own grammar"


@pytest.mark.parametrize(
    "other",
    [
        sample("play the song of the yellow boat", "play", title="Yellow Submarine"),
        sample("play yesterday", "play", title="Yesterday"),
    ],
)
def test_one_sample_that_says_it_otherwise_is_enough(other: Sample) -> None:
    assert copied_parameters([sample("play One", "play", title="One"), other], SPEC) == {}


def test_what_no_sample_gives_is_left_open() -> None:
    assert copied_parameters([sample("play One", "play", title="One")], SPEC) == {"play": ("title",)}
    assert copied_parameters([], SPEC) == {}


def test_a_value_without_the_user_s_words_counts_where_it_is_text() -> None:
    assert copied_parameters([sample("up at 07:00", "wake", time="07:00")], SPEC) == {"wake": ("time",)}
    assert copied_parameters([sample("up at seven", "wake", time="07:00")], SPEC) == {}
    assert copied_parameters([sample("to the top", "send", level=100)], SPEC) == {}, "a number is no text"


def test_nested_calls_are_looked_into() -> None:
    spec = spec_of(
        fun("find", obj({"what": {"type": "string"}}, ("what",)), returns={"type": "string"}),
        fun("say", obj({"text": {"type": "string"}}, ("text",))),
    )
    nested = {"name": "say", "arguments": {"text": {"name": "find", "arguments": {"what": "the time"}}}}
    assert copied_parameters([Sample("tell me the time", (nested,))], spec) == {"find": ("what",)}


def test_the_manifest_carries_it() -> None:
    from octocli.core.manifest import Manifest, parse_manifest
    from octocli.core.prompts import make_prompt
    from octocli.core.tokens import assign_tokens

    manifest = Manifest(SPEC, assign_tokens(SPEC), make_prompt("short"), {}, {}, {"play": ("title",)})
    assert parse_manifest(json.loads(manifest.dumps()), "x").copied == {"play": ["title"]}
