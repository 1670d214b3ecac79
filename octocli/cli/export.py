"""`octo export`: the door to `stages/export.py` and `stages/stubs.py`."""

from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import DEFAULT_RUN, HERE, JsonOption, ProjectOption, RunOption

if TYPE_CHECKING:
    from octocli.stages.stubs import StubReport


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
    stubs: Annotated[
        list[str] | None,
        typer.Option(
            "--stubs",
            help="python, typescript, kotlin or swift: write code that checks calls and hands them to your functions; "
            "may be repeated. Without --quant, nothing else is written.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write GGUF files, each compared with the trained model first; one that changes the calls is refused.

    With --stubs, write the code that an app ships beside the model; it needs api.json and no trained run.

    \b
    Examples:
      octo export
      octo export --quant q8_0 --quant f16
      octo export --stubs python
      octo export --quant q8_0 --stubs kotlin --stubs swift
    """
    from octocli.core.errors import BadInput
    from octocli.core.project import open_project
    from octocli.stages.export import check_quants, export
    from octocli.stages.stubs import write_stubs

    if quant:
        check_quants(quant)
    elif stubs and (tolerance is not None or run != DEFAULT_RUN):
        raise BadInput("--run and --tolerance are for a GGUF, and --stubs alone writes none", hint="add --quant")
    opened = open_project(project)
    written = write_stubs(opened, stubs or [])
    exported = None
    if quant or not stubs:
        with console.progress() as on_tick:
            exported = export(opened, quants=quant or [], run=run, tolerance=tolerance, on_tick=on_tick)
    if as_json:
        files = [p.to_json() for p in exported.parities] if exported else []
        console.say_json({"files": files, **({"stubs": [s.to_json() for s in written.stubs]} if stubs else {})})
        return
    show_stubs(written)
    if exported:
        show_export(exported)
        console.say("next: octo chat")


def show_stubs(report: "StubReport") -> None:
    """Print the stubs and what they leave to octo's own check."""
    if report.stubs:
        rows = [(str(s.file), s.language, str(s.functions)) for s in report.stubs]
        console.table(("stub", "language", "functions"), rows)
    for stub in report.stubs:
        for place in stub.unchecked:
            console.say(f"{stub.file.name} leaves this check to octo: {place}")


def show_export(report: "object") -> None:
    """Print the files and how faithful they are."""
    from octocli.stages.export import ExportReport

    assert isinstance(report, ExportReport)
    rows = [(str(p.file), console.megabytes(p.bytes), *console.percent(p.same)) for p in report.parities]
    console.table(("file", "size", "same calls", "95 % interval", "queries"), rows)
