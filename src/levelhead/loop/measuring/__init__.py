"""Measuring a model with three suites at once: one run folder, one summary, one page."""
