"""`octo init`: the door to `stages/scaffold.py`."""

from pathlib import Path
from typing import Annotated

import typer

from octocli.cli import console


def init_cli(
    name: Annotated[
        Path | None, typer.Argument(help="Folder to make; its name is the app's.", show_default=False)
    ] = None,
    template: Annotated[
        str | None, typer.Option("--template", "-t", help="Begin with a template.", show_default="smart-home")
    ] = None,
    spec: Annotated[
        Path | None, typer.Option("--spec", help="Begin with an API spec, JSON.", show_default=False)
    ] = None,
    list_templates: Annotated[bool, typer.Option("--list-templates", help="Show the templates and exit.")] = False,
) -> None:
    """Make a project from a template or from an API spec.

    \b
    Examples:
      octo init myhome --template smart-home
      octo init doordash --spec api.json
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
    report = scaffold(name, template=template, spec_file=spec)
    functions = report.spec.functions
    console.say(f"{report.root}: {len(functions)} functions from {report.template or spec}")
    console.table(
        ("function", "parameters", "description"),
        [
            (f.name, ", ".join(p.name if p.required else f"[{p.name}]" for p in f.params), f.description)
            for f in functions
        ],
    )
    for place in report.unexpressed:
        console.warn(f"api.json: {place}: decoding cannot enforce this keyword; calls that break it come as unresolved")
    starter = STARTERS[Config().base]
    console.say(f"\nbase: {starter.name}, {starter.parameters} parameters, {starter.megabytes} MB, {starter.licence}")
    console.say(f"next: cd {report.root} && octo build")
