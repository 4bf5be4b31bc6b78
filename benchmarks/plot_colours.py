"""Colours of all plots, so that a contender keeps its own."""

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Okabe and Ito's, told apart by all eyes."""

OURS = "#000000"
