"""Write the generated parts of the docs: the command reference, the file map, the table of settings. `make docs`.

Nothing here is written twice: help texts come from the commands, the map from the modules' docstrings, the settings
from their classes. `tests/test_docs.py` compares the result with what is committed.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from typer.testing import CliRunner

from octocli.cli.main import app
from octocli.core.config import Config

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
FLOORS = ("cli", "stages", "runtime", "teachers", "model", "core")


def main() -> None:
    """Write every generated part."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


def pages() -> dict[Path, str]:
    """Each page that has a generated part, as it should be."""
    architecture, formats = DOCS / "architecture.md", DOCS / "formats.md"
    return {
        DOCS / "cli.md": command_reference(),
        architecture: replaced(architecture.read_text(encoding="utf-8"), "file map", file_map()),
        formats: replaced(formats.read_text(encoding="utf-8"), "settings", settings_table()),
    }


def replaced(page: str, part: str, text: str) -> str:
    """The page with what stands between the markers of `part` exchanged."""
    opening, closing = f"<!-- {part}: made by docs/generate.py -->", f"<!-- end of {part} -->"
    before, rest = page.split(opening)
    return f"{before}{opening}\n\n{text}\n{closing}{rest.split(closing)[1]}"


def command_reference() -> str:
    """`docs/cli.md`: the help of octo and of each command, as a terminal shows it."""
    names = [[str(command.name)] for command in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        inner = group.typer_instance.registered_commands
        names += [[str(group.name)], *([str(group.name), str(command.name)] for command in inner)]
    parts = [
        "# Commands\n",
        "Made from the commands' own help by `docs/generate.py`; to change it, change the help.\n",
        *(f"## octo {' '.join(name)}\n\n```text\n{_help(name)}\n```\n" for name in names),
    ]
    parts.insert(2, f"```text\n{_help([])}\n```\n")
    return "\n".join(parts)


def _help(command: list[str]) -> str:
    result = CliRunner().invoke(app, [*command, "--help"], prog_name="octo", env={"COLUMNS": "100"})
    return "\n".join(line.rstrip() for line in result.output.strip().splitlines())


def file_map() -> str:
    """One line for each module: the first line of its docstring, floor by floor, the highest first."""
    return "".join(_floor(name) for name in FLOORS)


def _floor(name: str) -> str:
    folder = ROOT / "octocli" / name
    modules = sorted(folder.rglob("*.py"), key=_place)
    lines = [f"| `{_shown(path, folder)}` | {_first_line(path)} |\n" for path in modules if path.parent != folder or
             path.name != "__init__.py"]  # fmt: skip
    return f"### {name}/\n\n{_first_line(folder / '__init__.py')}\n\n| module | job |\n|---|---|\n{''.join(lines)}\n"


def _place(path: Path) -> tuple[str, ...]:
    # A package stands where its name says, before its modules.
    return tuple(part for part in path.with_suffix("").parts if part != "__init__")


def _shown(path: Path, floor: Path) -> str:
    shown = path.relative_to(floor).as_posix()
    return shown.removesuffix("__init__.py")


def _first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n")[0].replace("|", "\\|")


def settings_table() -> str:
    """The keys of `octo.toml` with their defaults, section by section."""
    rows = "".join(f"| `{key}` | {default} | {what} |\n" for key, default, what in _settings(Config, ""))
    return f"| key | default | what |\n|---|---|---|\n{rows}"


def _settings(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{name}.")
        else:
            default = "" if field.default in (None, PydanticUndefined) else f"`{_written(field.default)}`"
            yield f"{prefix}{name}", default, _meaning(field.description, field.annotation)


def _written(value: object) -> str:
    """A value as TOML writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(_written(v) for v in value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _meaning(description: str | None, annotation: object) -> str:
    allowed = re.findall(r"'([^']+)'", str(annotation)) if "Literal" in str(annotation) else []
    return (description or " or ".join(f"`{a}`" for a in allowed)).replace("|", "\\|")


if __name__ == "__main__":
    main()
