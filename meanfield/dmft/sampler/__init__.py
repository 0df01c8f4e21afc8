"""The causal sampler: one forward sweep for any symmetry, any κ(t) and any single-site model."""
