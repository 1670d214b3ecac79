"""`octo init`: the door to `stages/scaffold.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console

if TYPE_CHECKING:
    from octocli.stages.scaffold import ScaffoldReport

# More warnings than these scroll the result away.
_MOST_SHOWN = 15


def init_cli(
    name: Annotated[
        Path | None, typer.Argument(help="Folder to make; its name is the app's.", show_default=False)
    ] = None,
    template: Annotated[
        str | None, typer.Option("--template", "-t", help="Begin with a template.", show_default="smart-home")
    ] = None,
    spec: Annotated[
        str | None,
        typer.Option("--spec", metavar="FILE|MODULE", help="Begin with an API description.", show_default=False),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Its format: octo, openai, openapi, mcp, appfunctions or python.",
            show_default="told from the content",
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="PATTERN", help="Take only these: name, path or tag.", show_default="all"),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help="Leave these out.", show_default="none"),
    ] = None,
    list_templates: Annotated[bool, typer.Option("--list-templates", help="Show the templates and exit.")] = False,
) -> None:
    """Make a project from a template or from a description of an API.

    What cannot be taken over from a description is named, and listed in import.md. A Python module is imported.

    \b
    Examples:
      octo init myhome --template smart-home
      octo init doordash --spec api.json
      octo init pets --spec openapi.yaml --include "pet*" --exclude "DELETE *"
      octo init tools --spec mcp-tools.json
      octo init mine --spec package.module
      octo init --list-templates
    """
    from octocli.core.config import Config
    from octocli.core.errors import BadInput
    from octocli.model.bases import STARTERS
    from octocli.stages.scaffold import scaffold, templates

    if list_templates:
        console.table(("template", "what"), [(t.name, f"{t.title}. {t.summary}") for t in templates()])
        return
    if name is None:
        raise BadInput("no name given", hint="octo init NAME")
    report = scaffold(
        name, template=template, spec_file=spec, format=format_, include=include or (), exclude=exclude or ()
    )
    _say_functions(report, spec)
    _say_import(report)
    starter = STARTERS[Config().base]
    console.say(f"\nbase: {starter.name}, {starter.parameters} parameters, {starter.megabytes} MB, {starter.licence}")
    console.say(f"next: cd {report.root} && octo build")


def _say_functions(report: "ScaffoldReport", source: str | None) -> None:
    """The functions, and what of their schemas no grammar holds."""
    functions = report.spec.functions
    console.say(f"{report.root}: {len(functions)} functions from {report.template or source}")
    rows = [
        (f.name, ", ".join(p.name if p.required else f"[{p.name}]" for p in f.params), f.description) for f in functions
    ]
    console.table(("function", "parameters", "description"), rows)
    unexpressed = [
        f"api.json: {place}: decoding cannot enforce this keyword; calls that break it come as unresolved"
        for place in report.unexpressed
    ]
    _warn_some(unexpressed, "such keywords")


def _say_import(report: "ScaffoldReport") -> None:
    """What came through, and the first of what did not; import.md has the rest."""
    from octocli.core.spec import MANY_FUNCTIONS

    imported = report.imported
    if imported is None:
        return
    count = len(report.spec.functions)
    _warn_some([note.line() for note in imported.notes], "notes")
    where = f"; all notes are in {report.notes_file}" if report.notes_file else ""
    console.say(f"{count} of {imported.found} operations came through ({imported.format}){where}")
    if count > MANY_FUNCTIONS:
        console.warn(f"{count} functions are many for one small model: it needs more data and epochs, or --include")


def _warn_some(lines: list[str], more: str) -> None:
    for line in lines[:_MOST_SHOWN]:
        console.warn(line)
    if len(lines) > _MOST_SHOWN:
        console.warn(f"and {len(lines) - _MOST_SHOWN} more {more}")
