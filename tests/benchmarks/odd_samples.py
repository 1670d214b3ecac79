"""How many wrong calls `octo data odd` puts among the first, and how long it takes for 50,000 samples.

    python tests/benchmarks/odd_samples.py --template smart-home --template yelp --seed 0 --seed 1

One sample in a hundred with calls gets the calls of another function's sample. Counted is how many of these stand among
the first as many, twice and five times as many; by chance it would be one, two and five in a hundred.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from octocli.core.oddness import oddest
from octocli.core.project import open_project
from octocli.core.samples import Sample, read_samples
from octocli.core.spec import Spec
from octocli.stages.scaffold import scaffold
from octocli.stages.synthesize import synthesize
from octocli.stages.verify import verify

WRONG = 0.01
DEPTHS = (1, 2, 5)
MANY = 50_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--template", action="append", required=True)
    options.add_argument("--seed", action="append", type=int, required=True)
    options.add_argument("--rows", type=int, default=MANY, help="samples for the clock")
    given = options.parse_args()
    for template in given.template:
        samples, spec = accepted(template)
        wrong = max(1, round(WRONG * sum(s.is_positive for s in samples)))
        for seed in given.seed:
            found = [found_among(samples, spec, wrong, wrong * depth, seed) for depth in DEPTHS]
            shown = ", ".join(f"{n} in the first {wrong * d}" for n, d in zip(found, DEPTHS, strict=True))
            print(f"{template}, seed {seed}: {len(samples)} samples, {wrong} wrong: {shown}")
        many = [samples[i % len(samples)] for i in range(given.rows)]
        started = time.process_time()
        oddest(many, spec, 10, lambda _: True)
        print(f"{template}: {len(many)} samples in {time.process_time() - started:.1f} s of processor time")


def accepted(template: str) -> tuple[list[Sample], Spec]:
    """The accepted samples of a fresh project of that template."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "app"
        scaffold(root, template=template)
        project = open_project(root)
        synthesize(project)
        verify(project)
        return read_samples(project.accepted_file), project.spec


def found_among(samples: Sequence[Sample], spec: Spec, wrong: int, first: int, seed: int) -> int:
    """How many of `wrong` samples with exchanged calls stand among the `first` oddest."""
    chance = random.Random(seed)
    positives = [i for i, sample in enumerate(samples) if sample.is_positive]
    spoilt = {i: other_calls(samples, positives, i, chance) for i in chance.sample(positives, wrong)}
    rows = [spoilt.get(i, sample) for i, sample in enumerate(samples)]
    theirs = {id(sample) for sample in spoilt.values()}
    return sum(id(oddity.sample) in theirs for oddity in oddest(rows, spec, first, lambda _: True))


def other_calls(samples: Sequence[Sample], positives: Sequence[int], index: int, chance: random.Random) -> Sample:
    """A sample with the calls of one whose function is another."""
    mine = samples[index]
    others = [i for i in positives if samples[i].calls[0]["name"] != mine.calls[0]["name"]]
    theirs = samples[chance.choice(others)]
    return replace(mine, calls=theirs.calls, said=theirs.said)


if __name__ == "__main__":
    main()
