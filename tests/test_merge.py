"""Merging: LoRA matrices by PEFT, token rows by octo, tables and projects by name."""

import functools
import itertools
import json
import os
import random
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_models import load_tiny
from tiny_projects import (
    base,
    copy_of,
    fun,
    lamp_rows,
    new_project,
    obj,
    octo,
    spec_of,
    toml,
    trained,
    workspace,
    write_rows,
)

from octocli.core.config import LORA_MODULES
from octocli.core.errors import BadInput, Refused
from octocli.core.project import Project, open_project
from octocli.core.samples import parse_sample
from octocli.core.tokens import TokenTable, assign_tokens, dump_tokens, joined_tables, load_tokens
from octocli.model.adapter import Adapter, adapter_of, load_trained, read_adapter, save_adapter
from octocli.model.merging import METHODS, Tokens, merge_adapters
from octocli.model.network import LoraShape, Trainee, load_network
from octocli.runtime.caller import open_caller
from octocli.stages.merge import merge
from octocli.stages.merge_inputs import read_inputs
from octocli.stages.replay import across_apps, own_rows, replay
from octocli.stages.train import is_trained

APPS = ("food", "car")


@pytest.fixture(params=[True, False], ids=["tied", "own head"])
def bases(request) -> Path:
    return base(request.param)


def _tokens(app: str, count: int = 2) -> Tokens:
    return Tokens(tuple(f"<{app}_{i}>" for i in range(count)), f"<{app}_none>", f"<{app}_end>")


def _adapter(folder: Path, seed: int, rank: int = 4, upper: float = 1.0) -> Adapter:
    """A LoRA and four rows with random values in all of them."""
    shape = LoraShape(rank, 2 * rank, LORA_MODULES, upper)
    trainee = Trainee(load_network(folder), torch.zeros(4, 64), shape)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in trainee.trained():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return adapter_of(trainee, shape)


def _ids(folder: Path) -> dict[str, int]:
    size = load_tiny(folder).get_input_embeddings().num_embeddings
    texts = [t for app in APPS for t in _tokens(app).functions] + ["<super_none>", "<super_end>"]
    return {token: size + i for i, token in enumerate(texts)}


def _delta(adapter: Adapter, name: str) -> torch.Tensor:
    """What an adapter adds to one layer."""
    a, b = adapter.lora[f"{name}.lora_A.weight"], adapter.lora[f"{name}.lora_B.weight"]
    return b @ a * (adapter.alpha / adapter.rank)


def _layers(adapter: Adapter) -> list[str]:
    return sorted({name.partition(".lora_")[0] for name in adapter.lora})


def _merged(folder: Path, parts, method="cat", weights=(1.0, 1.0), **more) -> Adapter:
    return merge_adapters(folder, parts, [_tokens(app) for app in APPS], _ids(folder), method, weights, **more)


def test_cat_is_the_exact_sum_and_every_row_is_kept(bases):
    parts = [_adapter(bases, 1), _adapter(bases, 2, rank=6)]
    merged = _merged(bases, parts, weights=(1.0, 0.5))
    assert merged.rank == 10
    for name in _layers(parts[0]):
        wanted = _delta(parts[0], name) + 0.5 * _delta(parts[1], name)
        assert torch.allclose(_delta(merged, name), wanted, atol=1e-5)
    for rows, joined in ((parts_rows(parts, "rows"), merged.rows), (parts_rows(parts, "head_rows"), merged.head_rows)):
        if joined is None:
            assert rows == [None, None]
            continue
        first, second = rows
        assert torch.equal(joined[:4], torch.cat([first[:2], second[:2]]))
        assert torch.equal(joined[4:], (first[2:] + second[2:]) / 2)


def parts_rows(parts, name):
    return [getattr(part, name) for part in parts]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_keeps_the_rows_and_is_read_back(bases, method, tmp_path):
    parts = [_adapter(bases, 1), _adapter(bases, 2)]
    merged = _merged(bases, parts, method)
    assert torch.equal(merged.rows[:2], parts[0].rows[:2]) and torch.equal(merged.rows[2:4], parts[1].rows[:2])
    assert _layers(merged) == _layers(parts[0]) and merged.modules == parts[0].modules
    save_adapter(merged, tmp_path, "base")
    again = read_adapter(tmp_path)
    assert again.row_ids == merged.row_ids and all(torch.equal(again.lora[k], merged.lora[k]) for k in merged.lora)
    trained = load_trained(tmp_path, bases)
    assert torch.equal(torch.from_numpy(trained.rows()), merged.rows)


def test_dare_hangs_on_its_seed(bases):
    parts = [_adapter(bases, 1), _adapter(bases, 2)]
    first, same, other = (_merged(bases, parts, "dare_linear", seed=s) for s in (0, 0, 1))
    assert all(torch.equal(first.lora[k], same.lora[k]) for k in first.lora)
    assert not all(torch.equal(first.lora[k], other.lora[k]) for k in first.lora)


def test_layers_that_one_adapter_left_alone_are_not_merged_in_silence(bases):
    with pytest.raises(BadInput, match="layers"):
        _merged(bases, [_adapter(bases, 1), _adapter(bases, 2, upper=0.5)])


def test_ranks_that_differ_are_refused_by_methods_that_add_matrices(bases):
    with pytest.raises(BadInput, match=r"PEFT cannot merge .*linear"):
        _merged(bases, [_adapter(bases, 1), _adapter(bases, 2, rank=6)], "linear")


@pytest.mark.parametrize("content", [b"", b"no tensors", None])
def test_an_adapter_in_pieces_is_told_in_one_line(bases, content, tmp_path):
    adapter = _adapter(bases, 1)
    save_adapter(adapter, tmp_path, "base")
    file = tmp_path / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2] if content is None else content)
    with pytest.raises(BadInput, match="cannot be read") as error:
        read_adapter(tmp_path)
    assert "\n" not in str(error.value)


def test_numbers_that_are_none_are_told(bases, tmp_path):
    adapter = _adapter(bases, 1)
    save_adapter(replace(adapter, rows=adapter.rows * float("nan")), tmp_path, "base")
    with pytest.raises(BadInput, match="damaged"):
        read_adapter(tmp_path)


def _table(app, *names) -> TokenTable:
    return assign_tokens(spec_of(*(fun(name) for name in names), app=app))


def test_a_joined_table_keeps_every_token(tmp_path):
    food, car, home = _table("food", "order", "track"), _table("car", "drive"), _table("home", "lock")
    joined = joined_tables([food, car], "super")
    assert [joined.token(f) for f in ("order", "track", "drive")] == ["<food_0>", "<food_1>", "<car_0>"]
    assert (joined.none, joined.end) == ("<super_none>", "<super_end>")
    (tmp_path / "tokens.json").write_text(dump_tokens(joined))
    assert load_tokens(tmp_path / "tokens.json") == joined
    more = joined_tables([joined, home], "all")  # what was merged can be merged again
    assert more.token("track") == "<food_1>" and more.token("lock") == "<home_0>"
    grown = joined.extended(spec_of(*(fun(n) for n in ("order", "track", "drive", "park")), app="super"))
    assert len({grown.token(f) for f in grown.indices}) == 4


@pytest.mark.parametrize(
    ("tables", "app", "said"),
    [
        ([_table("food", "order"), _table("food", "track")], "super", "two apps are named 'food'"),
        ([_table("food", "order"), _table("car", "order")], "super", "'order' is a function of both 'food' and 'car'"),
        ([_table("food", "order"), _table("car", "drive")], "car", "two apps are named 'car'"),
    ],
)
def test_clashes_are_refused_by_name(tables, app, said):
    for order in itertools.permutations(tables):
        with pytest.raises(BadInput) as error:
            joined_tables(order, app)
        assert said in error.value.message or "both 'car' and 'food'" in error.value.message


FANS = {
    "app": "fans",
    "description": "Fans and blinds.",
    "functions": [
        fun(
            "set_fan",
            obj({"speed": {"type": "integer", "minimum": 0, "maximum": 9}}, ("speed",)),
            examples=["fan to 3"],
        ),
        fun(
            "move_blind",
            obj({"side": {"type": "string", "enum": ["left", "right"]}}, ("side",)),
            examples=["left blind"],
        ),
    ],
}


def _fan_rows(split: str) -> list[dict]:
    rows = []
    for i in range(24):
        rows.append([
            {"query": f"{split} fan to {i % 9} please {i}", "calls": [
                {"name": "set_fan", "arguments": {"speed": i % 9}}]},
            {"query": f"{split} blind on the {'left' if i % 2 else 'right'} {i}", "calls": [
                {"name": "move_blind", "arguments": {"side": "left" if i % 2 else "right"}}]},
            {"query": f"{split} tell me joke {i}", "calls": []},
        ][i % 3] | {"split": split})  # fmt: skip
    return rows


@functools.cache
def merge_projects() -> tuple[Project, Project]:
    """Lamps and fans, each trained alone on one base, with rows of all three sides."""
    from octocli.stages.train import train

    lamps = copy_of(trained(), workspace() / "merge-lamps")
    rows = [json.loads(line) for line in lamps.accepted_file.read_text().splitlines()]
    held_out = [{**row, "query": f"{row['query']} {side}", "split": side}
                for row in lamp_rows() for side in ("validation", "test")]  # fmt: skip
    write_rows(lamps.accepted_file, [row for row in rows if row["split"] == "train"] + held_out)
    fans = new_project(workspace() / "fans", FANS, toml('data_licence = "CC0-1.0"'))
    write_rows(fans.accepted_file, [row for split in ("train", "validation", "test") for row in _fan_rows(split)])
    train(fans, epochs=20)
    return lamps, fans


def test_two_projects_become_one_that_answers_for_both(tmp_path):
    lamps, fans = merge_projects()
    report = merge([lamps.root, fans.root], tmp_path / "home", heal=1.0, questions=12, tolerance=1.0)
    merged = open_project(tmp_path / "home")
    assert [f.name for f in merged.spec.functions] == ["set_lamp", "play_song", "stop_music", "set_fan", "move_blind"]
    tokens = ["<lamps_0>", "<lamps_1>", "<lamps_2>", "<fans_0>", "<fans_1>"]
    assert list(merged.tokens.tokens(merged.spec).values()) == tokens
    assert set(report.apps) == {"lamps", "fans"} and report.heal_steps > 0
    assert all(score.after.n == score.before.n > 0 for score in report.apps.values())
    assert sum(report.called["fans"].values()) == report.apps["fans"].after.n
    assert report.function_choice.after.n == sum(score.after.n for score in report.apps.values())
    assert report.function_choice.after.hits >= sum(score.after.hits for score in report.apps.values())
    assert report.abstention.before.n == report.abstention.after.n > 0
    for app, score in report.apps.items():
        assert report.apart[app].after.n <= score.after.n == report.hinted[app].after.n
        assert report.hinted[app].before == score.before
    assert report.function_choice_apart.after.n == sum(score.after.n for score in report.apart.values())
    record = json.loads((merged.run() / "run.json").read_text())
    assert [card["app"] for card in record["merged_from"]] == ["lamps", "fans"]
    assert record["merged_from"][0]["base"]["checksum"] == record["manifest"]["base"]["checksum"]
    assert record["manifest"]["most_calls"] == 2 and record["manifest"]["calibration"]["negatives"] > 0
    assert is_trained(merged) and not (merged.run() / "checkpoint.pt").exists()
    with open_caller(merged.run()) as caller:
        asked = [*_fan_rows("train")[:2], *lamp_rows()[:3]]
        named = [[c["name"] for c in caller.ask(row["query"]).calls] == [row["calls"][0]["name"]] for row in asked]
    assert sum(named) > len(named) / 2, "what was healed on is not learnt"
    assert json.loads((merged.run() / "merge.json").read_text())["apps"]["fans"]["after"]["n"] > 0
    apps = record["manifest"]["settings"]["apps"]
    assert [set(app["strict"]) for app in apps] == [{"before", "after"}] * 2
    card = (merged.run() / "MODEL_CARD.md").read_text()
    assert "| CC0-1.0 |" in card and "| not stated |" in card
    assert "| lamps | 3 |" in card and "| fans | 2 |" in card and record["manifest"]["base"]["licence"] in card


def test_the_door_shows_the_table_or_json_and_refuses_with_its_code(tmp_path):
    lamps, fans = merge_projects()
    options = ("--heal", "0.2", "--questions", "4", "--tolerance", "1")
    told = octo("merge", lamps.root, fans.root, "--out", tmp_path / "one", *options)
    assert told.returncode == 0, told.stderr
    assert "lamps" in told.stdout and "merged by cat, healed for" in told.stdout and "next: octo eval -C" in told.stdout
    data = json.loads(octo("merge", lamps.root, fans.root, "--out", tmp_path / "two", *options, "--json").stdout)
    assert set(data["apps"]) == {"lamps", "fans"} and data["heal_steps"] > 0
    wrong = octo("merge", lamps.root, "--out", tmp_path / "three")
    assert wrong.returncode == 2 and wrong.stderr.startswith("octo: one app cannot be merged")
    bad = octo("merge", lamps.root, fans.root, "--out", tmp_path / "four", "--weights", "1,x")
    assert bad.returncode == 2 and "no list of numbers" in bad.stderr


def test_a_merge_heals_what_a_sum_breaks(tmp_path):
    lamps, fans = merge_projects()
    scores = [
        merge([lamps.root, fans.root], tmp_path / f"home{i}", heal=heal, questions=12, tolerance=1.0)
        for i, heal in enumerate((0.0, 1.0))
    ]
    naive, healed = (sum(score.after.hits for score in report.apps.values()) for report in scores)
    assert healed > naive and scores[0].heal_steps == 0


def test_healing_the_rows_alone_leaves_the_lora(tmp_path):
    lamps, fans = merge_projects()
    for name, heal in (("plain", 0.0), ("rows", 0.3)):
        merge([lamps.root, fans.root], tmp_path / name, heal=heal, heal_what="rows", questions=2, tolerance=1.0)
    plain, rows = (read_adapter(tmp_path / name / "runs" / "main") for name in ("plain", "rows"))
    assert all(torch.equal(plain.lora[k], rows.lora[k]) for k in plain.lora)
    assert not torch.equal(plain.rows, rows.rows)


def test_the_best_method_is_chosen_by_asking(tmp_path):
    lamps, fans = merge_projects()
    report = merge([lamps.root, fans.root], tmp_path / "home", method="auto", heal=0.0, questions=2, tolerance=1.0)
    assert report.method in METHODS and [p.name for p in (tmp_path / "home" / "runs").iterdir()] == ["main"]


def test_a_merge_that_costs_too_much_is_refused_and_kept(tmp_path):
    lamps, fans = merge_projects()
    with pytest.raises(Refused, match=r"costs too much: .* points of strict call"):
        merge([lamps.root, fans.root], tmp_path / "home", weights=(0.0, -8.0), heal=0.0, questions=24, tolerance=0.0)
    assert (tmp_path / "home" / "runs" / "main" / "merge.json").exists()


def test_what_cannot_be_merged_is_told_in_one_line_before_any_work(tmp_path):
    lamps, fans = merge_projects()
    other = copy_of(fans, tmp_path / "other")
    record = other.run() / "run.json"
    foreign = json.loads(record.read_text())
    foreign["manifest"]["base"]["checksum"] = "0" * 32
    unfinished = copy_of(fans, tmp_path / "unfinished")
    (unfinished.run() / "run.json").unlink()
    torn = copy_of(fans, tmp_path / "torn")
    (torn.run() / "adapter_model.safetensors").write_bytes(b"\x10")
    full = copy_of(fans, tmp_path / "full")
    (full.run() / "adapter_model.safetensors").unlink()
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").write_text("mine")
    record.write_text(json.dumps(foreign))
    for paths, out, said in [
        ([lamps.root], "x", "one app cannot be merged"),
        ([lamps.root, lamps.root], "x", "are the same run"),
        ([lamps.root, copy_of(lamps, tmp_path / "twin").root], "x", "two apps are named 'lamps'"),
        ([lamps.root, fans.root], "fans", "two apps are named 'fans'"),
        ([lamps.root, other.root], "x", "trained on .* \\(00000000\\), but"),
        ([lamps.root, unfinished.root], "x", "never finished"),
        ([lamps.root, torn.root], "x", "cannot be read"),
        ([lamps.root, full.root], "x", "no adapter in it"),
        ([lamps.root, fans.root], "taken", "already there and not empty"),
        ([lamps.root, tmp_path / "nowhere"], "x", "no run here"),
    ]:
        with pytest.raises(BadInput, match=said) as error:
            merge(paths, tmp_path / out)
        assert "\n" not in error.value.message and not (tmp_path / "x").exists()
    for more, said in (
        ({"weights": (1.0,)}, "1 for 2 apps"),
        ({"method": "glue"}, "unknown"),
        ({"heal": 3.0}, "share"),
    ):
        with pytest.raises(BadInput, match=said):
            merge([lamps.root, fans.root], tmp_path / "x", **more)


def test_a_negative_that_another_app_serves_is_no_negative_of_both(tmp_path):
    lamps, fans = merge_projects()
    mixed = copy_of(lamps, tmp_path / "mixed")
    asked = _fan_rows("train")[0]
    rows = [json.loads(line) for line in mixed.accepted_file.read_text().splitlines()]
    write_rows(mixed.accepted_file, [*rows, {"query": asked["query"], "calls": [], "split": "train"}])
    inputs = read_inputs([mixed.root, fans.root])
    kept = own_rows(inputs, "train", 100, seed=0)
    assert asked["query"] not in [s.query for s in kept[0]] and asked["query"] in [s.query for s in kept[1]]


def test_requests_across_apps_have_calls_of_both():
    lamps, fans = ([parse_sample({**row, "split": "train"}, "") for row in rows]
                   for rows in (lamp_rows(), _fan_rows("train")))  # fmt: skip
    both = across_apps([lamps, fans], 20, random.Random(0))
    names = {frozenset(call["name"] for call in sample.calls) for sample in both}
    assert len(both) == 20 and all(len(pair) == 2 for pair in names)
    assert all(pair & {"set_fan", "move_blind"} for pair in names)
    assert replay([lamps, fans], 20, 0) == replay([lamps, fans], 20, 0)


def test_a_merge_that_was_killed_goes_on(tmp_path, monkeypatch):
    from octocli.model import training

    lamps, fans = merge_projects()
    options = {"heal": 0.5, "questions": 2, "tolerance": 1.0}
    monkeypatch.setattr(training, "_update", _stopping(training._update, 12))
    with pytest.raises(KeyboardInterrupt):
        merge([lamps.root, fans.root], tmp_path / "home", **options)
    monkeypatch.undo()
    merge([lamps.root, fans.root], tmp_path / "home", **options)
    merge([lamps.root, fans.root], tmp_path / "whole" / "home", **options)
    record = json.loads((open_project(tmp_path / "home").run() / "run.json").read_text())
    assert record["resumed_at"] == 13
    resumed, whole = (read_adapter(tmp_path / name / "runs" / "main") for name in ("home", "whole/home"))
    assert torch.equal(resumed.rows, whole.rows)
    with pytest.raises(BadInput, match="already there"):
        merge([lamps.root, fans.root], tmp_path / "home", **options)


def test_a_merge_that_was_killed_while_it_asked_learns_nothing_again(tmp_path, monkeypatch):
    from octocli.stages import merge as stage

    lamps, fans = merge_projects()
    options = {"heal": 0.2, "questions": 2, "tolerance": 1.0}

    def killed(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "measured", killed)
    with pytest.raises(KeyboardInterrupt):
        merge([lamps.root, fans.root], tmp_path / "home", **options)
    monkeypatch.undo()
    file = tmp_path / "home" / "runs" / "main" / "adapter_model.safetensors"
    written = file.stat().st_mtime_ns
    assert merge([lamps.root, fans.root], tmp_path / "home", **options).heal_steps > 0
    assert file.stat().st_mtime_ns == written


def test_a_hint_raises_the_odds_tenfold_of_the_app_in_the_foreground(tmp_path):
    lamps, fans = merge_projects()
    merge([lamps.root, fans.root], tmp_path / "home", heal=0.0, questions=2, tolerance=1.0)
    with open_caller(open_project(tmp_path / "home").run()) as caller:
        plain = caller.ask("fan to 3 please").choices
        led = caller.ask("fan to 3 please", foreground="lamps").choices
        for other in ("set_fan", "move_blind", ""):
            assert led["set_lamp"] / led[other] == pytest.approx(10 * plain["set_lamp"] / plain[other], rel=1e-3)
        assert led["play_song"] / led["set_lamp"] == pytest.approx(plain["play_song"] / plain["set_lamp"], rel=1e-3)
        with pytest.raises(BadInput, match="no app 'maps' here"):
            caller.ask("fan to 3 please", foreground="maps")


def test_a_merge_that_was_killed_before_its_run_began_goes_on(tmp_path, monkeypatch):
    from octocli.stages import merge as stage

    lamps, fans = merge_projects()
    options = {"method": "auto", "heal": 0.0, "questions": 2, "tolerance": 1.0}

    def killed(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "_best_method", killed)
    with pytest.raises(KeyboardInterrupt):
        merge([lamps.root, fans.root], tmp_path / "home", **options)
    monkeypatch.undo()
    assert merge([lamps.root, fans.root], tmp_path / "home", **options).method in METHODS


def test_a_clone_of_a_merged_project_is_not_written_over(tmp_path):
    lamps, fans = merge_projects()
    options = {"heal": 0.0, "questions": 2, "tolerance": 1.0}
    merge([lamps.root, fans.root], tmp_path / "home", **options)
    shutil.rmtree(tmp_path / "home" / "runs")
    with pytest.raises(BadInput, match="already there"):
        merge([lamps.root, fans.root], tmp_path / "home", **options)


def test_what_was_merged_is_not_merged_again(tmp_path):
    lamps, fans = merge_projects()
    merge([lamps.root, fans.root], tmp_path / "home", heal=0.0, questions=2, tolerance=1.0)
    with pytest.raises(BadInput, match="merged already"):
        merge([tmp_path / "home", lamps.root], tmp_path / "all")


def _stopping(update, after):
    """The update of a step that has Ctrl-C come at one of them."""
    steps = itertools.count(1)

    def wrapped(*given):
        update(*given)
        if next(steps) == after:
            os.kill(os.getpid(), signal.SIGINT)

    return wrapped


def test_a_name_that_opens_the_second_request_keeps_its_capital():
    first = parse_sample({"query": "Lock up.", "calls": [{"name": "lock", "arguments": {}}]}, "")
    named = parse_sample({"query": "Netflix please", "calls": [{"name": "pay", "arguments": {"to": "Netflix"}}]}, "")
    plain = parse_sample({"query": "Pay Netflix", "calls": [{"name": "pay", "arguments": {"to": "Netflix"}}]}, "")
    for second, tail in ((named, "Netflix please"), (plain, "pay Netflix")):
        assert all(row.query.endswith(tail) for row in across_apps([[first], [second]], 8, random.Random(1))
                   if row.calls[1]["name"] == "pay")  # fmt: skip


def test_only_what_goes_elsewhere_is_asked_again_with_the_app_in_the_foreground():
    from types import SimpleNamespace

    from octocli.core.samples import Sample
    from octocli.stages.answers import Outcome
    from octocli.stages.merge_report import _with_hint

    asked = []

    def ask(query, **more):
        asked.append((query, more["foreground"]))
        return SimpleNamespace(calls=({"name": "fan_on", "arguments": {}},), confidence=1.0, ids=(), finished=True)

    tokens = SimpleNamespace(app_of=lambda name: "fans" if name.startswith("fan") else "lamps")
    caller = SimpleNamespace(manifest=SimpleNamespace(tokens=tokens), draft=lambda *_: (), ask=ask)
    calls = {name: ({"name": name, "arguments": {}},) if name else () for name in ("fan_off", "lamp_on", "")}
    before = [Outcome(Sample(f"to {name}", ()), found, 1.0, (), True) for name, found in calls.items()]
    after = _with_hint(caller, before, "fans")
    assert asked == [("to lamp_on", "fans"), ("to ", "fans")]
    assert [o.calls[0]["name"] for o in after] == ["fan_off", "fan_on", "fan_on"]
