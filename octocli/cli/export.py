"""`octo export`: the door to `stages/export.py`."""

from typing import Annotated

import typer

from octocli.cli import console
from octocli.cli.options import DEFAULT_RUN, HERE, JsonOption, ProjectOption, RunOption


def export_cli(
    project: ProjectOption = HERE,
    run: RunOption = DEFAULT_RUN,
    quant: Annotated[
        list[str] | None,
        typer.Option(
            "--quant", "-q", help="f16, q8_0, q6_k, q5_k_m, q4_k_m or q4_0; may be repeated.", show_default="octo.toml"
        ),
    ] = None,
    tolerance: Annotated[
        float | None, typer.Option("--tolerance", help="Share of calls a file may change.", show_default="octo.toml")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write GGUF files, each compared with the trained model first; one that changes the calls is refused.

    \b
    Examples:
      octo export
      octo export --quant q8_0 --quant f16
    """
    from octocli.core.project import open_project
    from octocli.stages.export import export

    with console.progress() as on_tick:
        report = export(open_project(project), quants=quant or [], run=run, tolerance=tolerance, on_tick=on_tick)
    if as_json:
        console.say_json({"files": [p.to_json() for p in report.parities]})
        return
    show_export(report)
    console.say("next: octo chat")


def show_export(report: "object") -> None:
    """Print the files and how faithful they are."""
    from octocli.stages.export import ExportReport

    assert isinstance(report, ExportReport)
    rows = [(str(p.file), console.megabytes(p.bytes), *console.percent(p.same)) for p in report.parities]
    console.table(("file", "size", "same calls", "95 % interval", "queries"), rows)
