"""`octo eval`: the door to `stages/evaluate.py`."""

from pathlib import Path
from typing import Annotated

import typer

from octocli.cli import console
from octocli.cli.options import (
    DEFAULT_RUN,
    HERE,
    FalseCallsOption,
    JsonOption,
    ProjectOption,
    RunOption,
    project_or_none,
)


def eval_cli(
    project: ProjectOption = HERE,
    run: RunOption = DEFAULT_RUN,
    model: Annotated[
        Path | None, typer.Option("--model", "-m", help="A GGUF or a run folder.", show_default="the run")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="JSONL of samples to test on.", show_default="the test split")
    ] = None,
    max_false_calls: FalseCallsOption = None,
    errors: Annotated[int, typer.Option("--errors", help="How many wrong answers to show, in JSON too.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Score the model: function choice, whole calls, abstention, each with its n and 95 % interval.

    \b
    Examples:
      octo eval
      octo eval --data people.jsonl --errors 20
      octo eval --model dist/myhome-q8_0.gguf --json
    """
    from octocli.core.project import open_project
    from octocli.stages.evaluate import evaluate

    opened = project_or_none(project)
    target = model or (opened or open_project(project)).run(run)
    with console.progress() as on_tick:
        report = evaluate(opened, target, data=data, max_false_calls=max_false_calls, on_tick=on_tick)
    if as_json:
        console.say_json({**report.card.to_json(), "errors": list(report.errors[:errors])})
        return
    show_eval(report, errors)


_SCORES = {
    "function_choice": "function choice",
    "recall": "recall",
    "strict": "strict call",
    "relaxed": "relaxed call",
    "abstention": "abstention",
    "missing": "missing argument",
}


def show_eval(report: "object", errors: int) -> None:
    """Print the score card and some wrong answers."""
    from octocli.stages.evaluate import EvalReport

    assert isinstance(report, EvalReport)
    card = report.card
    rows = [(_SCORES[name], *console.percent(rate)) for name, rate in card.whole.items()]
    rows += [(f"  {kind}", *console.percent(rate)) for kind, rate in card.by_kind.items()]
    console.table(("score", "value", "95 % interval", "n"), rows)
    for error in report.errors[:errors]:
        console.say(f"\n{error['query']}", style="bold")
        console.say(f"  expected {console.show_calls(error['expected'])}")
        console.say(f"  got      {console.show_calls(error['calls'])}  ({error['confidence']:.0%})")
    if report.report:
        console.say(f"\nscore card: {report.report} and report.html beside it")
