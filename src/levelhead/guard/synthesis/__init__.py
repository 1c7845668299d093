"""Pairs of an acceptable and an unacceptable answer, written by the operator's own model and reviewed."""
