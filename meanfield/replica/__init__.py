"""Replica theory of the measure P(x) ∝ exp(−βE): branches, sheets and their stability."""
