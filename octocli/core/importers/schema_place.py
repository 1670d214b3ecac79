"""The way to a schema while a document is converted: what it is called, how deep it stands, what led to it."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Where:
    """The way to a schema: its place in words, the objects around it, and the references that led to it."""

    place: str
    nesting: int = 0
    steps: int = 0
    trail: tuple[str, ...] = ()
    partial: bool = False  # a part of allOf or a reference's target: it is judged when all parts are one

    def inner(self, name: str) -> "Where":
        """A schema within this one, one level deeper."""
        nesting, steps = self.nesting + 1, self.steps + 1
        return replace(self, place=f"{self.place}{name}", nesting=nesting, steps=steps, partial=False)

    def beside(self, *, partial: bool = False) -> "Where":
        """Another schema for the same value."""
        return replace(self, steps=self.steps + 1, partial=partial)

    def behind(self, reference: str) -> "Where":
        """The target of a reference."""
        return replace(self.beside(partial=True), trail=(*self.trail, reference))
