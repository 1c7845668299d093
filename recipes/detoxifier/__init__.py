"""The recipe of the detoxifier's adapter."""
