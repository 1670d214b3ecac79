"""`octo verify`: keep what is right, reject the rest with its reason, and put each row on its side of the split."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from octocli.core.errors import BadInput, NotMade
from octocli.core.project import Project, data_hash, file_hash, read_record, write_json
from octocli.core.samples import Sample, dump_line, read_samples, repair_tail, write_atomically, write_samples
from octocli.core.splits import assign_splits, leaks
from octocli.stages.checks import CHECKS, Check
from octocli.stages.doubles import Neighbours, Rejected, without_contradictions, without_duplicates
from octocli.stages.progress import OnTick, Tick, silent
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.packs import language_of
from octocli.teachers.judging import OPINION, read_opinions


@dataclass(frozen=True)
class CheckReport:
    """One check: how many rows it looked at, how many of them it caught, and the seconds it took."""

    looked_at: int = 0
    caught: int = 0
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class VerifyReport:
    """What was kept and what was not.

    Attributes:
        accepted: rows by split.
        by_function: accepted training rows by first function; `none` for negatives.
        reasons: rejected rows by the check that caught them.
        leaks: texts, skeletons and free values on more than one side, and held-out rows that are nearly a row of
            another side (`near`); imported rows may have all but the first.
        checks: what each check did, in their order; a row that one caught is not looked at by the next.
    """

    accepted: dict[str, int]
    by_function: dict[str, int]
    reasons: dict[str, int]
    leaks: dict[str, int]
    checks: dict[str, CheckReport]


def verify(project: Project, *, on_tick: OnTick = silent) -> VerifyReport:
    """Check every sample of the store and write `accepted.jsonl` and `rejected.jsonl`.

    Raises:
        NotMade: there are no samples yet.
        BadInput: every sample was rejected, or the settings name a language that octo has no pack of.
    """
    if not project.samples_file.exists():
        raise NotMade(f"{project.samples_file}: no samples yet", hint="make them with: octo synth")
    repair_tail(project.samples_file)
    sieve = _Sieve(read_samples(project.samples_file))
    language = language_of(project.config.synth.language)
    for name, check in CHECKS.items():
        sieve.pass_through(
            name, partial(_alone, name=name, check=check, project=project, language=language, on_tick=on_tick)
        )
    if opinions := _opinions(project):
        sieve.pass_through(OPINION, partial(_not_called_wrong, opinions=opinions))
    # A row that octo wrote yields to one that the team brought.
    sieve.rows.sort(key=lambda s: s.teacher != "import")
    sieve.pass_through("duplicate", lambda rows: without_duplicates(rows, project.spec))
    sieve.pass_through("contradiction", without_contradictions)
    started = time.perf_counter()
    neighbours = Neighbours(sieve.rows, project.spec, on_tick)
    sieve.add_seconds("near-duplicate", time.perf_counter() - started)
    sieve.pass_through("near-duplicate", neighbours.without_near_duplicates)
    sieve.pass_through("contradiction", neighbours.without_contradictions)
    sieve.pass_through("leak", lambda rows: assign_splits(rows, project.spec))
    sieve.pass_through("leak", neighbours.without_near_leaks)
    if not sieve.rows:
        raise BadInput(f"{project.samples_file}: every sample was rejected, first: {sieve.rejected[0][1]}")
    found = {**leaks(sieve.rows, project.spec), "near": neighbours.near_leaks(sieve.rows)}
    return _write(project, sieve, found)


class _Sieve:
    """Rows that passed every check so far, those that did not, and what each check did."""

    def __init__(self, rows: list[Sample]) -> None:
        self.rows = rows
        self.rejected: Rejected = []
        self.checks: dict[str, CheckReport] = {}

    def pass_through(self, name: str, check: Callable[[Sequence[Sample]], tuple[list[Sample], Rejected]]) -> None:
        """Keep the rows that a check keeps; a check in two parts comes twice, and both see the same rows as one."""
        started, before = time.perf_counter(), self.checks.get(name, CheckReport())
        looked_at = len(self.rows)
        self.rows, dropped = check(self.rows)
        self.rejected += dropped
        self.checks[name] = CheckReport(max(looked_at, before.looked_at), before.caught + len(dropped), before.seconds)
        self.add_seconds(name, time.perf_counter() - started)

    def add_seconds(self, name: str, seconds: float) -> None:
        """Count time that was spent for a check."""
        before = self.checks.get(name, CheckReport())
        self.checks[name] = CheckReport(before.looked_at, before.caught, round(before.seconds + seconds, 3))


def _alone(
    rows: Sequence[Sample], name: str, check: Check, project: Project, language: Language, on_tick: OnTick
) -> tuple[list[Sample], Rejected]:
    kept: list[Sample] = []
    dropped: Rejected = []
    for done, sample in enumerate(rows, 1):
        reason = check(sample, project.spec, project.tokens, language)
        dropped.append((sample, reason)) if reason else kept.append(sample)
        on_tick(Tick(name, done, len(rows)))
    return kept, dropped


def is_own(sample: Sample) -> bool:
    """Whether a person wrote it, or gave it with the spec: no model's word stands against theirs."""
    return sample.teacher == "import" or sample.kind == "example"


def _opinions(project: Project) -> dict[str, str]:
    """Reasons by id of the rows that a second opinion called wrong."""
    verdicts = read_opinions(project.replies_file).verdicts
    return {row: f"{OPINION}: {verdict.reason}" for row, verdict in verdicts.items() if not verdict.ok}


def _not_called_wrong(rows: Sequence[Sample], opinions: Mapping[str, str]) -> tuple[list[Sample], Rejected]:
    wrong = [s for s in rows if not is_own(s) and s.id in opinions]
    ids = {s.id for s in wrong}
    return [s for s in rows if is_own(s) or s.id not in ids], [(s, opinions[s.id]) for s in wrong]


def is_verified(project: Project) -> bool:
    """Whether the accepted samples are those of the store and the spec as they are now."""
    made = read_record(project.verified_record).get("made_from")
    return project.accepted_file.exists() and bool(made == made_from(project))


def made_from(project: Project) -> dict[str, str]:
    """Hashes of what the accepted rows hang on; the plan of synth too, so that a larger one is filled by `build`."""
    who = project.config.teacher.model_dump(include={"name", "model", "second_opinion"})
    plan = {"seed": project.config.seed, **project.config.synth.model_dump(), "teacher": who}
    return {
        "samples": file_hash(project.samples_file),
        "spec": data_hash(project.spec.to_json()),
        "plan": data_hash(plan),
        "opinions": data_hash(_opinions(project)),
    }


def _write(project: Project, sieve: _Sieve, leaking: dict[str, int]) -> VerifyReport:
    accepted, rejected = sieve.rows, sieve.rejected
    report = VerifyReport(
        accepted=dict(Counter(str(s.split) for s in accepted)),
        by_function=dict(Counter(_subject(s) for s in accepted if s.split == "train")),
        reasons=dict(Counter(reason.split(":")[0] for _, reason in rejected)),
        leaks=leaking,
        checks=sieve.checks,
    )
    write_samples(project.accepted_file, accepted)
    write_atomically(
        project.rejected_file, "".join(dump_line({**s.to_json(), "reason": reason}) for s, reason in rejected)
    )
    checks = {name: asdict(check) for name, check in report.checks.items()}
    counts = {"accepted": report.accepted, "rejected": report.reasons, "leaks": report.leaks, "checks": checks}
    write_json(project.verified_record, {"version": 1, "made_from": made_from(project), **counts})
    return report


def _subject(sample: Sample) -> str:
    return str(sample.calls[0]["name"]) if sample.calls else "none"
