"""kill -9 at some moment, then the same command again: nothing lost, nothing doubled, the same bytes."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_projects import environment, lamp_rows, new_project, shipped, toml, write_rows

from octocli.core.project import open_project
from octocli.stages.predict import predict
from octocli.stages.synthesize import synthesize
from octocli.stages.train import train

TRAIN = toml(train="checkpoint_seconds = 0.001").replace("epochs = 12", "epochs = 40")


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "octocli.cli.main", *map(str, arguments)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def killed(arguments: list[str | Path], far_enough: Callable[[], bool]) -> bool:
    """Start the command and kill it when it is far enough; whether it was still alive."""
    process = start(*arguments)
    deadline = time.monotonic() + 240
    while not far_enough() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def finished(arguments: list[str | Path]) -> None:
    process = start(*arguments)
    _, error = process.communicate(timeout=240)
    assert process.returncode == 0, error.decode()


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_synth_killed_twice_writes_what_it_would_have_written(tmp_path: Path) -> None:
    settings = toml().replace("per_function = 8\n", "per_function = 150\n", 1)
    whole = new_project(tmp_path / "whole", settings=settings)
    synthesize(whole)
    torn = new_project(tmp_path / "torn", settings=settings)
    command: list[str | Path] = ["synth", "-C", torn.root]
    total, chance = lines(whole.samples_file), random.Random(5)
    survived = 0
    for low, high in ((0.05, 0.3), (0.4, 0.7)):
        goal = int(total * chance.uniform(low, high))
        survived += not killed(command, lambda goal=goal: lines(torn.samples_file) >= goal)  # type: ignore[misc]
        # A kill tears a line only if the system writes half of it: tear one by hand as well.
        with torn.samples_file.open("ab") as file:
            file.write(b'{"id": "12", "query": "set the ki')
    assert survived < 2, "no kill came in time"
    finished(command)
    assert torn.samples_file.read_bytes() == whole.samples_file.read_bytes()


def test_train_killed_goes_on_to_the_same_losses_and_weights(tmp_path: Path) -> None:
    whole = new_project(tmp_path / "whole", settings=TRAIN)
    write_rows(whole.accepted_file, lamp_rows(24))
    train(whole)
    torn = new_project(tmp_path / "torn", settings=TRAIN)
    write_rows(torn.accepted_file, lamp_rows(24))
    command: list[str | Path] = ["train", "-C", torn.root]
    chance, seen = random.Random(), [0.0]

    def far_enough() -> bool:
        if not (torn.run() / "checkpoint.pt").exists():
            return False
        seen[0] = seen[0] or time.monotonic() + chance.uniform(0, 0.3)
        return time.monotonic() >= seen[0]

    assert killed(command, far_enough), "the kill came too late"
    assert not (torn.run() / "run.json").exists()
    finished(command)
    record = json.loads((torn.run() / "run.json").read_text())
    assert record["resumed_at"] > 0
    for name in ("curve.json", "adapter_model.safetensors"):
        assert (torn.run() / name).read_bytes() == (whole.run() / name).read_bytes()
    assert {p.name for p in torn.run().iterdir()} == {p.name for p in whole.run().iterdir()}, "something was left over"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_train_asked_to_stop_keeps_every_step_that_it_made(tmp_path: Path, number: signal.Signals) -> None:
    project = new_project(tmp_path / "p", settings=toml(train="checkpoint_seconds = 3600"))
    write_rows(project.accepted_file, lamp_rows(24))
    command: list[str | Path] = ["train", "-C", project.root, "--epochs", "100"]
    process = start(*command)
    assert process.stderr is not None
    while b"train  " not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.2)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and b"octo: interrupted" in error and b"goes on where it stopped" in error
    assert not (project.run() / "run.json").exists()
    finished(command)
    record = json.loads((project.run() / "run.json").read_text())
    assert 0 < record["resumed_at"] < record["steps"] == 300


@pytest.mark.parametrize("share", [0.4])
def test_predict_killed_answers_every_line_once(tmp_path: Path, share: float) -> None:
    queries = write_rows(tmp_path / "in.jsonl", lamp_rows(160))
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    predict(shipped(), queries, whole)
    command: list[str | Path] = ["predict", queries, "-o", torn, "--model", shipped()]
    assert killed(command, lambda: lines(torn) >= share * 160), "the kill came too late"
    with torn.open("ab") as file:
        file.write(b'{"query": "kit')
    finished(command)
    assert torn.read_bytes() == whole.read_bytes()
    assert lines(torn) == 160


def test_a_project_is_none_until_its_last_file_stands(tmp_path: Path) -> None:
    project = new_project(tmp_path / "p")
    project.config_file.unlink()
    with pytest.raises(Exception, match="no octo project"):
        open_project(project.root)
