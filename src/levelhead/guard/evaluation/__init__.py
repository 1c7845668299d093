"""A model with and without its guard: attack success, and beside it what the guard costs the harmless."""
