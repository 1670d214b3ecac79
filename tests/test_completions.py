"""Teachers' completers: the providers' own SDKs against a server on loopback, recorded replies, a local file."""

import json
import subprocess
import sys
import time
from collections import Counter
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
from octocli.teachers.bill import Bill
from octocli.teachers.completions import Completer, Fatal, Reply, Request, Transient, error_of
from octocli.teachers.gemini import Gemini, OlderGemini, older_schema, open_gemini
from octocli.teachers.ledger import Ledger, Sent, read_entries
from octocli.teachers.local_gguf import LocalGguf
from octocli.teachers.openai_compatible import OpenAICompatible
from octocli.teachers.prices import FREE, Price
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
    assert error.retry_after == (0.01 if word == "429" else None)


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
    [
        *(("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("", None)),
        *(("²", None), ("inf", None), ("7.", None), ("Fri, 31 Dec 9999 23:59:59 -2359", None)),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    error = error_of(429, "busy", {"retry-after": header})
    assert isinstance(error, Transient) and error.retry_after == seconds


def test_replies_that_were_kept_are_given_again(tmp_path: Path) -> None:
    file, asked = tmp_path / "replies.jsonl", Request("a", schema={"type": "string"})
    reply = Reply("one", "stop", 1, None)
    first = Replies(file, "m")
    assert first.of(asked) is None
    first.keep(asked, reply, TRY)
    first.close()
    with file.open("a") as torn:
        torn.write('{"asked": "12')
    again = Replay(Replies(file, "m"))
    assert again.complete(asked) == again.complete(replace(asked, timeout=1.0)) == reply
    with pytest.raises(Fatal, match="no reply"):
        again.complete(replace(asked, temperature=0.1))
    with pytest.raises(Fatal, match="no reply"):
        Replay(Replies(file, "another")).complete(asked)


TRY = Sent.new("cell/0", (1, 1))


def test_a_reply_that_lacks_only_the_end_of_its_line_is_not_lost(tmp_path: Path) -> None:
    file, asked = tmp_path / "replies.jsonl", Request("a")
    first = Replies(file, "m")
    first.keep(asked, Reply("one", "stop", 1, 1), TRY)
    first.close()
    file.write_bytes(file.read_bytes()[:-1])
    assert Replies(file, "m").of(asked) == Reply("one", "stop", 1, 1)


def test_half_an_emoji_is_kept_as_a_question_mark(tmp_path: Path) -> None:
    file, asked = tmp_path / "replies.jsonl", Request("a")
    first = Replies(file, "m")
    kept = first.keep(asked, Reply("so \ud83d", "stop", 1, 1), TRY)
    assert kept.text == "so ?" and Replies(file, "m").of(asked) == kept


def test_of_two_replies_to_one_request_the_first_counts(tmp_path: Path) -> None:
    file, asked = tmp_path / "replies.jsonl", Request("a")
    first = Replies(file, "m")
    first.keep(asked, Reply("one", "stop", 1, 1), TRY)
    assert first.keep(asked, Reply("two", "stop", 1, 1), TRY).text == "one"
    reply = Replies(file, "m").of(asked)
    assert reply is not None and reply.text == "one" and len(file.read_text().splitlines()) == 2


def test_a_line_that_is_no_reply_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "replies.jsonl"
    file.write_text('{"asked": "12"}\n')
    with pytest.raises(BadInput, match=r"replies.jsonl:1: not a reply"):
        Replies(file, "m")


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


QUICK = Manners(at_once=8, tries=40, first_wait=0.001, longest_wait=0.01)
# What a provider can do to a request. `REFUSED` is owed nothing, `LOST` is unknown, `WHOLE` arrives and is paid for.
REFUSED = ["429", "429 bare", "500", "503"]
LOST = ["cut", "malformed", "wrong types"]
WHOLE = ["good", "good", "length", "prompt blocked", "safety", "thinking"]
SILENT = 6  # together, while two go on: each costs its time limit, which a busy machine must not reach


@pytest.mark.slow
@EVERY_SDK
def test_a_thousand_replies_arrive_once_each_and_the_bill_is_the_servers(sdk: str, tmp_path: Path) -> None:
    price, count = Price(2.0, 6.0), 1000
    replies, file = Replies(tmp_path / "replies.jsonl", "m"), tmp_path / "ledger.jsonl"
    with provider() as server:
        server.script = ["never"] * SILENT + (REFUSED + LOST + WHOLE) * 30
        script = Counter(server.script)
        asking = Asking(OPENERS[sdk](server.url), Bill(price, ledger=Ledger(file, "m", price)), QUICK, replies.keep)
        requests = [Request(f"number {i}", max_tokens=50, timeout=8.0, task=f"{i}") for i in range(count)]
        answers = list(asking.ask_all(enumerate(requests)))
        met, tally = Counter(server.treated), asking.bill.tally
    assert {word: met[word] for word in script if word != "good"} == {w: n for w, n in script.items() if w != "good"}
    # Every request has one answer, and it is its own.
    assert sorted(a.key for a in answers) == list(range(count))
    assert Counter(a.reply.finish for a in answers if a.reply) == {"stop": 910, "length": 30, "blocked": 60}
    assert all(json.loads(a.reply.text) == {"echo": f"number {a.key}"} for a in answers if finished(a.reply))
    # So it stands on disk: once, under the number of its try.
    lines = [json.loads(line) for line in replies.path.read_text().splitlines()]
    assert sorted(int(line["task"]) for line in lines) == list(range(count))
    # The bill is the server's own count over what it delivered whole.
    lost = sum(script[word] for word in LOST) + SILENT
    assert tally.asked == len(server.asked) and tally.replies == server.delivered == count and tally.unknown == lost
    assert [tally.tokens_in, tally.tokens_out] == server.tokens
    assert tally.spent == pytest.approx(price.of(*server.tokens))
    # The others are listed one by one, each at the most that it can have cost.
    entries = read_entries(file, replies.path)
    assert Counter(e.outcome for e in entries) == {"reply": count, "unknown": lost, "refused": 30 * len(REFUSED)}
    unknown = [price.of(*e.tokens) for e in entries if e.outcome == "unknown"]
    assert tally.held == pytest.approx(sum(unknown)) and min(unknown) >= price.of(len("number 0"), 50)


def finished(reply: Reply | None) -> bool:
    return reply is not None and reply.finish == "stop"


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


@EVERY_SDK
def test_a_lost_reply_is_held_against_the_budget_at_its_most(sdk: str) -> None:
    price, request = Price(2.0, 6.0), Request("hello", max_tokens=TOKENS_OUT, timeout=5.0)
    with provider() as server:
        server.script = ["cut", "malformed", "wrong types"] * 9
        asking = Asking(OPENERS[sdk](server.url), Bill(price, budget=3.5 * price.at_most(request)), QUICK)
        assert list(asking.ask_all([(0, request)])) == []
        assert len(server.asked) == 3 == asking.bill.tally.unknown and server.delivered == 0
    assert asking.bill.tally.held == pytest.approx(3 * price.at_most(request))


def test_what_was_spent_before_is_part_of_the_budget() -> None:
    request = Request("hello", max_tokens=TOKENS_OUT)
    price = Price(2.0, 6.0)
    one = price.at_most(request)
    with provider() as server:
        asking = Asking(OPENERS["openai"](server.url), Bill(price, budget=2.5 * one, before=2 * one), QUICK)
        assert list(asking.ask_all([(0, request)])) == [] and server.asked == []


def test_a_second_round_is_asked_with_the_same_manners() -> None:
    with provider() as server:
        asking = Asking(OPENERS["openai"](server.url), Bill(FREE), QUICK)
        list(asking.ask_all([(0, Request("a"))]))
        server.script = ["503", "429", "503"]
        (answer,) = asking.ask_all([(1, Request("b"))])
    assert answer.reply is not None and answer.tries == 4, "the first round's end was taken for the second's"


def test_a_second_round_keeps_to_the_rate() -> None:
    started: list[float] = []
    asking = Asking(Clock(started), Bill(FREE), Manners(at_once=8, per_minute=1200))
    for _ in range(3):
        list(asking.ask_all((i, Request("x")) for i in range(3)))
    assert max(started) - min(started) >= 0.95 * 8 * 0.05


@pytest.mark.parametrize("seconds", ["601", "99999999999999"])
def test_who_asks_for_a_longer_wait_than_anybody_has_is_given_up(seconds: str) -> None:
    with provider() as server:
        server.script = [f"wait {seconds}"]
        (answer,) = Asking(OPENERS["openai"](server.url), Bill(FREE)).ask_all([(0, Request("x"))])
    assert answer.reply is None and answer.tries == 1 and "429" in answer.failure


def test_a_wait_that_one_is_told_holds_for_all() -> None:
    with provider() as server:
        server.script = ["wait 0.5"]
        asking = Asking(OPENERS["openai"](server.url), Bill(FREE), replace(QUICK, at_once=1))
        started = time.monotonic()
        answers = asking.ask_all((i, Request("x")) for i in range(3))
        assert len(list(answers)) == 3 and time.monotonic() - started >= 0.5
        asking.manners = replace(QUICK, at_once=2)
        server.script = ["wait 0.5", "slow 0.1"]
        server.asked.clear()
        list(asking.ask_all((i, Request("x")) for i in range(4)))
    first, *_, last = sorted(one["at"] for one in server.asked)
    assert last - first >= 0.5 and sum(one["at"] - first < 0.4 for one in server.asked) == 2


def test_a_reply_that_arrives_beside_a_refusal_for_good_is_kept(tmp_path: Path) -> None:
    replies = Replies(tmp_path / "replies.jsonl", "m")
    with provider() as server:
        server.script = ["slow 0.3", "401"]
        asking = Asking(OPENERS["openai"](server.url), Bill(FREE), replace(QUICK, at_once=2), replies.keep)
        with pytest.raises(Fatal, match="401"):
            list(asking.ask_all((i, Request(f"{i}")) for i in range(2)))
    assert server.delivered == 1 == len(replies.path.read_text().splitlines()) == asking.bill.tally.replies


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
    with provider() as server:
        server.script = ["good", *["429"] * 50]
        slow = Manners(at_once=2, tries=50, first_wait=30.0)
        answers = Asking(OPENERS["openai"](server.url), Bill(FREE), slow).ask_all((i, Request("x")) for i in range(9))
        next(answers)
        started = time.monotonic()
        answers.close()
        assert time.monotonic() - started < 10


class Clock:
    model = "m"

    def __init__(self, started: list[float]) -> None:
        self.started = started

    def complete(self, request: Request) -> Reply:
        self.started.append(time.monotonic())
        return Reply("", "stop", 1, 1)


def test_no_more_requests_start_in_a_minute_than_are_allowed() -> None:
    started: list[float] = []
    asking = Asking(Clock(started), Bill(FREE), Manners(at_once=8, per_minute=1200))
    assert len(list(asking.ask_all((i, Request("x")) for i in range(9)))) == 9
    # Twenty a second: eight gaps of 50 ms.
    assert max(started) - min(started) >= 0.95 * 8 * 0.05
