"""Tiny random models with a tokenizer, and the GGUF that would be their base: export is tested without real weights.

`build_tiny` writes a folder in transformers' format, `write_base_gguf` its GGUF with the `gguf` package's own writer.
"""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast
from transformers import logging as transformers_logging

from octocli.model.gguf_names import Architecture

ARCHITECTURES = ("llama", "gemma3", "gemma2", "gemma", "qwen2", "qwen3", "smollm3", "phi3")
# Qwen's tokenizer class adds <|endoftext|> of its own accord if it is not there.
SPECIAL = ["<|bos|>", "<|endoftext|>", "<|pad|>"]
_CORPUS = [
    "Query: send a text to Ana that says on my way\nResponse: ('Ana', 'on my way')",
    "Query: turn the lights in the kitchen off at half past six\nResponse: (room=3, on=false)",
    "order two pizzas from the Thai place near home, book a table for four, and play some music",
    "what is the weather like in Munich today? set an alarm for seven, please, and call my mother",
] * 4
_WIDTH, _LAYERS, _HEADS, _KV_HEADS, _HEAD_DIM = 64, 2, 4, 2, 16


def build_tokenizer(folder: Path, size: int = 340, unused: int = 0) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer with GPT-2's pre-tokenisation and some unused tokens, saved in `folder`."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[*SPECIAL, *(f"<unused{i}>" for i in range(unused))],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=SPECIAL[0], eos_token=SPECIAL[1], pad_token=SPECIAL[2]
    )
    fast.save_pretrained(folder)
    return fast


def build_tiny(
    folder: Path, arch: str, tied: bool = True, seed: int = 0, *, extra_rows: int = 0, unused: int = 0, **changes: Any
) -> Path:
    """Save a tiny random model of `arch` in `folder`; `extra_rows` more rows of the embedding than tokens."""
    transformers_logging.disable_progress_bar()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = build_tokenizer(folder, unused=unused)
    config = tiny_config(arch, tied, len(tokenizer) + extra_rows, **changes)
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float()
    shake(model, seed)
    model.save_pretrained(folder)
    return folder


def shake(model: PreTrainedModel, seed: int, size: float = 0.1) -> None:
    """Move every weight, norms and biases too, so that a tensor that was not carried over shows in the logits."""
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += size * torch.randn(parameter.shape, generator=generator)


def load_tiny(folder: Path) -> PreTrainedModel:
    """The model in `folder`, in float32."""
    transformers_logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def state(model: PreTrainedModel) -> dict[str, np.ndarray]:
    """A model's weights as numpy arrays, by transformers' names."""
    return {name: tensor.detach().float().numpy() for name, tensor in model.state_dict().items()}


def tiny_config(arch: str, tied: bool, vocabulary: int, **changes: Any) -> Any:
    """The settings of a tiny model of `arch`."""
    from transformers import AutoConfig

    model_type = {"gemma3": "gemma3_text"}.get(arch, arch)
    shape = {
        "vocab_size": vocabulary,
        "hidden_size": _WIDTH,
        "intermediate_size": 96,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": _HEADS,
        "num_key_value_heads": _KV_HEADS,
        "head_dim": _HEAD_DIM,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": tied,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
    }
    if arch in ("gemma2", "gemma3"):
        shape |= {"sliding_window": 64, "query_pre_attn_scalar": _HEAD_DIM}
    if arch == "llama":
        shape |= {"attention_bias": False}
    return AutoConfig.for_model(model_type, **(shape | changes))


def write_base_gguf(folder: Path, out: Path, *, scores: bool = False, quantised: bool = False) -> Path:
    """Write the GGUF of the model in `folder`, with one row for each token.

    `scores` and `quantised` give it what a sentencepiece vocabulary and a quantised base would have.
    """
    config = json.loads((folder / "config.json").read_text())
    arch = config["model_type"].removesuffix("_text")
    writer = gguf.GGUFWriter(out, arch)
    _write_settings(writer, arch, config)
    tokens = _write_tokenizer(writer, folder, scores)
    weights = state(load_tiny(folder))
    architecture = Architecture(arch, _LAYERS, _HEADS, _KV_HEADS, config["tie_word_embeddings"])
    for to, name in architecture.rename(weights).items():
        weight = np.ascontiguousarray(architecture.rewrite(name, weights[name]))
        weight = weight[:tokens] if to in ("token_embd.weight", "output.weight") else weight
        if quantised and weight.ndim > 1:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(to, gguf.quants.quantize(weight, kind), raw_dtype=kind)
        else:
            writer.add_tensor(to, weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def _write_settings(writer: gguf.GGUFWriter, arch: str, config: dict[str, Any]) -> None:
    writer.add_name(f"tiny {arch}")
    writer.add_license("cc0-1.0")
    writer.add_context_length(256)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    rope = config.get("rope_parameters") or {}
    rope = rope.get("full_attention", rope)
    writer.add_rope_freq_base(float(rope.get("rope_theta", config.get("rope_theta", 10000.0))))
    writer.add_rope_dimension_count(_HEAD_DIM)
    writer.add_key_length(_HEAD_DIM)
    writer.add_value_length(_HEAD_DIM)
    writer.add_file_type(int(gguf.LlamaFileType.ALL_F32))
    if arch in ("gemma2", "gemma3", "phi3") and config.get("sliding_window"):
        writer.add_sliding_window(config["sliding_window"])
    if arch == "gemma2":
        writer.add_attn_logit_softcapping(config["attn_logit_softcapping"])
        writer.add_final_logit_softcapping(config["final_logit_softcapping"])
    if arch in ("llama", "smollm3", "phi3"):
        writer.add_vocab_size(config["vocab_size"])


def _write_tokenizer(writer: gguf.GGUFWriter, folder: Path, scores: bool) -> int:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    data = json.loads((folder / "tokenizer.json").read_text())
    tokens = [tokenizer.convert_ids_to_tokens(i) for i in range(len(tokenizer))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    kinds = [gguf.TokenType.CONTROL if t in SPECIAL else gguf.TokenType.NORMAL for t in tokens]
    writer.add_token_types(kinds)
    if scores:
        writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_merges([" ".join(pair) for pair in data["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{{ 'base template' }}")
    return len(tokens)
