"""A trained run on disk: LoRA and token rows in PEFT's format, or all weights of a full training; and back as a model.

PEFT calls the rows `trainable_tokens_delta`, but they hold absolute values (peft/tuners/trainable_tokens/layer.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from octocli.model.fused import LoraLinear
from octocli.model.network import LoraShape, Trainee

ADAPTER_FILE = "adapter_model.safetensors"
FULL_FILE = "model.safetensors"
_PEFT = "base_model.model."
_ROWS = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
_HEAD_ROWS = "base_model.model.lm_head.token_adapter.trainable_tokens_delta"


@dataclass(frozen=True)
class TrainedModel:
    """A merged model, ready for inference. The embedding of `model` holds octo's rows after the base's `base_size`."""

    model: PreTrainedModel
    base_size: int

    @property
    def tied(self) -> bool:
        """Whether input and output rows are one matrix."""
        head, embedding = self.model.get_output_embeddings(), self.model.get_input_embeddings()
        return bool(head.weight.data_ptr() == embedding.weight.data_ptr())

    def rows(self) -> np.ndarray:
        """Input rows of octo's tokens, float32 [tokens, width]."""
        return _array(self.model.get_input_embeddings().weight[self.base_size :])

    def head_rows(self) -> np.ndarray | None:
        """Output rows of octo's tokens, or None when they are the input rows."""
        return None if self.tied else _array(self.model.get_output_embeddings().weight[self.base_size :])

    def body(self) -> dict[str, np.ndarray]:
        """Every weight as the base has it, float32, by its name in transformers; octo's rows are left out."""
        matrices = {
            self.model.get_input_embeddings().weight.data_ptr(),
            self.model.get_output_embeddings().weight.data_ptr(),
        }
        return {
            name: _array(p[: self.base_size] if p.data_ptr() in matrices else p)
            for name, p in self.model.named_parameters()
        }


def save_lora(trainee: Trainee, folder: Path, lora: LoraShape, base_name: str) -> None:
    """Write the adapter: LoRA matrices and new rows, nothing of the base."""
    state: dict[str, Tensor] = {}
    for name, module in trainee.causal_lm.named_modules():
        if isinstance(module, LoraLinear):
            state[f"{_PEFT}{name}.lora_A.weight"] = module.lora_a
            state[f"{_PEFT}{name}.lora_B.weight"] = module.lora_b
    ids = list(range(trainee.base_size, trainee.base_size + len(trainee.rows)))
    state[_ROWS] = trainee.rows
    indices: list[int] | dict[str, list[int]] = ids
    if trainee.head_rows is not None:
        state[_HEAD_ROWS] = trainee.head_rows
        indices = {"embed_tokens": ids, "lm_head": ids}
    save_file({k: v.detach().float().cpu().contiguous() for k, v in state.items()}, folder / ADAPTER_FILE)
    LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        target_modules=list(lora.modules),
        layers_to_transform=None if lora.upper == 1 else _adapted_layers(state),
        trainable_token_indices=indices,
        task_type="CAUSAL_LM",
        base_model_name_or_path=base_name,
        inference_mode=True,
    ).save_pretrained(str(folder))
    (folder / FULL_FILE).unlink(missing_ok=True)  # of an earlier training in the same folder


def _adapted_layers(state: Mapping[str, Tensor]) -> list[int]:
    """The decoder layers that a LoRA's tensors are in."""
    found = (re.search(r"\.(\d+)\..*\.lora_A\.", name) for name in state)
    return sorted({int(match[1]) for match in found if match})


def save_full(trainee: Trainee, folder: Path) -> None:
    """Write every trained weight and the new rows; the base's vocabulary matrix did not change and stays out."""
    state: dict[str, Tensor] = {}
    for name, parameter in trainee.trained():
        state[name.removeprefix("causal_lm.")] = parameter.detach().float().cpu().contiguous()
    save_file(state, folder / FULL_FILE)
    for name in (ADAPTER_FILE, "adapter_config.json"):  # of an earlier training in the same folder
        (folder / name).unlink(missing_ok=True)


def load_trained(folder: Path, base_folder: Path) -> TrainedModel:
    """The base with a run's training merged into it, float32, on the CPU."""
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.float32)
    base_size = model.get_input_embeddings().num_embeddings
    if (folder / ADAPTER_FILE).exists():
        count = load_file(folder / ADAPTER_FILE)[_ROWS].shape[0]
        model.resize_token_embeddings(base_size + count, mean_resizing=False)
        model = PeftModel.from_pretrained(model, str(folder)).merge_and_unload()
    else:
        _load_full(model, load_file(folder / FULL_FILE), base_size)
    return TrainedModel(model.eval(), base_size)


def _load_full(model: PreTrainedModel, state: Mapping[str, Tensor], base_size: int) -> None:
    model.resize_token_embeddings(base_size + len(state["rows"]), mean_resizing=False)
    body = {k: v for k, v in state.items() if k not in ("rows", "head_rows")}
    unknown = set(body) - set(dict(model.named_parameters()))
    assert not unknown, f"weights without a place: {sorted(unknown)[:3]}"
    model.load_state_dict(body, strict=False)
    with torch.no_grad():
        model.get_input_embeddings().weight[base_size:] = state["rows"]
        if "head_rows" in state:
            model.get_output_embeddings().weight[base_size:] = state["head_rows"]


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().float().cpu().numpy())
