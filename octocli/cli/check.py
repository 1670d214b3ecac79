"""`octo check`: the door to `stages/review.py`."""

from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import HERE, JsonOption, ProjectOption, project_or_none

if TYPE_CHECKING:
    from octocli.core.spec_review import Finding, Severity
    from octocli.stages.review import ReviewReport

# Places named on a line; --json has them all.
_MOST_PLACES = 4
_STYLES: "dict[Severity, str]" = {"error": "bold red", "warning": "yellow", "note": ""}


def check_cli(
    project: ProjectOption = HERE,
    spec: Annotated[
        str | None,
        typer.Option("--spec", metavar="FILE", help="Read this API description.", show_default="the project's"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 if there are errors or warnings.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the spec as a model would, and say what would make it hard to learn: where, why, and the mend.

    An error is what the model cannot learn, a warning costs accuracy, a note is worth knowing. Nothing is changed.

    \b
    Examples:
      octo check
      octo check --strict
      octo check --spec openapi.yaml --json
    """
    from octocli.core.errors import Refused
    from octocli.core.project import open_project
    from octocli.stages.review import review, review_file

    if spec is None:
        report = review(open_project(project))
    else:
        opened = project_or_none(project)
        report = review_file(spec, opened.config.synth if opened else None)
    if as_json:
        console.say_json(report.to_json())
    else:
        show_review(report)
    if strict and report.count("error") + report.count("warning"):
        raise Refused(f"{spec or 'api.json'}: {_counted(report)}", hint="mend them, or leave out --strict")


def show_review(report: "ReviewReport") -> None:
    """Print the findings, then how many there are."""
    for finding in report.findings:
        console.say(f"{finding.severity}: {_places(finding)}: {finding.what}", _STYLES[finding.severity])
        console.say(f"  → {finding.mend}")
    size = f"{_number(report.functions, 'function')}, {_number(report.parameters, 'parameter')}"
    console.say(f"{size}: {_counted(report)}")


def _places(finding: "Finding") -> str:
    places = (finding.place, *finding.also)
    rest = len(places) - _MOST_PLACES
    return ", ".join(places[:_MOST_PLACES]) + (f" and {rest} more" if rest > 0 else "")


def _counted(report: "ReviewReport") -> str:
    counts = [(s, report.count(s)) for s in _STYLES]
    return ", ".join(_number(n, severity) for severity, n in counts if n) or "nothing to mend"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
