"""octo: from an app's API spec to a small on-device model that calls it.

The floors, from the ground up: `core` (nouns), `teachers` and `model` (engines), `runtime`, `stages` (verbs), `cli`
(doors). Imports go downwards only; `docs/architecture.md` has the map.
"""

__version__ = "0.1.0"
