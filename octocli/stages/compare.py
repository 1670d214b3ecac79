"""`octo data diff`: what one set of samples has that another has not, and what the two answer otherwise."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from octocli.core.calls import dump_value
from octocli.core.errors import BadInput
from octocli.core.project import open_project
from octocli.core.samples import Sample, read_samples
from octocli.stages.browse import Store, open_store


@dataclass(frozen=True)
class Change:
    """A query that both sets have, with other answers."""

    query: str
    before: tuple[Sample, ...]
    after: tuple[Sample, ...]


@dataclass(frozen=True)
class Difference:
    """What became of the samples from one set to the other.

    Attributes:
        before: the first set.
        after: the second set.
        added: samples whose query only the second has.
        removed: samples whose query only the first has.
        changed: queries of both whose calls differ, or the words that are said for a value.
        same: how many queries both answer alike.
    """

    before: Store
    after: Store
    added: tuple[Sample, ...]
    removed: tuple[Sample, ...]
    changed: tuple[Change, ...]
    same: int


def compare(before: Path, after: Path) -> Difference:
    """Compare two projects, two JSONL files, or one of each.

    Raises:
        BadInput: one of them is neither, or holds no samples.
    """
    first, second = _store(before), _store(after)
    ours, theirs = _by_query(first.samples), _by_query(second.samples)
    both = [query for query in ours if query in theirs]
    changed = [Change(q, ours[q], theirs[q]) for q in both if not _agree(ours[q], theirs[q])]
    return Difference(
        first, second,
        added=_flat(rows for query, rows in theirs.items() if query not in ours),
        removed=_flat(rows for query, rows in ours.items() if query not in theirs),
        changed=tuple(changed),
        same=len(both) - len(changed),
    )  # fmt: skip


def _store(path: Path) -> Store:
    if (path / "octo.toml").exists():
        return open_store(open_project(path))
    if path.is_dir():
        raise BadInput(f"{path}: a folder without octo.toml", hint="name a project's folder or a JSONL file")
    return Store(path, tuple(read_samples(path)), None)


def _by_query(samples: Sequence[Sample]) -> dict[str, tuple[Sample, ...]]:
    """Samples by what the model is given: the prompt takes no notice of how words are spaced."""
    rows: dict[str, tuple[Sample, ...]] = {}
    for sample in samples:
        query = " ".join(sample.query.split())
        rows[query] = (*rows.get(query, ()), sample)
    return rows


def _agree(ours: Sequence[Sample], theirs: Sequence[Sample]) -> bool:
    # Most are the same to the letter, which is told faster.
    alike = [repr((s.calls, s.said)) for s in ours] == [repr((s.calls, s.said)) for s in theirs]
    return alike or _answers(ours) == _answers(theirs)


def _answers(samples: Iterable[Sample]) -> set[str]:
    return {json.dumps([_plain(s.calls), _plain(s.said)], sort_keys=True) for s in samples}


def _plain(value: object) -> object:
    return json.loads(dump_value(value))


def _flat(groups: Iterable[tuple[Sample, ...]]) -> tuple[Sample, ...]:
    return tuple(sample for group in groups for sample in group)
