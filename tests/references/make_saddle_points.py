"""Independent reference numbers for the saddle point, with mpmath at 25 digits.

Nothing here uses the package: the equations are taken as printed (q, r, X for the paramagnetic
branch, Q and G for the static one), the integrals are done by composite Gauss–Legendre rules in x
whose panels are halved until 18 digits agree, and the roots by mpmath's multidimensional Newton
iteration.  Running it rewrites saddle_points.json (a few minutes).
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import mpmath as mp

mp.mp.dps = 25

PHI = {
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2),
    "erf": (lambda x: mp.erf(mp.sqrt(mp.pi) * x / 2), lambda x: mp.exp(-mp.pi * x * x / 4)),
    "algebraic": (lambda x: x / mp.sqrt(1 + x * x), lambda x: (1 + x * x) ** mp.mpf(-1.5)),
    "linear": (lambda x: x, lambda x: mp.mpf(1)),
}

# g, gamma, beta, eta, phi, start (q, r, X)
PARAMAGNETIC = [
    (1.2, 0.5, 100, 0, "tanh", (0.3254253, 0.6404621, 0.6943532)),
    (1.2, 0.5, "inf", 0, "tanh", (0.3159742, 0.6430297, 0.7539219)),
    (0.75, 0.5, 1000000.0, 0, "tanh", (0.0009966229, 1.184957, 371.7424)),
    (0.6, 0.3, 10000.0, 0, "tanh", (0.0002442249, 1.139933, 0.684984)),
    (1.6, -0.5, 1000000.0, 0, "tanh", (0.1365308, 0.8963242, -3.039126)),
    (8.0, 1.0, "inf", 0, "tanh", (0.9215459, 0.06573607, 0.005002656)),
    (10.0, 0.9, 0.1, 0, "tanh", (0.939132, 0.05301084, 0.002544448)),
    (2.0, -0.8, 1.0, 0, "tanh", (0.401249, 0.4980344, -0.2527415)),
    (1.3, 0.4, 20.0, 0, "erf", (0.4214034, 0.5979315, 0.350307)),
    (1.3, -0.3, 5.0, 0, "algebraic", (0.2211022, 0.6592176, -0.2763543)),
    (1.1, 0.3, 10.0, 0.5, "tanh", (0.06851653, 0.3538006, 3.632887)),
    (1.5, 0.6, 2.0, 0.25, "linear", (0.5120444, 0.2185087, 0.5120444)),
    (0.666, 0.5, 1000.0, 0, "tanh", (0.01094646, 1.335933, 7.718322)),
]
STATIC = [
    (1.0667, 0.5, (0.4527817, 0.8868916)),
    (0.875, 0.2, (0.04903483, 1.141746)),
    (1.6, -0.2, (0.216661, 0.6187357)),
    (0.9, 1.0, (0.5933166, 1.008122)),
    (1.15, 1.0, (0.7679813, 0.7506488)),
    (3.0, -0.5, (0.2828869, 0.328886)),
]

_ORDER = 16
_NODES = [
    (x, 2 / ((1 - x * x) * mp.diff(lambda t: mp.legendre(_ORDER, t), x) ** 2))
    for x in mp.polyroots(
        mp.taylor(lambda t: mp.legendre(_ORDER, t), 0, _ORDER)[::-1], maxsteps=200, extraprec=200
    )
]


def integrate(functions, cuts, panels):
    """Composite Gauss–Legendre integrals of a tuple-valued function between consecutive cuts."""
    total = None
    for low, high in pairwise(cuts):
        half = (high - low) / panels / 2
        for i in range(panels):
            middle = low + (2 * i + 1) * half
            for node, weight in _NODES:
                values = [half * weight * value for value in functions(middle + half * node)]
                if total is None:
                    total = values
                else:
                    total = [a + b for a, b in zip(total, values, strict=True)]
    return total


def integrate_checked(functions, cuts, panels):
    coarse, fine = (integrate(functions, cuts, m) for m in (panels, 2 * panels))
    for one, two in zip(coarse, fine, strict=True):
        assert abs(one - two) <= mp.mpf(10) ** -18 * max(abs(two), abs(fine[0])), (one, two)
    return fine


def solve_paramagnetic(g, gamma, beta, eta, phi, start):
    f, _ = PHI[phi]
    g, gamma, eta = mp.mpf(g), mp.mpf(gamma), mp.mpf(eta)
    temperature = mp.mpf(0) if beta == "inf" else 1 / mp.mpf(beta)
    pull = eta / temperature if eta else mp.mpf(0)
    panels = 6

    def law(q, r, x_d):
        v = temperature + g**2 * q
        k = g**2 * gamma * r
        if phi == "linear":
            reach = 12 / mp.sqrt((1 - k) ** 2 / v + g**2 * x_d + pull)
        else:
            reach = 12 * mp.sqrt(v) + max(k, 0)
            if 0 < k < 1:
                reach = min(reach, 12 * mp.sqrt(v) / (1 - k))
        count = int(mp.ceil(reach / min(3 * mp.sqrt(v), mp.mpf(3))))
        assert count < 100, "Newton's iteration has left the neighbourhood of its start"
        cuts = [reach * i / count for i in range(count + 1)]

        def integrands(x):
            value = f(x)
            y = x - k * value
            weight = mp.exp(-(y**2) / (2 * v) - g**2 * x_d * value**2 / 2 - pull * x * x / 2)
            return [weight * h for h in (1, value**2, y * value, y * y, x * x, x * value)]

        return v, integrands, cuts

    def residual(log_q, r, scaled):
        q = mp.exp(log_q)
        x_d = scaled / q
        v, integrands, cuts = law(q, r, x_d)
        norm, qq, rr, yy, _, _ = integrate(integrands, cuts, panels)
        return [qq / norm / q - 1, rr / norm / v - r, (1 / v - yy / norm / v**2 - x_d) * q]

    q0, r0, x0 = start
    log_q, r, scaled = mp.findroot(residual, (mp.log(q0), r0, x0 * q0), tol=1e-38, maxsteps=40)
    q = mp.exp(log_q)
    x_d = scaled / q
    v, integrands, cuts = law(q, r, x_d)
    norm, _, _, _, x2, sigma = integrate_checked(integrands, cuts, panels)
    entropy = g**2 / 2 * (x_d * q - gamma * r**2) + mp.log(2 * norm / mp.sqrt(2 * mp.pi * v))
    return {
        "q": q,
        "r": r,
        "X": x_d,
        "x2": x2 / norm,
        "sigma_xphi": sigma / norm,
        "free_entropy": entropy,
    }


def solve_static(g, gamma, start):
    f, slope = PHI["tanh"]
    g, gamma = mp.mpf(g), mp.mpf(gamma)
    panels = 8

    def law(q, response):
        spread = g * mp.sqrt(q)
        k = g**2 * gamma * response
        top = 12 * spread + max(k, 0)
        near = mp.sqrt(1 - k) if k > 0 else mp.mpf(1)
        cuts = [mp.mpf(0)]
        while cuts[-1] < top and len(cuts) < 100:
            cuts.append(min(top, cuts[-1] * 2 if cuts[-1] else near))

        def integrands(x):
            value, d1 = f(x), slope(x)
            z, dy = x - k * value, 1 - k * d1
            p = 2 * mp.exp(-(z**2) / (2 * spread**2)) / (mp.sqrt(2 * mp.pi) * spread)
            return [p * h for h in (dy * value**2, d1, d1**2 / dy)]

        return integrands, cuts

    def residual(q, response):
        mean_q, mean_response, _ = integrate(*law(q, response), panels)
        return [mean_q - q, mean_response - response]

    q, response = mp.findroot(residual, start, tol=1e-38, maxsteps=40)
    _, _, fluctuation = integrate_checked(*law(q, response), panels)
    return {
        "Q": q,
        "G": response,
        "instability": g**2 * fluctuation,
        "chi": fluctuation / (1 - g**2 * fluctuation),
    }


def main() -> None:
    names = ("g", "gamma", "beta", "eta", "phi")
    paramagnetic = [
        dict(zip(names, case[:5], strict=True)) | solve_paramagnetic(*case) for case in PARAMAGNETIC
    ]
    static = [{"g": c[0], "gamma": c[1]} | solve_static(*c) for c in STATIC]
    text = json.dumps(
        {"paramagnetic": paramagnetic, "static": static},
        indent=1,
        default=lambda value: mp.nstr(value, 20),
    )
    Path(__file__).with_name("saddle_points.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
