"""`octo synth`: the door to `stages/synthesize.py`."""

from typing import Annotated

import typer

from octocli.cli import console
from octocli.cli.options import HERE, JsonOption, ProjectOption


def synth_cli(
    project: ProjectOption = HERE,
    per_function: Annotated[
        int | None,
        typer.Option("--per-function", "-n", help="Training positives a function.", show_default="octo.toml"),
    ] = None,
    negatives: Annotated[
        float | None, typer.Option("--negatives", help="Negatives per positive.", show_default="octo.toml")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write samples with the built-in teacher, until the plan is full. Goes on where it stopped.

    \b
    Examples:
      octo synth
      octo synth --per-function 200
    """
    from octocli.core.project import open_project
    from octocli.stages.synthesize import synthesize

    with console.progress() as on_tick:
        report = synthesize(open_project(project), per_function=per_function, negatives=negatives, on_tick=on_tick)
    if as_json:
        console.say_json({"added": report.added, "total": report.total, "short": report.short, "cells": report.by_cell})
        return
    show_synth(report)
    console.say("next: octo verify")


def show_synth(report: "object") -> None:
    """Print what synth did."""
    from octocli.stages.synthesize import SynthReport

    assert isinstance(report, SynthReport)
    console.say(f"samples: {report.added} new, {report.total} in all")
    for cell, count in report.short.items():
        console.warn(
            f"{cell} is {count} short: the teacher had nothing new to say; examples and aliases in api.json help"
        )
