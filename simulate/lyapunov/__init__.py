"""Lyapunov exponents: the largest by two algorithms, the spectrum by QR."""

from .maximal import ALGORITHMS, LyapunovExponent, maximal_lyapunov
from .spectrum import LyapunovSpectrum, lyapunov_spectrum

__all__ = [
    "ALGORITHMS",
    "LyapunovExponent",
    "LyapunovSpectrum",
    "lyapunov_spectrum",
    "maximal_lyapunov",
]
