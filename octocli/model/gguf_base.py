"""The GGUF of a base that comes as safetensors alone, made once into the cache; export patches it like any other.

Settings are translated here, the tokenizer in `gguf_tokenizer`, names and storage of tensors in `gguf_names`.
"""

import importlib.metadata
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, PretrainedConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from octocli.core.errors import BadInput
from octocli.core.project import data_hash, file_hash
from octocli.core.spec import read_json
from octocli.model.bases import Base, cache_folder
from octocli.model.gguf_header import Tensor, Value, cut_rows
from octocli.model.gguf_names import EMBEDDING, Architecture
from octocli.model.gguf_tokenizer import HINT, vocabulary_values
from octocli.model.gguf_writer import Source, float_value, number_value, text_value, write_file
from octocli.model.llama_probe import last_logits
from octocli.model.quantise import last_words

_VERSION = 1
# Of windows beyond half of octo's context little can be seen, and little is asked.
_PROBES, _LONGEST_PROBE = (5, 64), 2048
# On tiny models rounding to f16 stays below 1 %; a setting that was not carried over is above 20 %.
_OFF = 0.1
# What transformers calls a model -> what llama.cpp calls it, where the two differ.
_ARCHITECTURES = {"gemma3_text": "gemma3", "mistral": "llama"}
_F16 = 1
_DAY = 86_400.0
# Computed from the config; some old files hold it all the same.
_NO_WEIGHTS = ("rotary_emb.inv_freq",)
# llama.cpp has it built in for Gemma 3's local layers.
_LOCAL_THETA = 10000.0


def base_gguf(base: Base, on_step: Callable[[str], None] = lambda _: None) -> Path:
    """The GGUF to patch for `base`: the one it came from, or one made from its folder.

    Raises:
        BadInput: the architecture, its settings or its tokenizer have no counterpart in llama.cpp.
    """
    if base.gguf is not None:
        return base.gguf
    made = cache_folder() / "ggufs" / f"{base.folder.name}-{_fingerprint(base)[:12]}-v{_VERSION}.gguf"
    if not made.exists():
        on_step(f"making a GGUF of {base.name}, once")
        made.parent.mkdir(parents=True, exist_ok=True)
        _sweep(made.parent)
        # A folder of its own: other projects may be at the same base at the same time.
        with tempfile.TemporaryDirectory(dir=made.parent, prefix=".convert-") as temporary:
            convert(base.folder, Path(temporary) / made.name)
            (Path(temporary) / made.name).replace(made)
    return made


def _sweep(folder: Path) -> None:
    """Remove what conversions left that were killed more than a day ago."""
    for left in folder.glob(".convert-*"):
        if time.time() - left.stat().st_mtime > _DAY:
            shutil.rmtree(left, ignore_errors=True)


def _fingerprint(base: Base) -> str:
    """Of all that the GGUF is made from and tried with: the same weights under another config are another model."""
    settings = [
        (p.name, file_hash(p)) for p in sorted(base.folder.iterdir()) if p.suffix in (".json", ".model", ".txt")
    ]
    return data_hash([base.checksum, settings, importlib.metadata.version("llama-cpp-python")])


def convert(folder: Path, out: Path) -> None:
    """Write the model in `folder` (config, tokenizer, safetensors) as a GGUF in f16; `out` appears whole or not at all.

    Raises:
        BadInput: see `base_gguf`; also where llama.cpp then computes other numbers than transformers.
    """
    unchecked = out.with_name(f".{out.name}.unchecked")
    try:
        _convert(folder, unchecked)
        _check(folder, unchecked)
        unchecked.replace(out)
    finally:
        unchecked.unlink(missing_ok=True)


def _convert(folder: Path, out: Path) -> None:
    config = AutoConfig.from_pretrained(folder)
    architecture = _architecture(config, folder)
    shapes = _shapes(folder)
    tensors = _tensors(folder, architecture, shapes)
    rows = next(tensor.shape[0] for tensor, _ in tensors if tensor.name == EMBEDDING)
    settings = _settings(config, architecture, rows)
    tensors += _rope_factors(config, architecture, folder)
    write_file(out, settings | vocabulary_values(folder, rows, settings), tensors)


def _check(folder: Path, out: Path) -> None:
    """Refuse a file that computes other numbers: what llama.cpp has built in, this base may have set otherwise."""
    config = AutoConfig.from_pretrained(folder)
    chance = random.Random(0)
    sequences = [[chance.randrange(config.vocab_size) for _ in range(n)] for n in _probe_lengths(config)]
    theirs = last_logits(out, sequences)
    if theirs is None:
        raise BadInput(f"{folder}: llama.cpp cannot open a GGUF of this base: {last_words()}", hint=HINT)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
    for ids, logits in zip(sequences, theirs, strict=True):
        with torch.inference_mode():
            ours = model(torch.tensor([ids]), logits_to_keep=1).logits[0, -1].float().numpy()
        off = float(np.linalg.norm(logits - ours) / np.linalg.norm(ours - ours.mean()))
        if not off < _OFF:
            raise BadInput(
                f"{folder}: llama.cpp would compute other numbers than transformers ({off:.0%} off)", hint=HINT
            )


def _probe_lengths(config: PretrainedConfig) -> tuple[int, ...]:
    """How long the sequences are that both compute: one looks back as far again as the window of local layers."""
    window = getattr(config, "sliding_window", None) or 0
    return (*_PROBES, min(2 * window, _LONGEST_PROBE)) if 0 < window < _LONGEST_PROBE // 2 else _PROBES


def _architecture(config: PretrainedConfig, folder: Path) -> Architecture:
    name = _ARCHITECTURES.get(config.model_type, config.model_type)
    if not hasattr(config, "num_attention_heads"):
        raise BadInput(f"{folder}: {config.model_type!r} is no language model that octo can export")
    return Architecture(
        name=name,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=_kv_heads(config),
        tied=bool(config.tie_word_embeddings),
    )


def _kv_heads(config: PretrainedConfig) -> int:
    return int(getattr(config, "num_key_value_heads", None) or config.num_attention_heads)


def _head_width(config: PretrainedConfig) -> int:
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def _settings(config: PretrainedConfig, architecture: Architecture, rows: int) -> dict[str, Value]:
    """The header's values that describe the network."""
    rope = _rope(config)
    width = _head_width(config)
    numbers = {
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": _kv_heads(config),
        "attention.key_length": width,
        "attention.value_length": width,
        "rope.dimension_count": int(width * rope.get("partial_rotary_factor", 1.0)),
        "vocab_size": rows,
        "attention.sliding_window": getattr(config, "sliding_window", None),
    }
    floats = {
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
        "rope.freq_base": rope["rope_theta"],
        "attn_logit_softcapping": getattr(config, "attn_logit_softcapping", None),
        "final_logit_softcapping": getattr(config, "final_logit_softcapping", None),
    }
    values = {
        "general.architecture": text_value(architecture.name),
        # llama.cpp has rules for some names, so none is given.
        "general.name": text_value("base"),
        "general.file_type": number_value(_F16),
    }
    values |= {f"{architecture.name}.{k}": number_value(v) for k, v in numbers.items() if v}
    values |= {f"{architecture.name}.{k}": float_value(v) for k, v in floats.items() if v}
    if rope["rope_type"] == "linear":
        values[f"{architecture.name}.rope.scaling.type"] = text_value("linear")
        values[f"{architecture.name}.rope.scaling.factor"] = float_value(rope["factor"])
    return values


def _rope(config: PretrainedConfig) -> Mapping[str, Any]:
    """The settings of the rotary positions; of a base with local layers, those of the global ones."""
    rope: Mapping[str, Any] = config.rope_parameters
    local = rope.get("sliding_attention")
    if local is None:
        return rope
    if local["rope_theta"] != _LOCAL_THETA or local["rope_type"] != "default":
        raise BadInput(f"the base's local layers turn by {dict(local)}, which no GGUF can say")
    whole: Mapping[str, Any] = rope["full_attention"]
    return whole


def _rope_factors(config: PretrainedConfig, architecture: Architecture, folder: Path) -> list[tuple[Tensor, Source]]:
    """The tensor by which llama.cpp divides each frequency, for a base whose positions are scaled by frequency."""
    rope = _rope(config)
    kind = rope["rope_type"]
    if kind in ("default", "linear"):
        return []
    if kind != "llama3" or architecture.name != "llama":
        raise BadInput(
            f"{folder}: a {architecture.name} whose positions are scaled by {kind!r} cannot be exported",
            hint=HINT,
        )
    scaled, _ = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
    width = _head_width(config)
    plain = rope["rope_theta"] ** -(np.arange(0, width, 2, dtype=np.float64) / width)
    factors = (plain / scaled.double().numpy()).astype(np.float32)
    return [(Tensor("rope_freqs.weight", factors.shape, gguf.GGMLQuantizationType.F32, 0), lambda: iter([factors]))]


def _shapes(folder: Path) -> dict[str, tuple[Path, tuple[int, ...]]]:
    """File and shape of each stored tensor."""
    found: dict[str, tuple[Path, tuple[int, ...]]] = {}
    for path in _weight_files(folder):
        try:
            with safe_open(path, "pt") as file:
                names = [n for n in file.keys() if not n.endswith(_NO_WEIGHTS)]  # noqa: SIM118
                found |= {name: (path, tuple(file.get_slice(name).get_shape())) for name in names}
        except (SafetensorError, OSError) as error:
            raise BadInput(f"{path}: cannot be read: {error}", hint="fetch the base again") from None
    return found


def _weight_files(folder: Path) -> list[Path]:
    """The files that transformers would load, in its order of choice; others may lie beside them."""
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.exists():
        return [whole]
    if index.exists():
        return [folder / name for name in sorted(set(read_json(index).get("weight_map", {}).values()))]
    raise BadInput(f"{folder}: neither {whole.name} nor {index.name}", hint="give a folder that transformers reads")


def _tensors(
    folder: Path, architecture: Architecture, stored: Mapping[str, tuple[Path, tuple[int, ...]]]
) -> list[tuple[Tensor, Source]]:
    """Every tensor of the new file and how to get it; one is in memory at a time."""

    def one(to: str, name: str) -> tuple[Tensor, Source]:
        path, shape = stored[name]
        # Vectors stay in float32, as llama.cpp's own converter leaves them.
        kind = gguf.GGMLQuantizationType.F16 if len(shape) > 1 else gguf.GGMLQuantizationType.F32

        def values() -> Iterator[np.ndarray]:
            with safe_open(path, "pt") as file:
                weight = file.get_tensor(name).float().numpy()
            yield from cut_rows(architecture.rewrite(name, weight))

        return Tensor(to, shape, kind, 0), values

    tensors = [one(to, name) for to, name in architecture.rename(stored).items()]
    if not any(tensor.name == EMBEDDING for tensor, _ in tensors):
        raise BadInput(f"{folder}: its *.safetensors hold no embedding")
    return tensors
