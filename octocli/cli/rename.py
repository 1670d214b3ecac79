"""`octo rename`: the door to `stages/rename.py`."""

from typing import Annotated

import typer

from octocli.cli import console
from octocli.cli.options import HERE, ProjectOption


def rename_cli(
    old: Annotated[str, typer.Argument(help="The function's name.", show_default=False)],
    new: Annotated[str, typer.Argument(help="Its name from now on.", show_default=False)],
    project: ProjectOption = HERE,
) -> None:
    """Give a function another name in spec, samples and token table. Its token stays, so nothing is to be learnt.

    \b
    Examples:
      octo rename track_order where_is_my_order
      octo rename track_order where_is_my_order && octo verify && octo grow
    """
    from octocli.core.project import open_project
    from octocli.stages.rename import rename

    report = rename(open_project(project), old, new)
    console.say(f"{old} is {new} now, and keeps {report.token}; {report.samples} samples renamed")
    console.say("your own code calls it by the old name; octo export --stubs writes handlers anew")
    console.say("next: octo verify && octo grow")
