"""A trained run on disk: LoRA and token rows in PEFT's format, or all weights of a full training; and back as a model.

PEFT calls the rows `trainable_tokens_delta`, but they hold absolute values (peft/tuners/trainable_tokens/layer.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftConfig, PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from octocli.core.errors import BadInput
from octocli.model.fused import LoraLinear
from octocli.model.network import LoraShape, Trainee

ADAPTER_FILE = "adapter_model.safetensors"
FULL_FILE = "model.safetensors"
PEFT_PREFIX = "base_model.model."
_ROWS = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
_HEAD_ROWS = "base_model.model.lm_head.token_adapter.trainable_tokens_delta"


@dataclass(frozen=True)
class TrainedModel:
    """A merged model, ready for inference. The base's embedding had `base_size` rows; octo's are at `row_ids`."""

    model: PreTrainedModel
    base_size: int
    row_ids: tuple[int, ...]

    @property
    def is_in_place(self) -> bool:
        """Whether octo's tokens took the place of tokens that the base reserved."""
        return max(self.row_ids) < self.base_size

    @property
    def tied(self) -> bool:
        """Whether input and output rows are one matrix."""
        head, embedding = self.model.get_output_embeddings(), self.model.get_input_embeddings()
        return bool(head.weight.data_ptr() == embedding.weight.data_ptr())

    def rows(self) -> np.ndarray:
        """Input rows of octo's tokens, float32 [tokens, width]."""
        return _array(self.model.get_input_embeddings().weight[list(self.row_ids)])

    def head_rows(self) -> np.ndarray | None:
        """Output rows of octo's tokens, or None when they are the input rows."""
        return None if self.tied else _array(self.model.get_output_embeddings().weight[list(self.row_ids)])

    def body(self) -> dict[str, np.ndarray]:
        """Every weight, float32, by its name in transformers; rows after the base's own are left out."""
        matrices = {
            self.model.get_input_embeddings().weight.data_ptr(),
            self.model.get_output_embeddings().weight.data_ptr(),
        }
        return {
            name: _array(p[: self.base_size] if p.data_ptr() in matrices else p)
            for name, p in self.model.named_parameters()
        }


@dataclass(frozen=True)
class Adapter:
    """A LoRA and the rows of new tokens, apart from each other.

    Attributes:
        rank, alpha: of every layer's LoRA; what A and B give is scaled by alpha / rank.
        lora: A [rank, in] and B [out, rank] by PEFT's names.
        row_ids: ids of the new tokens.
        rows: their input rows [tokens, width], absolute values.
        head_rows: their output rows, or None where these are the input rows.
    """

    rank: int
    alpha: int
    lora: Mapping[str, Tensor]
    row_ids: tuple[int, ...]
    rows: Tensor
    head_rows: Tensor | None

    @property
    def modules(self) -> tuple[str, ...]:
        """The linear layers that have a LoRA, by their last names."""
        return tuple(sorted({name.split(".")[-3] for name in self.lora}))

    @property
    def layers(self) -> tuple[int, ...]:
        """The decoder layers that have one."""
        found = (re.search(r"\.(\d+)\..*\.lora_A\.", name) for name in self.lora)
        return tuple(sorted({int(match[1]) for match in found if match}))


def adapter_of(trainee: Trainee, lora: LoraShape) -> Adapter:
    """What a trainee has learnt, on the CPU."""
    state: dict[str, Tensor] = {}
    for name, module in trainee.causal_lm.named_modules():
        if isinstance(module, LoraLinear):
            state[f"{PEFT_PREFIX}{name}.lora_A.weight"] = _stored(module.lora_a)
            state[f"{PEFT_PREFIX}{name}.lora_B.weight"] = _stored(module.lora_b)
    head = None if trainee.head_rows is None else _stored(trainee.head_rows)
    return Adapter(lora.rank, lora.alpha, state, tuple(trainee.row_ids), _stored(trainee.rows), head)


def save_lora(trainee: Trainee, folder: Path, lora: LoraShape, base_name: str) -> None:
    """Write what a trainee has learnt as an adapter."""
    save_adapter(adapter_of(trainee, lora), folder, base_name)


def lora_config(adapter: Adapter) -> LoraConfig:
    """PEFT's description of the LoRA, without the rows. It names its layers, as not every layer need have one."""
    return LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        target_modules=list(adapter.modules),
        layers_to_transform=list(adapter.layers),
        task_type="CAUSAL_LM",
    )


def save_adapter(adapter: Adapter, folder: Path, base_name: str) -> None:
    """Write an adapter in PEFT's format, nothing of the base."""
    ids = list(adapter.row_ids)
    heads = {} if adapter.head_rows is None else {_HEAD_ROWS: adapter.head_rows}
    save_file({**adapter.lora, _ROWS: adapter.rows, **heads}, folder / ADAPTER_FILE)
    config = lora_config(adapter)
    config.trainable_token_indices = {"embed_tokens": ids, "lm_head": ids} if heads else ids
    config.base_model_name_or_path = base_name
    config.inference_mode = True
    config.save_pretrained(str(folder))
    (folder / FULL_FILE).unlink(missing_ok=True)  # of an earlier training in the same folder


def read_adapter(folder: Path) -> Adapter:
    """The adapter of a run folder.

    Raises:
        BadInput: a run with no adapter, as a full training makes, or files that are damaged.
    """
    if not (folder / ADAPTER_FILE).exists():
        raise BadInput(f"{folder}: no adapter in it ({ADAPTER_FILE})", hint="train one with: octo train --lora")
    try:
        state = load_file(folder / ADAPTER_FILE)
        config = PeftConfig.from_pretrained(str(folder))
        indices = config.trainable_token_indices
        ids = tuple(indices["embed_tokens"] if isinstance(indices, dict) else indices)
        rows, head = state.pop(_ROWS), state.pop(_HEAD_ROWS, None)
        adapter = Adapter(int(config.r), int(config.lora_alpha), state, ids, rows, head)
    except Exception as error:  # whatever class safetensors, json or PEFT give to a file in pieces
        raise BadInput(
            f"{folder}: the adapter cannot be read: {error}", hint="train again with: octo train --lora --force"
        ) from None
    if len(rows) != len(ids) or not all(torch.isfinite(t).all() for t in (*state.values(), rows)):
        raise BadInput(f"{folder}: the adapter is damaged", hint="train again with: octo train --lora --force")
    return adapter


def put_adapter(adapter: Adapter, trainee: Trainee) -> None:
    """Have a trainee of the same shape go on from an adapter."""
    with torch.no_grad():
        for name, module in trainee.causal_lm.named_modules():
            if isinstance(module, LoraLinear):
                module.lora_a.copy_(adapter.lora[f"{PEFT_PREFIX}{name}.lora_A.weight"])
                module.lora_b.copy_(adapter.lora[f"{PEFT_PREFIX}{name}.lora_B.weight"])
        trainee.rows.copy_(adapter.rows)
        if trainee.head_rows is not None and adapter.head_rows is not None:
            trainee.head_rows.copy_(adapter.head_rows)


def _stored(tensor: Tensor) -> Tensor:
    return tensor.detach().float().cpu().contiguous()


def save_full(learnt: Mapping[str, Tensor], row_ids: Sequence[int], folder: Path) -> None:
    """Write every trained weight and the new rows; the base's vocabulary matrix did not change and stays out."""
    state = {name.removeprefix("causal_lm."): tensor for name, tensor in learnt.items()}
    save_file({**state, "row_ids": torch.tensor(row_ids)}, folder / FULL_FILE)
    for name in (ADAPTER_FILE, "adapter_config.json"):  # of an earlier training in the same folder
        (folder / name).unlink(missing_ok=True)


def load_trained(folder: Path, base_folder: Path) -> TrainedModel:
    """The base with a run's training merged into it, float32, on the CPU."""
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    base_size = model.get_input_embeddings().num_embeddings
    if (folder / ADAPTER_FILE).exists():
        indices = PeftConfig.from_pretrained(str(folder)).trainable_token_indices
        row_ids = tuple(indices["embed_tokens"] if isinstance(indices, dict) else indices)
        _make_room(model, row_ids)
        model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    else:
        state = load_file(folder / FULL_FILE)
        appended = torch.arange(base_size, base_size + len(state["rows"]))  # runs of 0.1.0 did not say
        row_ids = tuple(state.pop("row_ids", appended).tolist())
        _make_room(model, row_ids)
        _load_full(model, state, row_ids)
    return TrainedModel(model.eval(), base_size, row_ids)


def _make_room(model: PreTrainedModel, row_ids: Sequence[int]) -> None:
    if max(row_ids) >= model.get_input_embeddings().num_embeddings:
        model.resize_token_embeddings(max(row_ids) + 1, mean_resizing=False)


def _load_full(model: PreTrainedModel, state: Mapping[str, Tensor], row_ids: Sequence[int]) -> None:
    body = {k: v for k, v in state.items() if k not in ("rows", "head_rows")}
    unknown = set(body) - set(dict(model.named_parameters()))
    assert not unknown, f"weights without a place: {sorted(unknown)[:3]}"
    model.load_state_dict(body, strict=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[list(row_ids)] = state["rows"]
        if "head_rows" in state:
            model.get_output_embeddings().weight[list(row_ids)] = state["head_rows"]


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().float().cpu().numpy())
