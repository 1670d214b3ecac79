"""`octo import`: the door to `stages/import_samples.py`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import HERE, JsonOption, ProjectOption

if TYPE_CHECKING:
    from octocli.stages.import_samples import ImportReport

# Lines named as not taken; --json has them all.
_MOST_REFUSED = 10


def import_cli(
    file: Annotated[
        Path, typer.Argument(help='JSONL: {"query", "calls"} a line, or OpenAI\'s {"messages"}.', show_default=False)
    ],
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

    A conversation in OpenAI's fine-tuning format gives its first exchange; what cannot be taken is named by its line.

    \b
    Examples:
      octo import mine.jsonl
      octo import mine.jsonl --per-function 100 --split train
      octo import fine-tuning.jsonl --split train
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
        data = asdict(report)
        del data["by_function"]
        console.say_json(data)
        return
    console.table(("function", "rows"), [(f, str(n)) for f, n in report.by_function.items()])
    console.say(f"{report.added} new, {report.known} were there already, {report.over_limit} over the limit")
    _show_conversations(report, file)
    console.say("next: octo verify")


def _show_conversations(report: "ImportReport", file: Path) -> None:
    if report.conversations:
        console.say(
            f"{report.conversations} from conversations: {report.negatives} answered in words, taken as none of these "
            f"functions; {report.incomplete} without a required argument, taken as missing"
        )
    for refusal in report.refused[:_MOST_REFUSED]:
        console.warn(f"{file}:{refusal.line}: not taken: {refusal.reason}")
    if len(report.refused) > _MOST_REFUSED:
        console.warn(f"{file}: {len(report.refused) - _MOST_REFUSED} more not taken; --json names them all")
