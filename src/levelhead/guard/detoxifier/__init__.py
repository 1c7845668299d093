"""Rewriters of harmful answers, the loop that judges what they write, and measures of how well they do."""
