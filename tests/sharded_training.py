"""A small full training, by one process or by those that a launcher starts: what test_processes.py starts and compares.

    torchrun --nproc-per-node 2 sharded_training.py BASE CHECKPOINT [stop] [short] [lora]

The first process prints the losses, where it went on, and how many numbers each process updates. With `stop` all of
them end in the fourth step; with `short` the last one's memory holds no sample; with `lora` it is no full training.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from octocli.core.config import LORA_MODULES, TrainSettings
from octocli.core.errors import Refused
from octocli.model.checkpoints import Checkpoint
from octocli.model.encoding import Row
from octocli.model.network import LoraShape, Trainee, load_network
from octocli.model.processes import Processes, join
from octocli.model.sharding import learnt_by
from octocli.model.training import Step, fit


class Stopped(BaseException):
    """As sudden as a kill."""


def sitting(
    base: Path, checkpoint: Path, processes: Processes, *, stops: bool = False, lora: bool = False
) -> dict[str, Any]:
    """Train from where the checkpoint left off; it is written after every step."""
    # Three rows a batch, so that two processes have unlike parts; one row in the last, so that one has none.
    rows = [Row((5, 6 + i), (20 + i, 341), (3.0, 1.0)) for i in range(7)]
    settings = TrainSettings(
        method="lora" if lora else "full", epochs=3, batch=3, lr=1e-3, warmup=2, checkpoint_seconds=1e-9
    )
    shape = LoraShape(4, 8, LORA_MODULES) if lora else None
    trainee = Trainee(load_network(base), torch.ones(2, 64), shape)
    losses: list[float] = []

    def on_step(step: Step) -> None:
        if stops and step.number == 4:
            raise Stopped
        losses.append(step.loss)

    resumed_at = 0
    try:
        curve = fit(
            trainee,
            [rows] * 3,
            settings,
            seed=0,
            checkpoint=Checkpoint(checkpoint, ""),
            processes=processes,
            on_step=on_step,
        )
        losses, resumed_at = list(curve.losses), curve.resumed_at
    except Stopped:
        pass
    except Refused as refusal:
        return {"refused": refusal.message}
    own = sum(parameter.numel() for parameter in learnt_by(trainee).own.values())
    return {"losses": losses, "resumed_at": resumed_at, "own": own}


if __name__ == "__main__":
    torch.set_num_threads(1)
    these = join()
    if "short" in sys.argv and these.index == these.count - 1:
        Trainee.loss = lambda *_: torch.empty(1 << 60)  # type: ignore[method-assign]
    told = sitting(Path(sys.argv[1]), Path(sys.argv[2]), these, stops="stop" in sys.argv, lora="lora" in sys.argv)
    if these.is_first:
        print(json.dumps(told))
