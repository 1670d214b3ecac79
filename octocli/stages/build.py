"""`octo build`: every stage that is missing or stale, in order; a stage whose inputs did not change is passed over."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octocli.core.errors import BadInput, Refused
from octocli.core.project import DEFAULT_RUN, FINEST_QUANT, Project, read_record, write_json
from octocli.stages.answers import made_from
from octocli.stages.ask_teacher import AskReport, ask_teacher
from octocli.stages.evaluate import EvalReport, evaluate
from octocli.stages.export import ExportReport, check_quants, export, is_exported, was_refused
from octocli.stages.progress import OnTick, silent
from octocli.stages.second_opinion import OpinionReport, is_judged, second_opinion
from octocli.stages.synthesize import SynthReport, synthesize
from octocli.stages.train import TrainReport, is_trained, train
from octocli.stages.verify import VerifyReport, is_verified, verify
from octocli.teachers.opening import is_free
from octocli.teachers.prices import quote_of

# Rows that verify rejects are written anew; a third round has never had anything left to do.
_ROUNDS = 3


@dataclass(frozen=True)
class BuildReport:
    """What each stage did; None where nothing was stale."""

    synth: SynthReport | AskReport | None
    verify: VerifyReport | OpinionReport | None
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
    budget: float | None = None,
    on_stage: Callable[[str, Any], None] = lambda *_: None,
    on_tick: OnTick = silent,
) -> BuildReport:
    """Bring the project up to date, from samples to shipped GGUF.

    Args:
        project: the project.
        run: name of the training run.
        quants: quantisations to ship; the project's default if none.
        budget: US dollars that all calls together may spend on teachers; the one in octo.toml if none.
        on_stage: called with a stage's name and its report when it is done, report None when it was up to date.
        on_tick: progress within a stage.

    Raises:
        BadInput: the teacher may cost something and there is no budget.
        Refused: a gate said no, or the teacher did not write or judge all of the samples.
    """
    check_quants(quants or [project.config.export.quant])
    synthesis, verification = _samples(project, budget, on_stage, on_tick)
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
    """Export what is stale. What the gate refused of this run is not tried again while its stand-in is there."""
    default = project.config.export.quant
    settled = not quants and default != FINEST_QUANT and was_refused(project, run, default)
    if is_exported(project, run, [FINEST_QUANT] if settled else quants):
        return None
    return export(project, quants=quants, run=run, on_tick=on_tick)


def _samples(
    project: Project, budget: float | None, on_stage: Callable[[str, Any], None], on_tick: OnTick
) -> tuple[SynthReport | AskReport | None, VerifyReport | OpinionReport | None]:
    if is_verified(project) and not project.build_mark.exists() and _is_judged(project):
        on_stage("synth", None)
        on_stage("verify", None)
        return None, None
    writes = _writer(project, budget, on_tick)
    synthesis: SynthReport | AskReport | None = None
    verification: VerifyReport | OpinionReport | None = None
    for done in range(_rounds_done(project), _ROUNDS):
        write_json(project.build_mark, {"version": 1, "rounds": done})
        synthesis = writes.synth()
        if verification is not None and not synthesis.added:
            break
        on_stage("synth", synthesis)
        writes.settle(synthesis)
        verification = writes.verify()
        on_stage("verify", verification)
        writes.settle(verification)
        reasons = (verification.verification if isinstance(verification, OpinionReport) else verification).reasons
        if not reasons:
            break
    project.build_mark.unlink()
    return synthesis, verification


def _rounds_done(project: Project) -> int:
    """Rounds of a build that was ended between them: the same as many come of it as of one that was not."""
    done = read_record(project.build_mark).get("rounds")
    return done if isinstance(done, int) and 0 <= done < _ROUNDS else 0


def _is_judged(project: Project) -> bool:
    """Whether every row has the second opinion that the project wants; a replay has nobody to ask."""
    who = project.config.teacher
    return not who.second_opinion or who.name in ("builtin", "replay") or is_judged(project)


class _BuiltinWriter:
    """The built-in teacher, who costs nothing and is always there."""

    def __init__(self, project: Project, on_tick: OnTick) -> None:
        self.project, self.on_tick = project, on_tick

    def synth(self) -> SynthReport | AskReport:
        """Fill the plan."""
        return synthesize(self.project, on_tick=self.on_tick)

    def verify(self) -> VerifyReport | OpinionReport:
        """Verify what is there."""
        return verify(self.project, on_tick=self.on_tick)

    def settle(self, report: object) -> None:
        """See that nothing is missing."""


class _AskedWriter(_BuiltinWriter):
    """An LLM: one budget for all that is asked of it."""

    def __init__(self, project: Project, budget: float | None, on_tick: OnTick) -> None:
        super().__init__(project, on_tick)
        who = project.config.teacher
        self.budget = budget if budget is not None else who.budget
        if self.budget is None and not is_free(who, quote_of(who, project.prices_file)):
            raise BadInput(
                f"octo build would ask {who.model or who.name} and may spend money, without a limit",
                hint="give --budget 2.00 or [teacher] budget in octo.toml; prices of 0 say that it is free",
            )

    def synth(self) -> SynthReport | AskReport:
        """Fill the plan, and replace what was rejected."""
        return ask_teacher(self.project, budget=self.budget, on_tick=self.on_tick)

    def verify(self) -> VerifyReport | OpinionReport:
        """Verify, with a second opinion where the project wants one."""
        if not self.project.config.teacher.second_opinion:
            return super().verify()
        return second_opinion(self.project, budget=self.budget, on_tick=self.on_tick)

    def settle(self, report: object) -> None:
        """See that nothing is missing.

        Raises:
            Refused: requests failed or the budget ended, so that rows or verdicts are missing.
        """
        if not isinstance(report, (AskReport, OpinionReport)):
            return
        missing = "verdicts" if isinstance(report, OpinionReport) else "samples"
        if report.budget_spent:
            raise Refused(
                f"the budget ended before all {missing} were there",
                hint="octo build with a larger --budget goes on where it stopped",
            )
        if report.failed:
            reason, count = next(iter(report.failed.items()))
            raise Refused(f"{missing} are missing: {count} requests failed: {reason}", hint="octo build asks again")


def _writer(project: Project, budget: float | None, on_tick: OnTick) -> _BuiltinWriter:
    if project.config.teacher.name != "builtin":
        return _AskedWriter(project, budget, on_tick)
    if budget is not None:
        raise BadInput("the built-in teacher costs nothing", hint="[teacher] in octo.toml names another")
    return _BuiltinWriter(project, on_tick)


def _is_evaluated(project: Project, run: str) -> bool:
    folder = project.run(run)
    return bool(read_record(folder / "report.json").get("made_from") == made_from(folder, project.accepted_file))
