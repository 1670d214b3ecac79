"""A training's state on disk: written whole or not at all, read back to the same numbers.

One format for one process and for many, since what learns is the same in each of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from octocli.core.errors import BadInput


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of one training lies. `fingerprint` says what it is made from; another's state is passed over."""

    path: Path
    fingerprint: str

    def save(
        self,
        parameters: Mapping[str, torch.nn.Parameter],
        optimiser: torch.optim.Optimizer,
        losses: list[float],
        seconds: float,
    ) -> None:
        """Write the state in place of the last one.

        Raises:
            BadInput: the disk would not take it; the last one still stands.
        """
        state: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "parameters": {name: p.detach() for name, p in parameters.items()},
            "optimiser": optimiser.state_dict(),
            "losses": losses,
            "seconds": seconds,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One name for all sittings: what a kill leaves half-written is written over by the next.
        temporary = self.path.with_name(f"{self.path.name}.new")
        try:
            torch.save(state, temporary)
        except (OSError, RuntimeError) as error:
            temporary.unlink(missing_ok=True)
            raise BadInput(
                f"{self.path}: the checkpoint could not be written: {error}", hint="free some disk space"
            ) from None
        temporary.replace(self.path)

    def read(self) -> dict[str, Any] | None:
        """The state that lies there, on the CPU; None if there is nothing of this training."""
        if not self.path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, weights_only=True, map_location="cpu")
        except Exception:  # whatever class torch gives it: a file that a full disk or a crash left in pieces
            return None
        return state if state["fingerprint"] == self.fingerprint else None


def restore(
    state: Mapping[str, Any] | None,
    parameters: Mapping[str, torch.nn.Parameter],
    optimiser: torch.optim.Optimizer,
) -> tuple[list[float], float]:
    """Put a state back where it came from; returns the losses and seconds so far."""
    if state is None:
        return [], 0.0
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(state["parameters"][name])
    optimiser.load_state_dict(state["optimiser"])
    return list(state["losses"]), float(state["seconds"])
