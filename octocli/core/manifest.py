"""The manifest: all that a runtime must know beside the weights. It travels in `run.json` and in the GGUF's metadata.

Kept small and readable: the spec, the tokens, the prompt, the base and its licence.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from octocli.core.errors import BadInput
from octocli.core.prompts import Prompt
from octocli.core.spec import Spec, parse_spec
from octocli.core.tokens import TokenTable

VERSION = 1
GGUF_KEY = "octo.manifest"


@dataclass(frozen=True)
class Manifest:
    """What a trained model was taught: its app, its tokens, its prompt, its base."""

    spec: Spec
    tokens: TokenTable
    prompt: Prompt
    base: Mapping[str, Any]
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The manifest as JSON."""
        return {
            "version": VERSION,
            "spec": self.spec.to_json(),
            "tokens": dict(self.tokens.indices),
            "prompt": self.prompt.template,
            "base": dict(self.base),
            "settings": dict(self.settings),
        }

    def dumps(self) -> str:
        """The manifest as one line of text, for a GGUF's metadata. The examples stay at home."""
        data = self.to_json()
        for function in data["spec"]["functions"]:
            function.pop("examples", None)
        return json.dumps(data, ensure_ascii=False)


def parse_manifest(data: Any, source: str) -> Manifest:
    """Make a manifest of JSON data.

    Raises:
        BadInput: it is none, or of a version that this octo does not know.
    """
    if not isinstance(data, dict) or "spec" not in data or "tokens" not in data:
        raise BadInput(f"{source}: holds no octo manifest", hint="give a run folder or a GGUF that octo exported")
    if data.get("version") != VERSION:
        raise BadInput(f"{source}: manifest version {data.get('version')!r}", hint=f"this octo reads version {VERSION}")
    spec = parse_spec(data["spec"], source=source)
    return Manifest(
        spec=spec,
        tokens=TokenTable(spec.app, data["tokens"]),
        prompt=Prompt(data["prompt"]),
        base=data.get("base", {}),
        settings=data.get("settings", {}),
    )
