"""What a trained network would choose first: the logits of its function tokens right after a prompt.

For calibration on many rows at once. Answers in full, under a grammar, are the runtime's.
"""

from collections.abc import Callable, Sequence

import torch

from octocli.model.network import Trainee

_AT_ONCE = 16


@torch.no_grad()
def choice_logits(
    trainee: Trainee, prompts: Sequence[Sequence[int]], count: int, on_prompt: Callable[[int], None] = lambda _: None
) -> list[tuple[float, ...]]:
    """Logits of the first `count` new tokens after each prompt, in the order of the prompts.

    Args:
        trainee: the network, all its processes together where it is spread over some.
        prompts: ids of whole prompts.
        count: how many of the new tokens are wanted, in the order of the trainee's rows.
        on_prompt: told how many prompts are done.
    """
    trainee.eval()
    rows = (trainee.rows if trainee.head_rows is None else trainee.head_rows)[:count]
    # Prompts of one length stand together, since a batch is as long as its longest.
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    found: dict[int, tuple[float, ...]] = {}
    for start in range(0, len(order), _AT_ONCE):
        part = order[start : start + _AT_ONCE]
        length = max(len(prompts[i]) for i in part)
        ids = torch.tensor([[*prompts[i], *[0] * (length - len(prompts[i]))] for i in part], device=rows.device)
        last = torch.tensor([n * length + len(prompts[i]) - 1 for n, i in enumerate(part)], device=rows.device)
        hidden = trainee.hidden(ids, last)
        logits = trainee.capped(hidden @ rows.to(hidden.dtype).T)
        found |= dict(zip(part, map(tuple, logits.float().tolist()), strict=True))
        on_prompt(len(found))
    return [found[i] for i in range(len(prompts))]
