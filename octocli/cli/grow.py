"""`octo grow`: the door to `stages/grow.py`."""

from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import DEFAULT_RUN, GROWN_RUN, HERE, MOST_LOST, JsonOption, ProjectOption

if TYPE_CHECKING:
    from octocli.stages.grow import GrowReport


def grow_cli(
    project: ProjectOption = HERE,
    run: Annotated[str, typer.Option("--run", help="The finished run to begin with; it stays.")] = DEFAULT_RUN,
    into: Annotated[str, typer.Option("--into", help="Name of the run to make.")] = GROWN_RUN,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="What it may cost the old functions for sure, as a share of their calls.")
    ] = MOST_LOST,
    questions: Annotated[int, typer.Option(min=1, help="Test rows of the old functions to compare on.")] = 400,
    as_json: JsonOption = False,
) -> None:
    """Teach a finished run the functions that api.json gained, lost or renamed. Nothing is trained from scratch.

    Says what became of the functions that stay: the same test rows are asked of both runs.

    \b
    Examples:
      octo synth && octo verify && octo grow     after you added or dropped functions in api.json
      octo grow --run main --into grown --questions 1000
      octo build --run grown                     evaluate and export it
    """
    from octocli.core.project import open_project
    from octocli.stages.grow import as_json as report_json
    from octocli.stages.grow import grow

    with console.progress() as on_tick:
        report = grow(
            open_project(project), run=run, into=into, questions=questions, tolerance=tolerance, on_tick=on_tick
        )
    if as_json:
        console.say_json(report_json(report))
        return
    _show(report, run)
    console.say(f"next: octo build --run {into}")


def _show(report: "GrowReport", run: str) -> None:
    """Print what moved, function by function."""
    growth = report.growth
    then = {new: old for old, new in growth.renamed.items()}
    rows = []
    for name, pair in report.by_function.items():
        label = f"{name} (was {then[name]})" if name in then else name
        rows.append((label, *console.paired(pair)))
    rows += [
        ("all that stay", *console.paired(report.kept)),
        ("refused: nothing serves it", *console.paired(report.abstention)),
    ]
    for name, found in report.taught.items():
        rows.append((f"{name} (new)" if name in growth.added else f"{name} (changed)", "", *console.percent(found)))
    if growth.dropped:
        rows.append((f"refused: {', '.join(growth.dropped)} (dropped)", "", *console.percent(report.dropped)))
    console.table(("strict call", run, report.run.name, "difference, 95 % interval", "n"), rows)
    console.say(f"{report.steps} steps, {console.duration(report.seconds)} in all")
