"""A training's state on disk: written whole or not at all, read back to the same numbers.

One format for one process and for many: tensors are whole, whoever held which part of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from octocli.core.errors import BadInput
from octocli.model.processes import Processes
from octocli.model.sharding import Learnt

State = Mapping[str, Any]
_VERSION = 2


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of one training lies. `fingerprint` says what it is made from; another's state is passed over."""

    path: Path
    fingerprint: str

    def save(self, state: Mapping[str, Any]) -> None:
        """Write a `snapshot` in place of the last one.

        Raises:
            BadInput: the disk would not take it; the last one still stands.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One name for all sittings: what a kill leaves half-written is written over by the next.
        temporary = self.path.with_name(f"{self.path.name}.new")
        try:
            torch.save({**state, "version": _VERSION, "fingerprint": self.fingerprint}, temporary)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise BadInput(
                f"{self.path}: the checkpoint could not be written: {error}", hint="free some disk space"
            ) from None
        temporary.replace(self.path)

    def read(self) -> State | None:
        """The state that lies there, on the CPU; None if there is nothing of this training."""
        if not self.path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception:  # whatever class torch gives it: a file that a full disk or a crash left in pieces
            return None
        mine = state.get("version") == _VERSION and state["fingerprint"] == self.fingerprint
        return state if mine else None


def snapshot(learnt: Learnt, optimiser: torch.optim.Optimizer, losses: Sequence[float], seconds: float) -> State:
    """The state of a training, every tensor of it whole; all processes ask together."""
    moments = {
        name: {key: _whole(learnt, name, value) for key, value in optimiser.state[p].items()}
        for name, p in learnt.own.items()
    }
    parameters = {name: learnt.whole(name, p.detach()) for name, p in learnt.own.items()}
    return {"parameters": parameters, "moments": moments, "losses": list(losses), "seconds": seconds}


def _whole(learnt: Learnt, name: str, value: Tensor) -> Tensor:
    """All of one of Adam's tensors; the number of its steps is not spread."""
    return learnt.whole(name, value) if value.shape == learnt.own[name].shape else value


@torch.no_grad()
def restore(
    state: State | None, learnt: Learnt, optimiser: torch.optim.Optimizer, processes: Processes
) -> tuple[list[float], float]:
    """Put the first process's state where it came from, in all of them; returns the losses and seconds so far.

    One tensor after the other: all of a large training at once would be more than a process holds.
    """
    told = processes.from_first(None if state is None else (state["losses"], state["seconds"]))
    if told is None:
        return [], 0.0
    for name, own in learnt.own.items():
        shape = learnt.network[name].shape
        given = {} if state is None else {"itself": state["parameters"][name], **state["moments"][name]}
        for key in ("itself", "step", "exp_avg", "exp_avg_sq"):
            whole = torch.empty((), device=own.device) if key == "step" else torch.empty(shape, device=own.device)
            if key in given:
                whole.copy_(given[key])
            processes.start_alike([whole])
            if key == "itself":
                own.copy_(learnt.part(name, whole))
            else:
                optimiser.state[own][key] = whole if key == "step" else learnt.part(name, whole)
    losses, seconds = told
    return list(losses), float(seconds)
