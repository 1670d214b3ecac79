"""`octo data`: what is shown is what is in the files, each number with a hand-made store whose answer is known."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_projects import EVERYTHING, LAMPS, Ran, fun, lamp_rows, new_project, octo, spec_of, write_rows

from octocli.core.errors import BadInput, NotMade
from octocli.core.oddness import oddest
from octocli.core.project import Project
from octocli.core.samples import Sample, read_samples
from octocli.core.spec import parse_spec
from octocli.stages.browse import Choice, choose, count, draw, find, lesson, longest, odd, open_store
from octocli.stages.compare import compare
from octocli.stages.coverage import cover
from octocli.stages.export_samples import export_samples
from octocli.stages.import_samples import import_samples
from octocli.stages.verify import verify

SPEC = parse_spec(LAMPS)


@pytest.fixture()
def project(tmp_path: Path) -> Project:
    """A project with twelve verified rows: three of each function and three negatives."""
    made = new_project(tmp_path / "p")
    write_rows(made.samples_file, [{**row, "teacher": "import"} for row in lamp_rows(12)])
    verify(made)
    return made


def lamp(query: str, **more: Any) -> dict[str, Any]:
    call = {"name": "set_lamp", "arguments": {"level": 40, "room": "kitchen"}}
    return {"query": query, "calls": [call], **more}


def song(query: str, title: str = "Help") -> dict[str, Any]:
    return {"query": query, "calls": [{"name": "play_song", "arguments": {"title": title}}]}


def json_of(ran: Ran) -> Any:
    assert ran.code == 0 and ran.out.count("\n") == 1, ran.err
    return json.loads(ran.out)


# ---------------------------------------------------------------- which samples


def test_verified_samples_are_shown_and_after_a_change_the_whole_store_which_is_said(
    run: Any, project: Project
) -> None:
    assert "accepted.jsonl: 12 samples (verified)" in run("data", "-C", project.root).out
    with project.samples_file.open("a") as file:
        file.write(json.dumps(lamp("kitchen lamp at 40")) + "\n")
    store = open_store(project)
    assert (store.file, store.is_verified, len(store.samples)) == (project.samples_file, False, 13)
    assert "samples.jsonl: 13 samples (not verified as it is now; octo verify)" in run("data", "-C", project.root).out
    assert json_of(run("data", "-C", project.root, "--json"))["verified"] is False


@pytest.mark.parametrize("torn", ['{"query": "x", "ca', '{"query": "Gr\u00fc'])
def test_a_store_that_is_being_written_is_read_without_its_torn_line_and_not_touched(
    torn: str, project: Project
) -> None:
    with project.samples_file.open("ab") as file:
        file.write(torn.encode()[:-1])
    before = project.samples_file.read_bytes()
    assert len(open_store(project).samples) == 12
    assert project.samples_file.read_bytes() == before


def test_a_damaged_line_in_the_middle_is_an_error_with_its_number(run: Any, project: Project) -> None:
    project.samples_file.write_text('{"query": "a"\n' + json.dumps(lamp("b")))
    ran = run("data", "-C", project.root)
    assert ran.code == 2 and "samples.jsonl:1: not JSON" in ran.err


def test_another_file_is_looked_at_with_the_projects_spec(run: Any, tmp_path: Path, project: Project) -> None:
    file = write_rows(tmp_path / "mine.jsonl", [lamp("a lamp")])
    ran = run("data", "show", "lamp", "--data", file, "-C", project.root)
    assert ran.code == 0 and '<lamps_0>(40, "kitchen")<lamps_end>' in ran.out
    assert json_of(run("data", "--data", file, "--json", "-C", project.root))["verified"] is None


def test_without_samples_the_error_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotMade, match="octo synth"):
        open_store(new_project(tmp_path / "p"))


def test_a_choice_is_by_function_inside_other_calls_too_by_kind_and_by_split(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", EVERYTHING)
    nested = {"name": "go", "arguments": {"place": {"name": "where", "arguments": {"who": "Ana"}}}}
    rows = [
        {"query": "take me to Ana", "calls": [nested], "split": "train"},
        {"query": "ping and pong", "calls": [{"name": "ping"}, {"name": "say", "arguments": {"text": "pong"}}]},
        {"query": "who won", "calls": [], "kind": "chit-chat"},
    ]
    store = open_store(project, write_rows(tmp_path / "rows.jsonl", rows))

    def queries(**wanted: str) -> list[str]:
        return [s.query for s in choose(store, project, Choice(**wanted)).samples]

    assert queries(function="where") == queries(function="go") == queries(split="train") == ["take me to Ana"]
    assert queries(function="say") == ["ping and pong"]
    assert queries(function="none") == queries(kind="chit-chat") == ["who won"]
    assert queries(split="no split") == ["ping and pong", "who won"]
    with pytest.raises(BadInput, match=r"--kind: .* 'odd'.*there are: chit-chat, positive"):
        queries(kind="odd")
    with pytest.raises(BadInput, match="no sample is of all that at once"):
        queries(function="go", kind="chit-chat")


# ---------------------------------------------------------------- counts


def test_counts_by_function_and_kind_by_kind_and_by_teacher_with_each_split(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    both = {"query": "dim it, then Help", "calls": [*lamp("")["calls"], *song("")["calls"]], "kind": "parallel"}
    rows = [
        lamp("a", split="train", teacher="builtin"), lamp("b", split="test"), lamp("c", split="test", kind="example"),
        {**both, "split": "train"}, {"query": "who won", "calls": [], "kind": "near-miss"},
    ]  # fmt: skip
    counts = count(open_store(project, write_rows(tmp_path / "rows.jsonl", rows)), project)
    assert counts.splits == ("train", "test", "no split")
    assert counts.by_function == {
        "set_lamp": {"positive": {"train": 1, "test": 1}, "example": {"test": 1}, "parallel": {"train": 1}},
        "play_song": {"parallel": {"train": 1}},
        "stop_music": {},
        "none": {"near-miss": {"no split": 1}},
    }
    assert counts.by_kind["near-miss"] == {"no split": 1} and counts.by_kind["positive"] == {"train": 1, "test": 1}
    assert counts.by_teacher == {"builtin": {"train": 1}, "unknown": {"train": 1, "test": 2, "no split": 1}}
    shown = [
        line.split() for line in run("data", "--data", tmp_path / "rows.jsonl", "-C", project.root).out.splitlines()
    ]
    assert ["set_lamp", "positive", "1", "1", "0", "2"] in shown
    assert ["example", "0", "1", "0", "1"] in shown
    assert ["stop_music", "0", "0", "0", "0"] in shown


# ---------------------------------------------------------------- found, drawn, longest


def test_a_sample_is_found_by_the_beginning_of_its_id_or_by_words_in_any_order_and_case(project: Project) -> None:
    store = open_store(project)
    wanted = store.samples[0]
    assert find(store, [wanted.id[:6]]) == [wanted]
    assert {s.query for s in find(store, ["PLEASE", "lamp"])} == {r["query"] for r in lamp_rows(12)[::4]}
    with pytest.raises(BadInput, match="no sample has that id"):
        find(store, ["zebra"])
    faced = Sample("a face in beef", (), "negative")
    assert find(store.__class__(store.file, (faced,), None), ["beef"]) == [faced], "beef could be an id"


def test_a_draw_is_repeated_by_its_seed_takes_no_sample_twice_and_differs_by_seed(run: Any, project: Project) -> None:
    store = open_store(project)
    drawn = draw(store, 8, seed=3)
    assert drawn == draw(store, 8, seed=3) and len({s.id for s in drawn}) == 8
    assert any(draw(store, 8, seed=s) != drawn for s in range(5))
    assert len(draw(store, 99, seed=3)) == 12
    first = run("data", "sample", "-n", "4", "-C", project.root).out
    seed = first.split("--seed ")[1].strip()
    assert run("data", "sample", "-n", "4", "--seed", seed, "-C", project.root).out == first


def test_the_longest_have_the_most_characters_of_prompt_and_target(project: Project, tmp_path: Path) -> None:
    rows = [song("play a", "a" * 50), song("play the song that begins with these words"), lamp("dim")]
    store = open_store(project, write_rows(tmp_path / "rows.jsonl", rows))
    lessons = longest(store, project, 2)
    assert [one.sample.query for one in lessons] == ["play a", "play the song that begins with these words"]
    given = "Query: play a\nResponse:"
    assert lessons[0].length == len(given) + len(f'<lamps_1>("{"a" * 50}")<lamps_end>')


# ---------------------------------------------------------------- given and learnt


def test_what_is_given_and_learnt_stand_apart_without_colour(run: Any, tmp_path: Path, project: Project) -> None:
    file = write_rows(tmp_path / "rows.jsonl", [song("play <lamps_1> [red]x[/red] please", "[b]<lamps_1>[/b]")])
    ran = run("data", "show", "play", "--data", file, "-C", project.root)
    lines = [line for line in ran.out.splitlines() if line.startswith("  ")]
    assert lines == [
        "  given   Query: play <lamps_1> [red]x[/red] please",
        "  given   Response:",
        '  learnt  <lamps_1>("[b]<lamps_1>[/b]")<lamps_end>',
    ]
    shown = json_of(run("data", "show", "play", "--data", file, "--json", "-C", project.root))["samples"][0]
    assert shown["given"] == "Query: play <lamps_1> [red]x[/red] please\nResponse:"
    assert [p["text"] for p in shown["learnt"] if p["special"]] == ["<lamps_1>", "<lamps_end>"]


def test_given_learnt_and_tokens_have_colours_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from rich.console import Console

    from octocli.cli import console, sample_views

    project = new_project(tmp_path / "p")
    said = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=said, force_terminal=True, color_system="standard", width=200))
    sample_views.show_lesson(lesson(Sample("play Help", song("")["calls"]), project))
    text = said.getvalue()
    assert "\x1b[36mQuery: play Help\x1b[0m" in text
    assert '\x1b[1;35m<lamps_1>\x1b[0m\x1b[32m("Help")\x1b[0m\x1b[1;35m<lamps_end>\x1b[0m' in text


def test_the_users_words_stand_in_what_is_learnt(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", EVERYTHING)
    call = {"name": "go", "arguments": {"place": "home", "at": "18:30"}}
    sample = Sample("home at half past six", (call,), said={"/0/arguments/at": "half past six"})
    assert "".join(p.text for p in lesson(sample, project).learnt) == '<all_8>("home", at="half past six")<all_end>'


def test_a_sample_that_breaks_the_spec_is_shown_with_its_fault(run: Any, tmp_path: Path, project: Project) -> None:
    rows = [{"query": "fly home", "calls": [{"name": "fly"}]}, lamp("dim"), song("play x")]
    rows[1]["calls"][0]["arguments"]["level"] = 400
    file = write_rows(tmp_path / "rows.jsonl", rows)
    ran = run("data", "show", "fly", "--data", file, "-C", project.root)
    assert ran.code == 0 and "breaks the spec: calls[0]: no function 'fly'" in ran.out and "learnt" not in ran.out
    assert "400" in run("data", "show", "dim", "--data", file, "-C", project.root).out
    for command in ("longest", "odd", "sample"):
        assert run("data", command, "--data", file, "-C", project.root).code == 0


# ---------------------------------------------------------------- odd


def lamps(number: int) -> list[Sample]:
    words = ("dim", "set", "turn")
    return [Sample(f"{words[i % 3]} the kitchen lamp to {i}", ({"name": "set_lamp", "arguments": {"level": i, "room":
            "kitchen"}},)) for i in range(number)]  # fmt: skip


def test_a_wrong_call_is_the_oddest_and_the_reason_names_where_its_words_are_at_home() -> None:
    songs = [Sample(f"play song {i}", ({"name": "play_song", "arguments": {"title": f"song {i}"}},)) for i in range(9)]
    wrong = Sample("play song 5 again", ({"name": "set_lamp", "arguments": {"level": 5, "room": "office"}},))
    first = oddest([*lamps(30), *songs, wrong], SPEC, 3, lambda _: True)[0]
    assert first.sample is wrong and first.function == "set_lamp" and first.among == 30
    play = next(word for word in first.rare if word.word == "play")
    assert (play.others, play.at_home, play.there) == (0, "play_song", 9)


def test_surprise_is_the_mean_of_the_words_bits_under_the_other_samples() -> None:
    rows = [Sample("hush", ({"name": "stop_music"},))] * 3 + [Sample("hush now", ({"name": "stop_music"},))]
    found = oddest(rows, SPEC, 9, lambda _: True)
    assert [one.sample.query for one in found] == ["hush now"]
    # "hush" is in 3 of 3 others, (3 + 0.5) / 4; "now" in none, 0.5 / 4.
    assert found[0].bits == pytest.approx((0.19265 + 3) / 2, abs=1e-4)
    assert found[0].usual == pytest.approx((3 * 0.19265 + (0.19265 + 3) / 2) / 4, abs=1e-4)


def test_words_of_values_and_of_what_is_said_for_them_do_not_count() -> None:
    rows = [Sample(f"play {t}", ({"name": "play_song", "arguments": {"title": t}},)) for t in ("a b", "c", "d e")]
    assert oddest(rows, SPEC, 3, lambda _: True) == []
    said = {"/0/arguments/title": "zebra"}
    rows.append(Sample("play zebra", ({"name": "play_song", "arguments": {"title": "z"}},), said=said))
    assert oddest(rows, SPEC, 3, lambda _: True) == []


def test_a_request_for_two_things_is_measured_by_the_function_that_each_word_suits() -> None:
    songs = [Sample(f"play song {i}", ({"name": "play_song", "arguments": {"title": f"song {i}"}},)) for i in range(9)]
    both = Sample("dim the kitchen lamp to 3 play song 4", (*lamps(4)[3].calls, *songs[4].calls))
    assert oddest([*lamps(30), *songs, both], SPEC, 40, lambda _: True)[0].sample is not both


def test_a_choice_names_fewer_and_compares_with_all(project: Project, tmp_path: Path) -> None:
    rows = [s.to_json() | {"split": "train"} for s in lamps(30)]
    rows += [lamp("the kitchen lamp to 40", split="test"), lamp("banana kitchen 40", split="test")]
    store = open_store(project, write_rows(tmp_path / "rows.jsonl", rows))
    everywhere = {one.sample.id: one for one in odd(store, project, 99, Choice())}
    chosen = odd(store, project, 99, Choice(split="test"))
    assert [one.sample.query for one in chosen] == ["banana kitchen 40"]
    assert everywhere[chosen[0].sample.id] == chosen[0]


@given(st.lists(st.tuples(st.text(max_size=12), st.sampled_from(["a", "b", "none"])), max_size=12), st.integers(1, 5))
def test_any_samples_have_at_most_so_many_odd_ones_in_order_above_their_mean(
    rows: list[tuple[str, str]], number: int
) -> None:
    samples = [Sample(query, ({"name": name},) if name != "none" else ()) for query, name in rows]
    found = oddest(samples, spec_of(fun("a"), fun("b")), number, lambda _: True)
    scores = [one.score for one in found]
    assert len(found) <= number and scores == sorted(scores, reverse=True) and all(score > 0 for score in scores)


def test_odd_shows_the_reason(run: Any, tmp_path: Path, project: Project) -> None:
    rows = [s.to_json() for s in lamps(30)] + [song(f"play x {i}", "x") for i in range(3)]
    rows.append(lamp("play [bold] kitchen 40"))
    ran = run("data", "odd", "-n", "1", "--data", write_rows(tmp_path / "rows.jsonl", rows), "-C", project.root)
    assert "play [bold] kitchen 40" in ran.out and '"play" in 0 of 30 others, in 3 of play_song' in ran.out
    told = json_of(run("data", "odd", "-n", "1", "--data", tmp_path / "rows.jsonl", "--json", "-C", project.root))
    assert told["samples"][0]["why"][0]["others"] == 0 and told["samples"][0]["among"] == 30


# ---------------------------------------------------------------- diff


def test_diff_tells_added_removed_and_answered_otherwise_in_files_and_projects(
    run: Any, tmp_path: Path, project: Project
) -> None:
    old = [lamp("dim it"), song("play Help"), song("gone"), lamp("to 40")]
    new = [lamp("dim  it"), song("play Help", "Help!"), song("new"), lamp("to 40", said={"/0/arguments/level": "40"})]
    difference = compare(write_rows(tmp_path / "a.jsonl", old), write_rows(tmp_path / "b.jsonl", new))
    assert [s.query for s in difference.added] == ["new"] and [s.query for s in difference.removed] == ["gone"]
    assert [c.query for c in difference.changed] == ["play Help", "to 40"] and difference.same == 1
    ran = run("data", "diff", tmp_path / "a.jsonl", tmp_path / "b.jsonl", "-n", "1")
    assert ran.out.splitlines()[2:] == [
        "- gone", '  play_song(title="Help")', "+ new", '  play_song(title="Help")', "~ play Help",
        '  before  play_song(title="Help")', '  after   play_song(title="Help!")',
        "and 1 more answered otherwise; -n shows more",
        "1 added, 1 removed, 2 answered otherwise, 1 the same",
    ]  # fmt: skip
    same = json_of(run("data", "diff", project.root, project.accepted_file, "--json"))
    assert (same["added"], same["removed"], same["changed"], same["same"]) == ([], [], [], 12)


def test_diff_takes_calls_for_equal_whatever_the_order_of_keys_and_the_shape_of_whole_numbers(tmp_path: Path) -> None:
    one = {"query": "a", "calls": [{"name": "f", "arguments": {"x": 1, "y": True}}]}
    for arguments, same in (({"y": True, "x": 1.0}, 1), ({"x": 1, "y": 1}, 0), ({"x": True, "y": True}, 0)):
        other = {"query": "a", "calls": [{"name": "f", "arguments": arguments}]}
        files = write_rows(tmp_path / "a.jsonl", [one]), write_rows(tmp_path / "b.jsonl", [other])
        assert compare(*files).same == same


def test_diff_of_a_folder_that_is_no_project_and_of_no_file_at_all(run: Any, tmp_path: Path, project: Project) -> None:
    (tmp_path / "folder").mkdir()
    assert "a folder without octo.toml" in run("data", "diff", project.root, tmp_path / "folder").err
    assert "none.jsonl: no such file" in run("data", "diff", tmp_path / "none.jsonl", project.root).err


# ---------------------------------------------------------------- export


def test_an_exported_project_comes_back_by_import(run: Any, tmp_path: Path, project: Project) -> None:
    told = json_of(run("data", "export", tmp_path / "out.jsonl", "--json", "-C", project.root))
    assert (told["rows"], told["negatives"], told["incomplete"], told["worded"]) == (12, 3, 0, 0)
    other = new_project(tmp_path / "q")
    assert import_samples(other, tmp_path / "out.jsonl").added == 12
    assert {s.id for s in read_samples(other.samples_file)} == {s.id for s in read_samples(project.accepted_file)}


def test_parallel_tool_calls_are_for_the_whole_file_and_only_where_some_row_has_several(
    tmp_path: Path, project: Project
) -> None:
    both = {"query": "dim it, then Help", "calls": [*lamp("")["calls"], *song("")["calls"]]}
    for rows, parallel in (([lamp("a"), song("b")], False), ([lamp("a"), both], True)):
        store = open_store(project, write_rows(tmp_path / "rows.jsonl", rows))
        export_samples(project, store, tmp_path / "out.jsonl", "openai")
        lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert [line["parallel_tool_calls"] for line in lines] == [parallel, parallel]


def test_octos_own_format_keeps_every_field(tmp_path: Path, project: Project) -> None:
    store = choose(open_store(project), project, Choice(function="none"))
    export_samples(project, store, tmp_path / "out.jsonl", "octo")
    assert tuple(read_samples(tmp_path / "out.jsonl")) == store.samples


def test_export_says_what_the_format_has_no_place_for(run: Any, tmp_path: Path, project: Project) -> None:
    rows = [
        lamp("to 40", said={"/0/arguments/level": "40"}),
        {"query": "play", "calls": [{"name": "play_song", "missing": ["title"]}]},
        {"query": "who won", "calls": []},
    ]
    file = write_rows(tmp_path / "rows.jsonl", rows)
    ran = run("data", "export", tmp_path / "out.jsonl", "--data", file, "-C", project.root)
    assert "in words: 1; calls without an argument that is missing: 1; without the user's own words" in ran.out


def test_an_export_is_refused_over_the_projects_own_files_and_of_rows_that_break_the_spec(
    run: Any, tmp_path: Path, project: Project
) -> None:
    for out in (project.samples_file, project.accepted_file, tmp_path):
        ran = run("data", "export", out, "-C", project.root)
        assert ran.code == 2 and "cannot be written to" in ran.err
    file = write_rows(tmp_path / "rows.jsonl", [{"query": "fly", "calls": [{"name": "fly"}]}])
    ran = run("data", "export", tmp_path / "out.jsonl", "--data", file, "-C", project.root)
    assert ran.code == 2 and "no function 'fly'" in ran.err and not (tmp_path / "out.jsonl").exists()
    assert "--format: 'csv' is unknown" in run("data", "export", "x", "--format", "csv", "-C", project.root).err


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize("words", [[], ["sample"], ["longest"], ["odd"], ["show", "lamp"]], ids=" ".join)
def test_every_json_is_one_line(words: list[str], run: Any, project: Project) -> None:
    told = json_of(run("data", *words, "-C", project.root, "--json"))
    assert told["file"] == str(project.accepted_file) and told["rows"] == 12


def test_options_before_a_subcommand_are_refused_rather_than_lost(run: Any, project: Project) -> None:
    for option in (["-C", str(project.root)], ["--json"], ["--data", "x.jsonl"]):
        ran = run("data", *option, "longest")
        assert ran.code == 2 and "options stand after 'longest'" in ran.err


def test_no_project_and_an_unknown_subcommand(run: Any, tmp_path: Path, project: Project) -> None:
    for words in ([], ["show", "x"], ["sample"], ["longest"], ["odd"], ["export", "x.jsonl"]):
        ran = run("data", *words, "-C", tmp_path)
        assert ran.code == 2 and "no octo project here" in ran.err
    assert run("data", "no-such").code == 2


def test_a_pipe_gets_no_colours(project: Project) -> None:
    done = octo("data", "show", "lamp", "-C", project.root)
    assert done.returncode == 0 and "learnt" in done.stdout and "\x1b" not in done.stdout


# ---------------------------------------------------------------- coverage


def test_coverage_counts_parameters_values_and_what_no_sample_has(run: Any, tmp_path: Path) -> None:
    room = {"enum": ["kitchen", "hall", "attic"], "default": "hall"}
    lamp = obj_of(level={"type": "integer"}, room=room, on={"type": "boolean"})
    spec = {"app": "x", "functions": [
        {"name": "set_lamp", "description": "Set it.", "parameters": lamp},
        {"name": "stop", "description": "Stop.", "parameters": {"type": "object", "properties": {}}},
        {"name": "wait", "description": "Wait.", "parameters": {"type": "object", "properties": {}}},
    ]}  # fmt: skip
    made = new_project(tmp_path / "p", spec)
    calls: list[dict[str, Any]] = [
        {"name": "set_lamp", "arguments": {"level": 40, "room": "kitchen"}},
        {"name": "set_lamp", "arguments": {"level": 50, "on": True}},
        {"name": "set_lamp", "arguments": {"on": True}, "missing": ["level"]},
        {"name": "stop", "arguments": {}},
    ]
    rows = [Sample(f"query {i}", (call,)) for i, call in enumerate(calls)]
    covered = cover(rows, made.spec)
    assert [(u.function, u.parameter, u.calls, u.given, u.values, u.missing) for u in covered.uses] == [
        ("set_lamp", "level", 3, 2, 2, 1),
        ("set_lamp", "room", 3, 1, 1, 0),
        ("set_lamp", "on", 3, 2, 1, 0),
        ("stop", "", 1, 0, 0, 0),
        ("wait", "", 0, 0, 0, 0),
    ]
    assert covered.gaps == (
        "set_lamp.room: no sample has 'attic'",  # nobody has to say the default
        "set_lamp.on: no sample has False",
        "wait: no sample calls it",
    )
    assert covered.sets["set_lamp"] == ((("level", "room"), 1), (("level", "on"), 1), (("on",), 1))
    file = tmp_path / "rows.jsonl"
    write_rows(file, [row.to_json() for row in rows])
    ran = run("data", "coverage", "-C", made.root, "--data", file)
    assert ran.code == 0 and "wait: no sample calls it" in ran.out and "room?" in ran.out
    told = json_of(run("data", "coverage", "-C", made.root, "--data", file, "--json"))
    assert told["gaps"] == list(covered.gaps) and told["parameters"][0]["given"] == 2
    write_rows(file, [rows[0].to_json()])
    assert "stop: no sample calls it" in run("data", "coverage", "-C", made.root, "--data", file).out


def obj_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": ["level"]}
