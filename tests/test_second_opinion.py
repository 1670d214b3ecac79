"""A second opinion on samples: what the judge is shown, what its verdicts do, and that none is paid for twice."""

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
from test_ask_teacher import project_at, teacher_at, writes
from tiny_projects import LAMPS, environment

from octocli.core.config import TeacherSettings
from octocli.core.errors import BadInput, Interrupted, Refused
from octocli.core.project import Project, open_project
from octocli.core.samples import Sample, read_lines, read_samples
from octocli.core.spec import parse_spec
from octocli.stages.ask_teacher import ask_teacher
from octocli.stages.billing import cost_of, entries_of
from octocli.stages.build import build
from octocli.stages.import_samples import import_samples
from octocli.stages.second_opinion import second_opinion
from octocli.stages.verify import is_verified, verify
from octocli.teachers.completions import Reply
from octocli.teachers.judging import BATCH, OPINION, batches, read_opinions, read_verdicts, request_of
from octocli.teachers.prices import Price

SHOWN = re.compile(r'^(\d+)\. (".*") -> (none|\[.*\]|\{.*\})(?:  \(said at .*\))?$', re.M)
REPLAY = TeacherSettings(name="replay", model="m")


def is_judging(prompt: str) -> bool:
    return '"verdicts"' in prompt


def judged(prompt: str) -> list[dict[str, Any]]:
    """The verdicts of a judge that sees everything: the function's words are in the query, or none is."""
    verdicts = []
    for number, query, calls in SHOWN.findall(prompt):
        text = f" {json.loads(query)} "
        names = [str(c["name"]) for c in _calls(calls)]
        said = [f["name"] for f in LAMPS["functions"] if f" {f['name'].replace('_', ' ')} " in text]
        verdicts.append({"n": int(number), "reason": f"said {said}", "ok": sorted({*names}) == sorted({*said})})
    return verdicts


def _calls(text: str) -> list[Any]:
    data = [] if text == "none" else json.loads(text)
    return data if isinstance(data, list) else [data]


def judges(prompt: str) -> str:
    return json.dumps({"verdicts": judged(prompt)}) if is_judging(prompt) else writes(prompt)


def muddles(prompt: str) -> str:
    """A teacher that now and then says another function's name where the checks do not see it; a good judge."""
    if is_judging(prompt):
        return judges(prompt)
    lines = json.loads(writes(prompt))["lines"]
    for line in lines:
        chance = random.Random(line["text"])
        if "Earlier words" not in prompt and chance.random() < 0.2:
            line["text"] = line["text"].replace("stop music", "play song") if "stop music" in line["text"] else (
                f"{line['text']} stop music"
            )  # fmt: skip
    return json.dumps({"lines": lines})


def filled(root: Path, answer: Callable[[str], str]) -> Project:
    project = project_at(root)
    with provider(answer) as server:
        ask_teacher(project, teacher=teacher_at(server))
    return project


def prompts(server: ProviderServer) -> list[str]:
    return [one["body"]["messages"][-1]["content"] for one in server.asked]


def test_what_the_judge_rejects_is_rejected_for_good_and_written_anew(tmp_path: Path) -> None:
    project = filled(tmp_path / "p", muddles)
    with provider(muddles) as server:
        report = second_opinion(project, teacher=teacher_at(server))
        assert report.wrong > 10 and report.unjudged == 0
        # A control made of a row that is wrong itself may come out right.
        assert report.caught >= 0.9 * report.controls > 9
        assert report.verification.reasons[OPINION] == report.wrong
        rejected = [line for _, line in read_lines(project.rejected_file) if line["reason"].startswith("opinion: said")]
        assert len(rejected) == report.wrong and is_verified(project)
        assert verify(project) == report.verification, "plain verify forgot the verdicts"
        asked = len(server.asked)
        anew = ask_teacher(project, teacher=teacher_at(server))
        told = [p for p in prompts(server)[asked:] if "Earlier words for it were rejected" in p]
        assert told and all(": said [" in p for p in told) and anew.added > report.wrong / 2
        again = second_opinion(project, teacher=teacher_at(server))
        last = ask_teacher(project, teacher=teacher_at(server))
    assert anew.short == last.short == {} and again.wrong < report.wrong * 1.3 and again.unjudged == 0


def test_nothing_is_judged_twice_and_a_replay_ends_with_the_same_bytes(tmp_path: Path) -> None:
    project = filled(tmp_path / "p", muddles)
    with provider(muddles) as server:
        for _ in range(2):
            second_opinion(project, teacher=teacher_at(server))
            ask_teacher(project, teacher=teacher_at(server))
        second_opinion(project, teacher=teacher_at(server))
        asked = len(server.asked)
        assert second_opinion(project, teacher=teacher_at(server)).tally.asked == 0 and len(server.asked) == asked
    bodies = prompts(server)
    assert len(set(bodies)) == len(bodies)
    replayed = project_at(tmp_path / "again")
    replayed.replies_file.parent.mkdir(exist_ok=True)
    replayed.replies_file.write_bytes(project.replies_file.read_bytes())
    ask_teacher(replayed, teacher=REPLAY)
    second_opinion(replayed, teacher=REPLAY)
    for file in ("samples", "accepted", "rejected"):
        same = f"data/{file}.jsonl"
        assert (replayed.root / same).read_bytes() == (project.root / same).read_bytes(), file


def test_a_row_is_worded_anew_twice_at_most(tmp_path: Path) -> None:
    def says_no(prompt: str) -> str:
        if not is_judging(prompt):
            return writes(prompt)
        verdicts = judged(prompt)
        for number, query, _ in SHOWN.findall(prompt):
            verdicts[int(number)]["ok"] &= "kitchen" not in query
        return json.dumps({"verdicts": verdicts})

    project = project_at(tmp_path / "p")
    with provider(says_no) as server:
        for _ in range(6):
            ask_teacher(project, teacher=teacher_at(server))
            second_opinion(project, teacher=teacher_at(server))
    rows = read_samples(project.samples_file)
    mended = [row.extra.get("mends", 0) for row in rows]
    assert max(mended) == 2 and mended.count(2) > 0
    assert not any("kitchen" in row.query for row in read_samples(project.accepted_file) if row.kind != "example")


def test_the_judge_is_led_nowhere(tmp_path: Path) -> None:
    project = filled(tmp_path / "p", writes)
    verify(project)
    with provider(judges) as server:
        second_opinion(project, teacher=teacher_at(server))
    spoken, mixed = prompts(server), 0
    for prompt in spoken:
        items = SHOWN.findall(prompt)
        assert 0 < len(items) <= BATCH + 1
        mixed += len({calls == "none" for _, _, calls in items}) == 2
        for word in ("positive", "near-miss", "kind", "chit-chat", "builtin"):
            assert word not in prompt
    assert mixed > 0.8 * len(spoken), "yes and no stand together"
    places = [batch.control for batch in batches(read_samples(project.accepted_file), 0, 0)]
    assert len(set(places)) > 3, "the control has no place of its own"
    schema = server.asked[0]["body"]["response_format"]["json_schema"]["schema"]
    fields = list(schema["properties"]["verdicts"]["items"]["properties"])
    assert fields.index("reason") < fields.index("ok")


def test_the_order_of_the_store_is_not_that_of_the_judge(tmp_path: Path) -> None:
    rows = [Sample(f"play song {i}", ({"name": "play_song", "arguments": {"title": str(i)}},)) for i in range(25)]
    rows += [Sample(f"hello {i}") for i in range(25)]
    one, other = batches(rows, 0, 0), batches(rows[::-1], 0, 0)
    assert one == other != batches(rows, 0, 1)
    spec = parse_spec(LAMPS)
    for batch in one:
        assert batch.control is not None and batch.about[batch.control] is None
        wrong = batch.rows[batch.control]
        assert wrong.id not in {row.id for row in rows} and wrong.query in request_of(batch, spec).prompt
    assert {row for batch in one for row in batch.about if row} == {row.id for row in rows}


def test_a_judge_that_says_yes_to_everything_is_found_out(run: Any, tmp_path: Path) -> None:
    def nods(prompt: str) -> str:
        return json.dumps({"verdicts": [{**v, "ok": True} for v in judged(prompt)]})

    project = filled(tmp_path / "p", writes)
    with provider(nods) as server:
        given = ["-C", project.root, "--teacher", "openai", "--model", "m", "--base-url", f"{server.url}/v1"]
        done = run("verify", *given, "--second-opinion")
    assert done.code == 0 and "its yes says little" in done.err


def test_a_reply_without_sense_leaves_rows_unjudged_and_says_so(tmp_path: Path) -> None:
    def mumbles(prompt: str) -> str:
        verdicts = judged(prompt)[1:]
        last = [{**verdict, "ok": "perhaps"} for verdict in verdicts[-1:]]  # a small batch may have none
        return json.dumps({"verdicts": [*verdicts[:-1], *last, {"n": 99, "ok": False}, 7]})

    project = filled(tmp_path / "p", writes)
    accepted = verify(project).accepted
    with provider(mumbles) as server:
        report = second_opinion(project, teacher=teacher_at(server))
        assert report.unjudged > 0 and report.verification.accepted == accepted and report.wrong == 0
        asked = len(server.asked)
        again = second_opinion(project, teacher=teacher_at(server))
        assert len(server.asked) == asked and again.unjudged == report.unjudged, "a third try"


def test_own_rows_are_judged_on_demand_and_never_dropped(tmp_path: Path) -> None:
    project = filled(tmp_path / "p", writes)
    mine = tmp_path / "mine.jsonl"
    mine.write_text('{"query": "silence, I beg you", "calls": [{"name": "stop_music", "arguments": {}}]}\n')
    import_samples(project, mine)
    with provider(judges) as server:
        plain = second_opinion(project, teacher=teacher_at(server))
        assert not any("I beg you" in prompt for prompt in prompts(server)) and plain.doubted == ()
        asked = second_opinion(project, teacher=teacher_at(server), own_rows=True)
    # The judge knows its teacher's words alone; a spec's example is a person's too.
    assert sorted(asked.doubted) == [("play yellow submarine", "said []"), ("silence, I beg you", "said []")]
    assert asked.unjudged == 0
    assert any(row.query == "silence, I beg you" for row in read_samples(project.accepted_file))
    assert any("I beg you" in row.query for row in read_samples(project.samples_file)) and verify(project).accepted


def test_a_budget_is_held_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    project = filled(tmp_path / "p", writes)
    with provider(judges) as server:
        who = teacher_at(server, price_in=1.0, price_out=1.0)
        before = cost_of(entries_of(project, "m", Price(1.0, 1.0))).most
        # Enough for most requests one at a time and not for the longest: it ends however fast the replies come.
        small = second_opinion(project, teacher=who, budget=before + 0.006)
        assert (
            before > 0 and small.budget_spent and 0 < small.tally.spent + small.tally.held <= 0.006 and small.unjudged
        )
        rest = second_opinion(project, teacher=who, budget=10.0)
        assert not rest.budget_spent and rest.unjudged == 0
        with pytest.raises(BadInput, match="needs the prices"):
            second_opinion(project, teacher=teacher_at(server), budget=1.0)
    judged_ids = [row for _, line in read_lines(project.replies_file) for row in line.get("about", ()) if row]
    assert len(set(judged_ids)) == len(judged_ids)


def test_a_killed_judging_asks_for_no_verdict_twice(tmp_path: Path) -> None:
    def slowly(prompt: str) -> str:
        time.sleep(0.05)
        return judges(prompt)

    project = filled(tmp_path / "p", writes)
    with provider(slowly) as server:
        command = [
            *(sys.executable, "-m", "octocli.cli.main", "verify", "-C", str(project.root), "--second-opinion"),
            *("--teacher", "openai", "--model", "m", "--base-url", f"{server.url}/v1"),
        ]
        process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while len(server.asked) < 6 and process.poll() is None:
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -signal.SIGKILL, "the kill came too late"
        with project.replies_file.open("ab") as file:
            file.write(b'{"asked": "12", "task": "opi')
        kept = sum(1 for line in project.replies_file.read_bytes().splitlines()[:-1] if b'"opinion"' in line)
        before = len(server.asked)
        assert verify(open_project(project.root)).accepted
        subprocess.run(command, env=environment(), check=True, capture_output=True)
    judged_ids = [row for _, line in read_lines(project.replies_file) for row in line.get("about", ()) if row]
    assert len(set(judged_ids)) == len(judged_ids) == len(read_opinions(project.replies_file).verdicts)
    assert kept >= before - TeacherSettings().at_once


def test_imported_rows_of_another_project_stand_on_no_bill(tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    mine = tmp_path / "mine.jsonl"
    marks = '"cell": "stop_music/positive/train", "task": "stop_music/positive/train/0", "mends": 2'
    mine.write_text(f'{{"query": "hush", "calls": [{{"name": "stop_music", "arguments": {{}}}}], {marks}}}\n')
    import_samples(project, mine)
    assert read_samples(project.samples_file)[0].extra == {}


@pytest.mark.parametrize("line", ['{"a": 1}', "[1]", "7"])
def test_a_rejected_row_that_is_not_octos_is_told(tmp_path: Path, line: str) -> None:
    project = filled(tmp_path / "p", writes)
    verify(project)
    project.rejected_file.write_text(f"{line}\n")
    with pytest.raises(BadInput, match=r"rejected\.jsonl:1: not a row") as told, provider(writes) as server:
        ask_teacher(project, teacher=teacher_at(server))
    assert "octo verify" in told.value.hint


def judging_project(root: Path, server: ProviderServer) -> Project:
    project = filled(root, muddles)
    teacher = f'name = "openai"\nmodel = "m"\nbase_url = "{server.url}/v1"\nsecond_opinion = true\nat_once = 1'
    project.config_file.write_text(
        f"{project.config_file.read_text()}\n[teacher]\n{teacher}\nprice_in = 1\nprice_out = 1\n"
    )
    return open_project(project.root)


def test_build_trains_on_no_row_that_waits_for_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Interrupted("the samples are all that is asked about here")

    monkeypatch.setattr("octocli.stages.build.train", stop)
    with provider(muddles) as server:
        project = judging_project(tmp_path / "p", server)
        spent = cost_of(entries_of(project, "m", Price(1.0, 1.0))).most
        for _ in range(2):
            with pytest.raises(Refused, match="before all verdicts"):
                build(project, budget=spent + 0.0065)
        with pytest.raises(Interrupted):
            build(project, budget=9.0)
        asked = len(server.asked)
        ids = {row.id for row in read_samples(project.accepted_file) if row.kind != "example"}
        assert ids <= set(read_opinions(project.replies_file).verdicts)
        with pytest.raises(Interrupted):
            build(project, budget=9.0)
        assert len(server.asked) == asked


def test_build_killed_between_verdicts_and_mends_goes_on_with_the_mends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Interrupted("stopped")

    monkeypatch.setattr("octocli.stages.build.train", stop)
    made = []
    for name in ("whole", "torn"):
        with provider(muddles) as server:
            project = judging_project(tmp_path / name, server)
            if name == "torn":
                with monkeypatch.context() as patch, pytest.raises(Interrupted):
                    calls = iter([ask_teacher, stop])
                    patch.setattr("octocli.stages.build.ask_teacher", lambda *a, calls=calls, **k: next(calls)(*a, **k))
                    build(project, budget=9.0)
                assert is_verified(project)
            with pytest.raises(Interrupted):
                build(project, budget=9.0)
        made.append([(project.root / f"data/{f}.jsonl").read_bytes() for f in ("samples", "accepted", "rejected")])
    assert made[0] == made[1]


def test_the_command_tells_what_was_said(run: Any, tmp_path: Path) -> None:
    project = filled(tmp_path / "p", muddles)
    with provider(judges) as server:
        given = ["-C", project.root, "--teacher", "openai", "--model", "m", "--base-url", f"{server.url}/v1"]
        assert run("verify", *given).code == 2
        done = run("verify", *given, "--second-opinion")
        again = json.loads(run("verify", *given, "--second-opinion", "--json").out)
    assert done.code == 0 and f"{again['right']} right, {again['wrong']} wrong, 0 without a verdict" in done.out
    assert f"{server.delivered} replies" in done.out and again["tally"]["asked"] == 0
    refused = run("verify", "-C", project.root, "--second-opinion")
    assert refused.code == 2 and "no opinion" in refused.err


_VERDICTS = st.lists(
    st.fixed_dictionaries({"n": st.integers(-1, 4) | st.text(), "ok": st.booleans() | st.none(), "reason": st.text()})
    | st.integers()
)


@given(_VERDICTS | st.text())
def test_a_verdict_is_a_clear_yes_or_no_about_one_row(said: Any) -> None:
    found = read_verdicts(["a", None, "b"], Reply(json.dumps({"verdicts": said}), "stop", 1, 1))
    for number, verdict in found.items():
        about = {item["ok"] for item in said if isinstance(item, dict) and item["n"] == number and not isinstance(
            item["n"], bool) and isinstance(item["ok"], bool)}  # fmt: skip
        assert 0 <= number < 3 and about == {verdict.ok} and verdict.reason
