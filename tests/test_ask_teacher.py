"""`octo synth` with an LLM: what it is asked, what is taken from its replies, and that nothing is paid for twice."""

import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provider_server import ProviderServer, provider
from tiny_projects import LAMPS, environment, new_project, toml

from octocli.core.config import TeacherSettings
from octocli.core.errors import BadInput, Interrupted, Refused
from octocli.core.project import Project, open_project
from octocli.core.samples import Sample, read_samples
from octocli.core.spec import parse_spec
from octocli.stages.ask_teacher import ask_teacher
from octocli.stages.build import build
from octocli.stages.verify import verify
from octocli.teachers.completions import Reply
from octocli.teachers.prices import Price
from octocli.teachers.prompting import Unusable
from octocli.teachers.wording import NEGATIVE_KINDS, Task, read_reply, request_of

ITEM = re.compile(r"^(\d+)\. (?:(\[.*\]|\{.*\})  )?\(.*\)$", re.M)


def writes(prompt: str) -> str:
    """What a good teacher would write: two lines an item, with every value in them."""
    lines = []
    for number, calls in ITEM.findall(prompt):
        chance = random.Random(f"{prompt}/{number}")
        for _ in range(2 if calls else 1):
            words = [chance.choice(["please", "could you", "now", "hey", "i want"]), f"{chance.randrange(10**6)}x"]
            for call in _as_list(calls):
                words += [call["name"].replace("_", " "), *(_said(k, v) for k, v in call["arguments"].items())]
            lines.append({"n": int(number), "text": " ".join(words)})
    return json.dumps({"lines": lines})


def _as_list(calls: str) -> list[Any]:
    data = json.loads(calls) if calls else []
    return data if isinstance(data, list) else [data]


def _said(name: str, value: Any) -> str:
    return f"{'' if value else 'not '}{name}" if isinstance(value, bool) else str(value)


def project_at(root: Path) -> Project:
    settings = toml(synth="negatives = 0.5\nparallel = 0.2\nmissing = 0.2")
    return new_project(root, LAMPS, settings.replace("per_function = 8", "per_function = 20", 1))


def teacher_at(server: ProviderServer, **more: Any) -> TeacherSettings:
    given = {"name": "openai", "model": "m", "base_url": f"{server.url}/v1", "at_once": 8}
    return TeacherSettings(**(given | more))


def test_every_cell_is_filled_with_rows_that_hold(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        report = ask_teacher(project, teacher=teacher_at(server))
    assert report.short == {} and report.failed == {} and report.unusable == {}
    rows = read_samples(project.samples_file)
    assert report.added == len(rows) == len({r.id for r in rows})
    assert {r.teacher for r in rows if r.kind != "example"} == {"m"} and set(NEGATIVE_KINDS) <= {r.kind for r in rows}
    # The spec's own examples need no teacher; one of the two says no calls.
    assert [r.query for r in rows if r.kind == "example"] == ["play yellow submarine"] and rows[0].kind == "example"
    assert any(len(r.calls) == 2 for r in rows) and any(c.get("missing") for r in rows for c in r.calls)
    assert report.tally.replies == server.delivered == len(server.asked)
    verified = verify(project)
    assert verified.accepted["train"] >= 0.8 * sum(n for c, n in report.by_cell.items() if c.endswith("train"))
    assert not any(verified.leaks.values())


def test_the_same_command_asks_nothing_that_was_answered(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        ask_teacher(project, teacher=teacher_at(server))
        before, asked = project.samples_file.read_bytes(), len(server.asked)
        again = ask_teacher(project, teacher=teacher_at(server))
        assert len(server.asked) == asked and again.added == 0 and again.tally.asked == 0
        assert project.samples_file.read_bytes() == before
    replayed = project_at(tmp_path / "again")
    replayed.replies_file.parent.mkdir(exist_ok=True)
    replayed.replies_file.write_bytes(project.replies_file.read_bytes())
    report = ask_teacher(replayed, teacher=TeacherSettings(name="replay", model="m"))
    assert replayed.samples_file.read_bytes() == before and report.tally.spent == 0


def test_lines_that_do_not_hold_are_kept_and_asked_for_anew(tmp_path: Path) -> None:
    def careless(prompt: str) -> str:
        lines = json.loads(writes(prompt))["lines"]
        for line in lines[::4]:
            line["text"] = f"nothing of what was asked {random.Random(line['text']).random()}"
        return json.dumps({"lines": lines})

    project = project_at(tmp_path / "p")
    with provider(careless) as server:
        report = ask_teacher(project, teacher=teacher_at(server))
    assert report.short == {} and report.rejected["grounding"] > 10
    verified = verify(project)
    assert verified.reasons["grounding"] == report.rejected["grounding"]


def test_troubled_and_unusable_replies_are_named(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        server.script = ["safety", "length", "429", "new", "cut", "wrong types", "good"]
        report = ask_teacher(project, teacher=teacher_at(server, at_once=2))
    assert report.short == {} and report.unusable == {"blocked by the provider": 1} and report.tally.unknown == 2


def test_a_budget_ends_it_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        who = teacher_at(server, price_in=1.0, price_out=1.0)
        small = ask_teacher(project, teacher=who, budget=0.0055)
        assert small.budget_spent and 0 < small.tally.spent + small.tally.held <= 0.0055 and small.short
        asked = len(server.asked)
        rest = ask_teacher(project, teacher=who, budget=10.0)
        assert not rest.budget_spent and rest.short == {}
    # What the first sitting paid for was not asked again.
    prompts = [json.dumps(one["body"]["messages"]) for one in server.asked]
    assert len(set(prompts)) == len(prompts) > asked


def test_a_budget_without_prices_is_refused(tmp_path: Path) -> None:
    with provider(writes) as server, pytest.raises(BadInput, match="needs the prices") as refusal:
        ask_teacher(project_at(tmp_path / "p"), teacher=teacher_at(server), budget=1.0)
    assert "price_in" in refusal.value.hint and server.asked == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"name": "openai"}, "needs a model"),
        ({"name": "openai", "model": "m"}, "needs a key or an endpoint"),
        ({"name": "gemini", "model": "m"}, "needs a key"),
        ({"name": "gguf", "model": "none.gguf"}, "no such file"),
    ],
)
def test_a_teacher_that_cannot_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], says: str
) -> None:
    for name in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(BadInput, match=says):
        ask_teacher(project_at(tmp_path / "p"), teacher=TeacherSettings(**settings))


PLANNED = (Sample("", ({"name": "play_song", "arguments": {"title": "Blue"}},), kind="positive"),) * 2
TASK = Task("play_song/positive/train", "train", 0, PLANNED)


def test_the_request_shows_the_calls_and_not_what_the_builtin_teacher_said() -> None:
    spec = parse_spec(LAMPS)
    planned = Sample("crank up Blue", PLANNED[0].calls, said={"/0/arguments/title": "Blue"})
    asked = request_of(Task("c", "train", 0, (planned,)), spec, 0)
    assert '"title": "Blue"' in asked.prompt and "crank" not in asked.prompt
    assert asked == request_of(Task("c", "train", 0, (planned,)), spec, 0)
    assert asked != request_of(Task("c", "train", 1, (planned,)), spec, 0), "two tasks would share a reply"


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ('{"lines": [{"n": 0, "text": "play  Blue"}, {"n": 1, "text": "Blue!"}]}', ["play Blue", "Blue!"]),
        ('```json\n{"lines": [{"n": 0, "text": "a"}]}\n```', ["a"]),
        ('[{"n": 0, "text": "a"}]', ["a"]),
        ('{"lines": [{"n": 0, "text": "a"}, {"n": 1, "te', ["a"]),
        ('{"lines": [{"n": 9, "text": "a"}, {"n": "0", "text": "b"}, 7, {"n": 1, "text": " "}]}[{"n": 1}', None),
        ('{"lines": [{"n": 9, "text": "a"}, {"n": "0", "text": "b"}, 7, {"n": 1, "text": "c"}]}', ["c"]),
        ('{"lines": [{"n": 0, "text": "so \\ud83d"}, {"n": 1, "text": "\\ud83d"}]}', ["so"]),
        ("[" * 100_000, None),
        ('{"a":' * 100_000, None),
    ],
)  # fmt: skip
def test_whole_lines_are_taken_whatever_stands_around_them(text: str, queries: list[str] | None) -> None:
    if queries is None:
        with pytest.raises(Unusable):
            read_reply(TASK, Reply(text, "stop", 1, 1))
        return
    samples = read_reply(TASK, Reply(text, "stop", 1, 1))
    assert [s.query for s in samples] == queries and all(s.calls == PLANNED[0].calls for s in samples)


_JSON = st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))


@given(st.text() | _JSON.map(json.dumps))
def test_any_reply_gives_samples_or_a_reason(text: str) -> None:
    try:
        assert read_reply(TASK, Reply(text, "stop", 1, 1))
    except Unusable as error:
        assert "no line" in str(error)


def test_a_project_says_who_its_teacher_is(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    with provider(writes) as server:
        text = project.config_file.read_text()
        project.config_file.write_text(
            f'{text}\n[teacher]\nname = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\n'
        )
        assert ask_teacher(open_project(project.root)).short == {}


def with_teacher(project: Project, server: ProviderServer, more: str = "") -> Project:
    """The project with the server as its teacher, in octo.toml."""
    text = project.config_file.read_text().replace("epochs = 12", "epochs = 1")
    teacher = f'[teacher]\nname = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\nat_once = 8\n{more}\n'
    project.config_file.write_text(f"{text}\n{teacher}")
    return open_project(project.root)


def test_build_has_the_teacher_of_the_project_write_and_judge(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from test_second_opinion import is_judging, muddles

    def stop(*_: Any, **__: Any) -> None:
        raise Interrupted("the samples are all that is asked about here")

    monkeypatch.setattr("octocli.stages.build.train", stop)
    with provider(muddles) as server:
        project = with_teacher(project_at(tmp_path / "p"), server, "second_opinion = true")
        done = run("build", "-C", project.root)
        assert done.code == 130, done.err
        asked = len(server.asked)
        assert any(is_judging(one["body"]["messages"][-1]["content"]) for one in server.asked)
        assert done.out.count("second opinion: ") > 1, "what was rejected was not written anew"
        again = run("build", "-C", project.root)
        assert "synth: up to date" in again.out and len(server.asked) == asked
    rows = read_samples(project.accepted_file)
    assert {row.teacher for row in rows if row.kind != "example"} == {"m"} and len(rows) > 300


def test_build_spends_nothing_without_a_limit_and_never_more_than_it(run: Any, tmp_path: Path) -> None:
    with provider(writes) as server:
        prices = "price_in = 1.0\nprice_out = 1.0"
        project = with_teacher(project_at(tmp_path / "p"), server, f"{prices}\nsecond_opinion = true")
        refused = run("build", "-C", project.root)
        assert refused.code == 2 and "--budget" in refused.err and server.asked == []
        short = run("build", "-C", project.root, "--budget", "0.0055")
        assert short.code == 3 and "budget ended before all samples" in short.err and server.asked
        assert sum(server.tokens) / 1e6 <= 0.0055 and not project.verified_record.exists()
    builtin = project_at(tmp_path / "builtin")
    assert run("build", "-C", builtin.root, "--budget", "1.0").code == 2


def test_build_does_not_go_on_without_what_failed(tmp_path: Path) -> None:
    with provider(writes) as server:
        project = with_teacher(project_at(tmp_path / "p"), server)
        server.script = ["429"] * 6
        project.config_file.write_text(project.config_file.read_text().replace("at_once = 8", "at_once = 1"))
        with pytest.raises(Refused, match="samples are missing: 1 requests failed"):
            build(open_project(project.root))
    assert not project.verified_record.exists()


def test_the_command_asks_and_tells_the_bill(run: Any, tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    settings = project.config_file.read_text() + "\n[teacher]\nprice_in = 2.0\nprice_out = 6.0\n"
    project.config_file.write_text(settings)
    with provider(writes) as server:
        given = ["-C", project.root, "--teacher", "openai", "--model", "m", "--base-url", f"{server.url}/v1"]
        foreseen = json.loads(run("synth", *given, "--dry-run", "--json").out)
        assert server.asked == [] and foreseen["cost"] < foreseen["most"]
        done = run("synth", *given, "--budget", "1.0")
        assert done.code == 0 and len(server.asked) >= foreseen["requests"] > 0
        spent = (2.0 * server.tokens[0] + 6.0 * server.tokens[1]) / 1e6
        assert f"{server.delivered} replies" in done.out and f"{spent:.4f} USD" in done.out
        again = json.loads(run("synth", *given, "--json").out)
        assert again["added"] == 0 and again["tally"]["asked"] == 0
    assert json.loads(run("synth", *given, "--dry-run", "--json").out)["requests"] == 0
    refused = run("synth", "-C", project.root, "--budget", "1.0")
    assert refused.code == 2 and "costs nothing" in refused.err
    assert run("synth", "-C", project.root, "--teacher", "oracle").code == 2


def slowly(prompt: str) -> str:
    time.sleep(0.1)
    return writes(prompt)


def started(project: Project, server: ProviderServer) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, "-m", "octocli.cli.main", "synth", "-C", str(project.root), "--teacher", "openai"),
        *("--model", "m", "--base-url", f"{server.url}/v1", "--budget", "9.0"),
    ]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_ten_kills_at_any_moment_change_nothing_in_the_result(tmp_path: Path) -> None:
    kills, chance = ["kept", "asking", "starting", "kept", "asking"] * 2, random.Random(3)
    whole, torn = priced_at(tmp_path / "whole"), priced_at(tmp_path / "torn")
    with provider(slowly) as server:
        spawned = time.monotonic()
        assert started(whole, server).wait() == 0
        asked, begin, end = len(server.asked), server.asked[0]["at"], server.asked[-1]["at"]
        for kill in kills:
            kept, asked_before, process = replies_in(torn), len(server.asked), started(torn, server)
            if kill == "starting":
                wait_until(process, lambda: len(server.asked), asked_before + 1, chance.uniform(0, begin - spawned))
            elif kill == "kept":
                # Of those that the command kept: what the server sent may be lost to the kill.
                wait_until(process, lambda: replies_in(torn), kept + chance.randrange(1, asked // 6))
            else:
                wait_until(process, lambda: len(server.asked), asked_before + 1)
                time.sleep(chance.uniform(0, (end - begin) / 10))
            process.kill()
            assert process.wait() == -signal.SIGKILL, "the kill came too late"
            assert whole.samples_file.read_bytes().startswith(rows_of(torn)), f"after a kill while {kill}"
        assert 0 < len(rows_of(torn)) < len(rows_of(whole)), "the kills are not spread over the run"
        assert started(torn, server).wait() == 0
    assert torn.samples_file.read_bytes() == whole.samples_file.read_bytes()
    # What was on its way at a kill may be asked for once more; nothing else is.
    on_its_way = len(kills) * TeacherSettings().at_once
    assert asked <= len(server.asked) - asked <= asked + on_its_way
    # And it is on the bill: whatever the server served costs no more than what is spent and held.
    one, other = (json.loads(project.bill_file.read_text())["total"] for project in (whole, torn))
    assert one["unknown"] == 0 and one["replies"] == other["replies"] == asked
    assert other["spent"] == pytest.approx(one["spent"]) and other["per_thousand"] == pytest.approx(one["per_thousand"])
    assert (
        len(server.asked) - 2 * asked <= other["unknown"] <= on_its_way and other["asked"] == asked + other["unknown"]
    )
    assert one["spent"] + other["spent"] + other["held"] >= Price(1.0, 2.0).of(*server.tokens)


def priced_at(root: Path) -> Project:
    project = project_at(root)
    settings = project.config_file.read_text().replace("per_function = 20", "per_function = 40")
    project.config_file.write_text(settings + "\n[teacher]\nprice_in = 1.0\nprice_out = 2.0\n")
    return open_project(root)


def replies_in(project: Project) -> int:
    """How many whole lines there are."""
    return project.replies_file.read_bytes().count(b"\n") if project.replies_file.exists() else 0


def rows_of(project: Project) -> bytes:
    """The whole lines that are there."""
    content = project.samples_file.read_bytes() if project.samples_file.exists() else b""
    return content[: content.rfind(b"\n") + 1]


def wait_until(process: subprocess.Popen[bytes], count: Callable[[], int], goal: int, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while count() < goal and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
