"""Measures PeekFS side by side with its peers; `scripts/bench` runs it."""
