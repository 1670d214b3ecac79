"""`octo build`: every stage that is missing or stale, in order; a stage whose inputs did not change is passed over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from octocli.core.errors import Refused
from octocli.core.project import DEFAULT_RUN, FINEST_QUANT, Project, read_record
from octocli.stages.answers import made_from
from octocli.stages.evaluate import EvalReport, evaluate
from octocli.stages.export import ExportReport, check_quants, export, is_exported, was_refused
from octocli.stages.progress import OnTick, silent
from octocli.stages.synthesize import SynthReport, synthesize
from octocli.stages.train import TrainReport, is_trained, train
from octocli.stages.verify import VerifyReport, is_verified, verify

# Rows that verify rejects are written anew; a third round has never had anything left to do.
_ROUNDS = 3


@dataclass(frozen=True)
class BuildReport:
    """What each stage did; None where nothing was stale."""

    synth: SynthReport | None
    verify: VerifyReport | None
    train: TrainReport | None
    evaluation: EvalReport | None
    export: ExportReport | None
    files: tuple[Path, ...]

    @property
    def fresh(self) -> bool:
        """Whether nothing had to be done."""
        return not any((self.synth, self.verify, self.train, self.evaluation, self.export))


def build(
    project: Project,
    *,
    run: str = DEFAULT_RUN,
    quants: Sequence[str] = (),
    on_stage: Callable[[str, Any], None] = lambda *_: None,
    on_tick: OnTick = silent,
) -> BuildReport:
    """Bring the project up to date, from samples to shipped GGUF.

    Args:
        project: the project.
        run: name of the training run.
        quants: quantisations to ship; the project's default if none.
        on_stage: called with a stage's name and its report when it is done, report None when it was up to date.
        on_tick: progress within a stage.
    """
    check_quants(quants or [project.config.export.quant])
    synthesis, verification = _samples(project, on_stage, on_tick)
    training = None if is_trained(project, run) else train(project, run=run, on_tick=on_tick)
    on_stage("train", training)
    evaluation = None if _is_evaluated(project, run) else evaluate(project, project.run(run), on_tick=on_tick)
    on_stage("eval", evaluation)
    shipped = _ship(project, run, quants, on_tick)
    on_stage("export", shipped)
    default = project.shipped_file()
    files = tuple(project.gguf_file(q) for q in quants) or ((default,) if default else ())
    return BuildReport(synthesis, verification, training, evaluation, shipped, files)


def _ship(project: Project, run: str, quants: Sequence[str], on_tick: OnTick) -> ExportReport | None:
    """Export what is stale. Where the gate refuses the default quantisation, the finest is shipped in its place."""
    default = project.config.export.quant
    settled = not quants and default != FINEST_QUANT and was_refused(project, run, default)
    if is_exported(project, run, [FINEST_QUANT] if settled else quants):
        return None
    if not settled:
        try:
            return export(project, quants=quants, run=run, on_tick=on_tick)
        except Refused:
            if quants or default == FINEST_QUANT:
                raise
    return replace(export(project, quants=[FINEST_QUANT], run=run, on_tick=on_tick), refused=(default,))


def _samples(
    project: Project, on_stage: Callable[[str, Any], None], on_tick: OnTick
) -> tuple[SynthReport | None, VerifyReport | None]:
    if is_verified(project):
        on_stage("synth", None)
        on_stage("verify", None)
        return None, None
    synthesis = verification = None
    for _ in range(_ROUNDS):
        synthesis = synthesize(project, on_tick=on_tick)
        if verification is not None and not synthesis.added:
            break
        on_stage("synth", synthesis)
        verification = verify(project, on_tick=on_tick)
        on_stage("verify", verification)
        if not verification.reasons:
            break
    return synthesis, verification


def _is_evaluated(project: Project, run: str) -> bool:
    folder = project.run(run)
    return bool(read_record(folder / "report.json").get("made_from") == made_from(folder, project.accepted_file))
