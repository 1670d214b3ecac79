"""Several apps on one shared base: adapters as GGUFs, a context for each, and who answers a request."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
from test_merge import FANS, _fan_rows
from tiny_projects import base, copy_of, new_project, octo, trained, workspace, write_rows

from octocli.core.errors import BadInput, NotMade, Refused
from octocli.core.project import Project
from octocli.runtime.apps import Apps, open_apps
from octocli.runtime.caller import open_caller
from octocli.runtime.engine import prompt_ids
from octocli.stages.export_apps import export_apps
from octocli.stages.train import train


@functools.cache
def _projects(tied: bool) -> tuple[Project, Project]:
    fans = new_project(workspace() / f"swap-fans-{tied}", FANS, tied=tied)
    write_rows(fans.accepted_file, [row for split in ("train", "test") for row in _fan_rows(split)])
    train(fans, epochs=20)
    return trained(tied), fans


@functools.cache
def _folder(tied: bool) -> Path:
    out = workspace() / f"swap-{tied}"
    export_apps([p.root for p in _projects(tied)], out, quant="f16", tolerance=1.0, questions=8)
    return out


def device() -> tuple[Path, tuple[Project, Project]]:
    """A folder with two apps' adapters, and their projects."""
    return _folder(True), _projects(True)


QUERIES = ["kitchen lamp to 30 please", "train fan to 4 please 4", "play song number 3", "who won match 3"]


@pytest.mark.parametrize("tied", [True, False])
def test_an_adapter_on_the_shared_base_is_the_trained_model(tied):
    with open_apps(_folder(tied), threads=1) as apps:
        for project in _projects(tied):
            with open_caller(project.run()) as alone:
                engine = apps.callers[project.spec.app].engine
                for query in QUERIES:
                    logits = alone.engine.read(prompt_ids(alone.engine, query))[0]
                    swapped = engine.read(prompt_ids(engine, query))[0]
                    own = [alone.engine.special[t] for t in alone.engine.special]
                    there = [engine.special[t] for t in alone.engine.special]
                    assert np.abs(logits[own] - swapped[there]).max() < 0.05


def test_no_app_reads_what_another_has_read():
    with open_apps(_folder(True), threads=1) as apps:
        alone = {app: [caller.ask(q).ids for q in QUERIES] for app, caller in apps.callers.items()}
        mixed: dict[str, list] = {app: [] for app in apps.callers}
        for query in QUERIES:
            for app, caller in apps.callers.items():
                mixed[app].append(caller.ask(query).ids)
        assert mixed == alone


class _Sure:
    """A caller of known shares."""

    def __init__(self, shares, lines=(0.5, 0.5)):
        self.shares, self.lines, self.asked, self.closed = shares, lines, [], False

    def refuse_above_among(self, apps):
        return self.lines[0] if apps == 1 else self.lines[1]

    def choices(self, query):
        share = next((s for words, s in self.shares.items() if words in query), 0.0)
        return {"act": share, "rest": 0.0, "": 1 - share}

    def ask(self, query, *, now=None):
        self.asked.append(query)
        return type("A", (), {"calls": ({"name": "act", "arguments": {}},)})()

    def close(self):
        self.closed = True


def _apps(**shares):
    return Apps({app: _Sure(known) for app, known in shares.items()})


def test_the_likelier_app_answers_and_nobody_where_all_refuse():
    apps = _apps(food={"pizza": 0.9, "table": 0.6}, places={"table": 0.95, "pizza": 0.3})
    assert [app for app, _ in apps.ask("a pizza").answers] == ["food"]
    assert [app for app, _ in apps.ask("a table").answers] == ["places"]
    assert apps.ask("the moon").answers == () and apps.ask("the moon").calls == ()
    assert apps.ask("a pizza").calls == ({"app": "food", "name": "act", "arguments": {}},)


def test_the_app_in_the_foreground_is_a_hint_and_no_rule():
    apps = _apps(food={"menu": 0.7, "pizza": 0.99}, places={"menu": 0.75, "pizza": 0.6})
    assert apps.ask("the menu").answers[0][0] == "places"
    assert apps.ask("the menu", foreground="food").answers[0][0] == "food"
    assert apps.ask("a pizza", foreground="places").answers[0][0] == "food"
    with pytest.raises(BadInput, match="no app 'maps' here"):
        apps.ask("a pizza", foreground="maps")


def test_between_two_that_are_surer_than_can_be_known_the_hint_decides():
    apps = _apps(food={"ana": 0.99999}, places={"ana": 0.995})
    assert apps.ask("call ana").answers[0][0] == "food"
    assert apps.ask("call ana", foreground="places").answers[0][0] == "places"


def test_false_calls_do_not_add_up_over_apps():
    apps = Apps({app: _Sure({"moon": 0.3}, lines=(0.8, 0.6)) for app in ("food", "places")})
    assert apps.ask("the moon").answers == ()
    assert [app for app, _ in apps.ask("the moon", foreground="food").answers] == ["food"]


def test_a_request_for_two_apps_is_taken_apart_where_both_are_sure():
    apps = _apps(food={"dessert": 0.95, "salt": 0.9}, places={"table": 0.97})
    both = apps.ask("book a table for two and order dessert")
    assert [(app, call["app"]) for (app, _), call in zip(both.answers, both.calls, strict=True)] == [
        ("places", "places"), ("food", "food")]  # fmt: skip
    assert apps.callers["places"].asked == ["book a table for two"] and apps.callers["food"].asked == ["order dessert"]
    assert len(apps.ask("order salt and pepper").answers) == 1


def test_who_answers_really():
    with open_apps(_folder(True), threads=1, max_false_calls=None) as apps:
        for query in QUERIES:
            routed = apps.ask(query)
            assert set(routed.shares) == {"lamps", "fans"}
            likeliest = max(routed.shares, key=lambda app: routed.shares[app])
            assert [app for app, _ in routed.answers] == ([likeliest] if routed.shares[likeliest] else [])
        assert [call["app"] for call in apps.ask("kitchen lamp to 30 please", foreground="lamps").calls] == ["lamps"]


def test_what_is_missing_or_damaged_is_told(tmp_path):
    with pytest.raises(NotMade, match="no apps here"):
        open_apps(tmp_path)
    for content in ("", "[]", '{"base": 1, "apps": {}}', '{"base": "x.gguf", "apps": {}}'):
        (tmp_path / "apps.json").write_text(content)
        with pytest.raises(BadInput, match="damaged"):
            open_apps(tmp_path)
    whole = json.loads((_folder(True) / "apps.json").read_text())
    (tmp_path / "apps.json").write_text(json.dumps(whole))
    with pytest.raises(NotMade, match="no such file"):
        open_apps(tmp_path)
    (tmp_path / whole["base"]).symlink_to(_folder(True) / whole["base"])
    with pytest.raises(NotMade, match="lora"):
        open_apps(tmp_path)
    for name in whole["apps"].values():
        (tmp_path / name).symlink_to(base() / "base.gguf")  # a GGUF, but no adapter of octo's
    with pytest.raises(BadInput):
        open_apps(tmp_path)


def test_apps_that_cannot_share_a_base_are_refused(tmp_path):
    lamps, fans = _projects(True)
    twin = copy_of(lamps, tmp_path / "twin")
    with pytest.raises(BadInput, match="two apps are named 'lamps'"):
        export_apps([lamps.root, twin.root], tmp_path / "x")
    reserved = copy_of(fans, tmp_path / "reserved")
    reserved.config_file.write_text(f"reserved = true\n{reserved.config_file.read_text()}")
    with pytest.raises(BadInput, match="reserved"):
        export_apps([lamps.root, reserved.root], tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_adapters_that_change_calls_are_refused(tmp_path, monkeypatch):
    from octocli.model import gguf_adapter

    whole = gguf_adapter.write_adapter_gguf

    def spoilt(adapter, *more):
        lora = {k: t * (-3 if ".lora_B." in k else 1) for k, t in adapter.lora.items()}
        whole(type(adapter)(adapter.rank, adapter.alpha, lora, adapter.row_ids, adapter.rows, adapter.head_rows), *more)

    monkeypatch.setattr(gguf_adapter, "write_adapter_gguf", spoilt)
    with pytest.raises(Refused, match=r"not shipped: .* of \d+ calls"):
        export_apps([p.root for p in _projects(True)], tmp_path / "x", quant="f16", tolerance=0.0, questions=12)
    assert not list((tmp_path / "x").iterdir())


def test_the_doors(tmp_path):
    lamps, fans = _projects(True)
    out = tmp_path / "phone"
    made = octo("export", "-C", lamps.root, "--adapter", out, "--beside", fans.root, "-q", "f16", "--tolerance", "1")
    assert made.returncode == 0, made.stderr
    assert "shared by all" in made.stdout and (out / "fans-lora.gguf").stat().st_size < 2_000_000
    told = octo("chat", "--model", out, "--once", "kitchen lamp to 30 please", "--app", "lamps", "--json")
    assert told.returncode == 0, told.stderr
    assert set(json.loads(told.stdout)["shares"]) == {"lamps", "fans"}
    shown = octo("chat", "--model", out, stdin="kitchen lamp to 30 please\nwho won match 3\n")
    assert "lamps, fans on one base" in shown.stdout
    assert octo("chat", "--model", out, "--once", "x", "--app", "maps").returncode == 2
    assert octo("chat", "--model", fans.run(), "--once", "x", "--app", "fans").returncode == 2
    assert octo("export", "-C", lamps.root, "--beside", fans.root).returncode == 2
    assert octo("export", "-C", lamps.root, "--adapter", out, "--stubs", "python").returncode == 2
