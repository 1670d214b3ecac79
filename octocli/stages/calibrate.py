"""The last part of a training: what validation rows say of how far the model's choice can be believed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from octocli.core.calibration import Choice, calibrate
from octocli.core.manifest import Manifest
from octocli.core.samples import Sample
from octocli.stages.progress import OnTick, Tick, silent

if TYPE_CHECKING:
    from octocli.model.network import Trainee
    from octocli.model.vocabulary import Vocabulary


def calibrated(
    manifest: Manifest,
    trainee: "Trainee",
    vocabulary: "Vocabulary",
    samples: Sequence[Sample],
    max_false_calls: float | None,
    on_tick: OnTick = silent,
) -> Manifest:
    """The manifest with a calibration on the validation rows among `samples`; as it is where there are none."""
    from octocli.model.choices import choice_logits

    functions = [f.name for f in manifest.spec.functions]
    # A row of a function that the spec has no more says nothing of those that it has.
    held_out = [s for s in samples if s.split == "validation" and (not s.calls or s.calls[0]["name"] in functions)]
    if not held_out:
        return manifest
    prompts = [vocabulary.prompt(manifest.prompt, s.query) for s in held_out]
    logits = choice_logits(
        trainee, prompts, len(functions) + 1, lambda done: on_tick(Tick("calibrate", done, len(prompts)))
    )
    right = [functions.index(s.calls[0]["name"]) if s.calls else len(functions) for s in held_out]
    near = [s.kind == "near-miss" for s in held_out]
    choices = [Choice(*row) for row in zip(logits, right, near, strict=True)]
    return replace(manifest, calibration=calibrate(choices, max_false_calls))
