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
# Beside Adam's own keys; its number of steps is one number, and never spread.
_ITSELF, _STEP = "itself", "step"


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of one training lies. `fingerprint` says what it is made from; another's state is passed over."""

    path: Path
    fingerprint: str

    def save(self, state: State) -> None:
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


@torch.no_grad()
def snapshot(
    learnt: Learnt, optimiser: torch.optim.Optimizer, losses: Sequence[float], seconds: float, processes: Processes
) -> State:
    """The state of a training for the first process, every tensor whole and on the CPU; all processes ask together.

    One tensor after the other, and the other processes keep none: all of them at once are what was spread for its size.
    """
    tensors: dict[str, dict[str, Tensor]] = {}
    for name, own in learnt.own.items():
        kept = tensors.setdefault(name, {})
        for key, value in {_ITSELF: own, **optimiser.state[own]}.items():
            whole = value if key == _STEP else learnt.whole(name, value.detach())
            if processes.is_first:
                kept[key] = whole.detach().cpu()
    return {"tensors": tensors, "losses": list(losses), "seconds": seconds}


def _told(state: State) -> tuple[dict[str, list[str]], list[float], float]:
    """What the other processes must know: which tensors will come, the losses and the seconds."""
    return {name: list(kept) for name, kept in state["tensors"].items()}, state["losses"], state["seconds"]


@torch.no_grad()
def restore(
    state: State | None, learnt: Learnt, optimiser: torch.optim.Optimizer, processes: Processes
) -> tuple[list[float], float]:
    """Put the first process's state where it came from, in all of them; returns the losses and seconds so far.

    One tensor after the other: all of a large training at once would be more than a process holds.
    """
    told = processes.from_first(None if state is None else _told(state))
    if told is None:
        return [], 0.0
    kept, losses, seconds = told
    for name, own in learnt.own.items():
        for key in kept[name]:
            whole = torch.empty(() if key == _STEP else learnt.network[name].shape, device=own.device)
            if state is not None:
                whole.copy_(state["tensors"][name][key])
            processes.start_alike([whole])
            part = whole if key == _STEP else learnt.part(name, whole)
            if key == _ITSELF:
                own.copy_(part)
            else:
                optimiser.state[own][key] = part
    return list(losses), float(seconds)
