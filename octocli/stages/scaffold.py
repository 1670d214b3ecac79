"""`octo init`: a project folder from a template or from a spec file."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from octocli.core.config import Config, SynthSettings
from octocli.core.errors import BadInput
from octocli.core.importers import Imported, load_any
from octocli.core.project import Project, write_json
from octocli.core.samples import write_atomically
from octocli.core.spec import Spec, parse_spec, read_json
from octocli.core.tokens import assign_tokens, dump_tokens

DEFAULT_TEMPLATE = "smart-home"
# Kinds of request that a project has where its settings ask for them.
_KINDS = ("parallel", "missing", "nested")

# What an API of twenty functions learns from.
_ROWS_IN_ALL = 2400
_MOST_ROWS = 400
# The built-in teacher's rows cost nothing, and at the same work rows that differ beat rows seen twice.
_PASSES = 2
# People ask for two things at once about one time in twenty, and a model that never saw it makes one call.
_PARALLEL = 0.1

_SETTINGS = """\
# Settings of this project. What is left out has octo's default; an unknown key is refused by name.
# preset = "paper"          # the hyper-parameters and the prompt of arXiv 2404.01744

base = "{base}"     # also "gemma-3-270m", a hub id, a folder, or a GGUF file
seed = 0

[synth]
{language}per_function = {synth.per_function}           # positives a function for training
negatives = {synth.negatives}            # negatives per positive
{kinds}
[train]
method = "lora"             # or "full"
epochs = {passes}                  # passes over the samples; 4 where most of them are your own

[export]
quant = "{quant}"
tolerance = {tolerance}            # share of calls that a GGUF may change
"""


@dataclass(frozen=True)
class Template:
    """A template that ships with octo, with its own settings of [synth], such as its language."""

    name: str
    title: str
    summary: str
    folder: Path
    synth: SynthSettings


@dataclass(frozen=True)
class ScaffoldReport:
    """What `init` made."""

    root: Path
    spec: Spec
    template: str | None
    unexpressed: tuple[str, ...]
    imported: Imported | None = None
    notes_file: Path | None = None


def templates() -> list[Template]:
    """The templates that ship with octo, by name."""
    found = []
    for folder in sorted(_templates_folder().iterdir()):
        if (folder / "template.json").exists():
            about = json.loads((folder / "template.json").read_text(encoding="utf-8"))
            synth = SynthSettings(**about.get("synth", {}))
            found.append(Template(folder.name, about["title"], about["summary"], folder, synth))
    return found


def _templates_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    inside = package / "templates"  # in a wheel
    return inside if inside.is_dir() else package.parent / "templates"


def scaffold(
    root: Path,
    *,
    template: str | None = None,
    spec_file: Path | str | None = None,
    format: str | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> ScaffoldReport:
    """Make a project at `root`, named after the folder.

    Args:
        root: the folder to make.
        template: the template to begin with.
        spec_file: instead of a template, an API description: a file, or the name of a Python module.
        format: the description's format, where its content does not tell.
        include: patterns of the operations to take over.
        exclude: patterns of the operations to leave out.

    Raises:
        BadInput: the folder holds a project or other files, the name or the spec is broken, no such template.
    """
    if template and spec_file:
        raise BadInput("--template and --spec are two ways to begin", hint="give one of them")
    if spec_file is None and (format or include or exclude):
        raise BadInput("--format, --include and --exclude choose from a spec", hint="give it with --spec")
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BadInput(f"{root}: already there and not empty", hint="choose another name, or empty the folder")
    app = root.resolve().name
    if spec_file is not None:
        imported = load_any(str(spec_file), format=format, include=include, exclude=exclude, app=app)
        return _written(root, imported.spec, imported=imported)
    source = _template(template or DEFAULT_TEMPLATE)
    spec = parse_spec(read_json(source.folder / "api.json"), source="api.json", app=app)
    return _written(root, spec, source=source)


def _written(
    root: Path, spec: Spec, *, source: Template | None = None, imported: Imported | None = None
) -> ScaffoldReport:
    """The project, file by file."""
    root.mkdir(parents=True, exist_ok=True)
    project = Project(root)
    if source is not None:
        _copy_extras(source.folder, root)
    notes_file = root / "import.md" if imported is not None and imported.notes else None
    if imported is not None and notes_file is not None:
        write_atomically(notes_file, _notes_text(imported))
    write_json(project.spec_file, spec.to_json())
    write_atomically(project.tokens_file, dump_tokens(assign_tokens(spec)))
    write_atomically(root / ".gitignore", "runs/\ndist/\n")
    write_atomically(project.config_file, _settings_text(spec, source))  # last: its presence makes the folder a project
    name = source.name if source else None
    return ScaffoldReport(root, spec, name, tuple(spec.unexpressed()), imported, notes_file)


def _notes_text(imported: Imported) -> str:
    """All notes of an import, by kind."""
    count = len(imported.spec.functions)
    parts = [f"# What came of the spec\n\n{count} of {imported.found} operations came through ({imported.format}).\n"]
    ordered = sorted(imported.notes, key=lambda note: note.kind)
    for kind, notes in groupby(ordered, key=lambda note: note.kind):
        lines = "".join(f"* {note.line()}\n" for note in notes)
        parts.append(f"\n## {kind.capitalize()}\n\n{lines}")
    return "".join(parts)


def _template(name: str) -> Template:
    for template in templates():
        if template.name == name:
            return template
    known = ", ".join(t.name for t in templates())
    raise BadInput(f"no template {name!r}", hint=f"there are: {known}")


def _copy_extras(folder: Path, root: Path) -> None:
    for path in folder.iterdir():
        if path.is_file() and path.name not in ("api.json", "template.json"):
            shutil.copy(path, root / path.name)


def _enough_rows(functions: int) -> int:
    """Positives a function for an API of so many: a small one would have too few steps to learn from."""
    return min(_MOST_ROWS, _ROWS_IN_ALL // max(1, functions))


def _settings_text(spec: Spec, source: Template | None) -> str:
    default = Config()
    synth = source.synth if source else SynthSettings()
    rows = max(synth.per_function, _enough_rows(len(spec.functions)))
    synth = synth.model_copy(update={"per_function": rows, "parallel": synth.parallel or _PARALLEL})
    return _SETTINGS.format(
        base=default.base,
        synth=synth,
        language=f'language = "{synth.language}"\n' if synth.language != default.synth.language else "",
        kinds="".join(f"{kind} = {getattr(synth, kind)}\n" for kind in _KINDS if getattr(synth, kind)),
        passes=_PASSES,
        quant=default.export.quant,
        tolerance=default.export.tolerance,
    )
