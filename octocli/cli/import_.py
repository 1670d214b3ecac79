"""`octo import`: the door to `stages/import_samples.py`."""

from pathlib import Path
from typing import Annotated

import typer

from octocli.cli import console
from octocli.cli.options import HERE, JsonOption, ProjectOption


def import_cli(
    file: Annotated[Path, typer.Argument(help='JSONL: {"query": "...", "calls": [...]} a line.', show_default=False)],
    project: ProjectOption = HERE,
    per_function: Annotated[
        int | None, typer.Option("--per-function", help="Most rows a function, in file order.", show_default="all")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", help="Side for all rows: train, validation or test.", show_default="their own, or by hash"
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take your own samples into the project; each is checked against the spec first.

    \b
    Examples:
      octo import mine.jsonl
      octo import mine.jsonl --per-function 100 --split train
    """
    from octocli.core.errors import BadInput
    from octocli.core.project import open_project
    from octocli.core.samples import SPLITS
    from octocli.stages.import_samples import import_samples

    side = next((s for s in SPLITS if s == split), None)
    if split is not None and side is None:
        raise BadInput(f"--split: {split!r} is unknown", hint=f"use one of {', '.join(SPLITS)}")
    report = import_samples(open_project(project), file, per_function=per_function, split=side)
    if as_json:
        console.say_json({"added": report.added, "known": report.known, "over_limit": report.over_limit})
        return
    console.table(("function", "rows"), [(f, str(n)) for f, n in report.by_function.items()])
    console.say(f"{report.added} new, {report.known} were there already, {report.over_limit} over the limit")
    console.say("next: octo verify")
