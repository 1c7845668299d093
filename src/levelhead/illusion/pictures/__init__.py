"""Kinds of pictures that show an answer: written, drawn, generated or photographed."""
