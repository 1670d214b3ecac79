"""Teachers' completers: the providers' own SDKs against a server on loopback, recorded replies, a local file."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny_models
from hypothesis import given
from hypothesis import strategies as st
from provider_server import THOUGHT, TOKENS_IN, TOKENS_OUT, ProviderServer, provider
from tiny_projects import base

from octocli.core.errors import BadInput, NotMade
from octocli.teachers import gemini
from octocli.teachers.asking import Asking, Manners
from octocli.teachers.bill import FREE, Bill, Price
from octocli.teachers.completions import Completer, Fatal, Reply, Request, Transient, error_of
from octocli.teachers.gemini import Gemini, OlderGemini, older_schema, open_gemini
from octocli.teachers.local_gguf import LocalGguf
from octocli.teachers.openai_compatible import OpenAICompatible
from octocli.teachers.replies import Replay, Replies

# What the older SDK does not know of JSON Schema is in here on purpose.
SCHEMA = {
    "type": "object",
    "properties": {"echo": {"type": ["string", "null"], "pattern": "^h", "format": "uri"}, "n": {"enum": [1, 2]}},
    "required": ["echo"],
    "additionalProperties": False,
}
OPENERS: dict[str, Callable[[str], Completer]] = {
    "gemini": lambda url: Gemini("m", "key", url),
    "older gemini": lambda url: OlderGemini("m", "key", url),
    "openai": lambda url: OpenAICompatible("m", "key", f"{url}/v1"),
}
EVERY_SDK = pytest.mark.parametrize("sdk", OPENERS)
ASKED = Request("hello", system="be brief", schema=SCHEMA, timeout=5.0)


def asked_once(sdk: str, word: str, request: Request = ASKED) -> tuple[Reply | Transient | Fatal, ProviderServer]:
    with provider() as server:
        server.script = [word] * 5
        try:
            result: Any = OPENERS[sdk](server.url).complete(request)
        except (Transient, Fatal) as error:
            result = error
        return result, server


@EVERY_SDK
def test_a_reply_with_its_tokens_comes_from_one_request(sdk: str) -> None:
    reply, server = asked_once(sdk, "good")
    assert reply == Reply('{"echo": "hello"}', "stop", TOKENS_IN, TOKENS_OUT)
    (asked,) = server.asked
    assert "be brief" in json.dumps(asked["body"]) and "key" in json.dumps(asked["headers"])
    assert "echo" in json.dumps(asked["body"].get("response_format") or asked["body"]["generationConfig"])


@EVERY_SDK
@pytest.mark.parametrize(
    ("word", "finish"),
    [("safety", "blocked"), ("prompt blocked", "blocked"), ("length", "length"), ("new", "other")],
)
def test_a_reply_says_why_it_ended(sdk: str, word: str, finish: str) -> None:
    reply, _ = asked_once(sdk, word)
    assert isinstance(reply, Reply) and reply.finish == finish
    assert (reply.text == "") == (finish == "blocked")


@EVERY_SDK
def test_thinking_is_paid_for_as_output(sdk: str) -> None:
    reply, _ = asked_once(sdk, "thinking")
    assert isinstance(reply, Reply) and reply.tokens_out == TOKENS_OUT + THOUGHT


@EVERY_SDK
@pytest.mark.parametrize("word", ["429", "429 bare", "500", "503"])
def test_a_busy_server_may_be_asked_again_and_is_owed_nothing(sdk: str, word: str) -> None:
    error, server = asked_once(sdk, word)
    assert isinstance(error, Transient) and error.answered and len(server.asked) == 1
    assert error.retry_after == (0.05 if word == "429" else None)


@EVERY_SDK
@pytest.mark.parametrize("word", ["cut", "slow 1", "malformed", "wrong types"])
def test_what_was_lost_on_the_way_may_be_asked_again_and_may_be_owed(sdk: str, word: str) -> None:
    error, server = asked_once(sdk, word, Request("hello", timeout=0.3))
    assert isinstance(error, Transient) and not error.answered and len(server.asked) == 1


@EVERY_SDK
def test_a_server_that_is_not_there_may_be_asked_again(sdk: str) -> None:
    with provider() as server:
        url = server.url
    with pytest.raises(Transient):
        OPENERS[sdk](url).complete(ASKED)


@EVERY_SDK
@pytest.mark.parametrize("word", ["400", "401", "404"])
def test_a_request_that_will_never_be_served_is_an_error_with_its_mend(sdk: str, word: str) -> None:
    error, _ = asked_once(sdk, word)
    assert isinstance(error, Fatal) and word in str(error) and "key" in error.hint and error.exit_code == 2


@pytest.mark.parametrize("sdk", ["gemini", "older gemini"])
def test_two_addresses_in_one_process_do_not_mix(sdk: str) -> None:
    with provider(lambda _: "one") as one, provider(lambda _: "two") as two:
        first, second = OPENERS[sdk](one.url), OPENERS[sdk](two.url)
        assert [c.complete(Request("x")).text for c in (first, second, first)] == ["one", "two", "one"]


def test_an_endpoint_that_counts_no_tokens_says_so() -> None:
    reply, _ = asked_once("openai", "no usage")
    assert isinstance(reply, Reply) and reply.tokens_in is None and reply.tokens_out is None


def test_the_newer_sdk_is_taken_where_both_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*packages: str) -> Completer:
        monkeypatch.setattr(gemini, "_is_installed", lambda package: package in packages)
        return open_gemini("m", "key")

    assert isinstance(opened("google.genai", "google.generativeai"), Gemini)
    assert isinstance(opened("google.generativeai"), OlderGemini)
    with pytest.raises(BadInput, match="needs google-genai") as refusal:
        opened()
    assert "octocli[genai]" in refusal.value.hint


def test_no_sdk_is_imported_before_it_is_chosen() -> None:
    code = (
        "import sys, octocli.teachers.gemini, octocli.teachers.openai_compatible, octocli.teachers.local_gguf\n"
        "print([m for m in ('google.genai', 'google.generativeai', 'openai', 'llama_cpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_TYPES = st.sampled_from(["string", "integer", "number", "boolean", "null"])
_LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "type": _TYPES | st.lists(_TYPES, min_size=1, max_size=3, unique=True),
        "pattern": st.just("a"),
        "format": st.sampled_from(["uri", "date-time", "int32"]),
        "enum": st.lists(st.text(max_size=3) | st.integers(), min_size=1),
        "minimum": st.integers(),
        "$ref": st.just("#"),
        "description": st.text(max_size=5),
        "anyOf": st.just([{"type": "string"}]),
    },
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.fixed_dictionaries({"type": st.just("array"), "items": inner})
        | st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.text(min_size=1, max_size=4), inner, min_size=1),
            }
        )
    ),
    max_leaves=6,
)


@given(_SCHEMAS)
def test_the_older_sdk_takes_any_schema_once_it_is_turned_down(schema: dict[str, Any]) -> None:
    import google.generativeai as sdk

    sdk.types.generation_types.to_generation_config_dict(
        {"response_schema": older_schema(schema), "response_mime_type": "application/json"}
    )


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    error = error_of(429, "busy", {"retry-after": header})
    assert isinstance(error, Transient) and error.retry_after == seconds


def test_replies_that_were_kept_are_given_again(tmp_path: Path) -> None:
    file, asked = tmp_path / "replies.jsonl", Request("a", schema={"type": "string"})
    reply = Reply("one", "stop", 1, None)
    first = Replies(file, "m")
    assert first.of(asked) is None
    first.keep(asked, reply, "cell/0")
    first.close()
    with file.open("a") as torn:
        torn.write('{"asked": "12')
    again = Replay(Replies(file, "m"))
    assert again.complete(asked) == again.complete(replace(asked, timeout=1.0)) == reply
    with pytest.raises(Fatal, match="no reply"):
        again.complete(replace(asked, temperature=0.1))
    with pytest.raises(Fatal, match="no reply"):
        Replay(Replies(file, "another")).complete(asked)


def test_a_local_file_completes_under_a_schema(tmp_path: Path) -> None:
    file = tiny_models.write_base_gguf(base(), tmp_path / "tiny.gguf")
    teacher = LocalGguf(file, context=256)
    reply = teacher.complete(Request("hi", schema={"type": "boolean"}, max_tokens=8))
    assert reply.finish == "stop" and json.loads(reply.text) in (True, False)
    assert reply.tokens_in and reply.tokens_out
    assert teacher.complete(Request("hi", max_tokens=3)).finish in ("length", "stop")


def test_a_local_file_that_is_not_there_or_no_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match="no such file"):
        LocalGguf(tmp_path / "none.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF")
    with pytest.raises(BadInput, match="cannot open"):
        LocalGguf(tmp_path / "bad.gguf")


TROUBLE = ["429", "500", "good", "cut", "malformed", "503", "good", "wrong types", "429 bare", "good", "length"]
QUICK = Manners(at_once=8, tries=40, first_wait=0.001, longest_wait=0.01)


@EVERY_SDK
def test_a_thousand_replies_arrive_once_each_and_the_bill_is_the_servers(sdk: str) -> None:
    price, count = Price(2.0, 6.0), 1000 if sdk == "openai" else 200
    with provider() as server:
        server.script = TROUBLE * (count // 20)
        asking = Asking(OPENERS[sdk](server.url), Bill(price), QUICK)
        answers = list(asking.ask_all((i, Request(f"number {i}", max_tokens=50)) for i in range(count)))
    assert sorted(a.key for a in answers) == list(range(count))
    assert all(a.reply and a.failure == "" for a in answers)
    whole = [(a.key, a.reply.text) for a in answers if a.reply and a.reply.finish == "stop"]
    assert whole and all(json.loads(text) == {"echo": f"number {key}"} for key, text in whole)
    tally = asking.bill.tally
    lost = 3 * (count // 20)
    assert tally.asked == len(server.asked) and tally.unknown == lost and tally.replies == server.delivered == count
    assert [tally.tokens_in, tally.tokens_out] == server.tokens
    assert tally.spent == pytest.approx(price.of(*server.tokens))
    most = price.at_most(Request("number 123", max_tokens=50))
    assert 0.9 * lost * most < tally.held <= lost * most + 1e-12


def test_a_budget_is_never_passed_not_even_by_what_is_on_its_way() -> None:
    price, request = Price(2.0, 6.0), Request("hello", max_tokens=TOKENS_OUT)
    one = price.at_most(request)
    with provider() as server:
        server.script = ["cut", "good", "slow 0.1", "slow 0.1"] * 20
        asking = Asking(OPENERS["openai"](server.url), Bill(price, budget=12.5 * one), QUICK)
        answers = list(asking.ask_all((i, request) for i in range(1000)))
        tally = asking.bill.tally
        # Had every request that the server saw cost the most that it can.
        assert len(server.asked) == tally.asked < 1000
    assert tally.spent + tally.held <= 12.5 * one
    assert len([a for a in answers if a.reply]) == tally.replies == server.delivered
    assert tally.spent + tally.held > 11 * one, "money was left lying"


def test_what_fails_too_often_is_given_up_and_named() -> None:
    with provider() as server:
        server.script = ["503"] * 3
        asking = Asking(OPENERS["openai"](server.url), Bill(FREE), Manners(at_once=1, tries=3, first_wait=0.001))
        failed, served = asking.ask_all([("a", Request("a")), ("b", Request("b"))])
    assert (failed.key, failed.reply, failed.tries) == ("a", None, 3) and "503" in failed.failure
    assert served.reply is not None and asking.bill.tally.held == 0


def test_a_wrong_key_ends_the_asking_at_once() -> None:
    with provider() as server:
        server.script = ["401"] * 1000
        asking = Asking(OPENERS["openai"](server.url), Bill(FREE), QUICK)
        with pytest.raises(Fatal, match="401"):
            list(asking.ask_all((i, Request("x")) for i in range(1000)))
    assert len(server.asked) <= 2 * QUICK.at_once


def test_who_stops_taking_answers_does_not_wait_for_another_try() -> None:
    import time

    with provider() as server:
        server.script = ["good", *["429"] * 50]
        slow = Manners(at_once=2, tries=50, first_wait=30.0)
        answers = Asking(OPENERS["openai"](server.url), Bill(FREE), slow).ask_all((i, Request("x")) for i in range(9))
        next(answers)
        started = time.monotonic()
        answers.close()
        assert time.monotonic() - started < 10


def test_no_more_requests_start_in_a_minute_than_are_allowed() -> None:
    import time

    started: list[float] = []

    class Clock:
        model = "m"

        def complete(self, request: Request) -> Reply:
            started.append(time.monotonic())
            return Reply("", "stop", 1, 1)

    asking = Asking(Clock(), Bill(FREE), Manners(at_once=8, per_minute=1200))
    assert len(list(asking.ask_all((i, Request("x")) for i in range(9)))) == 9
    # Twenty a second: eight gaps of 50 ms.
    assert max(started) - min(started) >= 0.95 * 8 * 0.05
