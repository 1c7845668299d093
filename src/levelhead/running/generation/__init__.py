"""A model writes data: replies become checked JSON objects, and a person decides on them in a table."""
