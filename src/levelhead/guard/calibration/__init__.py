"""From raw scores to probabilities, and to a threshold for a stated false-positive budget."""
