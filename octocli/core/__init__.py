"""The nouns of octo: spec, tokens, calls, prompts, samples, project, config, scores.

No torch, no network, no printing.
"""

DEFAULT_RUN = "main"
