"""Proxy runs -> weights: which mixtures to try, and which one they point to. No Spark."""
