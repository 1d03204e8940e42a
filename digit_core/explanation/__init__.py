"""Explain a network's answer: which ink is evidence for which digit."""
