"""`octo build`: the door to `stages/build.py`."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from octocli.cli import console
from octocli.cli.eval import show_eval
from octocli.cli.export import say_refused, show_export
from octocli.cli.options import DEFAULT_RUN, HERE, BudgetOption, ProjectOption, RunOption
from octocli.cli.synth import show_samples
from octocli.cli.train import show_train
from octocli.cli.verify import show_verified

_SHOW: dict[str, Callable[[Any], None]] = {
    "synth": show_samples,
    "verify": show_verified,
    "train": show_train,
    "eval": lambda report: show_eval(report, errors=0),
    "export": show_export,
}


def build_cli(
    project: ProjectOption = HERE,
    run: RunOption = DEFAULT_RUN,
    quant: Annotated[
        list[str] | None, typer.Option("--quant", "-q", help="Quantisation; may be repeated.", show_default="octo.toml")
    ] = None,
    budget: BudgetOption = None,
) -> None:
    """Run every stage that is missing or stale, in order: synth, verify, train, eval, export.

    \b
    Examples:
      octo build
      octo build --quant q8_0 --quant q4_0
      octo build --budget 2.00
    """
    from octocli.core.project import open_project
    from octocli.stages.build import build

    opened = open_project(project)
    with console.progress() as on_tick:
        report = build(opened, run=run, quants=quant or [], budget=budget, on_stage=_show_stage, on_tick=on_tick)
    if report.fresh:
        console.say("nothing was stale")
    say_refused(report.export.refused if report.export else ())
    for file in report.files:
        console.say(f"model: {file}")
    console.say(f"score card: {opened.run(run) / 'report.json'}")
    console.say('try: octo chat --once "..."')


def _show_stage(stage: str, report: Any) -> None:
    if report is None:
        console.say(f"{stage}: up to date", style="dim")
        return
    console.say(f"\n{stage}", style="bold")
    _SHOW[stage](report)
