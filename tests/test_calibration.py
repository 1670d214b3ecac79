"""Calibration: the temperature, the lines of refusal, and what a model does with them."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_projects import built, copy_of, trained, write_rows

from octocli.core.calibration import EVEN, Calibration, Choice, calibrate, parse_calibration, probabilities
from octocli.core.errors import BadInput
from octocli.core.project import open_project
from octocli.runtime.caller import open_caller
from octocli.stages.train import train


def _drawn(count, *, heat=1.0, seed=0):
    """Rows whose right choice is drawn from their own softmax; `heat` makes the model surer than it may be."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        logits = [rng.gauss(0, 2) for _ in range(5)]
        right = rng.choices(range(5), probabilities(logits))[0]
        rows.append(Choice(tuple(x * heat for x in logits), right))
    return rows


@pytest.mark.parametrize("heat", [0.7, 1.0, 3.0])
def test_the_temperature_undoes_how_much_too_sure_a_model_is(heat):
    assert calibrate(_drawn(4000, heat=heat), 0.05).temperature == pytest.approx(heat, rel=0.1)


def test_few_rows_say_nothing():
    plain = calibrate(_drawn(10), 0.05)
    assert (plain.temperature, plain.lines) == (1.0, ()) and plain.line() == EVEN
    with pytest.raises(BadInput, match=r"knows no line for 0\.01"):
        plain.line(0.01)


@given(
    st.lists(st.lists(st.floats(-20, 20), min_size=3, max_size=3), min_size=20, max_size=80),
    st.sampled_from([0.0, 0.005, 0.02, 0.05, 0.1, 0.5]),
)
def test_no_more_unservable_rows_are_called_than_was_asked_for(logits, share):
    rows = [Choice(tuple(row), len(row) - 1) for row in logits]
    calibration = calibrate(rows, share)
    none = [probabilities(row.logits, calibration.temperature)[-1] for row in rows]
    assert sum(p <= calibration.line(share) for p in none) <= share * len(rows)


def test_a_wish_is_kept_and_without_one_nothing_is_refused_that_is_likelier_a_call():
    unsure = Calibration(lines=((0.0, 0.01), (0.05, 0.2), (0.2, 0.9)))
    assert unsure.line() == EVEN and unsure.line(0.05) == 0.2
    assert replace(unsure, lines=((0.0, 0.1), (0.1, 0.7))).line() == 0.7
    assert replace(unsure, lines=((0.0, 0.1), (0.1, 0.9991))).line() == 0.9991
    assert unsure.line(0.07) == 0.2 and unsure.line(0.2) == 0.9  # between two lines it is the stricter one
    assert unsure.line(1.0) == 1.0  # nothing is refused
    assert unsure.line(0.2, among=4) == unsure.line(0.05) and unsure.line(1.0, among=4) == 1.0
    assert replace(unsure, lines=((0.0, 0.1), (0.02, 0.3), (0.1, 0.9))).line(among=4) == EVEN
    chosen = replace(unsure, max_false_calls=0.0)
    assert chosen.line() == unsure.line(0.0) == 0.01 and chosen.line(0.2) == 0.9


@pytest.mark.parametrize("data", [{}, [], "x", {"temperature": 1.2}, {"lines": [[0.1]], "temperature": 1.0}])
def test_a_damaged_calibration_is_told(data):
    with pytest.raises(BadInput, match=r"run\.json: its calibration is damaged"):
        parse_calibration(data, "run.json")
    cold = {**Calibration().to_json(), "temperature": 0.0}
    with pytest.raises(BadInput, match="damaged"):
        parse_calibration(cold, "run.json")


def test_near_misses_do_not_move_the_line():
    rows = [Choice((0.0, float(i)), 1) for i in range(30)]
    near = [Choice((9.0, 0.0), 1, is_near=True) for _ in range(30)]
    plain, both = (calibrate([*rows, *more, *[Choice((5.0, 0.0), 0)] * 30], 0.05) for more in ((), near))
    share = probabilities(rows[0].logits, both.temperature)[-1]
    assert both.lines[0][1] == pytest.approx(share, abs=1e-5) and len(both.lines) == len(plain.lines)
    assert calibrate(near, 0.05).lines == ()


def test_it_survives_the_manifest():
    calibration = calibrate(_drawn(200), 0.05)
    assert parse_calibration(json.loads(json.dumps(calibration.to_json())), "") == calibration
    assert parse_calibration(None, "") == Calibration()


QUERIES = ["tell me a joke", "kitchen lamp to 30 please", "who won match 3", "play song number 4"]


def _answers(model, **knob):
    with open_caller(model, **knob) as caller:
        return [caller.ask(query) for query in QUERIES]


def _with_lines(folder):
    """The tiny run with the whole range of lines, so that its own shares do not matter."""
    project = copy_of(trained(), folder / "lamps")
    record = project.run() / "run.json"
    data = json.loads(record.read_text())
    data["manifest"]["calibration"] = replace(Calibration(), temperature=4.0, lines=((0.0, 0.0), (0.5, 1.0))).to_json()
    record.write_text(json.dumps(data))
    return project


def test_the_knob_moves_what_is_refused(tmp_path):
    plain = _answers(trained().run())
    project = _with_lines(tmp_path)
    assert not any(answer.calls for answer in _answers(project.run(), max_false_calls=0.0))
    assert all(answer.calls for answer in _answers(project.run(), max_false_calls=0.5))
    warm = _answers(project.run())
    assert all(sum(answer.choices.values()) == pytest.approx(1.0) for answer in warm)
    assert max(warm[1].choices.values()) < max(plain[1].choices.values())


def test_drafts_change_nothing_under_the_knob(tmp_path):
    project = _with_lines(tmp_path)
    for knob in (0.0, 0.5):
        with open_caller(project.run(), max_false_calls=knob) as caller:
            alone = [caller.ask(query).ids for query in QUERIES]
            guesses = [caller.draft([{"name": "stop_music", "arguments": {}}], {})] * len(QUERIES)
            assert [a.ids for a in caller.ask_many(QUERIES, [None] * len(QUERIES), guesses)] == alone


def test_a_training_calibrates_and_its_gguf_carries_it():
    project = built()
    made = json.loads((project.run() / "run.json").read_text())["manifest"]["calibration"]
    accepted = [json.loads(line) for line in project.accepted_file.read_text().splitlines()]
    held_out = [row for row in accepted if row["split"] == "validation"]
    assert made["positives"] == sum(bool(row["calls"]) for row in held_out) > 0
    assert made["negatives"] == sum(not row["calls"] for row in held_out) > 0
    shipped = project.shipped_file()
    with open_caller(shipped) as caller:
        assert caller.manifest.calibration == parse_calibration(made, "")


def test_a_row_of_a_function_that_is_gone_and_a_wish_that_changed_cost_no_training(tmp_path):
    project = copy_of(trained(), tmp_path / "lamps")
    rows = [json.loads(line) for line in project.accepted_file.read_text().splitlines()]
    gone = {"query": "dance", "calls": [{"name": "dance", "arguments": {}}], "split": "validation"}
    write_rows(project.accepted_file, [*rows, {**rows[0], "split": "validation"}, gone])
    report = train(project, epochs=1)
    assert report.fresh
    settings = project.config_file.read_text()
    project.config_file.write_text(f"max_false_calls = 0.2\n{settings}")
    again = train(open_project(project.root), epochs=1)
    record = json.loads((project.run() / "run.json").read_text())
    assert not again.fresh and record["manifest"]["calibration"]["max_false_calls"] == 0.2
    assert record["manifest"]["calibration"]["positives"] == 1
