"""The network while it learns: a frozen base, new token rows beside its embedding, LoRA on its linear layers.

The rows stand apart from the base's matrix, so old rows cannot move and no gradient of the whole vocabulary is ever
made. Logits are computed only at positions that are asked for. Knows nothing of samples or files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging


@dataclass(frozen=True)
class LoraShape:
    """Rank, alpha and the linear layers that get a LoRA."""

    rank: int
    alpha: int
    modules: tuple[str, ...]

    def config(self) -> LoraConfig:
        """The same in PEFT's terms."""
        return LoraConfig(
            r=self.rank, lora_alpha=self.alpha, target_modules=list(self.modules), task_type="CAUSAL_LM", bias="none"
        )


class ExtendedEmbedding(nn.Module):
    """The base's embedding with new rows after its own. Shapes: ids [...] -> vectors [..., width]."""

    def __init__(self, base: nn.Embedding, rows: nn.Parameter) -> None:
        super().__init__()
        self.base = base
        self.rows = rows
        # Gemma multiplies what it looks up by sqrt(width); the new rows are stored unscaled, as its own are.
        self.scale = float(getattr(base, "scalar_embed_scale", 1.0))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up old ids in the base, new ids in the rows."""
        size = self.base.num_embeddings
        new = ids >= size
        vectors: Tensor = self.base(ids.clamp(max=size - 1))
        rows = functional.embedding((ids - size).clamp(min=0), self.rows) * self.scale
        return torch.where(new.unsqueeze(-1), rows, vectors)


class Trainee(nn.Module):
    """A causal LM that learns new tokens.

    Attributes:
        rows: new input rows [tokens, width].
        head_rows: new output rows of an untied base; None where the head is tied to the embedding.
    """

    def __init__(self, model: PreTrainedModel, rows: Tensor, lora: LoraShape | None) -> None:
        super().__init__()
        embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
        self.tied = head.weight.data_ptr() == embedding.weight.data_ptr()
        self.base_size = embedding.num_embeddings
        self.rows = nn.Parameter(rows.clone())
        self.head_rows = None if self.tied else nn.Parameter(rows.clone())
        self._old_head = [head.weight]  # in a list: the matrix belongs to the model and is listed there once
        self.softcap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
        for parameter in model.parameters():
            parameter.requires_grad_(lora is None)
        embedding.weight.requires_grad_(False)
        head.weight.requires_grad_(False)
        self.causal_lm = get_peft_model(model, lora.config()) if lora else model
        model.set_input_embeddings(ExtendedEmbedding(embedding, self.rows))
        self._body = [model.get_decoder() if hasattr(model, "get_decoder") else model.model]

    def trained(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield what learns, by name, each once."""
        for name, parameter in self.named_parameters():
            if parameter.requires_grad:
                yield name, parameter

    def logits(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Logits [n, vocabulary] at `positions` [n] of the flattened batch `ids` [samples, length].

        Samples are padded on the right: a causal model never looks there, so no mask is needed.
        """
        hidden = self._body[0](input_ids=ids, use_cache=False).last_hidden_state
        wanted = hidden.reshape(-1, hidden.shape[-1])[positions]
        rows = self.rows if self.head_rows is None else self.head_rows
        logits = torch.cat([wanted @ self._old_head[0].T, wanted @ rows.T], dim=-1)
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)


def load_network(folder: Path, *, device: str = "cpu") -> PreTrainedModel:
    """A base in float32, ready to learn."""
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.config.use_cache = False
    return model.to(device)


def described_rows(model: PreTrainedModel, texts: Sequence[Sequence[int]], seed: int) -> Tensor:
    """First rows for new tokens: the mean of the base's rows for each token's describing ids, with a little noise.

    Rows that begin near their meaning learn faster than random ones (ToolGen, arXiv 2410.03439, section 3.2). The
    noise keeps two functions with the same words apart.
    """
    matrix = model.get_input_embeddings().weight.detach()
    generator = torch.Generator().manual_seed(seed)
    rows = torch.stack([matrix[torch.tensor(list(ids))].mean(0) for ids in texts])
    noise = torch.randn(rows.shape, generator=generator) * matrix.std().cpu()
    return rows + 0.1 * noise.to(rows.device)
