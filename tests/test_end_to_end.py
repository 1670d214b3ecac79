"""The journey on the real starter base: few samples, few steps, every stage real."""

import json
from pathlib import Path

import pytest
from tiny_projects import octo

from octocli.core.project import open_project
from octocli.core.validation import calls_faults

SETTINGS = """
base = "smollm2-135m"
[synth]
per_function = 8
held_out_per_function = 4
negatives = 0.3
[train]
epochs = 3
batch = 6
warmup = 4
[export]
parity_queries = 30
tolerance = 0.1
"""


@pytest.mark.slow
def test_from_a_template_to_a_gguf_that_answers(tmp_path: Path) -> None:
    made = octo("init", "home", "--template", "smart-home", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    root = tmp_path / "home"
    (root / "octo.toml").write_text(SETTINGS)

    built = octo("build", cwd=root)
    assert built.returncode == 0, built.stderr
    project = open_project(root)
    card = json.loads((project.run() / "report.json").read_text())
    # Eight samples a function show that it learns, not how well: loose on purpose.
    assert card["function_choice"]["value"] > 0.6, card
    assert card["strict"]["value"] > 0.3, card
    assert card["recall"]["value"] > 0.7 and card["abstention"]["n"] > 0, card
    parity = json.loads((project.dist / "parity.json").read_text())
    assert parity["files"][0]["same_calls"]["value"] >= 0.9

    again = octo("build", cwd=root)
    assert again.returncode == 0 and "nothing was stale" in again.stdout

    answer = octo("chat", "--once", "turn on the lights in the kitchen", "--json", cwd=root)
    assert answer.returncode == 0, answer.stderr
    said = json.loads(answer.stdout)
    assert said["calls"] and calls_faults(said["calls"], project.spec) == []
    assert said["calls"][0]["name"] in project.spec.by_name
