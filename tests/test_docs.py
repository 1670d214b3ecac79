"""README and docs are run: every command and snippet of a page, in order, in a fresh folder, on a tiny random base.

How a page is read:

* `sh` and `console` blocks hold commands. `octo`, `cd` and `python` are executed; `make`, `pip` and the like are only
  checked (the target, the extra, the file exists). What is shown after `$ command` is compared with what it prints, but
  not where a model answers: the tiny base knows nothing.
* `python` blocks are executed; those with `>>>` are doctests.
* A block that names a file after its language is that file: it is written where it is not there yet, and where it is,
  the block must have its shape.
* After `octo init`, the project's base and sizes are made tiny, nothing else.
"""

import contextlib
import doctest
import importlib.util
import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import tiny_projects
import typer

from octocli.cli.main import app, run
from octocli.core.config import load_config
from octocli.core.spec import load_spec

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
RUN_PAGES = [page for page in PAGES if page.name != "cli.md"]

# Commands whose output is a model's answers or measurements.
ANSWERING = {"train", "eval", "export", "chat", "predict", "build"}
# The random base would write on to the limit of 256; so few tokens show as much.
FEW_TOKENS = 16


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    file: str
    text: str

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass
class Command:
    """A command of a block, and what the page says that it prints."""

    text: str
    shown: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """What was executed, and what was only looked at."""

    executed: list[str] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)


LEDGER = Ledger()


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    opened: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            if opened:
                opened[2].append(line)
        elif opened is None:
            opened = (number, line[3:].strip(), [])
        else:
            start, info, lines = opened
            language, _, file = info.partition(" ")
            yield Block(page, start, language, file.strip(), "".join(f"{text}\n" for text in lines))
            opened = None
    assert opened is None, f"{page}: a block is never closed"


def commands_of(block: Block) -> list[Command]:
    """The commands of a block; in a console block, those after `$`, with what is shown below."""
    commands: list[Command] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "sh":
            if line.strip() and not line.startswith("#"):
                commands.append(Command(line))
        elif line.startswith("$ "):
            commands.append(Command(line[2:]))
        else:
            commands[-1].shown.append(line)
    return commands


def parse_octo(words: list[str]) -> None:
    """Check that octo takes these arguments, without doing anything."""
    group: Any = typer.main.get_command(app)
    with contextlib.suppress(typer.Exit, SystemExit):
        if words and not words[0].startswith("-"):
            assert words[0] in group.commands, f"octo has no command {words[0]!r}"
            command = group.commands[words[0]]
            if len(words) > 1 and words[1] in getattr(command, "commands", {}):
                command, words = command.commands[words[1]], words[1:]
            command.make_context(words[0], list(words[1:]))
        else:
            group.make_context("octo", list(words), resilient_parsing=True)


class Reader:
    """Does what a page says, from its top to its end."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.page, self.names = page, {"__name__": "page"}
        shutil.copytree(ROOT / "examples", folder / "examples")
        os.chdir(folder)

    def read(self) -> None:
        """Go through the page."""
        for block in blocks_of(self.page):
            handler = getattr(self, f"_{block.language}", None)
            assert handler, f"{block.where}: no reader for a block in {block.language!r}"
            if block.file:
                self._file(block)
            handler(block)

    def _text(self, block: Block) -> None:
        """A drawing, for people."""

    def _json(self, block: Block) -> None:
        json.loads(block.text)
        LEDGER.executed.append(f"{block.where}: parsed as JSON")

    def _jsonl(self, block: Block) -> None:
        for line in block.text.splitlines():
            json.loads(line)
        LEDGER.executed.append(f"{block.where}: parsed as JSONL")

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.text)
        if block.file:
            LEDGER.executed.append(f"{block.where}: written as {block.file}")
            return
        settings = Path("docs-settings.toml")
        settings.write_text(block.text, encoding="utf-8")
        load_config(settings)
        settings.unlink()
        LEDGER.executed.append(f"{block.where}: loaded as octo.toml")

    def _python(self, block: Block) -> None:
        if block.text.lstrip().startswith(">>>"):
            test = doctest.DocTestParser().get_doctest(block.text, self.names, block.where, block.where, block.line)
            said = io.StringIO()
            results = doctest.DocTestRunner(verbose=False).run(test, out=said.write, clear_globs=False)
            self.names.update(test.globs)
            assert not results.failed, said.getvalue()
        else:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(block.text, block.where, "exec"), {"__name__": "page"})
        LEDGER.executed.append(f"{block.where}: python")

    def _sh(self, block: Block) -> None:
        for command in commands_of(block):
            self._do(command, block)

    _console = _sh

    def _file(self, block: Block) -> None:
        path = Path(block.file)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
            return
        there = json.loads(path.read_text(encoding="utf-8"))
        wrong = list(differences(json.loads(block.text), there, block.file))
        assert not wrong, f"{block.where}: {wrong}"
        LEDGER.executed.append(f"{block.where}: compared with {block.file}")

    def _do(self, command: Command, block: Block) -> None:
        words = shlex.split(command.text, comments=True)
        name = f"{block.where}: {shlex.join(words)}"
        if words[0] == "cd":
            os.chdir(words[1])
        elif words[0] == "octo":
            parse_octo(words[1:])
            self._octo(words[1:], command, name)
            LEDGER.executed.append(name)
        elif words[0] == "python" and words[1].endswith(".py"):
            self._script(words[1:])
            LEDGER.executed.append(name)
        elif words[0] == "torchrun":
            self._launch(words[1:], name)
            LEDGER.executed.append(name)
        else:
            check_only(words, name)
            LEDGER.checked.append(name)

    def _octo(self, arguments: list[str], command: Command, name: str) -> None:
        code, said = octo(arguments)
        fails = any(line.startswith("octo: ") for line in command.shown)
        assert (code != 0) == fails, f"{name}: exit code {code}\n{said}"
        if command.shown and arguments[0] not in ANSWERING:
            shown = "\n".join(command.shown) + "\n"
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(shown, said, flags), f"{name}: it prints\n{said}"
        if arguments[0] == "init" and not code:
            make_tiny(Path(arguments[1]))
        if arguments[0] == "merge" and not code:
            loosen(Path(arguments[arguments.index("--out") + 1]))

    def _launch(self, words: list[str], name: str) -> None:
        at = words.index("octo")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", *words[:at]]
        done = subprocess.run(
            [*launcher, sys.executable, "-m", "octocli.cli.main", *words[at + 1 :]],
            env=tiny_projects.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{name}: {done.stderr}"

    def _script(self, words: list[str]) -> None:
        with _arguments(words), contextlib.redirect_stdout(io.StringIO()) as said:
            runpy.run_path(words[0], run_name="__main__")
        assert said.getvalue().strip(), f"{words[0]} says nothing"


def octo(arguments: list[str]) -> tuple[int, str]:
    """Run octo in this process, with nobody at the keyboard: its exit code and all that it printed."""
    said = io.StringIO()
    code: Any = 0
    with _arguments(["octo", *arguments]), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            run()
        except SystemExit as stop:
            code = stop.code or 0
    return int(code), said.getvalue()


@contextlib.contextmanager
def _arguments(words: list[str]) -> Iterator[None]:
    before, keyboard = sys.argv, sys.stdin
    sys.argv, sys.stdin = words, io.StringIO("")
    try:
        yield
    finally:
        sys.argv, sys.stdin = before, keyboard


def make_tiny(project: Path) -> None:
    """Give the project a tiny random base and few samples."""
    settings = f"""
        base = {json.dumps(str(tiny_projects.base()))}
        [synth]
        per_function = 4
        held_out_per_function = 4
        negatives = 5
        [train]
        epochs = 1
        warmup = 2
        [export]
        parity_queries = 20
        tolerance = 1.0
    """
    (project / "octo.toml").write_text(settings, encoding="utf-8")


def loosen(merged: Path) -> None:
    """Let export pass whatever it makes of a merged model that learnt next to nothing."""
    with (merged / "octo.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[export]\ntolerance = 1.0\n")


def differences(shown: Any, there: Any, place: str) -> Iterator[str]:
    """Yield where a JSON value of a page has another shape than the file; `"..."` as a key stands for the rest."""
    if isinstance(shown, dict) and isinstance(there, dict):
        rest = "..." in shown
        for key in sorted((set(shown) - {"..."}) ^ set(there)):
            if key in shown or not rest:
                yield f"{place}.{key} is {'not in the file' if key in shown else 'not in the page'}"
        for key in set(shown) & set(there):
            yield from differences(shown[key], there[key], f"{place}.{key}")
    elif isinstance(shown, list) and isinstance(there, list):
        if shown and there:
            yield from differences(shown[0], there[0], f"{place}[0]")
    elif shown is not None and there is not None and _sort(shown) != _sort(there):
        yield f"{place} is {_sort(there)} in the file"


def _sort(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def check_only(words: list[str], name: str) -> None:
    """Look at a command that a test must not run: it installs, or runs the tests."""
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) <= set(targets), name
    elif words[:2] == ["pip", "install"]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for extra in re.findall(r"\[([\w,]+)\]", words[-1]):
            assert set(extra.split(",")) <= set(project["optional-dependencies"]), name
        assert all((ROOT / words[i + 1]).exists() for i, word in enumerate(words) if word == "-c"), name
    else:
        assert words[0] in ("python3.11", "."), f"{name}: no test knows this command"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from octocli.runtime.decoding import decode

    monkeypatch.setitem(decode.__kwdefaults__, "limit", FEW_TOKENS)
    monkeypatch.setenv("COLUMNS", "80")
    before = Path.cwd()
    yield
    os.chdir(before)


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda p: p.name)
def test_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    Reader(page, tmp_path).read()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_in_the_text_exist(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`(octo [^`]+)`", text):
        words = shlex.split(code)[1:]
        if "FILE" in code or words[0].isupper():
            continue
        group: Any = typer.main.get_command(app)
        assert words[0].startswith("-") or words[0] in group.commands, f"{page.name}: {code}"
        command = group.commands.get(words[0])
        if len(words) > 1 and words[1] in getattr(command, "commands", {}):
            command = command.commands[words[1]]
        known = {o for p in command.params for o in p.opts} if command else None
        assert known is None or {w for w in words if w.startswith("-")} <= known, f"{page.name}: {code}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in heads}
            assert anchor in anchors, f"{page.name}: {link}"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["cli.md", "architecture.md", "formats.md"])
def test_generated_parts_are_fresh(name: str) -> None:
    page = ROOT / "docs" / name
    assert page.read_text(encoding="utf-8") == _generator().pages()[page], "run: make docs"


def test_the_map_shows_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    floors = ROOT / "octocli"
    for path in floors.rglob("*.py"):
        parts = path.relative_to(floors).parts
        name = "/".join(parts[1:]).removesuffix("__init__.py")
        assert len(parts) == 1 or not name or name in shown, f"{path.relative_to(ROOT)} is not in the map"


def test_every_reason_to_reject_is_explained() -> None:
    from octocli.stages.checks import CHECKS

    text = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    for reason in (*CHECKS, "duplicate", "contradiction", "near-duplicate", "leak", "opinion"):
        assert f"| `{reason}` |" in text


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.json")), ids=lambda p: p.parent.name)
def test_example_spec_is_sound(path: Path) -> None:
    spec = load_spec(path)
    assert not spec.unexpressed()


def test_no_page_names_a_place_of_one_machine() -> None:
    files = [
        *PAGES,
        ROOT / "Makefile",
        ROOT / "constraints.txt",
        ROOT / ".ci" / "run",
        *(ROOT / "examples").rglob("*.*"),
    ]
    for path in files:
        assert not re.search(r"(?<![\w.~])/(work|root|home|tmp|opt)/", path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_what_was_run_and_what_was_only_read(capsys: pytest.CaptureFixture[str]) -> None:
    if not LEDGER.executed:  # this test alone, or another process had the pages
        return
    with capsys.disabled():
        lines = [f"\ndocs: {len(LEDGER.executed)} commands and snippets executed on a tiny base; only read:"]
        sys.stdout.write("\n  ".join([*lines, *LEDGER.checked]) + "\n")
    assert all(re.search(r": (make|pip|python3\.11|\.) ", entry) for entry in LEDGER.checked)
