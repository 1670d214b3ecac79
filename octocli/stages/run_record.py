"""What stands beside the weights of a finished run: `run.json` with all that it was made from, tokenizer, tokens."""

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octocli.core.config import TrainSettings
from octocli.core.manifest import Manifest
from octocli.core.project import Project, data_hash, file_hash, write_json
from octocli.core.prompts import make_prompt
from octocli.core.tokens import dump_tokens

if TYPE_CHECKING:
    from octocli.model.training import Curve
    from octocli.model.vocabulary import Vocabulary

_PACKAGES = ("torch", "transformers", "peft", "octocli")
# The last steps, whose mean loss says how a training ended.
_TAIL = 20


def made_from(project: Project, settings: TrainSettings) -> dict[str, Any]:
    """Hashes and settings that decide what a run learns; where they differ, it is stale."""
    functions = [{k: v for k, v in f.to_json().items() if k != "examples"} for f in project.spec.functions]
    return {
        "accepted": file_hash(project.accepted_file),
        "functions": data_hash(functions),
        "tokens": data_hash(dict(project.tokens.indices)),
        "base": project.config.base,
        "prompt": make_prompt(project.config.prompt).template,
        "seed": project.config.seed,
        "reserved": project.config.reserved,
        "settings": settings.model_dump(mode="json", exclude={"checkpoint_seconds"}),
    }


def write_run(
    project: Project,
    folder: Path,
    settings: TrainSettings,
    manifest: Manifest,
    vocabulary: "Vocabulary",
    samples: int,
    curve: "Curve",
    **more: Any,
) -> None:
    """Write what stands beside the weights; `run.json` last, since a folder that has it is complete.

    Args:
        project: whose run it is.
        folder: the run's.
        settings: how it learnt.
        manifest: what it was taught.
        vocabulary: its tokenizer.
        samples: how many different ones it saw.
        curve: how the loss went, and what that took.
        more: further fields of the record.
    """
    from octocli.model.network import settled_precision
    from octocli.stages.curve import draw_curve

    vocabulary.tokenizer.save_pretrained(str(folder))
    (folder / "tokens.json").write_text(dump_tokens(project.tokens), encoding="utf-8")
    write_json(folder / "curve.json", {"loss": [round(x, 5) for x in curve.losses]})
    if curve.losses:
        draw_curve(curve.losses, folder / "curve.png")
    tail = curve.losses[-_TAIL:]
    record = {
        "version": 1,
        "manifest": manifest.to_json(),
        "made_from": made_from(project, settings),
        "versions": {name: importlib.metadata.version(name) for name in _packages(settings)},
        "samples": samples,
        "steps": len(curve.losses),
        "seconds": round(curve.seconds, 1),
        "resumed_at": curve.resumed_at,
        "processes": curve.processes,
        "at_once": curve.at_once,
        "recomputed": curve.recomputed,
        "precision": settled_precision(settings),
        "loss": round(sum(tail) / max(1, len(tail)), 4),
        **more,
    }
    write_json(folder / "run.json", record)
    for name in ("checkpoint.pt", "checkpoint.pt.new"):
        (folder / name).unlink(missing_ok=True)


def _packages(settings: TrainSettings) -> tuple[str, ...]:
    return (*_PACKAGES, "bitsandbytes") if settings.precision == "nf4" else _PACKAGES
