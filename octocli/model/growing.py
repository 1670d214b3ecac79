"""An adapter's rows laid out for another set of functions: those that stay keep theirs, new ones get a first one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from octocli.core.spec import Function
from octocli.model.adapter import Adapter
from octocli.model.encoding import describing_text
from octocli.model.network import described_rows, load_network
from octocli.model.vocabulary import Vocabulary


def first_rows(base_folder: Path, vocabulary: Vocabulary, functions: Sequence[Function], seed: int) -> Tensor:
    """First rows [functions, width] for functions that have none, as at the beginning of a training."""
    texts = [vocabulary.text(describing_text(function)) for function in functions]
    return described_rows(load_network(base_folder, seed=seed), texts, seed).cpu()


def with_rows(adapter: Adapter, tokens: Sequence[str], ids: Mapping[str, int], fresh: Mapping[str, Tensor]) -> Adapter:
    """The same LoRA with a row for each token of `ids`, in that order.

    Args:
        adapter: what was trained.
        tokens: of its rows.
        ids: of the tokens that are wanted; rows of others are left out.
        fresh: first rows of tokens that the adapter has none of.
    """
    head = adapter.head_rows
    return Adapter(
        adapter.rank,
        adapter.alpha,
        adapter.lora,
        tuple(ids.values()),
        _laid_out(adapter.rows, tokens, ids, fresh),
        None if head is None else _laid_out(head, tokens, ids, fresh),
    )


def _laid_out(rows: Tensor, tokens: Sequence[str], ids: Mapping[str, int], fresh: Mapping[str, Tensor]) -> Tensor:
    found = {**fresh, **dict(zip(tokens, rows, strict=True))}
    return torch.stack([found[token] for token in ids])
