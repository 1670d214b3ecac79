"""`octo verify`: keep what is right, reject the rest with its reason, and put each row on its side of the split."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from octocli.core.calls import dump_value
from octocli.core.errors import BadInput, NotMade
from octocli.core.project import Project, data_hash, file_hash, read_record, write_json
from octocli.core.samples import Sample, dump_line, read_samples, repair_tail, write_atomically, write_samples
from octocli.core.splits import assign_splits, leaks, normal, skeleton_of
from octocli.stages.checks import first_reason
from octocli.stages.progress import OnTick, Tick, silent
from octocli.teachers.judging import OPINION, read_opinions

# Two rows of one function this alike teach the same thing (token-sort ratio of rapidfuzz, 0 to 100).
_NEAR_DUPLICATE = 96


@dataclass(frozen=True)
class VerifyReport:
    """What was kept and what was not.

    Attributes:
        accepted: rows by split.
        by_function: accepted training rows by first function; `none` for negatives.
        reasons: rejected rows by the check that caught them.
        leaks: texts, skeletons and free values on more than one side; imported rows may share skeletons and values.
    """

    accepted: dict[str, int]
    by_function: dict[str, int]
    reasons: dict[str, int]
    leaks: dict[str, int]


def verify(project: Project, *, on_tick: OnTick = silent) -> VerifyReport:
    """Check every sample of the store and write `accepted.jsonl` and `rejected.jsonl`.

    Raises:
        NotMade: there are no samples yet.
    """
    if not project.samples_file.exists():
        raise NotMade(f"{project.samples_file}: no samples yet", hint="make them with: octo synth")
    repair_tail(project.samples_file)
    samples = read_samples(project.samples_file)
    opinions = _opinions(project)
    rejected: list[tuple[Sample, str]] = []
    sound = []
    for index, sample in enumerate(samples):
        reason = first_reason(sample, project.spec, project.tokens) or _opinion(sample, opinions)
        rejected.append((sample, reason)) if reason else sound.append(sample)
        on_tick(Tick("verify", index + 1, len(samples)))
    unique, doubles = _without_doubles(sound, project)
    accepted, leaked = assign_splits(unique, project.spec)
    rejected += [*doubles, *leaked]
    if not accepted:
        raise BadInput(f"{project.samples_file}: every sample was rejected, first: {rejected[0][1]}")
    return _write(project, accepted, rejected)


def is_own(sample: Sample) -> bool:
    """Whether a person wrote it, or gave it with the spec: no model's word stands against theirs."""
    return sample.teacher == "import" or sample.kind == "example"


def _opinions(project: Project) -> dict[str, str]:
    """Reasons by id of the rows that a second opinion called wrong."""
    repair_tail(project.replies_file)
    verdicts = read_opinions(project.replies_file).verdicts
    return {row: f"{OPINION}: {verdict.reason}" for row, verdict in verdicts.items() if not verdict.ok}


def _opinion(sample: Sample, opinions: Mapping[str, str]) -> str | None:
    return None if is_own(sample) else opinions.get(sample.id)


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


def _write(project: Project, accepted: Sequence[Sample], rejected: Sequence[tuple[Sample, str]]) -> VerifyReport:
    report = VerifyReport(
        accepted=dict(Counter(str(s.split) for s in accepted)),
        by_function=dict(Counter(_subject(s) for s in accepted if s.split == "train")),
        reasons=dict(Counter(reason.split(":")[0] for _, reason in rejected)),
        leaks=leaks(accepted, project.spec),
    )
    write_samples(project.accepted_file, accepted)
    write_atomically(
        project.rejected_file, "".join(dump_line({**s.to_json(), "reason": reason}) for s, reason in rejected)
    )
    counts = {"accepted": report.accepted, "rejected": report.reasons, "leaks": report.leaks}
    write_json(project.verified_record, {"version": 1, "made_from": made_from(project), **counts})
    return report


def _subject(sample: Sample) -> str:
    return str(sample.calls[0]["name"]) if sample.calls else "none"


def _without_doubles(samples: Sequence[Sample], project: Project) -> tuple[list[Sample], list[tuple[Sample, str]]]:
    """Drop duplicates, contradictions and near-duplicates; the first row of each kind stays."""
    kept: list[Sample] = []
    dropped: list[tuple[Sample, str]] = []
    meanings: dict[str, str] = {}
    patterns: dict[str, _Patterns] = {}
    for sample in samples:
        text, meaning = normal(sample.query), dump_value(list(sample.calls))
        if text in meanings:
            same = meanings[text] == meaning
            dropped.append((sample, "duplicate" if same else "contradiction: the same words, other calls"))
            continue
        near = patterns.setdefault(_subject(sample), _Patterns())
        # Imported rows are a team's own choice; only exact doubles of theirs go.
        if sample.teacher != "import" and (twin := near.twin(text, skeleton_of(sample, project.spec))):
            dropped.append((sample, f"near-duplicate: of {twin!r}"))
            continue
        meanings[text] = meaning
        near.add(text, skeleton_of(sample, project.spec))
        kept.append(sample)
    return kept, dropped


class _Patterns:
    """Accepted texts of one function by skeleton: only rows of one pattern can be near-duplicates of each other."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}

    def add(self, text: str, skeleton: str) -> None:
        self._texts.setdefault(skeleton, []).append(text)

    def twin(self, text: str, skeleton: str) -> str | None:
        return next(self._twins(text, skeleton), None)

    def _twins(self, text: str, skeleton: str) -> Iterator[str]:
        for other in self._texts.get(skeleton, ()):
            # Digits are what tells two rows of one pattern apart: "at 7" and "at 8" are both worth having.
            if _digits(other) == _digits(text) and fuzz.token_sort_ratio(text, other) >= _NEAR_DUPLICATE:
                yield other


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
