"""From transformers' tensors to GGUF's: the names, and the two rewritings that llama.cpp expects. Knows no files.

What an architecture needs follows llama.cpp's own converter (github.com/ggml-org/llama.cpp, `conversion/`): `llama` and
`smollm3` store query and key with rotary pairs interleaved, Gemma 1 to 3 store norm weights with 1 added. Any other
architecture is refused: a wrong rewriting gives a model that looks alive and is not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from octocli.core.errors import BadInput

Floats = NDArray[np.float32]

PERMUTED = frozenset({"llama", "smollm3"})
NORM_PLUS_ONE = frozenset({"gemma", "gemma2", "gemma3"})
COVERED = PERMUTED | NORM_PLUS_ONE | {"qwen2", "qwen3", "phi3"}

EMBEDDING = "token_embd.weight"
HEAD = "output.weight"
_SUFFIXES = (".weight", ".bias")
_QUERY = ("q_proj.weight", "q_proj.bias")
_KEY = ("k_proj.weight", "k_proj.bias")


def permute(weight: Floats, heads: int) -> Floats:
    """Query or key from transformers' order (all first halves, all second halves) to GGUF's (pairs), head by head."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermute(weight: Floats, heads: int) -> Floats:
    """The way back from GGUF's order to transformers'."""
    shape = weight.shape
    return weight.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


@dataclass(frozen=True)
class Architecture:
    """What of a GGUF decides how its tensors are named and stored. `tied`: it has no output matrix of its own."""

    name: str
    layers: int
    heads: int
    kv_heads: int
    tied: bool

    def __post_init__(self) -> None:
        """Refuse what is not covered.

        Raises:
            BadInput: an architecture whose tensors were not checked against transformers.
        """
        if self.name not in COVERED:
            raise BadInput(
                f"GGUF architecture {self.name!r}: octo does not know how its tensors are stored",
                hint=f"use a base of {', '.join(sorted(COVERED))}",
            )

    @cached_property
    def _names(self) -> Any:
        arch = {name: arch for arch, name in gguf.MODEL_ARCH_NAMES.items()}[self.name]
        return gguf.get_tensor_name_map(arch, self.layers)

    def rename(self, names: Iterable[str]) -> dict[str, str]:
        """GGUF name -> transformers' name of each tensor in `names`. A tied head is left out: it is the embedding.

        Raises:
            BadInput: a tensor that this architecture does not have, or two that claim one place.
        """
        renamed: dict[str, str] = {}
        for name in names:
            if self.tied and name == "lm_head.weight":
                continue
            to = self._names.get_name(name, try_suffixes=_SUFFIXES)
            if to is None or to in renamed:
                raise BadInput(f"tensor {name!r} has no place in a GGUF of architecture {self.name!r}")
            renamed[to] = name
        return renamed

    def rewrite(self, name: str, weight: Floats) -> Floats:
        """The tensor that transformers calls `name`, as llama.cpp expects it."""
        if self.name in PERMUTED and name.endswith(_QUERY):
            return permute(weight, self.heads)
        if self.name in PERMUTED and name.endswith(_KEY):
            return permute(weight, self.kv_heads)
        if self.name in NORM_PLUS_ONE and name.endswith("norm.weight"):
            return weight + np.float32(1)
        return weight
