"""The training curve as a picture: every step's loss and its running mean."""

from collections.abc import Sequence
from pathlib import Path


def draw_curve(losses: Sequence[float], path: Path, *, window: int = 20) -> None:
    """Write a PNG of the loss by step."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = range(1, len(losses) + 1)
    axes.plot(steps, losses, linewidth=0.6, alpha=0.4, label="step")
    mean = [sum(losses[max(0, i - window) : i]) / min(i, window) for i in steps]
    axes.plot(steps, mean, linewidth=1.6, label=f"mean of {window}")
    axes.set_xlabel("step")
    axes.set_ylabel("loss on the target")
    axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, format="png")
