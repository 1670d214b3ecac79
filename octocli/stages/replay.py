"""The rows that a merged model learns and is measured with: the apps' own, each app's positives the others' negatives.

A row that nothing serves in one app may be served by another: such rows are found by asking the others' models.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from octocli.core.samples import Sample, Split
from octocli.stages.merge_inputs import MergeInput
from octocli.stages.progress import OnTick, Tick, silent

# Of the replay, the share of rows that two apps serve together: "book the table, and order dessert at home".
_ACROSS = 0.08
_AT_ONCE = 16
# Below this probability of *none* an app is sure that a request is its own.
_SURELY_SERVED = 0.1
_JOINTS = (" and ", ", and ", " and also ", ". then ", ", then ", ". also ")


def own_rows(
    inputs: Sequence[MergeInput], split: Split, negatives: int, seed: int, on_tick: OnTick = silent
) -> list[list[Sample]]:
    """Each app's rows of one side: its positives, and so many negatives that no other app would answer with a call."""
    rng = random.Random(f"{seed}/negatives/{split}")
    rows = [_with_few_negatives([s for s in one.samples if s.split == split], negatives, rng) for one in inputs]
    positives = {s.query for part in rows for s in part if s.is_positive}
    refused = [[s.query for s in part if not s.is_positive] for part in rows]
    served = positives | served_elsewhere(inputs, refused, "asking each app about the others' negatives", on_tick)
    return [[s for s in part if s.is_positive or s.query not in served] for part in rows]


def _with_few_negatives(rows: Sequence[Sample], count: int, rng: random.Random) -> list[Sample]:
    """All positives and so many negatives: each costs a question to every other app."""
    negatives = [s for s in rows if not s.is_positive]
    return [s for s in rows if s.is_positive] + rng.sample(negatives, min(count, len(negatives)))


def served_elsewhere(
    inputs: Sequence[MergeInput], queries: Sequence[Sequence[str]], task: str, on_tick: OnTick
) -> frozenset[str]:
    """Queries of one app that another's own model is sure to serve."""
    from octocli.runtime.caller import open_caller

    served: set[str] = set()
    total = sum(map(len, queries)) * (len(inputs) - 1)
    done = 0
    for index, one in enumerate(inputs):
        others = sorted((q for i, part in enumerate(queries) if i != index for q in part), key=len)
        with open_caller(one.run) as caller:
            for start in range(0, len(others), _AT_ONCE):
                part = others[start : start + _AT_ONCE]
                shares = caller.none_shares(part)
                served |= {query for query, none in zip(part, shares, strict=True) if none < _SURELY_SERVED}
                done += len(part)
                on_tick(Tick(task, done, total))
    return frozenset(served)


def replay(rows: Sequence[Sequence[Sample]], count: int, seed: int) -> list[Sample]:
    """So many rows, as many of each app, some of them requests to two apps at once."""
    rng = random.Random(f"{seed}/replay")
    across = round(count * _ACROSS) if len(rows) > 1 else 0
    share = (count - across) // len(rows)
    chosen = [s for part in rows for s in _spread(part, share, rng)]
    return chosen + across_apps(rows, across, rng)


def negatives_among(count: int) -> int:
    """How many of so many rows nothing serves: no function's share but a quarter of all, as in the apps' own rows."""
    return count // 4


def _spread(rows: Sequence[Sample], count: int, rng: random.Random) -> list[Sample]:
    """So many rows, each function and *none* in turn, as long as there are any."""
    groups: dict[str, list[Sample]] = {}
    for sample in rng.sample(rows, len(rows)):
        groups.setdefault(str(sample.calls[0]["name"]) if sample.calls else "", []).append(sample)
    negatives = groups.pop("", [])[: negatives_among(count)]
    found: list[Sample] = []
    while len(found) < count - len(negatives) and any(groups.values()):
        found += [group.pop() for group in groups.values() if group]
    return found[: count - len(negatives)] + negatives


def across_apps(rows: Sequence[Sequence[Sample]], count: int, rng: random.Random) -> list[Sample]:
    """Requests whose two parts are of two apps, made of two single ones."""
    single = [[s for s in part if _stands_alone(s)] for part in rows]
    usable = [part for part in single if part]
    if len(usable) < 2:
        return []
    pairs = [rng.sample(usable, 2) for _ in range(count)]
    return [_joined(rng.choice(first), rng.choice(second), rng) for first, second in pairs]


def _stands_alone(sample: Sample) -> bool:
    plain = len(sample.calls) == 1 and not sample.calls[0].get("missing")
    return plain and sample.now is None and len(sample.query.split()) <= 14


def _joined(first: Sample, second: Sample, rng: random.Random) -> Sample:
    head = first.query.rstrip(" .!?")
    tail = second.query if _opens_with_a_name(second) else second.query[:1].lower() + second.query[1:]
    said = {**first.said, **{re.sub(r"^/0/", "/1/", at): words for at, words in second.said.items()}}
    return Sample(
        head + rng.choice(_JOINTS) + tail, (*first.calls, *second.calls), "across", first.split, "merge", said=said
    )


def _opens_with_a_name(sample: Sample) -> bool:
    """Whether the first word keeps its capital: an argument that is copied must stand as it is."""
    texts = (text for text in sample.calls[0]["arguments"].values() if isinstance(text, str))
    opening = (sample.query.startswith(words) for words in (*texts, *sample.said.values()))
    return any(opening) or re.match(r"I\b|[A-Z]{2}", sample.query) is not None


def labelled(inputs: Sequence[MergeInput], rows: Iterable[Sequence[Sample]]) -> list[Sample]:
    """All rows in one list, each with the app that it comes from."""
    found = []
    for one, part in zip(inputs, rows, strict=True):
        found += [replace(sample, extra={**sample.extra, "app": one.app}) for sample in part]
    return found
