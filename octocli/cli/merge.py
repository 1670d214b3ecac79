"""`octo merge`: the door to `stages/merge.py`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from octocli.cli import console
from octocli.cli.options import MOST_LOST, JsonOption

if TYPE_CHECKING:
    from octocli.core.scoring import Rate
    from octocli.stages.merge_report import MergeReport


def merge_cli(
    apps: Annotated[list[Path], typer.Argument(help="Project folders, or run folders.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="The project to make.", show_default=False)],
    method: Annotated[
        str,
        typer.Option(
            help="cat (the sum; exact with weights of 1), linear, svd, ties, dare_linear, dare_ties, or auto."
        ),
    ] = "cat",
    weights: Annotated[str, typer.Option(help="Of the apps in the sum, such as 1,0.8.", show_default="1/√n each")] = "",
    heal: Annotated[
        float, typer.Option(help="Steps of joint training afterwards, as a share of what the apps took; 0 for none.")
    ] = 0.1,
    heal_rows: Annotated[bool, typer.Option("--heal-rows", help="Heal the token rows alone, not the LoRA.")] = False,
    tolerance: Annotated[
        float, typer.Option(min=0.0, help="What the merge may cost an app for sure, as a share of its calls.")
    ] = MOST_LOST,
    questions: Annotated[int, typer.Option(min=1, help="Test rows of each app to compare on.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Merge apps that were trained apart on one base into one model. Says what it cost each of them.

    \b
    Examples:
      octo merge . ../yelp --out ../super
      octo merge yelp doordash android --out phone --method auto
      octo merge yelp/runs/main doordash/runs/big --out eat --heal 0.2 --questions 1000
    """
    from octocli.stages.merge import merge
    from octocli.stages.merge_report import as_json as report_json

    with console.progress() as on_tick:
        report = merge(
            apps,
            out,
            method=method,
            weights=_weights(weights),
            heal=heal,
            heal_what="rows" if heal_rows else "all",
            questions=questions,
            tolerance=tolerance,
            on_tick=on_tick,
        )
    if as_json:
        console.say_json(report_json(report))
        return
    _show(report)
    console.say(f"next: octo eval -C {out}, octo chat -C {out}")


def _weights(text: str) -> list[float]:
    from octocli.core.errors import BadInput

    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise BadInput(f"--weights: {text!r} is no list of numbers", hint="write --weights 1,0.8") from None


def _show(report: "MergeReport") -> None:
    """Print what the merge gave and cost each app."""
    rows = []
    for app in report.apps:
        rows += [
            (app, *console.paired(report.apps[app])),
            ("  that no other app serves", *console.paired(report.apart[app])),
            ("  in the foreground", *console.paired(report.hinted[app])),
        ]
    rows += [
        ("function choice, all apps", *console.paired(report.function_choice)),
        ("  that no other app serves", *console.paired(report.function_choice_apart)),
        ("  in the foreground", *console.paired(report.function_choice_hinted)),
        ("refused: nothing serves it", *console.paired(report.abstention)),
    ]
    console.table(("strict call", "alone", "merged", "difference, 95 % interval", "n"), rows)
    called = [
        (app, *(str(counts.get(other, 0)) for other in (*report.apps, "none"))) for app, counts in report.called.items()
    ]
    console.table(("requests of", *(f"to {app}" for app in report.apps), "refused"), called)
    healed = (
        f"healed for {report.heal_steps} steps ({report.heal_steps / max(1, report.training_steps):.0%} of the apps')"
    )
    console.say(f"merged by {report.method}, {healed}, {console.duration(report.seconds)} in all")
    console.say(f"two apps in one request, strict call: {_rate(report.across)}")


def _rate(rate: "Rate") -> str:
    return f"{rate.value:.1%} of {rate.n}" if rate.n else "not measured: no such rows"
