"""Adapters as GGUFs of their own, and the base that they share: it has the rows of their tokens, they LoRA matrices.

Format: llama.cpp, `src/llama-adapter.cpp` and `convert_lora_to_gguf.py`. Query and key of some architectures are stored
permuted; of a LoRA that is B's rows, since A only reads what goes in.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

from octocli.core.prompts import Prompt
from octocli.model.adapter import PEFT_PREFIX, Adapter
from octocli.model.bases import Base
from octocli.model.gguf_file import chat_template, write_gguf
from octocli.model.gguf_header import Tensor, open_gguf
from octocli.model.gguf_names import Architecture
from octocli.model.gguf_writer import Source, float_value, text_value, write_file


def write_adapter_gguf(adapter: Adapter, base: Path, out: Path, metadata: Mapping[str, str]) -> None:
    """Write the LoRA of an adapter; `out` appears whole or not at all.

    Args:
        adapter: what was trained.
        base: the GGUF of its base, for names and architecture.
        out: the GGUF to write.
        metadata: texts to add to the header.

    Raises:
        BadInput: the base has an architecture that octo cannot write, or no such layers.
    """
    source = open_gguf(base)
    architecture = source.architecture()
    names = sorted({name.partition(".lora_")[0] for name in adapter.lora})
    values = {
        "general.type": text_value("adapter"),
        "general.architecture": text_value(source.arch),
        "adapter.type": text_value("lora"),
        "adapter.lora.alpha": float_value(float(adapter.alpha)),
        **{key: text_value(text) for key, text in metadata.items()},
    }
    write_file(out, values, [pair for name in names for pair in _pair(adapter, name, architecture)])


def _pair(adapter: Adapter, name: str, architecture: Architecture) -> list[tuple[Tensor, Source]]:
    """A and B of one layer."""
    weight = f"{name.removeprefix(PEFT_PREFIX)}.weight"
    place = next(iter(architecture.rename([weight])))
    a = adapter.lora[f"{name}.lora_A.weight"].numpy()
    b = architecture.rewrite(weight, adapter.lora[f"{name}.lora_B.weight"].numpy())
    return [_tensor(f"{place}.lora_a", a), _tensor(f"{place}.lora_b", b)]


def _tensor(name: str, values: np.ndarray) -> tuple[Tensor, Source]:
    def blocks() -> Iterator[np.ndarray]:
        yield values

    # In float16 an adapter is slower on a CPU: 7.2 against 6.6 ms a token.
    return Tensor(name, values.shape, gguf.GGMLQuantizationType.F32, 0), blocks


def write_base_with_rows(
    base: Base,
    source: Path,
    out: Path,
    apps: Sequence[tuple[Adapter, Sequence[str]]],
    *,
    end_token: str,
    prompt: Prompt,
    name: str,
) -> None:
    """Write a base with the token rows of several adapters, in float16.

    Args:
        base: the base, in transformers' format.
        source: its GGUF.
        out: the GGUF to write.
        apps: each adapter with its tokens in the order of its rows.
        end_token: at which a front end that knows one end stops.
        prompt: of all apps.
        name: of the model.
    """
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    heads = [adapter.head_rows for adapter, _ in apps if adapter.head_rows is not None]
    write_gguf(
        source,
        out,
        weights={name: p.detach().numpy() for name, p in model.named_parameters()},
        new_tokens=[token for _, tokens in apps for token in tokens],
        rows=torch.cat([adapter.rows for adapter, _ in apps]).numpy(),
        head_rows=torch.cat(heads).numpy() if heads else None,
        end_token=end_token,
        chat_template=chat_template(prompt),
        metadata={},
        name=name,
        licence=base.licence,
        base_size=model.get_input_embeddings().num_embeddings,
    )
