"""Several processes that train one model, started as a user starts them: the result of one, within rounding."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from sharded_training import sitting
from tiny_projects import base, environment, lamp_rows, new_project, toml, write_rows

from octocli.core.project import Project
from octocli.model.checkpoints import snapshot
from octocli.model.network import Trainee, load_network
from octocli.model.processes import Processes
from octocli.model.sharding import learnt_by, whole_state
from octocli.stages.train import train

OCTO = [sys.executable, "-m", "octocli.cli.main", "train"]
TORCHRUN = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "--no-python",
    *OCTO,
]
# Without GPUs the same launcher gives processes on the CPU.
ACCELERATE = [
    *(sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"),
    *("--main_process_port", "0", "--no_python", *OCTO),
]


def project_at(root: Path, train: str = "") -> Project:
    project = new_project(root, settings=toml(train=train))
    # Nineteen rows: the last batch has three, shared out as two and one.
    write_rows(project.accepted_file, lamp_rows(19))
    return project


def launched(command: list[str], project: Project, *more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*command, "-C", str(project.root), *more],
        env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def losses(project: Project) -> list[float]:
    values: list[float] = json.loads((project.run() / "curve.json").read_text())["loss"]
    return values


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "method"), [(TORCHRUN, "lora"), (ACCELERATE, "full")], ids=["torchrun", "accelerate"]
)
def test_two_processes_learn_what_one_learns(tmp_path: Path, launcher: list[str], method: Any) -> None:
    one, two = project_at(tmp_path / "one"), project_at(tmp_path / "two")
    train(one, method=method, epochs=4)
    done = launched(launcher, two, f"--{method}", "--epochs", "4")
    assert done.stdout.count("trained:") == 1, "each process speaks"
    counts = [json.loads((p.run() / "run.json").read_text())["processes"] for p in (one, two)]
    assert counts == [1, 2]
    assert losses(two) == pytest.approx(losses(one), rel=1e-3)
    assert {p.name for p in two.run().iterdir()} == {p.name for p in one.run().iterdir()}
    name = "adapter_model.safetensors" if method == "lora" else "model.safetensors"
    ours, theirs = load_file(two.run() / name), load_file(one.run() / name)
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        assert torch.allclose(tensor, theirs[key], rtol=1e-2, atol=1e-3), key


def test_rows_are_shared_out_and_what_each_adds_is_the_whole() -> None:
    rows = list(range(7))
    parts = [Processes(index, 3).mine(rows) for index in range(3)]
    assert sorted(row for part in parts for row in part) == rows and max(map(len, parts)) == 3


@pytest.mark.slow
def test_a_checkpoint_of_one_process_goes_on_in_two(tmp_path: Path) -> None:
    """Ctrl-C in one process, then the same command with two: the steps of before are kept."""
    whole, torn = project_at(tmp_path / "whole"), project_at(tmp_path / "torn")
    train(whole, epochs=80)
    command = [*OCTO, "-C", str(torn.root), "--epochs", "80"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "train  " not in process.stderr.readline():
        assert process.poll() is None
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and "goes on where it stopped" in error
    launched(TORCHRUN, torn, "--epochs", "80")
    resumed_at = json.loads((torn.run() / "run.json").read_text())["resumed_at"]
    assert resumed_at > 0
    ours, theirs = losses(torn), losses(whole)
    assert len(ours) == len(theirs) and ours[:resumed_at] == theirs[:resumed_at]
    # Sums of two round differently, and hundreds of steps multiply that.
    after = slice(resumed_at, resumed_at + 30)
    assert ours[after] == pytest.approx(theirs[after], rel=1e-2)


def started(count: int, *arguments: Path | str) -> dict[str, Any]:
    """What the first of so many processes of sharded_training.py tells."""
    script = Path(__file__).with_name("sharded_training.py")
    launcher = [*TORCHRUN[: TORCHRUN.index("--nproc-per-node") + 1], str(count), str(script)]
    done = subprocess.run(
        [*launcher, *map(str, arguments)],
        env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
def test_where_one_process_is_short_of_memory_all_of_them_stop_with_advice(tmp_path: Path) -> None:
    told = started(2, base(), tmp_path / "short.pt", "short", "lora")
    assert "memory does not suffice for one sample" in told["refused"]


def test_a_snapshot_is_kept_by_the_first_process_alone() -> None:
    trainee = Trainee(load_network(base()), torch.ones(2, 64), None)
    learnt = learnt_by(trainee)
    optimiser = torch.optim.AdamW(learnt.own.values())
    first, second = (snapshot(learnt, optimiser, [], 0.0, Processes(index, 2)) for index in range(2))
    assert set(first["tensors"]) == set(learnt.own) and not any(second["tensors"].values())
    assert whole_state(trainee, Processes(0, 2)) and not whole_state(trainee, Processes(1, 2))


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(1, 2), (3, 1)])
def test_a_full_training_goes_on_in_another_number_of_processes(tmp_path: Path, before: int, after: int) -> None:
    """What was spread over processes stands whole in the checkpoint, and the other way round."""
    whole = sitting(base(), tmp_path / "whole.pt", Processes())

    def run(count: int, *more: str) -> dict[str, Any]:
        told = started(count, base(), tmp_path / "torn.pt", *more)
        # The final norm and the two rows are not spread, the layers are; of three parts the first are the larger.
        kept = 64 + 2 * 64
        assert 0 <= told["own"] - kept - (whole["own"] - kept) / count < 0.05 * whole["own"]
        return told

    first, second = run(before, "stop"), run(after)
    assert second["resumed_at"] == 3 and second["losses"][:3] == first["losses"]
    assert second["losses"] == pytest.approx(whole["losses"], rel=1e-4) and len(whole["losses"]) == 9
