"""What an LLM is asked for: styles in their turn, look-alikes, negatives of this API, queries before their calls."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from provider_server import provider
from test_ask_teacher import project_at, teacher_at, writes
from tiny_projects import EVERYTHING, LAMPS, fun, new_project, obj, toml

from octocli.core.config import PRESETS, SynthSettings
from octocli.core.project import Project, open_project
from octocli.core.samples import SPLITS, Sample, read_samples
from octocli.core.spec import load_spec, parse_spec
from octocli.stages.ask_teacher import ask_teacher
from octocli.stages.cell_tasks import fillings, look_alikes
from octocli.stages.synthesize import Cell, plan
from octocli.stages.verify import verify
from octocli.teachers.completions import Reply
from octocli.teachers.prompting import Unusable
from octocli.teachers.styles import AXES, Styles
from octocli.teachers.wording import NEGATIVE_KINDS, PLANNED, WORDINGS, LookAlikes, Task, read_reply, request_of

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
STEREO = ("play_music_on_nest_hub", "play_video_on_nest_hub")


@pytest.mark.parametrize("one, other", itertools.combinations(AXES, 2))
def test_every_pair_of_styles_comes_as_often_as_any_other(one: str, other: str) -> None:
    styles, names = Styles(0, "set_lamp/positive/train"), list(AXES)
    pairs = [(styles[k][names.index(one)], styles[k][names.index(other)]) for k in range(140 * 4 * 5)]
    counts = Counter(pairs)
    assert len(counts) == len(AXES[one]) * len(AXES[other]) and max(counts.values()) <= 1.2 * min(counts.values())


def test_twenty_items_hear_everybody_and_every_length_in_every_form() -> None:
    for start in (0, 20, 160):
        drawn = [Styles(7, "cell")[k] for k in range(start, start + 20)]
        assert len({style[0] for style in drawn}) == 20 and len({(style[1], style[3]) for style in drawn}) == 20
    assert Styles(7, "cell")[0] != Styles(8, "cell")[0] or Styles(7, "cell")[1] != Styles(8, "cell")[1]


def test_the_tasks_of_a_cell_hang_on_their_number_alone() -> None:
    spec, settings = parse_spec(LAMPS), SynthSettings(per_function=40)

    def filling() -> Any:
        return fillings(plan(spec, settings, ()), spec, settings, 0)["play_song/positive/train"]

    late = filling().task(3)
    rounds = list(filling().next_tasks())
    assert late == rounds[3] and len(rounds) == 4 and late != rounds[2]
    assert len({sample.id for task in rounds for sample in task.planned}) == 4 * PLANNED


def test_a_share_of_the_calls_is_said_close_to_the_function_next_to_it() -> None:
    spec = load_spec(TEMPLATES / "android" / "api.json")
    close = look_alikes(spec, SynthSettings())
    assert close.nearest[STEREO[0]] == STEREO[1] and close.nearest[STEREO[1]] == STEREO[0]
    assert "check_nest_smoke_detector_status" not in close.nearest
    assert look_alikes(spec, SynthSettings(look_alikes=0)).nearest == {}
    settings = SynthSettings(per_function=100)
    tasks = list(fillings(plan(spec, settings, ()), spec, settings, 0)[f"{STEREO[0]}/positive/train"].next_tasks())
    prompts = [request_of(task, spec, 0, close).prompt for task in tasks]
    hard = sum(prompt.count(f"might take for {STEREO[1]}") for prompt in prompts)
    assert hard == settings.look_alikes * PLANNED * len(tasks)
    assert all((f"Not called here: {STEREO[1]}: " in p) == ("might take for" in p) for p in prompts)
    assert LookAlikes(1.0, {}).of("any", 3) == ""


def test_near_misses_and_wishes_beyond_go_round_the_functions() -> None:
    spec = load_spec(TEMPLATES / "android" / "api.json")
    for kind in NEGATIVE_KINDS:
        about = Counter[str]()
        for number in range(4):
            task = Task(f"none/{kind}/train", "train", number, kind=kind, count=PLANNED * WORDINGS)
            about.update(re.findall(r"; close to (\w+)\)", request_of(task, spec, 0).prompt))
        each = {"near-miss": 2, "beyond": 2}.get(kind)
        assert about == (dict.fromkeys(spec.by_name, each) if each else {})


def test_the_papers_negatives_are_as_many_as_its_positives() -> None:
    spec, settings = parse_spec(LAMPS), SynthSettings(**PRESETS["paper"]["synth"])
    wanted = Counter[bool]()
    for cell in plan(spec, settings, tuple(NEGATIVE_KINDS)):
        wanted[cell.subject is None] += cell.wanted * (cell.split == "train")
    assert wanted == {True: 3000, False: 3000}


ASKED = Task("play_song/positive/train", "train", 0, kind="positive", count=3, subject="play_song")
SONG = {"name": "play_song", "arguments": {"title": "Blue"}}


@pytest.mark.parametrize(
    ("kind", "calls", "taken"),
    [
        ("positive", json.dumps([SONG]), True),
        ("positive", [SONG], True),
        ("positive", SONG, True),
        ("positive", "[{", False),
        ("positive", [], False),
        ("positive", None, False),
        ("positive", [{"name": "stop_music", "arguments": {}}], False),
        ("positive", [SONG, {"name": "stop_music", "arguments": {}}], False),
        ("parallel", [SONG, {"name": "stop_music", "arguments": {}}], True),
        ("missing", [{"name": "play_song", "arguments": {}, "missing": ["title"]}], True),
        ("missing", [SONG], False),
        ("nested", [{"name": "play_song", "arguments": {"title": {"name": "stop_music", "arguments": {}}}}], True),
    ],
)
def test_calls_of_the_teachers_own_are_taken_if_they_are_of_the_kind(kind: str, calls: Any, taken: bool) -> None:
    task = Task(f"play_song/{kind}/train", "train", 0, kind=kind, count=3, subject="play_song")
    reply = Reply(json.dumps({"lines": [{"n": 0, "text": "play Blue", "calls": calls}]}), "stop", 1, 1)
    if not taken:
        with pytest.raises(Unusable):
            read_reply(task, reply, parse_spec(LAMPS))
        return
    (row,) = read_reply(task, reply, parse_spec(LAMPS))
    assert row.kind == kind and row.query == "play Blue" and "play_song" in [c["name"] for c in row.calls]


def test_query_first_fills_the_plan_and_every_argument_is_checked(tmp_path: Path) -> None:
    def answers(prompt: str) -> str:
        if '"calls"' not in prompt:
            return writes(prompt)
        lines = []
        for number, _ in re.findall(r"^(\d+)\. (\(.*\))$", prompt, re.M):
            title = f"song {abs(hash((prompt, number)))}"
            name = prompt.split(":", 2)[1].split("\n")[-1]
            made = {
                "play_song": (f"play {title}", {"title": title}),
                "set_lamp": (f"lamp {title} 7 kitchen", {"level": 7 if int(number) % 3 else 700, "room": "kitchen"}),
                "stop_music": (f"quiet {title}", {}),
            }[name]
            calls = json.dumps([{"name": name, "arguments": made[1]}])
            lines.append({"n": int(number), "text": made[0], "calls": calls})
        return json.dumps({"lines": lines})

    settings = toml(synth='negatives = 0.5\norder = "query-first"')
    project = open_project(new_project(tmp_path / "p", LAMPS, settings).root)
    with provider(answers) as server:
        report = ask_teacher(project, teacher=teacher_at(server))
    assert report.short == {} and report.rejected["schema"] > 3
    rows = read_samples(project.samples_file)
    assert {row.kind for row in rows if row.calls} == {"positive", "example"}
    verified = verify(project)
    assert verified.reasons["schema"] == report.rejected["schema"] and not any(verified.leaks.values())


def test_nested_calls_are_shown_with_both_functions() -> None:
    spec = parse_spec(EVERYTHING)
    call = {"name": "say", "arguments": {"text": {"name": "place_of", "arguments": {"n": 3}}}}
    task = Task("say/nested/train", "train", 0, (Sample("", (call,), kind="nested"),))
    prompt = request_of(task, spec, 0).prompt
    assert "say: " in prompt and "place_of: " in prompt and "itself a call" in prompt
    assert Cell("say", ("nested",), "train", 1).name == task.cell


def test_a_kind_that_a_function_never_has_ends_its_plan() -> None:
    switch = fun("switch", obj({"on": {"type": "boolean"}}, ("on",)))
    spec = parse_spec({"app": "a", "functions": [switch]})
    cell = Cell("switch", ("missing",), "train", 10)
    (filling,) = fillings([cell], spec, SynthSettings(), 0).values()
    assert list(filling.next_tasks()) == []


def test_the_plan_is_shown_in_brief(run: Any, tmp_path: Path) -> None:
    project = project_at(tmp_path / "p")
    given = ["-C", project.root, "--teacher", "openai", "--model", "m", "--dry-run"]
    shown = run("synth", *given).out
    assert re.search(r"set_lamp +20/4/8 .*room 5", shown) and "none, near-miss: " in shown
    assert "20 personas x 4 lengths x 7 tones x 5 forms" in shown
    assert json.loads(run("synth", *given, "--json").out)["values"]["set_lamp"]["room"] == 5


def test_a_side_without_rows_stands_in_the_plan_as_none(run: Any, tmp_path: Path) -> None:
    project = new_project(tmp_path / "p", LAMPS, toml(synth="parallel = 0.1"))
    shown = run("synth", "-C", project.root, "--teacher", "openai", "--model", "m", "--dry-run").out
    cells = {cell.name: cell.wanted for cell in plan_of(project)}
    wanted = [cells.get(f"set_lamp/parallel/{split}", 0) for split in SPLITS]
    assert 0 in wanted and f" {wanted[0]}/{wanted[1]}/{wanted[2]} " in shown


def plan_of(project: Project) -> list[Cell]:
    return plan(project.spec, project.config.synth, tuple(NEGATIVE_KINDS))
