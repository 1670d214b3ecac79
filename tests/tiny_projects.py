"""Small specs, and tiny projects made from them: a random base with its GGUF, samples, a run, a shipped file.

Each is made once a session, in one temporary folder; a test that writes takes a copy.
"""

import atexit
import copy
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tiny_models import build_tiny, write_base_gguf

from octocli.core.project import Project, open_project
from octocli.core.spec import Spec, parse_spec
from octocli.core.tokens import TokenTable, assign_tokens
from octocli.stages.progress import silent

torch.set_num_threads(1)


@functools.cache
def workspace() -> Path:
    """The temporary folder of this session."""
    folder = Path(tempfile.mkdtemp(prefix="octo-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def obj(properties: dict[str, Any], required: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """An object schema."""
    return {"type": "object", "properties": properties, "required": list(required), **more}


def fun(name: str, parameters: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A function of a spec."""
    return {"name": name, "description": f"Does {name}.", "parameters": parameters or obj({}), **more}


def spec_of(*functions: dict[str, Any], app: str = "tiny") -> Spec:
    """A checked spec of these functions."""
    return parse_spec({"app": app, "functions": list(functions)})


def table_of(spec: Spec) -> TokenTable:
    """The first token table of a spec."""
    return assign_tokens(spec)


LAMPS: dict[str, Any] = {
    "app": "lamps",
    "description": "Lamps and music.",
    "functions": [
        {
            "name": "set_lamp",
            "description": "Sets the brightness of a lamp in a room.",
            "parameters": obj(
                {
                    "level": {"type": "integer", "minimum": 0, "maximum": 100},
                    "room": {"type": "string", "enum": ["kitchen", "bedroom", "office", "hallway", "garage"]},
                    "slow": {"type": "boolean", "default": False},
                },
                ("level", "room"),
                additionalProperties=False,
            ),
            "examples": ["set the kitchen lamp to 40 percent"],
        },
        {
            "name": "play_song",
            "description": "Plays a song by its title.",
            "parameters": obj({"title": {"type": "string"}}, ("title",), additionalProperties=False),
            "examples": [
                {"query": "play yellow submarine", "calls": [
                    {"name": "play_song", "arguments": {"title": "yellow submarine"}}
                ]}
            ],
        },
        {"name": "stop_music", "description": "Stops the music.", "confirm": True},
    ],
}  # fmt: skip

EVERYTHING: dict[str, Any] = {
    "app": "all",
    "description": "One of each.",
    "functions": [
        fun("pick", obj({"colour": {"enum": ["red", "deep blue", 3, None]}, "size": {"type": "string", "enum": ["s"]}},
                        ("colour",), additionalProperties=False)),
        fun("level", obj({"n": {"type": "integer", "minimum": -5, "maximum": 12}}, ("n",))),
        fun("odds", obj({"ratio": {"type": "number", "exclusiveMinimum": 0, "maximum": 2.5}, "on": {"type": "boolean"}},
                        ("ratio", "on"))),
        fun("tags", obj({"tags": {"type": "array", "items": {"type": "string", "maxLength": 4}, "minItems": 1,
                                  "maxItems": 3, "uniqueItems": True}}, ("tags",))),
        fun("order", obj({"item": obj({"sku": {"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"},
                                       "count": {"type": "integer", "minimum": 1, "maximum": 9}}, ("sku", "count"),
                                      additionalProperties=False)}, ("item",))),
        fun("options", obj({"fast": {"type": "boolean"}, "colour": {"type": "string", "enum": ["red", "blue"]},
                            "n": {"type": "integer", "minimum": 1, "maximum": 3}}, dependentRequired={"fast": ["n"]})),
        fun("ping"),
        fun("where", obj({"who": {"type": "string", "maxLength": 6}}, ("who",)),
            returns={"type": "string", "enum": ["home", "work"]}),
        fun("go", obj({"place": {"type": "string", "enum": ["home", "work"]}, "at": {"type": "string",
                      "format": "time"}}, ("place",))),
        fun("place_of", obj({"n": {"type": "integer", "minimum": 0, "maximum": 9}}, ("n",)),
            returns={"type": "string"}),
        fun("say", obj({"text": {"type": "string", "maxLength": 12}}, ("text",))),
        fun("not_seven", obj({"n": {"type": "integer", "minimum": 6, "maximum": 8, "not": {"const": 7}}}, ("n",))),
        fun("either", obj({"v": {"oneOf": [{"type": "integer", "minimum": 0, "maximum": 4},
                                           {"type": "integer", "minimum": 3, "maximum": 9}]}}, ("v",))),
    ],
}  # fmt: skip


@functools.cache
def base(tied: bool = True, arch: str = "llama") -> Path:
    """A tiny random base with its GGUF in the folder, as export wants it."""
    folder = workspace() / f"base-{arch}-{'tied' if tied else 'untied'}"
    build_tiny(folder, arch, tied)
    write_base_gguf(folder, folder / "base.gguf")
    return folder


def new_project(root: Path, spec: dict[str, Any] = LAMPS, settings: str = "", *, tied: bool = True) -> Project:
    """A project folder as `octo init` makes it, on a tiny base."""
    from octocli.core.project import write_json
    from octocli.core.tokens import dump_tokens

    root.mkdir(parents=True, exist_ok=True)
    data = copy.deepcopy(spec)
    write_json(root / "api.json", data)
    (root / "tokens.json").write_text(dump_tokens(assign_tokens(parse_spec(data))))
    (root / "octo.toml").write_text(settings if settings.startswith("base") else toml(settings, tied=tied))
    return open_project(root)


def toml(more: str = "", *, tied: bool = True, synth: str = "", train: str = "", export: str = "") -> str:
    """Settings for a tiny project; sections are given by their lines."""
    return (
        f'base = "{base(tied)}"\n{more}\n[synth]\nper_function = 8\nheld_out_per_function = 8\n{synth}\n'
        f"[train]\nepochs = 12\nbatch = 8\nlr = 0.005\nwarmup = 2\nupper = 1.0\n{train}\n"
        f"[export]\nparity_queries = 24\ntolerance = 1.0\n{export}\n"
    )


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A JSONL file of these rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    return path


ROOMS = ["kitchen", "bedroom", "office", "hallway", "garage"]


def lamp_rows(count: int = 24, split: str = "train") -> list[dict[str, Any]]:
    """Accepted rows for the spec LAMPS."""
    rows: list[dict[str, Any]] = []
    for i in range(count):
        room, level = ROOMS[i % 5], i * 3 % 101
        rows.append(
            [
                {"query": f"{room} lamp to {level} please", "calls": [
                    {"name": "set_lamp", "arguments": {"level": level, "room": room}}]},
                {"query": f"play song number {level}", "calls": [
                    {"name": "play_song", "arguments": {"title": f"song number {level}"}}]},
                {"query": f"be quiet now {i}", "calls": [{"name": "stop_music", "arguments": {}}]},
                {"query": f"who won match {i}", "calls": []},
            ][i % 4] | {"split": split}
        )  # fmt: skip
    return rows


def trained(tied: bool = True, method: str = "lora", spec: str = "lamps") -> Project:
    """A project with a finished run `main`, trained a few steps. Not to be written to: see `copy_of`."""
    return _trained(tied, method, spec)


@functools.cache
def _trained(tied: bool, method: str, spec: str) -> Project:
    from octocli.stages.train import train

    root = workspace() / f"trained-{tied}-{method}-{spec}"
    project = new_project(root, {"lamps": LAMPS, "all": EVERYTHING}[spec], tied=tied)
    rows = lamp_rows() if spec == "lamps" else [{"query": "ping", "calls": [{"name": "ping"}], "split": "train"}] * 8
    write_rows(project.accepted_file, rows + [{**r, "split": "test"} for r in rows])
    train(project, method=method, epochs=20)  # type: ignore[arg-type]
    return project


@functools.cache
def shipped(tied: bool = True, method: str = "lora", spec: str = "lamps") -> Path:
    """The f16 GGUF of `trained`, as export writes it before its gate."""
    from octocli.runtime.caller import open_caller
    from octocli.stages.export import _patchable, _write_f16

    out = workspace() / f"{spec}-{tied}-{method}.gguf"
    with open_caller(trained(tied, method, spec).run()) as caller:
        _write_f16(caller.engine, _patchable(caller.engine, silent), out, silent)
    return out


@functools.cache
def built() -> Project:
    """A project that `octo build` made from end to end. Not to be written to: see `copy_of`."""
    from octocli.stages.build import build

    project = new_project(workspace() / "built")
    build(project)
    return project


def copy_of(project: Project, to: Path) -> Project:
    """The same project elsewhere, free to be changed."""
    shutil.copytree(project.root, to)
    return open_project(to)


def spoil(monkeypatch: Any, spoilt: str) -> None:
    """Have every GGUF of one quantisation come out with its last weights zeroed."""
    from octocli.model import quantise as quantising

    true = quantising.quantise

    def quantise(source: Path, out: Path, quant: str, **more: Any) -> None:
        true(source, out, quant, **more)
        if quant == spoilt:
            content = out.read_bytes()
            out.write_bytes(content[:-20_000] + bytes(20_000))

    monkeypatch.setattr(quantising, "quantise", quantise)


class Ran(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


def octo(*arguments: str | Path, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "octocli.cli.main", *map(str, arguments)],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(),
        check=False,
    )


def environment() -> dict[str, str]:
    """The environment for processes: one thread, no hub."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
