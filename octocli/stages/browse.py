"""`octo data`: which samples there are, found, drawn, the longest, the oddest, and what is given and learnt of each."""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from octocli.core.calls import Piece, called_functions, write_target
from octocli.core.errors import BadInput, NotMade
from octocli.core.oddness import NO_FUNCTION, Oddity, oddest
from octocli.core.project import Project
from octocli.core.prompts import make_prompt
from octocli.core.samples import SPLITS, Sample, read_samples
from octocli.core.validation import calls_faults
from octocli.stages.verify import is_verified

NO_SPLIT = "no split"
_ID = re.compile(r"[0-9a-f]{4,16}")


@dataclass(frozen=True)
class Choice:
    """Which samples to look at; None is all.

    Attributes:
        function: one that a sample calls, inside another call or beside others too; `none` for negatives.
        kind: the kind of sample.
        split: the side of the split.
    """

    function: str | None = None
    kind: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Store:
    """Samples of one file.

    Attributes:
        file: where they stand.
        samples: those that were asked for.
        is_verified: whether they are what `verify` accepted; None for a file that is not the project's.
    """

    file: Path
    samples: tuple[Sample, ...]
    is_verified: bool | None


def open_store(project: Project, file: Path | None = None) -> Store:
    """The samples of a file, by default the project's: accepted ones, or, not verified as they are now, all.

    Raises:
        NotMade: there are no samples yet.
        BadInput: a line is no sample.
    """
    if file is not None:
        return Store(file, tuple(read_samples(file)), None)
    if is_verified(project):
        return Store(project.accepted_file, tuple(read_samples(project.accepted_file)), True)
    if project.samples_file.exists():
        return Store(project.samples_file, tuple(read_samples(project.samples_file, growing=True)), False)
    raise NotMade(f"{project.samples_file}: no samples yet", hint="make them with: octo synth")


def choose(store: Store, project: Project, choice: Choice) -> Store:
    """The samples of a store that are of the wanted function, kind and split.

    Raises:
        BadInput: there is none.
    """
    for option, wanted in asdict(choice).items():
        there = {trait for sample in store.samples for trait in _traits(sample, project, option)}
        if wanted is not None and wanted not in there:
            known = ", ".join(sorted(there))
            raise BadInput(f"--{option}: no sample in {store.file} is of {wanted!r}", hint=f"there are: {known}")
    kept = tuple(sample for sample in store.samples if _fits(sample, project, choice))
    if not kept:
        raise BadInput(
            f"{store.file}: no sample is of all that at once", hint="leave out --function, --kind or --split"
        )
    return replace(store, samples=kept)


def _fits(sample: Sample, project: Project, choice: Choice) -> bool:
    return all(
        wanted is None or wanted in _traits(sample, project, option) for option, wanted in asdict(choice).items()
    )


def _traits(sample: Sample, project: Project, option: str) -> set[str]:
    if option == "function":
        return set(called_functions(sample.calls, project.spec)) or {NO_FUNCTION}
    return {sample.kind if option == "kind" else sample.split or NO_SPLIT}


@dataclass(frozen=True)
class Counts:
    """How many samples there are, by split each.

    Attributes:
        splits: the sides that occur, in their order.
        by_function: by function and kind; functions of the spec without any stand there too. A sample that calls two
            functions counts for both.
        by_kind: by kind.
        by_teacher: by who wrote them.
    """

    splits: tuple[str, ...]
    by_function: dict[str, dict[str, Counter[str]]]
    by_kind: dict[str, Counter[str]]
    by_teacher: dict[str, Counter[str]]


def count(store: Store, project: Project) -> Counts:
    """Count the samples of a store."""
    by_function: dict[str, dict[str, Counter[str]]] = {f.name: {} for f in project.spec.functions}
    by_kind: dict[str, Counter[str]] = {}
    by_teacher: dict[str, Counter[str]] = {}
    for sample in store.samples:
        split = sample.split or NO_SPLIT
        for function in sorted(_traits(sample, project, "function")):
            kinds = by_function.setdefault(function, {})
            kinds.setdefault(sample.kind, Counter())[split] += 1
        by_kind.setdefault(sample.kind, Counter())[split] += 1
        by_teacher.setdefault(sample.teacher or "unknown", Counter())[split] += 1
    there = {split for counter in by_kind.values() for split in counter}
    splits = tuple(split for split in (*SPLITS, NO_SPLIT) if split in there)
    return Counts(splits, by_function, by_kind, by_teacher)


def find(store: Store, words: Sequence[str]) -> list[Sample]:
    """The sample of that id (its beginning will do), or those whose query holds all of the words, in file order."""
    if len(words) == 1 and _ID.fullmatch(words[0]):
        found = [sample for sample in store.samples if sample.id.startswith(words[0])]
        if found:
            return found
    wanted = [word.casefold() for word in words]
    found = [s for s in store.samples if all(word in s.query.casefold() for word in wanted)]
    if not found:
        raise BadInput(f"{store.file}: no sample has that id or all of these words: {' '.join(words)}")
    return found


def draw(store: Store, number: int, seed: int) -> list[Sample]:
    """`number` samples at random, none twice; all of them where there are no more."""
    return random.Random(seed).sample(store.samples, min(number, len(store.samples)))


@dataclass(frozen=True)
class Lesson:
    """A sample as training sees it.

    Attributes:
        sample: the sample.
        given: the prompt, which is not learnt.
        learnt: the target, its special tokens apart from text; empty where a function is not in the spec.
        fault: what of the calls breaks the spec.
    """

    sample: Sample
    given: str
    learnt: tuple[Piece, ...]
    fault: str = ""

    @property
    def length(self) -> int:
        """Characters of both."""
        return len(self.given) + sum(len(piece.text) for piece in self.learnt)


def lesson(sample: Sample, project: Project) -> Lesson:
    """What is given and what is learnt of a sample, and whether its calls obey the spec."""
    faults = calls_faults(sample.calls, project.spec)
    return replace(_written(sample, project), fault=faults[0] if faults else "")


def longest(store: Store, project: Project, number: int) -> list[Lesson]:
    """The samples with the most characters, the longest first."""
    lessons = sorted((_written(s, project) for s in store.samples), key=lambda one: -one.length)
    return [lesson(one.sample, project) for one in lessons[:number]]


def _written(sample: Sample, project: Project) -> Lesson:
    spec = project.spec
    is_known = all(name in spec.by_name for name in called_functions(sample.calls, spec))
    learnt = write_target(sample.calls, spec, project.tokens, sample.said) if is_known else ()
    return Lesson(sample, make_prompt(project.config.prompt).render(sample.query), learnt)


def odd(store: Store, project: Project, number: int, choice: Choice) -> list[Oddity]:
    """The samples of a choice whose wording is furthest from all others of their function; see `core/oddness.py`."""
    choose(store, project, choice)
    return oddest(store.samples, project.spec, number, lambda sample: _fits(sample, project, choice))
