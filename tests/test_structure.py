"""The house: imports go downwards only, heavy packages stay in their homes, `octo --help` stays light."""

import ast
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "octocli"

# A floor may import its own modules and those of lower floors. Teachers and model are neighbours: neither knows the
# other.
FLOORS = {"core": 0, "teachers": 1, "model": 1, "runtime": 2, "stages": 3, "cli": 4}

# Where a package may be imported at all: modules or whole floors. Everyone else goes through them.
HOMES = {
    "peft": ("octocli.model",),
    "torch": ("octocli.model", "octocli.runtime.transformers_engine"),
    "transformers": ("octocli.model", "octocli.runtime.transformers_engine"),
    "safetensors": ("octocli.model",),
    "accelerate": ("octocli.model.processes",),
    "huggingface_hub": ("octocli.model.bases",),
    "gguf": ("octocli.model",),
    "bitsandbytes": ("octocli.model",),
    "llama_cpp": (
        "octocli.model.quantise",
        "octocli.model.llama_probe",
        "octocli.runtime.llama_engine",
        "octocli.runtime.llama_model",
        "octocli.teachers.local_gguf",
    ),
    "google": ("octocli.teachers.gemini",),
    "openai": ("octocli.teachers.openai_compatible",),
    "llguidance": ("octocli.runtime",),
    "matplotlib": ("octocli.stages.curve",),
    "typer": ("octocli.cli",),
    "rich": ("octocli.cli.console",),
    "click": (),
}

# Never on the way to a help text. Of these, typer itself uses pydantic to describe the options of one command.
NOT_FOR_HELP = {
    "torch", "transformers", "peft", "llama_cpp", "llguidance", "gguf", "matplotlib", "numpy", "safetensors",
    "huggingface_hub", "tokenizers", "accelerate", "pydantic", "jsonschema", "num2words", "rapidfuzz",
    "google.genai", "google.generativeai", "openai", "bitsandbytes",
}  # fmt: skip

# Names that say nothing of what is inside.
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "tools", "base_utils"}


@dataclass(frozen=True)
class Module:
    """One module of the package, as text and as a tree."""

    path: Path

    @property
    def name(self) -> str:
        """Its dotted name."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def floor(self) -> str:
        """The floor that it is on; empty for the package itself."""
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else ""

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.path.read_text(encoding="utf-8"))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield (line, dotted name) of every import, those in functions and under TYPE_CHECKING included."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                # `from octocli import stages` names a module too.
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        above = package[: len(package) - node.level + 1]
        return ".".join([*above, *([node.module] if node.module else [])])


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
EVERY_MODULE = pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)


def test_every_floor_is_known() -> None:
    assert {m.floor for m in MODULES} == {*FLOORS, ""}


@EVERY_MODULE
def test_imports_go_downwards(module: Module) -> None:
    upwards = [
        f"{module.path.relative_to(ROOT)}:{line} imports {name}"
        for line, name in module.imports()
        if name.startswith("octocli.") and not _may_import(module.floor, name.split(".")[1])
    ]
    assert not upwards


def _may_import(floor: str, other: str) -> bool:
    if other not in FLOORS:  # `from octocli import __version__`
        return True
    return floor == other or (floor in FLOORS and FLOORS[other] < FLOORS[floor])


def test_the_rule_would_see_a_wrong_import() -> None:
    assert _may_import("stages", "runtime")
    assert not _may_import("core", "stages")
    assert not _may_import("teachers", "model")
    assert not _may_import("", "core"), "the package itself imports nothing, so that `import octocli` is free"


@EVERY_MODULE
def test_packages_stay_in_their_homes(module: Module) -> None:
    strays = [
        f"{module.path.relative_to(ROOT)}:{line} imports {name}"
        for line, name in module.imports()
        if (homes := HOMES.get(name.split(".")[0])) is not None and not _lives_in(module.name, homes)
    ]
    assert not strays


def _lives_in(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(f"{home}.") for home in homes)


@EVERY_MODULE
def test_only_the_doors_print(module: Module) -> None:
    if module.floor == "cli":
        return
    spoken = [
        f"{module.path.relative_to(ROOT)}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _is_printing(node.func)
    ]
    assert not spoken


def _is_printing(function: ast.expr) -> bool:
    return ast.unparse(function) in ("print", "sys.stdout.write", "sys.stderr.write", "sys.exit", "exit")


@EVERY_MODULE
def test_module_says_its_job(module: Module) -> None:
    docstring = ast.get_docstring(module.tree)
    assert docstring, f"{module.path.relative_to(ROOT)} has no docstring"
    assert re.search(r"[.:;?!]$", docstring.splitlines()[0]), "its first line is a whole sentence, for the file map"


@EVERY_MODULE
def test_module_has_a_name_of_its_own(module: Module) -> None:
    assert not {part.strip("_") for part in module.name.split(".")} & EMPTY_NAMES


def test_each_command_has_its_door() -> None:
    from octocli.cli.main import _COMMANDS

    doors = {function.__module__.rsplit(".", 1)[1].rstrip("_") for _, function in _COMMANDS}
    assert doors == {name for name, _ in _COMMANDS}


_HELP = """
import contextlib, io, json, sys
from octocli.cli.main import run
sys.argv = ["octo", *json.loads(sys.argv[1])]
with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
    run()
print(json.dumps({"shown": shown.getvalue(), "modules": sorted({m.split(".")[0] for m in sys.modules})}))
"""


HELPS = [["--help"], ["--version"], ["train", "--help"], ["chat", "--help"], ["data", "odd", "--help"]]


@pytest.mark.parametrize("arguments", HELPS, ids=" ".join)
def test_help_is_light(arguments: list[str]) -> None:
    command = [sys.executable, "-c", _HELP, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    result = json.loads(done.stdout)
    assert "octo" in result["shown"]
    typers_own = set() if arguments == ["--help"] else {"pydantic"}
    assert not (NOT_FOR_HELP - typers_own) & set(result["modules"])


def test_help_is_fast(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "octocli.cli.main", "--help"], capture_output=True, check=True, cwd=ROOT)
        seconds.append(time.perf_counter() - started)
    median = statistics.median(seconds)
    with capsys.disabled():
        sys.stdout.write(f"\nocto --help: median {median:.2f} s of 5\n")
    # The aim is 0.5 s on a quiet machine; a busy CI machine may take longer, a heavy import takes longer still.
    assert median < 2.0


def test_loading_the_model_floor_says_nothing() -> None:
    """Libraries warn of kernels that octo never calls; a user could do nothing about it."""
    done = subprocess.run(
        [sys.executable, "-c", "import octocli.model.adapter"], capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""
