"""Rows beside each other: what is a near-duplicate, what a contradiction, what leaks, and what is good variety."""

import json
from pathlib import Path
from typing import Any

import planted_faults
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz
from tiny_projects import fun, new_project, obj, write_rows

from octocli.core.near_texts import NEAR, near_texts
from octocli.core.samples import read_samples
from octocli.core.spec import Parameter
from octocli.stages.verify import VerifyReport, verify

HOUSE: dict[str, Any] = {
    "app": "house",
    "description": "Doors, songs and trips.",
    "functions": [
        fun("lock_door", obj({"door": {"type": "string", "enum": ["front", "back"]}}, ("door",))),
        fun("unlock_door", obj({"door": {"type": "string", "enum": ["front", "back"]}}, ("door",))),
        fun("set_volume", obj({"level": {"type": "integer", "minimum": 0, "maximum": 100}}, ("level",))),
        fun("play_song", obj({"title": {"type": "string"}}, ("title",))),
        fun("find_route", obj({"start": {"type": "string"}, "end": {"type": "string"}}, ("start", "end"))),
        fun("stop_music"),
    ],
}


def row(
    query: str, name: str | None, split: str | None = "train", teacher: str = "llm", **given: Any
) -> dict[str, Any]:
    calls = [] if name is None else [{"name": name, "arguments": given}]
    told = {"query": query, "calls": calls, "teacher": teacher}
    return told | ({"split": split} if split else {})


def verified(tmp_path: Path, *rows: dict[str, Any]) -> tuple[dict[str, str], VerifyReport]:
    """The reason of each rejected query, and the report."""
    project = new_project(tmp_path / "p", HOUSE)
    write_rows(project.samples_file, list(rows))
    report = verify(project)
    rejected = [json.loads(line) for line in project.rejected_file.read_text().splitlines()]
    kept = {s.query for s in read_samples(project.accepted_file)}
    assert len(kept) + len(rejected) == len(rows)
    return {r["query"]: r["reason"] for r in rejected}, report


VARIETY = [
    (row("please unlock the front door for my friend", "unlock_door", door="front"),
     row("please lock the front door for my friend", "lock_door", door="front")),
    (row("could you please set the volume to ten today", "set_volume", level=10),
     row("could you please set the volume to one today", "set_volume", level=1)),
    (row("set the volume of my speakers to 30 now", "set_volume", level=30),
     row("set the volume of my speakers to 31 now", "set_volume", level=31)),
    (row("find me a route from Oslo to Rome", "find_route", start="Oslo", end="Rome"),
     row("find me a route from Rome to Oslo", "find_route", start="Rome", end="Oslo")),
    (row("turn that music off again", "stop_music"), row("turn off that music again", "stop_music")),
    (row("play the song humidifier for everybody", "play_song", title="humidifier"),
     row("play the song dehumidifier for everybody", "play_song", title="dehumidifier")),
    (row("please play the song hallo for us", "play_song", title="hallo"),
     row("please play the song hello for us", "play_song", title="hello")),
    (row("don't stop the music that is playing now", None), row("do stop the music that is playing now", "stop_music")),
]  # fmt: skip


@pytest.mark.parametrize("pair", VARIETY, ids=lambda pair: pair[1]["query"])
def test_rows_that_both_teach_are_both_kept(pair: tuple[dict[str, Any], ...], tmp_path: Path) -> None:
    assert verified(tmp_path, *pair)[0] == {}


DOUBLES = [
    ("near-duplicate", row("can you stop all the music in here", "stop_music"),
     row("can u stop all the music in here", "stop_music")),
    ("near-duplicate", row("who won the football match on sunday", None),
     row("who won the footbal match on sunday", None)),
    ("near-duplicate", row("play yellow submarine for all of us", "play_song", title="yellow submarine"),
     row("play yellow submarin for all of us", "play_song", title="yellow submarin")),
    ("contradiction", row("stop it", "stop_music"), row("please stop it", None)),
    ("contradiction", row("quiet now, that is enough of this noise", "stop_music"),
     row("quite now, that is enough of this noise", "set_volume", level=0)),
    ("contradiction", row("Do stop the music!", "stop_music"), row("the music do stop", None)),
    ("duplicate", row("find a way from oslo to rome", "find_route", start="oslo", end="rome"),
     row("Find a way from Oslo to Rome", "find_route", end="Rome", start="Oslo")),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "first", "second"), DOUBLES, ids=lambda value: str(value)[:40])
def test_the_second_of_two_rows_nearly_alike_goes(
    reason: str, first: dict[str, Any], second: dict[str, Any], tmp_path: Path
) -> None:
    second["teacher"] = ""  # an enum or a zero that nobody said would be caught before
    second["kind"] = "example"
    found, report = verified(tmp_path, first, second)
    assert {q: r.split(":")[0] for q, r in found.items()} == {second["query"]: reason}
    assert report.checks[reason].caught == 1 and report.checks[reason].looked_at == 2


def test_a_held_out_row_that_is_nearly_a_training_row_is_a_leak(tmp_path: Path) -> None:
    held_out = row("stop the music again, please", "stop_music", "test")
    found, report = verified(tmp_path, held_out, row("please stop the music again", "stop_music", "train"))
    assert list(found) == [held_out["query"]] and "nearly the words of" in found[held_out["query"]]
    assert report.leaks["near"] == 0 and report.checks["leak"].caught == 1


def test_imported_rows_that_are_nearly_alike_stay_and_are_counted(tmp_path: Path) -> None:
    rows = [row("stop all the music in here please", "stop_music", side, "import") for side in ("train", "test")]
    rows[1]["query"] = "please stop all music in here"
    found, report = verified(tmp_path, *rows)
    assert found == {} and report.leaks["near"] == 1


def test_a_row_of_a_teacher_yields_to_one_that_the_team_brought(tmp_path: Path) -> None:
    ours = row("stop all the music in here please", "stop_music", "train", "builtin")
    theirs = row("please stop all music in here", "stop_music", "test", "import")
    found, report = verified(tmp_path, ours, theirs)
    assert list(found) == [ours["query"]] and report.accepted == {"test": 1}


def test_the_report_and_its_file_tell_what_each_check_did(tmp_path: Path) -> None:
    rows = [
        row("stop it", "stop_music"),
        row("stop it now", "stop_music"),
        row("fly", "fly"),
        row("Stop it", "stop_music"),
    ]
    _, report = verified(tmp_path, *rows)
    written = json.loads((tmp_path / "p" / "data" / "verify.json").read_text())["checks"]
    assert {n: (c["looked_at"], c["caught"]) for n, c in written.items()} == {
        "schema": (4, 1), "syntax": (3, 0), "said": (3, 0), "grounding": (3, 0), "duplicate": (3, 1),
        "contradiction": (2, 0), "near-duplicate": (2, 0), "leak": (2, 0),
    }  # fmt: skip
    assert all(c["seconds"] >= 0 for c in written.values())
    assert {n: c.caught for n, c in report.checks.items() if c.caught} == report.reasons


WORDS = st.lists(
    st.sampled_from(["turn", "turns", "on", "off", "the", "lamp", "lamps", "in", "kitchen", "kitchens", "7", "8"]),
    min_size=1,
    max_size=12,
)


@given(st.lists(WORDS.map(" ".join), max_size=25, unique=True))
def test_the_search_finds_the_pairs_that_a_comparison_of_all_finds(texts: list[str]) -> None:
    found = {frozenset((place, other)) for place, others in near_texts(texts) for other in others}
    keys = [" ".join(sorted(t.split())) for t in texts]
    digits = [sorted(c for c in t if c.isdigit()) for t in texts]
    every = {
        frozenset((i, j))
        for i in range(len(texts))
        for j in range(i)
        if digits[i] == digits[j] and fuzz.ratio(keys[i], keys[j]) >= NEAR
    }
    assert found == every


@pytest.mark.slow
def test_the_guide_tells_what_is_caught_and_what_is_missed(tmp_path: Path) -> None:
    counts, alarms, untouched = planted_faults.tally(tmp_path)
    assert planted_faults.shown() == planted_faults.table(counts, alarms, untouched)
    assert all(count.planted >= planted_faults.EACH for count in counts.values())
    whole = [name for name, count in counts.items() if count.caught_by.total() == count.planted]
    assert len(whole) >= 10 and alarms.total() <= 0.01 * untouched


def test_several_of_a_listed_thing_say_it() -> None:
    from octocli.stages.checks import _grounded
    from octocli.teachers.builtin.packs import language_of

    towel = Parameter("item", {"type": "string", "enum": ["bath_towel", "adapter"]}, required=True)
    assert _grounded("bath_towel", towel, " 3 bath towels please ", language_of("en"))
    assert not _grounded("adapter", towel, " 3 bath towels please ", language_of("en"))
