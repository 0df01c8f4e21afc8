"""Stationary mean-field theory of the random network with γ = 0."""
