"""Growing a run, and renaming: tokens keep their rows, whatever the spec gains, loses or calls otherwise."""

import copy
import functools
import json
from pathlib import Path

import pytest
import torch
from tiny_models import load_tiny
from tiny_projects import LAMPS, base, copy_of, fun, lamp_rows, new_project, obj, octo, trained, workspace, write_rows

from octocli.core.errors import BadInput, NotMade, OctoError, Refused
from octocli.core.project import Project, open_project, write_json
from octocli.core.samples import read_samples
from octocli.core.tokens import load_tokens
from octocli.model.adapter import Adapter, read_adapter
from octocli.model.growing import with_rows
from octocli.runtime.caller import open_caller, read_run
from octocli.stages.grow import grow
from octocli.stages.growth import growth_since
from octocli.stages.rename import rename
from octocli.stages.train import is_trained
from octocli.stages.verify import made_from

BLIND = fun("move_blind", obj({"side": {"type": "string", "enum": ["left", "right"]}}, ("side",)))


def _blind_rows(split: str) -> list[dict]:
    sides = ["left", "right"] * 6
    return [{"query": f"{split} blind on the {side} {i}", "split": split,
             "calls": [{"name": "move_blind", "arguments": {"side": side}}]}
            for i, side in enumerate(sides)]  # fmt: skip


@functools.cache
def lamps() -> Project:
    """Lamps, trained, with rows of all three sides; what was accepted is what was written."""
    project = copy_of(trained(), workspace() / "grow-lamps")
    rows = [{**row, "query": f"{row['query']} {split}" if split != "train" else row["query"], "split": split}
            for split in ("train", "validation", "test") for row in lamp_rows()]  # fmt: skip
    write_rows(project.accepted_file, rows)
    write_rows(project.samples_file, rows)
    return project


def _edited(to: Path, *, drop: tuple[str, ...] = (), add: tuple[dict, ...] = (), rows: list[dict] = ()) -> Project:
    """A copy of the trained lamps whose spec lost and gained functions, with the rows that a verification accepts."""
    project = copy_of(lamps(), to)
    spec = copy.deepcopy(LAMPS)
    spec["functions"] = [f for f in spec["functions"] if f["name"] not in drop] + list(add)
    write_json(project.spec_file, spec)
    old = [json.loads(line) for line in project.samples_file.read_text().splitlines()]
    kept = [row for row in old if not {c["name"] for c in row["calls"]} & set(drop)]
    write_rows(project.samples_file, [*old, *rows])
    write_rows(project.accepted_file, [*kept, *rows])
    _verified(open_project(to))
    # What goes on from an adapter learns at a quarter of the rate, and a tiny random base wants more.
    project.config_file.write_text(project.config_file.read_text().replace("lr = 0.005", "lr = 0.02"))
    return open_project(to)


def _verified(project: Project) -> Project:
    """The project as a verification of its samples leaves it."""
    write_json(project.verified_record, {"version": 1, "made_from": made_from(project)})
    return open_project(project.root)


def _grown(to: Path) -> Project:
    blinds = [row for split in ("train", "validation", "test") for row in _blind_rows(split)]
    return _edited(to, drop=("stop_music",), add=(BLIND,), rows=blinds)


def test_what_differs_is_told_by_tokens(tmp_path):
    project = _grown(tmp_path / "lamps")
    rename(project, "play_song", "start_song")
    spec = json.loads(project.spec_file.read_text())
    spec["functions"][0]["parameters"]["properties"]["level"]["maximum"] = 50
    write_json(project.spec_file, spec)
    growth = growth_since(read_run(project.run()), open_project(project.root))
    assert (growth.added, growth.changed, growth.dropped) == (("move_blind",), ("set_lamp",), ("stop_music",))
    assert growth.renamed == {"play_song": "start_song"} and growth.kept == {"start_song"}


@pytest.mark.parametrize("tied", [True, False])
def test_rows_follow_their_tokens(tied):
    size = load_tiny(base(tied)).get_input_embeddings().num_embeddings
    rows = torch.randn(4, 64)
    adapter = Adapter(4, 8, {}, tuple(range(size, size + 4)), rows, None if tied else rows + 1)
    ids = {"<a_0>": size, "<a_3>": size + 1, "<a_none>": size + 2, "<a_end>": size + 3}
    fresh = torch.randn(64)
    laid_out = with_rows(adapter, ["<a_0>", "<a_1>", "<a_none>", "<a_end>"], ids, {"<a_3>": fresh})
    assert laid_out.row_ids == tuple(ids.values())
    assert torch.equal(laid_out.rows, torch.stack([rows[0], fresh, rows[2], rows[3]]))
    if not tied:
        assert torch.equal(laid_out.head_rows[[0, 2, 3]], rows[[0, 2, 3]] + 1)


def test_a_run_learns_what_came_and_refuses_what_went(tmp_path):
    project = _grown(tmp_path / "lamps")
    before = (project.run() / "run.json").read_bytes()
    report = grow(project, tolerance=1.0)
    assert report.growth.added == ("move_blind",) and report.growth.dropped == ("stop_music",)
    assert report.steps > 0 and report.taught["move_blind"].n == 12
    assert report.kept.after.n == report.kept.before.n == 12 and set(report.by_function) == {"set_lamp", "play_song"}
    assert report.dropped.n == report.abstention.after.n == 6
    assert (project.run() / "run.json").read_bytes() == before
    record = json.loads((project.run("grown") / "run.json").read_text())
    assert record["grown_from"]["run"] == "main"
    assert record["manifest"]["spec"]["functions"][-1]["name"] == "move_blind"
    assert is_trained(project, "grown") and not is_trained(project, "main")
    with open_caller(project.run("grown")) as caller:
        assert "stop_music" not in caller.ask("be quiet now 2").choices
        blinds = [caller.ask(row["query"]).calls for row in _blind_rows("train")]
    assert sum(c[0]["name"] == "move_blind" for c in blinds if c) > len(blinds) / 2, "what is new was not learnt"
    again = grow(project, tolerance=1.0)
    assert json.loads((project.run("grown") / "run.json").read_text()) == record, "what is there was learnt again"
    assert (again.kept, again.steps) == (report.kept, report.steps)
    assert json.loads((project.run("grown") / "grow.json").read_text())["growth"]["added"] == ["move_blind"]


def test_a_rename_changes_no_weight_and_no_answer(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    rename(project, "set_lamp", "dim")
    report = grow(_verified(open_project(project.root)))
    assert report.steps == 0 and report.growth.renamed == {"set_lamp": "dim"}
    assert report.kept.worse == report.kept.better == 0
    old, new = (read_adapter(project.run(name)) for name in ("main", "grown"))
    assert torch.equal(old.rows, new.rows) and all(torch.equal(old.lora[k], new.lora[k]) for k in old.lora)
    query = "kitchen lamp to 40 please"
    answers = []
    for name in ("main", "grown"):
        with open_caller(project.run(name)) as caller:
            answers.append(caller.ask(query))
    assert answers[1].calls == tuple({**c, "name": "dim"} if c["name"] == "set_lamp" else c for c in answers[0].calls)
    assert answers[0].ids == answers[1].ids


def test_a_merged_project_neither_grows_nor_renames(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    tokens = json.loads(project.tokens_file.read_text())
    write_json(project.tokens_file, {**tokens, "apps": dict.fromkeys(tokens["functions"], "lamps")})
    record = json.loads((project.run() / "run.json").read_text())
    record["manifest"]["apps"] = dict.fromkeys(tokens["functions"], "lamps")
    write_json(project.run() / "run.json", record)
    for act in (lambda: grow(open_project(project.root)), lambda: rename(project, "set_lamp", "dim")):
        with pytest.raises(BadInput, match="a merged project"):
            act()


def test_a_dropped_function_takes_its_row_and_no_other(tmp_path):
    project = _edited(tmp_path / "lamps", drop=("set_lamp",))
    write_rows(project.samples_file, [r for r in lamp_rows() if not r["calls"] or r["calls"][0]["name"] != "set_lamp"])
    report = grow(_verified(project), tolerance=1.0)
    assert report.steps == 0 and report.dropped.n == 0  # of a function without samples nothing can be learnt
    old, new = (read_adapter(project.run(name)) for name in ("main", "grown"))
    assert torch.equal(new.rows, old.rows[1:])


@pytest.mark.parametrize(
    ("spoil", "error", "said"),
    [
        ("nothing", BadInput, "nothing to grow"),
        ("not verified", NotMade, "not of the API as it is"),
        ("no rows", NotMade, "no training rows of 'move_blind'"),
        ("unsaid", NotMade, "no training row of 'set_lamp' says 'colour'"),
        ("in place", BadInput, "does not grow in place"),
        ("another", BadInput, "a finished run of another training"),
        ("prompt", BadInput, "another prompt"),
        ("base", BadInput, r"trained on .* \(00000000\), but octo.toml has"),
        ("no run", NotMade, "no run here"),
        ("no adapter", BadInput, "no adapter in it"),
        ("other app", BadInput, "the app is"),
    ],
)
def test_what_cannot_grow_is_told_in_one_line(tmp_path, spoil, error, said):
    project = lamps() if spoil == "nothing" else _grown(tmp_path / "lamps")
    options = {"no run": {"run": "other"}, "in place": {"into": "main"}, "another": {"into": "full"}}.get(spoil, {})
    if spoil == "not verified":
        project.verified_record.unlink()
    elif spoil == "unsaid":
        spec = json.loads(project.spec_file.read_text())
        spec["functions"][0]["parameters"]["properties"]["colour"] = {"type": "string"}
        write_json(project.spec_file, spec)
        _verified(open_project(project.root))
    elif spoil == "no rows":
        rows = [json.loads(line) for line in project.accepted_file.read_text().splitlines()]
        write_rows(project.accepted_file, [r for r in rows if "blind" not in r["query"]])
    elif spoil == "another":
        copy_of(project, tmp_path / "copy").run().rename(project.run("full"))
    elif spoil == "prompt":
        project.config_file.write_text('prompt = "paper"\n' + project.config_file.read_text())
    elif spoil == "base":
        record = json.loads((project.run() / "run.json").read_text())
        record["manifest"]["base"]["checksum"] = "0" * 32
        write_json(project.run() / "run.json", record)
    elif spoil == "no adapter":
        (project.run() / "adapter_model.safetensors").unlink()
    elif spoil == "other app":
        record = json.loads((project.run() / "run.json").read_text())
        record["manifest"]["spec"]["app"] = "others"
        write_json(project.run() / "run.json", record)
    with pytest.raises(error, match=said) as told:
        grow(open_project(project.root), **options)
    assert isinstance(told.value, OctoError) and "\n" not in told.value.message
    assert not project.run("grown").exists()


def test_growing_that_costs_too_much_is_refused_and_kept(tmp_path, monkeypatch):
    from octocli.stages import healing

    monkeypatch.setattr(healing, "_GENTLER", 0.01)  # a hundred times the rate: everything is forgotten
    project = _grown(tmp_path / "lamps")
    with pytest.raises(Refused, match=r"growing costs too much: the old functions -\d"):
        grow(project, tolerance=0.0)
    assert (project.run("grown") / "grow.json").exists()


def test_a_rename_reaches_spec_tokens_and_samples(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    nested = {"query": "lamp then", "calls": [{"name": "play_song", "arguments": {"title": {
        "name": "set_lamp", "arguments": {"level": 1, "room": "office"}}}}],
        "cell": "set_lamp/positive/train"}  # fmt: skip
    write_rows(project.samples_file, [nested, *lamp_rows(), {"query": "name set_lamp", "calls": []}])
    report = rename(project, "set_lamp", "dim")
    assert (report.token, report.samples) == ("<lamps_0>", 18)
    after = open_project(project.root)
    assert [f.name for f in after.spec.functions] == ["dim", "play_song", "stop_music"]
    assert load_tokens(project.tokens_file).indices == {"dim": 0, "play_song": 1, "stop_music": 2}
    first, *rest = read_samples(project.samples_file)
    assert first.calls[0]["arguments"]["title"]["name"] == "dim" and first.extra["cell"] == "dim/positive/train"
    assert rest[-1].query == "name set_lamp" and "set_lamp" not in {c["name"] for s in rest for c in s.calls}
    assert not [c for s in read_samples(project.accepted_file) for c in s.calls if c["name"] == "set_lamp"]
    assert rename(after, "dim", "set_lamp").token == "<lamps_0>"  # and back, though a run knows that name


def test_who_renamed_in_the_spec_gets_the_token_back(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    spec = json.loads(project.spec_file.read_text())
    spec["functions"][0]["name"] = "dim"
    write_json(project.spec_file, spec)
    assert open_project(project.root).tokens.indices["dim"] == 3  # as any command does that looks at the tokens
    assert rename(project, "set_lamp", "dim").token == "<lamps_0>"
    assert open_project(project.root).tokens.indices == {"dim": 0, "play_song": 1, "stop_music": 2}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("set_lamp", "set_lamp", "its name already"),
        ("set_lmap", "dim", "no function 'set_lmap' to rename to 'dim'"),
        ("set_lamp", "play_song", "another function's name"),
        ("set_lamp", "not a name", "name"),
        ("set_lamp", "retired", "was another function's name"),
    ],
)
def test_a_name_that_cannot_be_is_refused_and_nothing_changes(tmp_path, old, new, said):
    project = copy_of(lamps(), tmp_path / "lamps")
    table = json.loads(project.tokens_file.read_text())
    table["functions"]["retired"] = 3
    write_json(project.tokens_file, table)
    files = (project.spec_file, project.tokens_file, project.samples_file)
    before = [file.read_bytes() for file in files]
    with pytest.raises(BadInput, match=said):
        rename(project, old, new)
    assert [file.read_bytes() for file in files] == before


def test_the_doors(tmp_path):
    project = _grown(tmp_path / "lamps")
    told = octo("rename", "play_song", "start_song", "-C", project.root)
    assert told.returncode == 0 and "start_song now, and keeps <lamps_1>" in told.stdout, told.stderr
    _verified(open_project(project.root))
    told = octo("grow", "-C", project.root, "--tolerance", "1", "--questions", "12")
    assert told.returncode == 0, told.stderr
    for line in ("start_song (was play_song)", "move_blind (new)", "refused: stop_music (dropped)", "all that stay"):
        assert line in told.stdout
    data = json.loads(octo("grow", "-C", project.root, "--tolerance", "1", "--questions", "12", "--json").stdout)
    assert data["growth"]["renamed"] == {"play_song": "start_song"}
    wrong = octo("grow", "-C", project.root, "--run", "none")
    assert wrong.returncode == 2 and wrong.stderr.startswith("octo: ")


def test_a_spec_of_the_same_functions_has_nothing_to_grow_even_if_described_otherwise(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    spec = json.loads(project.spec_file.read_text())
    spec["functions"][0]["description"] = "Says the same in other words."
    write_json(project.spec_file, spec)
    with pytest.raises(BadInput, match="nothing to grow"):
        grow(open_project(project.root))


def test_a_new_project_has_no_run_to_grow(tmp_path):
    with pytest.raises(NotMade, match="no run here"):
        grow(new_project(tmp_path / "lamps"))


def test_other_words_for_a_parameter_change_no_function(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    spec = json.loads(project.spec_file.read_text())
    spec["functions"][0]["parameters"]["properties"]["level"] |= {"description": "In per cent.", "title": "Level"}
    write_json(project.spec_file, spec)
    with pytest.raises(BadInput, match="nothing to grow"):
        growth_since(read_run(project.run()), open_project(project.root))


def test_a_name_that_a_run_was_trained_with_is_not_given_away(tmp_path):
    project = copy_of(lamps(), tmp_path / "lamps")
    spec = json.loads(project.spec_file.read_text())
    spec["functions"][0]["name"] = "dim"
    write_json(project.spec_file, spec)
    record = json.loads((project.run() / "run.json").read_text())
    record["manifest"]["tokens"]["dim"] = 3
    write_json(project.run() / "run.json", record)
    with pytest.raises(BadInput, match="a token of its own, which run 'main'"):
        rename(open_project(project.root), "set_lamp", "dim")


NESTED = {
    "app": "walks",
    "functions": [
        fun("go", obj({"where": {"type": "string"}}, ("where",)),
            examples=[{"query": "go home", "calls": [{"name": "go", "arguments": {"where": {"name": "home"}}}]}]),
        fun("home", returns={"type": "string"}),
        fun("tag", obj({"as": {"type": "object", "default": {"name": "home", "description": "a tag, no call"}}})),
    ],
}  # fmt: skip


def test_a_rename_reaches_nested_calls_and_no_data_that_looks_like_one(tmp_path):
    project = new_project(tmp_path / "walks", NESTED)
    nested = {"query": "go home", "calls": [{"name": "go", "arguments": {"where": {"name": "home"}}}]}
    write_rows(project.samples_file, [nested])
    assert rename(project, "home", "my_place").samples == 1
    spec = json.loads(project.spec_file.read_text())
    assert spec["functions"][0]["examples"][0]["calls"][0]["arguments"]["where"]["name"] == "my_place"
    assert spec["functions"][2]["parameters"]["properties"]["as"]["default"]["name"] == "home"
    (sample,) = read_samples(project.samples_file)
    assert sample.calls[0]["arguments"]["where"] == {"name": "my_place"}


def test_growing_again_with_other_settings_learns_again(tmp_path):
    project = _grown(tmp_path / "lamps")
    grow(project, tolerance=1.0)
    first = json.loads((project.run("grown") / "run.json").read_text())["fingerprint"]
    project.config_file.write_text(project.config_file.read_text().replace("lr = 0.02", "lr = 0.01"))
    grow(open_project(project.root), tolerance=1.0)
    assert json.loads((project.run("grown") / "run.json").read_text())["fingerprint"] != first
