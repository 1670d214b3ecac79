"""`octo export`: the door to `stages/export.py` and `stages/stubs.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import DEFAULT_RUN, HERE, JsonOption, ProjectOption, RunOption

if TYPE_CHECKING:
    from octocli.core.config import ExportSettings
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
    adapter: Annotated[
        Path | None,
        typer.Option(
            "--adapter",
            help="Write the app as a small adapter into this folder, beside one base that apps share on a device.",
            show_default=False,
        ),
    ] = None,
    beside: Annotated[
        list[Path] | None,
        typer.Option("--beside", help="Another project for that folder; may be repeated.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write GGUF files, each compared with the trained model first; one that changes the calls is refused.

    Without --quant, f16 is written where the project's own quantisation is refused.

    With --stubs, write the code that an app ships beside the model; it needs api.json and no trained run.

    \b
    Examples:
      octo export
      octo export --quant q8_0 --quant f16
      octo export --stubs python
      octo export --quant q8_0 --stubs kotlin --stubs swift
      octo export --adapter ../phone --beside ../yelp --beside ../android
    """
    from octocli.core.config import override
    from octocli.core.errors import BadInput
    from octocli.core.project import open_project
    from octocli.stages.export import check_quants, export
    from octocli.stages.stubs import write_stubs

    if beside and adapter is None:
        raise BadInput("--beside names apps for the folder of --adapter", hint="add --adapter FOLDER")
    if quant:
        check_quants(quant)
    if adapter is not None:
        if stubs or len(quant or []) > 1:
            raise BadInput("--adapter writes one base and no stubs", hint="give one --quant, and --stubs by itself")
        first = project if run == DEFAULT_RUN else open_project(project).run(run)
        settings = open_project(project).config.export
        changes = {"quant": quant[0] if quant else None, "tolerance": tolerance}
        _export_apps([first, *(beside or [])], adapter, override(settings, changes), as_json)
        return
    if not quant and stubs and (tolerance is not None or run != DEFAULT_RUN):
        raise BadInput("--run and --tolerance are for a GGUF, and --stubs alone writes none", hint="add --quant")
    opened = open_project(project)
    written = write_stubs(opened, stubs or [])
    exported = None
    if quant or not stubs:
        with console.progress() as on_tick:
            exported = export(opened, quants=quant or [], run=run, tolerance=tolerance, on_tick=on_tick)
    if as_json:
        files = [p.to_json() for p in exported.parities] if exported else []
        refused = {"refused": list(exported.refused)} if exported and exported.refused else {}
        console.say_json(
            {"files": files, **refused, **({"stubs": [s.to_json() for s in written.stubs]} if stubs else {})}
        )
        return
    show_stubs(written)
    if exported:
        show_export(exported)
        say_refused(exported.refused)
        console.say("next: octo chat")


def _export_apps(paths: list[Path], out: Path, settings: "ExportSettings", as_json: bool) -> None:
    """Write the folder of several apps and tell of it."""
    from octocli.stages.export_apps import export_apps

    with console.progress() as on_tick:
        report = export_apps(paths, out, quant=settings.quant, tolerance=settings.tolerance, on_tick=on_tick)
    if as_json:
        apps = {a.app: {"file": str(a.file), "bytes": a.bytes, "same_calls": a.same.to_json()} for a in report.apps}
        console.say_json({"base": str(report.base), "bytes": report.bytes, "apps": apps})
        return
    rows = [(str(a.file), console.megabytes(a.bytes), *console.percent(a.same)) for a in report.apps]
    console.table(("file", "size", "same calls", "95 % interval", "queries"), rows)
    console.say(f"shared by all: {report.base}, {console.megabytes(report.bytes)}")
    console.say(f"next: octo chat --model {out}")


def show_stubs(report: "StubReport") -> None:
    """Print the stubs and what they leave to octo's own check."""
    if report.stubs:
        rows = [(str(s.file), s.language, str(s.functions)) for s in report.stubs]
        console.table(("stub", "language", "functions"), rows)
    for stub in report.stubs:
        for place in stub.unchecked:
            console.say(f"{stub.file.name} leaves this check to octo: {place}")


def say_refused(quants: tuple[str, ...]) -> None:
    """Tell which quantisations gave way to a finer one."""
    if quants:
        console.warn(f"not shipped, since they change too many calls: {', '.join(quants)}")


def show_export(report: "object") -> None:
    """Print the files and how faithful they are."""
    from octocli.stages.export import ExportReport

    assert isinstance(report, ExportReport)
    rows = [(str(p.file), console.megabytes(p.bytes), *console.percent(p.same)) for p in report.parities]
    console.table(("file", "size", "same calls", "95 % interval", "queries"), rows)
