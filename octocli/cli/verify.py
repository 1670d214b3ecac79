"""`octo verify`: the door to `stages/verify.py`."""

from octocli.cli import console
from octocli.cli.options import HERE, JsonOption, ProjectOption

_LEAKS = {"text": "texts", "skeleton": "skeletons", "value": "values", "near": "rows nearly alike"}


def verify_cli(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Reject samples that are wrong, with the reason, and split the rest into train, validation and test.

    \b
    Examples:
      octo verify
      octo verify --json
    """
    from dataclasses import asdict

    from octocli.core.project import open_project
    from octocli.stages.verify import verify

    opened = open_project(project)
    with console.progress() as on_tick:
        report = verify(opened, on_tick=on_tick)
    if as_json:
        console.say_json(asdict(report))
        return
    show_verify(report)
    console.say(f"rejected rows with their reasons: {opened.rejected_file}")
    console.say("next: octo train --lora")


def show_verify(report: "object") -> None:
    """Print what verify kept and caught."""
    from octocli.stages.verify import VerifyReport

    assert isinstance(report, VerifyReport)
    splits = ", ".join(f"{n} {split}" for split, n in report.accepted.items())
    console.say(f"accepted: {splits}; rejected: {sum(report.reasons.values())}")
    rows = [(name, str(c.looked_at), str(c.caught), f"{c.seconds:.1f}") for name, c in report.checks.items()]
    console.table(("check", "looked at", "caught", "seconds"), rows)
    leaking = {what: n for what, n in report.leaks.items() if n}
    if leaking:
        listed = ", ".join(f"{n} {_LEAKS[what]}" for what, n in leaking.items())
        console.warn(f"on more than one side of the split (imported rows): {listed}")
