"""Prices, and the bill over all sittings: nothing is forgotten or counted twice, and a budget holds for all of them."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_server import provider
from test_ask_teacher import project_at, teacher_at, writes

from octocli.core.config import TeacherSettings
from octocli.core.errors import BadInput
from octocli.core.project import Project
from octocli.core.samples import read_samples
from octocli.stages.ask_teacher import ask_teacher
from octocli.stages.billing import PAPER_PER_THOUSAND, cost_of, entries_of
from octocli.stages.checks import first_reason
from octocli.stages.estimate import estimate
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.completions import Reply, Request
from octocli.teachers.ledger import Ledger, Sent, read_entries
from octocli.teachers.prices import FREE, Price, needed_quote, quote_of
from octocli.teachers.replies import Replies

EN = language_of("en")

NOWHERE = Path("no-such-prices.toml")
FLASH = TeacherSettings(name="gemini", model="gemini-2.5-flash")


def test_a_known_model_has_a_price_with_its_day_and_source() -> None:
    quote = needed_quote(FLASH, NOWHERE)
    assert quote.price == Price(0.30, 2.50) and quote.date == "2025-06-17" and "Google" in quote.source
    assert quote_of(FLASH.model_copy(update={"model": "models/gemini-2.5-flash"}), NOWHERE) == quote


def test_a_price_that_is_announced_for_a_time_ends_with_it() -> None:
    who = TeacherSettings(name="gemini", model="gemini-3.8-flash")
    prices = [quote_of(who, NOWHERE, datetime.date(2026, 12, 31)), quote_of(who, NOWHERE, datetime.date(2027, 1, 1))]
    assert [quote.price for quote in prices if quote] == [Price(0.75, 3.75), Price(1.5, 7.5)]


def test_octo_toml_wins_over_the_projects_table_and_that_over_octos(tmp_path: Path) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(
        '[[price]]\nmodel = "gemini-*"\ntokens_in = 7.0\ntokens_out = 8\ndate = 2026-11-01\nsource = "our contract"\n'
    )
    quote = needed_quote(FLASH, table)
    assert (quote.price, quote.date, quote.source) == (Price(7, 8), "2026-11-01", "prices.toml: our contract")
    own = FLASH.model_copy(update={"price_in": 1.0, "price_out": 2.0})
    assert needed_quote(own, table).price == Price(1, 2) and needed_quote(own, table).source == "octo.toml"


def test_octos_prices_say_nothing_of_another_address(tmp_path: Path) -> None:
    elsewhere = FLASH.model_copy(update={"base_url": "http://localhost:1/v1"})
    assert quote_of(elsewhere, NOWHERE) is None
    assert quote_of(FLASH.model_copy(update={"name": "openai"}), NOWHERE) is None
    with pytest.raises(BadInput, match="needs the prices of") as refusal:
        needed_quote(elsewhere, NOWHERE)
    assert "price_in" in refusal.value.hint and "prices.toml" in refusal.value.hint


@pytest.mark.parametrize("name", ["gguf", "replay"])
def test_who_asks_no_provider_costs_nothing(name: Any) -> None:
    assert needed_quote(TeacherSettings(name=name, model="m"), NOWHERE).price == FREE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[price]\n", "not TOML"),
        ('[[price]]\nmodel = "m"\n', "price.0.tokens_in"),
        ('[[price]]\nmodel = "m"\ntokens_in = -1\ntokens_out = 1\ndate = 2026-01-01\nsource = "x"\n', "greater than"),
        ("[[prise]]\n", "prise: unknown key"),
    ],
)
def test_a_table_that_cannot_be_read_is_told(tmp_path: Path, text: str, says: str) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(text)
    with pytest.raises(BadInput, match=says) as refusal:
        quote_of(FLASH, table)
    assert str(table) in refusal.value.message


def priced(server: Any, **more: Any) -> TeacherSettings:
    return teacher_at(server, **({"price_in": 1.0, "price_out": 2.0} | more))


def most_of_one(project: Project, server: Any) -> float:
    """What one request can cost at most; its reply then costs a hundredth."""
    foreseen = estimate(project, teacher=priced(server))
    assert foreseen.most is not None
    return foreseen.most / foreseen.requests * 1.1


def test_the_bill_is_of_all_sittings_by_function_beside_the_papers(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        first = ask_teacher(project, teacher=priced(server), budget=most_of_one(project, server) + 0.0004)
        assert first.budget_spent and first.tally.replies > 0
        server.script = ["cut", "429", "malformed"]
        second = ask_teacher(project, teacher=priced(server))
        total = second.costs.total
        assert total.replies == server.delivered == first.tally.replies + second.tally.replies
        assert [total.tokens_in, total.tokens_out] == server.tokens
        assert total.spent == pytest.approx(Price(1.0, 2.0).of(*server.tokens)) and total.unknown == 2
        assert total.asked == len(server.asked) and total.held == pytest.approx(second.tally.held)
    by_function = second.costs.by_function
    assert set(by_function) >= {"set_lamp", "play_song", "none/chit-chat"}
    for field in ("asked", "replies", "unknown", "tokens_in", "tokens_out", "samples"):
        assert sum(getattr(cost, field) for cost in by_function.values()) == getattr(total, field)
    rows = [s for s in read_samples(project.samples_file) if s.teacher == "m"]  # the spec's own examples cost nothing
    held = [s for s in rows if not first_reason(s, project.spec, project.tokens, EN)]
    assert total.samples == len(held) and total.per_thousand == pytest.approx(total.spent / len(held) * 1000)
    assert second.costs.paper_per_thousand == PAPER_PER_THOUSAND == 0.0224
    record = json.loads(project.bill_file.read_text())
    assert record["total"]["spent"] == total.spent and set(record["by_function"]) == set(by_function)


def test_a_budget_is_of_all_sittings(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        budget = 2 * most_of_one(project, server) + 0.0004
        server.script = ["cut"]
        sittings = [ask_teacher(project, teacher=priced(server), budget=budget)]
        while sittings[-1].tally.asked:  # what one sitting has no room for, a smaller request of the next may have
            sittings.append(ask_teacher(project, teacher=priced(server), budget=budget))
        assert len(server.asked) == sum(s.tally.asked for s in sittings) > 1
        total = sittings[-1].costs.total
        assert 0.5 * budget < total.most <= budget and total.unknown == 1
        # The reply that was lost in the first sitting is held in all that follow, and a larger budget goes on.
        assert ask_teacher(project, teacher=priced(server), budget=1.0).short == {}


def test_what_had_no_price_on_the_day_is_valued_at_todays(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        free = ask_teacher(project, teacher=teacher_at(server))
        assert free.costs.total.unpriced == free.costs.total.replies > 0 and free.costs.total.spent == 0
        again = ask_teacher(project, teacher=priced(server), budget=1.0)
        assert again.tally.asked == 0 and again.costs.total.unpriced == 0
        assert again.costs.total.spent == pytest.approx(Price(1.0, 2.0).of(*server.tokens))


def test_a_price_of_the_day_stays_when_it_changes(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        before = ask_teacher(project, teacher=priced(server)).costs
        assert ask_teacher(project, teacher=priced(server, price_in=9.0)).costs == before


STEPS = st.lists(st.sampled_from(["reply", "reply uncounted", "refused", "lost", "killed", "torn"]), max_size=12)


@given(STEPS)
def test_every_try_is_counted_once_whatever_ends_it(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    folder = tmp_path_factory.mktemp("bill")
    ledger, replies = folder / "ledger.jsonl", folder / "replies.jsonl"
    for step in steps:
        writing, keeping = Ledger(ledger, "m", Price(1.0, 2.0)), Replies(replies, "m")
        sent = Sent.new("play_song/positive/train/0", (100, 50))
        writing.sent(sent)
        if step.startswith("reply"):
            tokens = (None, None) if step.endswith("uncounted") else (10, 5)
            keeping.keep(Request(f"{sent.number}"), Reply("x", "stop", *tokens), sent)
        elif step == "refused":
            writing.refused(sent)
        writing.close()
        keeping.close()
        if step == "torn":  # killed while the line was being written, before anything was sent
            ledger.write_bytes(ledger.read_bytes()[:-9])
    cost = cost_of(read_entries(ledger, replies))
    counted, uncounted, unknown = steps.count("reply"), steps.count("reply uncounted"), steps.count("lost")
    unknown += steps.count("killed")
    assert cost.asked == len(steps) - steps.count("torn") and cost.replies == counted + uncounted
    assert cost.unknown == unknown and cost.held == pytest.approx(unknown * 200e-6)
    assert cost.spent == pytest.approx(counted * 20e-6 + uncounted * 200e-6)
    Ledger(ledger, "m", None).close()  # mends a torn end
    # The same lines again, from another machine, change nothing.
    for file in (ledger, replies):
        if file.exists():
            file.write_bytes(file.read_bytes() * 2)
    assert cost_of(read_entries(ledger, replies)) == cost


def test_a_line_that_is_not_octos_is_told(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_text('{"sent": "12", "task": "t"}\n')
    with pytest.raises(BadInput, match="not as octo writes it"):
        read_entries(ledger, tmp_path / "replies.jsonl")


def test_ctrl_c_keeps_the_replies_that_are_on_their_way(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")

    def interrupt(tick: Any) -> None:
        # What Python makes of the signal. The signal itself is ignored where a shell runs the tests in the background.
        if server.delivered >= 3:
            raise KeyboardInterrupt

    with provider(writes) as server:
        server.script = ["good", "good", *["slow 0.2"] * 40]
        with pytest.raises(KeyboardInterrupt):
            ask_teacher(project, teacher=priced(server), on_tick=interrupt)
        assert server.delivered == len(server.asked) == len(project.replies_file.read_text().splitlines())
        assert json.loads(project.bill_file.read_text())["total"]["replies"] == server.delivered
    assert cost_of(entries_of(project, "m", None)).unknown == 0


def test_the_command_shows_the_price_and_the_bill(run: Any, tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    given = ["synth", "-C", project.root, "--teacher", "gemini", "--model"]
    shown = run(*given, "gemini-2.5-flash", "--dry-run").out
    assert "price of 2025-06-17: 0.3 USD for a million tokens sent, 2.5 back (octo's own price table: Google" in shown
    unknown = run(*given, "gemini-0", "--dry-run").out
    assert "no price is known: give [teacher] price_in and price_out in octo.toml" in unknown
    assert json.loads(run(*given, "gemini-2.5-flash", "--dry-run", "--json").out)["quote"]["date"] == "2025-06-17"
    with provider(writes) as server:
        (project.root / "prices.toml").write_text(
            '[[price]]\nmodel = "m"\ntokens_in = 2\ntokens_out = 6\ndate = 2026-11-23\nsource = "our [own] contract"\n'
        )
        asks = ["synth", "-C", project.root, "--teacher", "openai", "--model", "m", "--base-url", f"{server.url}/v1"]
        server.script = ["cut"]
        done = run(*asks, "--budget", "1.0")
        spent = Price(2, 6).of(*server.tokens)
        assert done.code == 0 and f"in all: {server.delivered} replies, {spent:.4f} USD" in done.out
        assert "a thousand; the paper says 0.0224" in done.out and "  play_song: " in done.out
        assert "1 replies were lost on the way" in done.err and "USD so far of 1.00" in done.err
        assert json.loads(run(*asks, "--json").out)["costs"]["total"]["replies"] == server.delivered
    foreseen = run(*asks, "--dry-run").out
    assert "price of 2026-11-23" in foreseen and "(prices.toml: our [own] contract)" in foreseen
    assert "the bill so far:" in foreseen


def test_the_project_of_a_shard_has_its_own_bill(tmp_path: Path) -> None:
    project = Project(tmp_path, shard="1-of-2")
    assert project.ledger_file.parent == project.made == tmp_path / "data" / "shards" / "1-of-2"
    assert project.whole.ledger_file.parent == tmp_path / "data"
