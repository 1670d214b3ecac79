"""Adapters that were trained apart become one: LoRA matrices by PEFT's methods, token rows by our own hand.

PEFT's `add_weighted_adapter` knows nothing of trained token rows: it would lose them without a word. So the rows are
taken out first and joined here, and what is left is an adapter as PEFT expects it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from peft import get_peft_model, set_peft_model_state_dict
from peft.utils import get_peft_model_state_dict
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from octocli.core.errors import BadInput
from octocli.model.adapter import Adapter, lora_config

Method = Literal["cat", "linear", "svd", "ties", "dare_linear", "dare_ties"]
METHODS: tuple[Method, ...] = get_args(Method)
_MERGED = "merged"
# Share of each adapter's values that TIES and DARE keep: what the papers use (arXiv 2306.01708, 2311.03099).
_DENSITY: Mapping[Method, float] = {"ties": 0.2, "dare_linear": 0.5, "dare_ties": 0.5}


@dataclass(frozen=True)
class Tokens:
    """The tokens of an adapter in the order of its rows: functions, then *none*, then *end*."""

    functions: tuple[str, ...]
    none: str
    end: str

    @property
    def all(self) -> tuple[str, ...]:
        """Every token."""
        return (*self.functions, self.none, self.end)


def merge_adapters(
    base_folder: Path,
    adapters: Sequence[Adapter],
    rows_of: Sequence[Tokens],
    ids: Mapping[str, int],
    method: Method,
    weights: Sequence[float],
    *,
    svd_rank: int | None = None,
    seed: int = 0,
) -> Adapter:
    """One adapter of several.

    Args:
        base_folder: their base, in transformers' format.
        adapters: what was trained.
        rows_of: the tokens of each adapter.
        ids: of the merged model: every function token, then its own *none* and *end*, last in this order.
        method: of PEFT. "cat" is the exact weighted sum of what the adapters add to the base.
        weights: of each adapter in the sum.
        svd_rank: of "svd"; the greatest rank among the adapters if none is given.
        seed: of what DARE leaves out.

    Raises:
        BadInput: the adapters have a LoRA in other places, or PEFT cannot merge them by this method.
    """
    check_alike(adapters)
    rank, alpha, lora = _merged_lora(base_folder, adapters, method, weights, svd_rank, seed)
    rows = _joined_rows([a.rows for a in adapters], rows_of, ids)
    heads = [a.head_rows for a in adapters]
    head_rows = _joined_rows([h for h in heads if h is not None], rows_of, ids) if None not in heads else None
    return Adapter(rank, alpha, lora, tuple(ids.values()), rows, head_rows)


def check_alike(adapters: Sequence[Adapter]) -> None:
    """Refuse adapters that have a LoRA in other places: PEFT would merge what they share and lose the rest."""
    if len({frozenset(a.lora) for a in adapters}) > 1:
        raise BadInput(
            "the adapters have a LoRA on other layers", hint="train them with one train.modules and train.upper"
        )


def _merged_lora(
    base_folder: Path,
    adapters: Sequence[Adapter],
    method: Method,
    weights: Sequence[float],
    svd_rank: int | None,
    seed: int,
) -> tuple[int, int, dict[str, Tensor]]:
    logging.disable_progress_bar()
    names = [f"adapter_{i}" for i in range(len(adapters))]
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32), lora_config(adapters[0]), names[0]
    )
    for name, adapter in zip(names, adapters, strict=True):
        if name != names[0]:
            model.add_adapter(name, lora_config(adapter))
        set_peft_model_state_dict(model, dict(adapter.lora), adapter_name=name)
    torch.manual_seed(seed)
    try:
        model.base_model.add_weighted_adapter(
            names, list(weights), _MERGED, combination_type=method, density=_DENSITY.get(method),
            svd_rank=(svd_rank or max(a.rank for a in adapters)) if method == "svd" else None,
        )  # fmt: skip
    except ValueError as error:
        raise BadInput(f"PEFT cannot merge these adapters by {method!r}: {error}", hint="try --method cat") from None
    config = model.peft_config[_MERGED]
    state = get_peft_model_state_dict(model, adapter_name=_MERGED, save_embedding_layers=False)
    return int(config.r), int(config.lora_alpha), {k: v.detach().float().contiguous() for k, v in state.items()}


def _joined_rows(rows: Sequence[Tensor], rows_of: Sequence[Tokens], ids: Mapping[str, int]) -> Tensor:
    """Every function's own row; *none* and *end* start from the mean of the apps' rows."""
    found: dict[str, Tensor] = {}
    for part, tokens in zip(rows, rows_of, strict=True):
        found |= dict(zip(tokens.all, part, strict=True))
    none, end = list(ids)[-2:]
    found[none] = torch.stack([found[tokens.none] for tokens in rows_of]).mean(0)
    found[end] = torch.stack([found[tokens.end] for tokens in rows_of]).mean(0)
    return torch.stack([found[token] for token in ids])
