"""The benchmarks run and report; what they measure is for people, and on a quiet machine."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_projects import base, lamp_rows, new_project, write_rows

BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"


def ran(script: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_training_speed_and_accuracy_are_reported_for_each_kit() -> None:
    kits = ("octo", "trainer", "loop")
    given = [word for kit in kits for word in ("--kit", kit)]
    said = ran("train_speed.py", "--base", str(base()), "--rows", "40", "--accuracy", "0.0", *given)
    lines = {line.split("  ")[0]: line.split() for line in said.splitlines()}
    assert "GFLOP/s" in said
    assert all(float(lines[kit][1]) > 0 and int(lines[kit][2]) > 0 for kit in kits)
    assert all(f"{kit}: 0% reached in" in said for kit in kits)


def test_the_papers_figures_are_made_once_and_reported(tmp_path: Path) -> None:
    project = new_project(tmp_path / "android-base-smollm2-135m-seed-0-per_function-8" / "android")
    rows = lamp_rows(32)
    write_rows(project.accepted_file, rows + [{**r, "split": "test"} for r in rows[:8]])
    size = ["--size", "2", "--size", "4", "--size", "8"]
    options = [str(tmp_path), "--seed", "0", "--steps", "5", *size, "--weight", "1", "--weight", "4"]
    first = ran("paper_figures.py", *options, "--figure", "4", "--figure", "6")
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(r["figure"], r["size"], r["weight"], r["steps"]) for r in results] == [
        (4, 2, None, 5), (4, 4, None, 5), (4, 8, None, 5), (6, 4, 1.0, 5), (6, 4, 4.0, 5)
    ]  # fmt: skip
    # Three functions and a quarter of the rows negatives.
    assert [r["rows"] for r in results[:3]] == [8, 16, 32]
    assert "figure 4, size 8, 1 seeds, 5 steps" in first
    assert ran("paper_figures.py", *options, "--figure", "4") == first, "a run was made again"


def test_the_project_of_an_experiment_is_made_from_its_template(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from runs import opened_or_made

    made = opened_or_made(tmp_path, "yelp", base="smollm2-135m", seed=3, per_function=4)
    assert (made.config.seed, made.config.synth.per_function, made.accepted_file.exists()) == (3, 4, True)
    before = made.accepted_file.stat().st_mtime_ns
    again = opened_or_made(tmp_path, "yelp", base="smollm2-135m", seed=3, per_function=4)
    assert again.root == made.root and again.accepted_file.stat().st_mtime_ns == before


def test_a_choice_is_compared_with_the_default_question_by_question(tmp_path: Path) -> None:
    project = new_project(tmp_path / "smart-home-base-smollm2-135m-seed-0" / "smart-home")
    rows = lamp_rows(32)
    write_rows(project.accepted_file, rows + [{**r, "split": "test"} for r in rows[:8]])
    changes = ["--change", "random rows", "--change", "descriptions first", "--change", "rank 4"]
    said = ran("training_choices.py", str(tmp_path), "--seed", "0", "--steps", "5", *changes)
    results = {r["change"]: r for r in map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())}
    assert list(results) == ["default", "random rows", "no descriptions", "descriptions first", "rank 4"]
    assert {r["steps"] for r in results.values()} == {5} and said.count(" of 8: ") == 4
    first = {
        name: json.loads((project.run(f"{name.replace(' ', '-')}-5-steps") / "curve.json").read_text())["loss"][0]
        for name in results
    }
    assert first["rank 4"] == first["default"], "B starts at zero"
    assert first["random rows"] != first["default"] and first["descriptions first"] != first["no descriptions"]


def test_a_part_of_a_pass_has_rows_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Negatives stand at the end of a file: the first rows alone would have none."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    runs = importlib.import_module("runs")
    rows = [*("positive" for _ in range(80)), *("negative" for _ in range(21))]
    assert [len(one) for one in runs.passes_of(rows, 10, 4)] == [40]
    assert [len(one) for one in runs.passes_of(rows, 60, 4)] == [100, 100, 40]
    share = runs.passes_of(rows, 10, 4)[0].count("negative") / 40
    assert 0.1 < share < 0.35


def test_a_profile_tells_parts_and_kinds_for_each_batch() -> None:
    said = ran("train_profile.py", "--base", str(base()), "--batch", "2", "--batch", "4", "--steps", "4").splitlines()
    assert [line.split(":")[0] for line in said[::2]] == ["batch 2", "batch 4"]
    assert all("forward" in line and "bare products" in line for line in said[::2])
    assert all("products" in line and "%" in line for line in said[1::2])


def test_verify_is_measured_on_a_store_that_is_made_once(tmp_path: Path) -> None:
    options = [str(tmp_path), "--template", "smart-home", "--samples", "300", "--near", "0.2"]
    first = ran("verify_speed.py", *options)
    made = json.loads((tmp_path / "300-near-0.2" / "smart-home" / "made.json").read_text())
    assert 200 <= made["samples"] <= 280 and 0 < made["near-doubles"] <= made["samples"] / 4
    assert "samples made in" in first and "near-duplicate" in first and "peak" in first
    assert "samples made in" not in ran("verify_speed.py", *options)


@pytest.mark.slow
def test_wrong_calls_among_the_oddest_are_counted() -> None:
    said = ran("odd_samples.py", "--template", "doordash", "--seed", "0", "--seed", "1", "--rows", "1000").splitlines()
    assert len(said) == 3 and "doordash: 1000 samples in" in said[2]
    wrong = int(said[0].split(" wrong")[0].split()[-1])
    found = [int(part.split()[0]) for part in said[0].split("wrong: ")[1].split(", ")]
    assert found == sorted(found) and 0 <= found[0] <= wrong and found[-1] <= wrong


def test_ways_of_merging_are_compared_once_and_drawn(tmp_path: Path) -> None:
    from test_merge import merge_projects

    lamps, fans = merge_projects()
    options = [
        str(tmp_path),
        str(lamps.root),
        str(fans.root),
        "--questions",
        "4",
        "--way",
        "cat:0",
        "--way",
        "cat:0.3:rows",
    ]
    first = ran("merge_apps.py", *options)
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [r["way"] for r in results] == ["cat:0", "cat:0.3:rows"] and [bool(r["heal_steps"]) for r in results] == [
        False,
        True,
    ]
    assert (
        "alone" in first and "function choice" in first and (tmp_path / "merge.png").read_bytes().startswith(b"\x89PNG")
    )
    again = ran("merge_apps.py", *options)
    assert "done" not in again and again in first


def test_what_apps_on_one_device_cost_and_answer_is_reported(tmp_path: Path) -> None:
    from test_apps import device

    folder, projects = device()
    options = [str(tmp_path), str(folder), *(str(p.root) for p in projects), "--questions", "4", "--switches", "20"]
    first = ran("many_apps.py", *options, "--way", "swapped", "--way", "another in front")
    assert "a switch: " in first and "right function" in first
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(r["app"], r["way"]) for r in results] == [
        (app, way) for way in ("swapped", "another in front") for app in ("lamps", "fans")
    ]
    swapped = results[0]["strict"]
    assert swapped["before"]["hits"] == swapped["after"]["hits"] and swapped["after"]["n"] > 0
    assert "done" not in ran("many_apps.py", *options, "--way", "swapped")
