"""The nouns of octo: spec, tokens, calls, prompts, samples, project, config, scores.

No torch, no network, no printing.
"""

DEFAULT_RUN = "main"
# The run that comes of growing one, where no other name is given.
GROWN_RUN = "grown"
# What a merge or a growth may cost for sure, as a share of strict calls, before octo refuses.
MOST_LOST = 0.01
