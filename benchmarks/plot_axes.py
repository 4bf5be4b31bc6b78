"""What all plots have in common."""

from matplotlib.axes import Axes


def finish(axes: Axes, title: str, *, legend_columns: int) -> None:
    """Title, grid behind what is drawn, and a legend at the top that lies on no line; axes without
    anything say so."""
    axes.set_title(title, fontsize=10)
    highest = axes.dataLim.y1 if axes.has_data() else 0.0
    axes.set_ylim(0, 1.25 * highest if highest > 0 else 1.0)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.has_data():
        axes.legend(
            loc="upper left", ncols=legend_columns, fontsize=8, framealpha=0.7, edgecolor="none"
        )
    else:
        axes.text(0.5, 0.5, "not measured", ha="center", transform=axes.transAxes)
