"""Settings of a project, `octo.toml`: one home for each default, unknown keys refused by name.

A flag given on the command line wins over the file, the file over the preset, the preset over the default below.
"""

import math
import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octocli.core.errors import BadInput, NotMade

Section = TypeVar("Section", bound=BaseModel)
Method = Literal["lora", "full"]
TeacherName = Literal["builtin", "gemini", "openai", "gguf", "replay"]
Precision = Literal["float32", "bfloat16", "nf4"]

# Every linear layer of a decoder. Phi has some of them in one: a base has these names or those.
LORA_MODULES = ("q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "gate_proj", "up_proj", "gate_up_proj", "down_proj")


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SynthSettings(_Settings):
    """How many samples the teacher writes."""

    language: str = Field(
        "en", description="of the requests; `octo synth` names the packs that there are where this is none of them"
    )
    per_function: int = Field(
        120,
        ge=1,
        description="positives a function for training; `init` sets more for a small API",
    )
    held_out_per_function: int = Field(
        40, ge=1, description="positives a function for test; half as many more for validation"
    )
    negatives: float = Field(0.3, ge=0, le=5, description="negatives per positive, all kinds together")
    parallel: float = Field(0.0, ge=0, le=5, description="requests with two calls, per positive; `init` sets 0.1")
    missing: float = Field(0.0, ge=0, le=5, description="requests that lack a required argument, per positive")
    nested: float = Field(0.0, ge=0, le=5, description="requests whose argument is a call, per positive")
    order: Literal["values-first", "query-first"] = Field(
        "values-first", description="an LLM words planned calls, or writes queries and fills in the arguments"
    )
    look_alikes: float = Field(
        0.2, ge=0, le=1, description="share of an LLM's planned calls in words close to the nearest other function"
    )


class TeacherSettings(_Settings):
    """Who writes the samples. A key stands in the environment, never here."""

    name: TeacherName = Field(
        "builtin", description="or 'gemini', 'openai' (any compatible endpoint), 'gguf', 'replay'"
    )
    model: str = Field("", description="the provider's name for it, or a GGUF file")
    base_url: str | None = Field(None, description="of an OpenAI-compatible endpoint, as a rule ending in /v1")
    at_once: int = Field(4, ge=1, description="requests on their way together")
    per_minute: float | None = Field(None, gt=0, description="requests a minute at most")
    price_in: float | None = Field(None, ge=0, description="US dollars for a million tokens that are sent")
    price_out: float | None = Field(None, ge=0, description="US dollars for a million tokens that come back")
    budget: float | None = Field(None, ge=0, description="US dollars that all calls together never pass")
    second_opinion: bool = Field(False, description="`octo build` has it judge the samples, too")


class TrainSettings(_Settings):
    """How the model learns."""

    method: Method = Field("lora", description="'lora', or 'full' for all weights of the body")
    epochs: int = Field(4, ge=1, description="passes over the data; `init` sets 2, for the built-in teacher's rows")
    batch: int = Field(4, ge=1, description="samples a step")
    lr: float | None = Field(
        None,
        gt=0,
        description="peak learning rate; by default 1e-3 for lora, 1e-4 for full, times the root of batch",
    )
    schedule: Literal["linear", "cosine"] = Field("linear", description="how the rate falls")
    warmup: int = Field(10, ge=0, description="steps")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    rank: int = Field(16, ge=1, description="LoRA rank")
    alpha: int = Field(32, ge=1, description="LoRA alpha")
    modules: tuple[str, ...] = Field(LORA_MODULES, min_length=1, description="linear layers that get a LoRA")
    upper: float = Field(0.67, gt=0, le=1, description="share of the layers, from the top, that get a LoRA")
    precision: Precision | Literal["auto"] = Field(
        "auto",
        description="of frozen weights; 'auto' is bfloat16 on a GPU or CPU that has it, for a LoRA; 'nf4' is QLoRA",
    )
    token_weight: float = Field(3.0, gt=0, description="loss weight of special tokens (the paper's eq. 4)")
    describe: float = Field(0.1, ge=0, le=1, description="share of samples that also learn the function's description")
    swap: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of copied values that later passes exchange between a team's own samples",
    )
    checkpoint_seconds: float = Field(30.0, gt=0, description="time between checkpoints")

    @property
    def peak_lr(self) -> float:
        """The learning rate, settled."""
        # Adam's noise falls with the root of the batch, so its rate may rise with it (arXiv 2205.10287).
        return self.lr or (1e-3 if self.method == "lora" else 1e-4) * math.sqrt(self.batch)


class ExportSettings(_Settings):
    """What a GGUF must keep."""

    quant: str = Field("q8_0", description="default quantisation")
    tolerance: float = Field(0.01, ge=0, le=1, description="share of calls that a GGUF may change")
    parity_queries: int = Field(220, ge=1, description="queries that the parity gate asks")


class Config(_Settings):
    """Everything in `octo.toml`."""

    base: str = Field("smollm2-135m", description="starter name, hub id, folder, or GGUF file")
    prompt: str = Field("short", description="'short', 'paper', or a template with {query}")
    seed: int = Field(0, description="of samples, order and first weights")
    reserved: bool = Field(False, description="put function tokens on tokens that the base left unused")
    max_false_calls: float | None = Field(
        None,
        ge=0,
        le=1,
        description="share of requests that are none of the app's business and may be answered with a call; 0.1 if "
        "left open, and then no request is refused that is likelier a call",
    )
    data_licence: str = Field("", description="of the samples, for the card of a model that they are merged into")
    synth: SynthSettings = SynthSettings()
    teacher: TeacherSettings = TeacherSettings()
    train: TrainSettings = TrainSettings()
    export: ExportSettings = ExportSettings()


# The paper, sections 3.3 and 4: LoRA on q, k, v, o, up, down; AdamW 5e-5, linear, 10 steps of warm-up, 3 epochs.
PRESETS: dict[str, dict[str, Any]] = {
    "paper": {
        "prompt": "paper",
        # M = N = 1000: N is read as M is, for each function.
        "synth": {"per_function": 1000, "negatives": 1.0},
        "train": {
            "epochs": 3, "lr": 5e-5, "schedule": "linear", "warmup": 10, "rank": 16, "alpha": 32,
            # Phi has no up without its gate.
            "modules": ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "up_proj", "gate_up_proj", "down_proj"],
            "describe": 1.0, "upper": 1.0, "token_weight": 1.0, "swap": 0.0,
        },
    },
}  # fmt: skip


def load_config(path: Path) -> Config:
    """Read `octo.toml`; a `preset = "paper"` on top fills in what the file leaves open.

    Raises:
        NotMade: there is no such file.
        BadInput: broken TOML, an unknown key or a value out of range, named with its place.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotMade(f"{path}: no such file", hint="make a project with: octo init NAME") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not TOML: {error}") from None
    preset = data.pop("preset", None)
    if preset is not None and preset not in list(PRESETS):
        raise BadInput(f"{path}: preset: {preset!r} is unknown", hint=f"known presets: {', '.join(PRESETS)}")
    merged = _merge(PRESETS.get(preset, {}) if preset else {}, data)
    return _checked(Config, merged, str(path))


def override(section: Section, changes: dict[str, Any], where: str = "options") -> Section:
    """The section with the changes that were given; None means not given, 0 and False are values."""
    given = {key: value for key, value in changes.items() if value is not None}
    return _checked(type(section), {**section.model_dump(), **given}, where)


def _checked(model: type[Section], data: dict[str, Any], where: str) -> Section:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            place = ".".join(map(str, item["loc"]))
            what = "unknown key" if item["type"] == "extra_forbidden" else item["msg"].lower()
            lines.append(f"{where}: {place}: {what}")
        raise BadInput("\n".join(lines)) from None


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged
