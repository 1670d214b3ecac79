"""Options that several commands share, declared once."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octocli.core import DEFAULT_RUN as DEFAULT_RUN
from octocli.core import GROWN_RUN as GROWN_RUN
from octocli.core import MOST_LOST as MOST_LOST
from octocli.core.errors import BadInput

if TYPE_CHECKING:
    from octocli.core.project import Project

ProjectOption = Annotated[Path, typer.Option("--project", "-C", help="The project folder.", show_default="here")]
RunOption = Annotated[str, typer.Option("--run", help="Name of the training run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
ModelOption = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="A GGUF or a run folder.", show_default="the project's GGUF, else its run"),
]
NowOption = Annotated[
    str | None,
    typer.Option("--now", help='Clock for words like "in ten minutes", ISO 8601.', show_default="this machine's clock"),
]

FalseCallsOption = Annotated[
    float | None,
    typer.Option(
        "--max-false-calls",
        min=0.0,
        max=1.0,
        help="Share of requests that nothing serves which may be answered with a call: 0.01 refuses more, 0.2 less.",
        show_default="what it was trained with",
    ),
]

TeacherOption = Annotated[
    str | None, typer.Option("--teacher", help="builtin, gemini, openai, gguf or replay.", show_default="octo.toml")
]
TeacherModelOption = Annotated[
    str | None, typer.Option("--model", help="The teacher's model, or a GGUF file.", show_default="octo.toml")
]
BaseUrlOption = Annotated[
    str | None, typer.Option("--base-url", help="An OpenAI-compatible endpoint.", show_default="octo.toml")
]
BudgetOption = Annotated[
    float | None,
    typer.Option("--budget", help="US dollars that all calls together never pass.", show_default="octo.toml"),
]

HERE = Path()


def find_model(model: Path | None, project: Path) -> Path:
    """The model to ask: the one given, or what the project has made, the shipped file first."""
    from octocli.core.project import open_project

    if model is not None:
        return model
    opened = open_project(project)
    return opened.shipped_file() or opened.run(DEFAULT_RUN)


def project_or_none(root: Path) -> "Project | None":
    """The project at `root`, if there is one."""
    from octocli.core.project import open_project

    return open_project(root) if (root / "octo.toml").exists() else None


def clock(text: str | None) -> datetime:
    """The time that a query is asked at."""
    try:
        return datetime.fromisoformat(text) if text else datetime.now().replace(microsecond=0)
    except ValueError:
        raise BadInput(f"--now: {text!r} is no ISO 8601 time", hint="write 2026-11-22T18:30") from None
