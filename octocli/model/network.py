"""The network while it learns: a frozen base, new token rows beside its embedding, LoRA on its linear layers.

The rows stand apart from the base's matrix, so old rows cannot move and no gradient of the whole vocabulary is ever
made. Logits are computed only at positions that are asked for. Knows nothing of samples or files.
"""

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging

from octocli.core.config import Precision, TrainSettings
from octocli.core.errors import BadInput
from octocli.model.fused import LoraLinear, coarsen, cross_entropy, fuse


@dataclass(frozen=True)
class LoraShape:
    """Rank, alpha and the linear layers that get a LoRA, in the `upper` share of the network."""

    rank: int
    alpha: int
    modules: tuple[str, ...]
    upper: float = 1.0


class ExtendedEmbedding(nn.Module):
    """The base's embedding with new rows after its own. Shapes: ids [...] -> vectors [..., width]."""

    def __init__(self, base: nn.Embedding, rows: nn.Parameter, *, learns: bool = True) -> None:
        super().__init__()
        self.base = base
        self.rows = rows
        self.learns = learns
        # Gemma and others multiply what they look up; the new rows are stored unscaled, as their own are.
        self.scale = float(getattr(base, "scalar_embed_scale", getattr(base, "embed_scale", 1.0)))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up old ids in the base, new ids in the rows."""
        size = self.base.num_embeddings
        new = ids >= size
        old: Tensor = self.base(ids.clamp(max=size - 1))
        rows = self.rows if self.learns else self.rows.detach()
        fresh = functional.embedding((ids - size).clamp(min=0), rows) * self.scale
        return torch.where(new.unsqueeze(-1), fresh.to(old.dtype), old)


class Trainee(nn.Module):
    """A causal LM that learns new tokens.

    Attributes:
        rows: new input rows [tokens, width].
        head_rows: new output rows of an untied base; None where the head is tied to the embedding.
        row_ids: their ids: after the base's own, or those of tokens that the base reserved.
        recomputes: whether what is inside a layer is computed again on the way back (gradient checkpointing).

    With `coarse`, frozen matrices are kept and multiplied in bfloat16; activations keep the model's own precision.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        rows: Tensor,
        lora: LoraShape | None,
        row_ids: Sequence[int] | None = None,
        *,
        coarse: bool = False,
    ) -> None:
        super().__init__()
        embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
        self.tied = head.weight.data_ptr() == embedding.weight.data_ptr()
        self.base_size = embedding.num_embeddings
        appended = range(self.base_size, self.base_size + len(rows))
        self.row_ids = tuple(appended if row_ids is None else row_ids)
        self._moved = self.row_ids != tuple(appended)
        self.rows = nn.Parameter(rows.clone())
        self.head_rows = None if self.tied else nn.Parameter(rows.clone())
        self._old_head: list[Tensor] = [head.weight]  # a list: the matrix is the model's own parameter
        self.softcap: float | None = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
        model.requires_grad_(lora is None)
        embedding.weight.requires_grad_(False)
        head.weight.requires_grad_(False)
        self.recomputes = False
        self.causal_lm = model
        first = 0
        if lora is not None:
            fuse(model)
            first = _add_lora(model, lora)
        activations = embedding.weight.dtype
        if lora is not None and getattr(model, "is_loaded_in_4bit", False):
            coarsen(decoder_layers(model), lora.modules, None)
        elif lora is not None and coarse and activations != torch.bfloat16:
            coarsen(decoder_layers(model), lora.modules, torch.bfloat16)
            # A copy, as the embedding may be the same matrix, and what goes into the network stays exact.
            self._old_head = [head.weight.detach().to(torch.bfloat16)]
        # Nothing below the first layer that learns wants a gradient, and so no backward pass.
        learns = first == 0
        model.set_input_embeddings(ExtendedEmbedding(embedding, self.rows, learns=learns))
        self.rows.requires_grad_(learns or self.tied)

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield what learns, by name, each once."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                yield name, parameter

    def learn_rows_alone(self) -> None:
        """Leave everything as it is but the rows of the new tokens."""
        rows = {id(p) for p in (self.rows, self.head_rows) if p is not None and p.requires_grad}
        for _, parameter in list(self.trained()):
            parameter.requires_grad_(id(parameter) in rows)

    @property
    def old_head(self) -> Tensor:
        """The base's output matrix [vocabulary, width] as the loss multiplies it."""
        return self._old_head[0]

    def recompute_layers(self) -> bool:
        """Keep only what goes into each layer and compute the rest again on the way back; False if it is so already."""
        if self.recomputes:
            return False
        self.causal_lm.gradient_checkpointing_enable({"use_reentrant": False})
        # It asks for gradients of what goes into the first layer, and so for a way back through all that is frozen.
        self.causal_lm.disable_input_require_grads()
        self.recomputes = True
        return True

    def hidden(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Last hidden states [n, width] at `positions` [n] of the flattened batch `ids` [samples, length].

        Samples are padded on the right: a causal model never looks there, so no mask is needed.
        """
        states = self.causal_lm.base_model(input_ids=self._apart(ids), use_cache=False).last_hidden_state
        wanted: Tensor = states.reshape(-1, states.shape[-1])[positions]
        return wanted

    def loss(self, ids: Tensor, positions: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
        """Weighted cross-entropy (eq. 4 of arXiv 2404.01744) of the ids that follow `positions`.

        `shares` [n] are loss weights over the sum of the whole step's, so that the parts of a step add up to its mean.
        """
        rows = self.rows if self.head_rows is None else self.head_rows
        hidden = self.hidden(ids, positions)
        return cross_entropy(hidden, self.old_head, rows, self._apart(targets), shares, self.softcap)

    def _apart(self, ids: Tensor) -> Tensor:
        """Ids as they are while learning: the new rows stand after the base's, wherever they belong in the end."""
        if not self._moved:
            return ids
        place = torch.full((self.base_size,), -1, device=ids.device)
        place[list(self.row_ids)] = torch.arange(len(self.row_ids), device=ids.device)
        return torch.where(place[ids] < 0, ids, place[ids] + self.base_size)

    def logits(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Logits [n, vocabulary] at `positions`, new tokens last; the loss never holds them, this is for a look."""
        rows = self.rows if self.head_rows is None else self.head_rows
        hidden = self.hidden(ids, positions)
        return self.capped(hidden @ torch.cat([self.old_head, rows.to(hidden.dtype)]).T)

    def capped(self, logits: Tensor) -> Tensor:
        """Logits as the base gives them: Gemma 2 bends them towards a limit."""
        return torch.tanh(logits / self.softcap) * self.softcap if self.softcap else logits


def decoder_layers(model: nn.Module) -> nn.ModuleList:
    """The layers of a causal LM, from the bottom."""
    return next(m for m in model.modules() if isinstance(m, nn.ModuleList))


def _add_lora(model: PreTrainedModel, lora: LoraShape) -> int:
    """Wrap the linear layers that `lora` names in the upper decoder layers; returns the first of these."""
    layers = decoder_layers(model)
    first = len(layers) - max(1, round(lora.upper * len(layers)))
    found = [
        (owner, leaf, part)
        for layer in layers[first:]
        for owner in layer.modules()
        for leaf, part in owner.named_children()
        if leaf in lora.modules and isinstance(part, nn.Linear)
    ]
    if not found:
        raise BadInput(f"octo.toml: train.modules: the base has none of {', '.join(lora.modules)}")
    for owner, leaf, part in found:
        setattr(owner, leaf, LoraLinear(part, lora.rank, lora.alpha))
    return first


def load_network(folder: Path, *, seed: int = 0, precision: Precision = "float32") -> PreTrainedModel:
    """A base ready to learn, on the GPU if there is one; what starts random hangs on `seed`.

    On a CPU a base for bfloat16 comes in float32: a `Trainee` makes its matrices coarse, and nothing else.
    """
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "nf4":
        # In evaluation mode bitsandbytes packs the weights anew on some CPUs, for its own products alone.
        model = AutoModelForCausalLM.from_pretrained(folder, device_map={"": device}, **_four_bits()).train()
    else:
        dtype = torch.bfloat16 if precision == "bfloat16" and device == "cuda" else torch.float32
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device)
    model.config.use_cache = False
    assert isinstance(model, PreTrainedModel)
    return model


def _has_bfloat16() -> bool:
    """Whether bfloat16 is the faster one here: without instructions for it, a CPU only pretends."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    # Older builds of torch do not tell.
    can: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(can.get("avx512_bf16") or can.get("amx_bf16"))


def _four_bits() -> dict[str, Any]:
    """How transformers loads the linear layers in four bits, as QLoRA has them; embedding, norms and head stay."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise BadInput(
            "octo.toml: train.precision: 'nf4' needs bitsandbytes", hint="get it with: pip install 'octocli[qlora]'"
        )
    dtype = torch.bfloat16 if torch.cuda.is_available() and _has_bfloat16() else torch.float32
    four = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    return {"dtype": dtype, "quantization_config": four}


def settled_precision(settings: TrainSettings) -> Precision:
    """The precision of the base's weights: half of it where the GPU or CPU has bfloat16 and the weights are frozen.

    Weights that learn keep float32: a step is smaller than what bfloat16 can add to them.

    Raises:
        BadInput: less is asked for weights that learn.
    """
    if settings.method == "full" and settings.precision not in ("auto", "float32"):
        raise BadInput("octo.toml: train.precision: a full training needs float32", hint="or train a LoRA")
    if settings.precision != "auto":
        return settings.precision
    return "bfloat16" if _has_bfloat16() and settings.method == "lora" else "float32"


def described_rows(model: PreTrainedModel, texts: Sequence[Sequence[int]], seed: int) -> Tensor:
    """First rows for new tokens: the mean of the base's rows for each token's describing ids, with a little noise.

    Rows that begin near their meaning learn faster than random ones (ToolGen, arXiv 2410.03439, section 3.2). The
    noise keeps two functions with the same words apart.
    """
    matrix = model.get_input_embeddings().weight.detach().float()
    generator = torch.Generator().manual_seed(seed)
    rows: Tensor = torch.stack([matrix[torch.tensor(list(ids))].mean(0) for ids in texts])
    noise = torch.randn(rows.shape, generator=generator) * matrix.std().cpu()
    started: Tensor = rows + 0.1 * noise.to(rows.device)
    return started
