"""`octo predict`: the door to `stages/predict.py`."""

from pathlib import Path
from typing import Annotated

import typer

from octocli.cli import console
from octocli.cli.options import (
    HERE,
    FalseCallsOption,
    JsonOption,
    ModelOption,
    NowOption,
    ProjectOption,
    clock,
    find_model,
)


def predict_cli(
    queries: Annotated[Path, typer.Argument(help='JSONL: {"query": "..."} a line.', show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="JSONL to write.", show_default=False)],
    project: ProjectOption = HERE,
    model: ModelOption = None,
    now: NowOption = None,
    max_false_calls: FalseCallsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a file of queries: `calls` and `confidence` on each line. Goes on where it stopped.

    \b
    Example:
      octo predict queries.jsonl -o calls.jsonl
    """
    from octocli.stages.predict import predict

    target = find_model(model, project)
    moment = clock(now)
    with console.progress() as on_tick:
        report = predict(target, queries, out, now=moment, max_false_calls=max_false_calls, on_tick=on_tick)
    if as_json:
        console.say_json({"answered": report.answered, "before": report.before, "out": str(report.out)})
        return
    before = f", {report.before} were there already" if report.before else ""
    console.say(f"{report.answered} answers in {report.out}{before}")
