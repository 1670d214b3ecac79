"""`octo train`: the door to `stages/train.py`."""

from typing import Annotated, Literal

import typer

from octocli.cli import console
from octocli.cli.options import DEFAULT_RUN, HERE, JsonOption, ProjectOption, RunOption


def train_cli(
    project: ProjectOption = HERE,
    run: RunOption = DEFAULT_RUN,
    lora: Annotated[bool, typer.Option("--lora", help="Train a LoRA and the new token rows.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Train all weights but the old token rows.")] = False,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.", show_default="octo.toml")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples a step.", show_default="octo.toml")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.", show_default="octo.toml")] = None,
    rank: Annotated[int | None, typer.Option(help="LoRA rank.", show_default="octo.toml")] = None,
    token_weight: Annotated[
        float | None, typer.Option(help="Loss weight of special tokens.", show_default="octo.toml")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Begin anew, even if nothing changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train the model on the accepted samples. Goes on where it stopped; a finished run is left alone.

    \b
    Examples:
      octo train --lora
      octo train --full --run full
      octo train --lora --epochs 5 --lr 1e-3 --force
      torchrun --nproc-per-node 2 --no-python octo train --lora
    """
    from octocli.core.errors import BadInput
    from octocli.core.project import open_project
    from octocli.stages.train import train

    if lora and full:
        raise BadInput("--lora and --full are two ways to train", hint="give one of them")
    method: Literal["lora", "full"] | None = "lora" if lora else "full" if full else None
    with console.progress() as on_tick:
        report = train(
            open_project(project),
            run=run,
            method=method,
            epochs=epochs,
            batch=batch,
            lr=lr,
            rank=rank,
            token_weight=token_weight,
            force=force,
            on_tick=on_tick,
        )
    if not console.is_first_process():
        return
    if as_json:
        console.say_json(
            {"run": str(report.run), "steps": report.steps, "seconds": report.seconds, "loss": report.loss}
        )
        return
    show_train(report)
    console.say("next: octo eval")


def show_train(report: "object") -> None:
    """Print what training made."""
    from octocli.stages.train import TrainReport

    assert isinstance(report, TrainReport)
    done = "trained" if report.fresh else "already trained"
    resumed = f", resumed at step {report.resumed_at}" if report.resumed_at else ""
    console.say(
        f"{done}: {report.samples} samples, {report.steps} steps in {console.duration(report.seconds)}{resumed}, "
        f"loss {report.loss:.3f}, {console.megabytes(report.bytes)} in {report.run}"
    )
    for warning in report.warnings:
        console.warn(warning)
