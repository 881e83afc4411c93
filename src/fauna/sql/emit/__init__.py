"""Typed statements to the text of an engine's own SQL: `sqlite` for embedded shards."""
