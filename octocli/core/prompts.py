"""The prompt: one string for training, evaluation, chat and GGUF, kept in the manifest.

Frame, user text and target stay apart from here on, so that each is tokenised alone and user text never as tokens.
The paper's template is printed in arXiv 2404.01744, section 4.1.
"""

from dataclasses import dataclass

from octocli.core.errors import BadInput

SLOT = "{query}"
PRESETS = {
    "short": "Query: {query}\nResponse:",
    "paper": (
        "Below is the query from the users, please call the correct function and generate the parameters to call the "
        "function.\n\nQuery: {query} \n\nResponse:"
    ),
}
DESCRIPTION_LEAD = "\n\nFunction description: "


@dataclass(frozen=True)
class Prompt:
    """A prompt template that holds `{query}` once."""

    template: str

    @property
    def before(self) -> str:
        """The frame before the user's text, without its closing space: BPE keeps a space with the word after it."""
        return self.template.split(SLOT)[0].rstrip(" ")

    @property
    def after(self) -> str:
        """The frame after the user's text."""
        return self.template.split(SLOT)[1]

    def user(self, query: str) -> str:
        """The user's text as it stands between the two halves of the frame."""
        lead = self.template.split(SLOT)[0]
        return lead[len(lead.rstrip(" ")) :] + " ".join(query.split())

    def render(self, query: str) -> str:
        """The whole prompt as one string."""
        return self.before + self.user(query) + self.after


def make_prompt(text: str) -> Prompt:
    """A prompt from a preset's name or a template of one's own.

    Raises:
        BadInput: neither a preset nor a template with one `{query}`.
    """
    template = PRESETS.get(text, text)
    if template.count(SLOT) != 1:
        raise BadInput(
            f"octo.toml: prompt = {text!r} is no preset ({', '.join(PRESETS)}) and does not hold {SLOT} once",
            hint="write prompt = 'short'",
        )
    return Prompt(template)
