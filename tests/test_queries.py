"""Test queries written by hand, by nobody who had seen the grammar: each is a sample that its spec takes.

They measure a trained model (`octo eval --data tests/queries/yelp.jsonl`); no training row comes from them. Only those
of smart-home-de were written by the author of the German grammar, after it and without looking at it again.
"""

from pathlib import Path

import pytest

from octocli.core.samples import read_samples
from octocli.core.spec import Spec, load_spec
from octocli.core.validation import calls_faults

ROOT = Path(__file__).parent
FILES = sorted((ROOT / "queries").glob("*.jsonl"))


def _spec(name: str) -> Spec:
    own = ROOT / "queries" / f"{name}-api.json"
    return load_spec(own if own.exists() else ROOT.parent / "templates" / name / "api.json")


def test_every_template_with_functions_of_its_own_has_queries() -> None:
    templates = {file.parent.name for file in (ROOT.parent / "templates").glob("*/api.json")} - {"blank"}
    assert templates <= {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_hand_written_queries_obey_their_spec(file: Path) -> None:
    spec, rows = _spec(file.stem), list(read_samples(file))
    assert len(rows) >= 100 and len({row.query.lower() for row in rows}) == len(rows)
    for row in rows:
        assert not calls_faults(row.calls, spec), row.query
    called = {call["name"] for row in rows for call in row.calls}
    assert called == set(spec.by_name) and any(not row.calls for row in rows)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_hand_written_queries_are_no_examples_of_the_spec(file: Path) -> None:
    examples = {e.query.lower().strip(" .!?") for f in _spec(file.stem).functions for e in f.examples}
    assert not [row.query for row in read_samples(file) if row.query.lower().strip(" .!?") in examples]
