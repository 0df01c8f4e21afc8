"""Independent reference numbers for the saddle point, with mpmath at 25 digits.

Nothing here uses the package: the equations are taken as printed (q, r, X for the paramagnetic
branch, Q and G for the static one), the integrals are done by composite Gauss–Legendre rules in x
whose panels are halved until 18 digits agree, and the roots by mpmath's multidimensional Newton
iteration.  Running it rewrites saddle_points.json (a few minutes).
"""

from __future__ import annotations

import json
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
    (1.2, 0.5, 100, 0, "tanh", (0.325, 0.640, 0.694)),
    (1.2, 0.5, "inf", 0, "tanh", (0.316, 0.643, 0.754)),
    (0.75, 0.5, 1e6, 0, "tanh", (9.24e-4, 1.1857, 380.0)),
    (0.6, 0.3, 1e4, 0, "tanh", (2.44e-4, 1.1399, 0.685)),
    (1.6, -0.5, 1e6, 0, "tanh", (0.1558, 0.893, -1.0)),
    (8.0, 1.0, "inf", 0, "tanh", (0.93, 0.066, 0.005)),
    (10.0, 0.9, 0.1, 0, "tanh", (0.93, 0.05, 0.002)),
    (2.0, -0.8, 1.0, 0, "tanh", (0.4, 0.55, -0.2)),
    (1.3, 0.4, 20.0, 0, "erf", (0.42, 0.58, 0.4)),
    (1.3, -0.3, 5.0, 0, "algebraic", (0.27, 0.67, -0.1)),
    (1.1, 0.3, 10.0, 0.5, "tanh", (0.13, 0.65, 3.5)),
    (1.5, 0.6, 2.0, 0.25, "linear", (1.5, 0.4, 0.8)),
    (0.666, 0.5, 1e3, 0, "tanh", (0.0045, 1.45, 15.0)),
]
STATIC = [
    (1.0667, 0.5, (0.4528, 0.8869)),
    (0.875, 0.2, (0.0490, 1.1417)),
    (1.6, -0.2, (0.2167, 0.6187)),
    (0.9, 1.0, (0.5933, 1.0081)),
    (1.15, 1.0, (0.76, 0.75)),
    (3.0, -0.5, (0.33, 0.31)),
]


_ORDER = 16
_NODES = [
    (x, 2 / ((1 - x * x) * mp.diff(lambda t: mp.legendre(_ORDER, t), x) ** 2))
    for x in mp.polyroots(mp.taylor(lambda t: mp.legendre(_ORDER, t), 0, _ORDER)[::-1], maxsteps=200, extraprec=200)
]


def integrate(functions, cuts, panels):
    """Composite Gauss–Legendre integrals of a tuple-valued function between consecutive cuts."""
    total = None
    for low, high in zip(cuts[:-1], cuts[1:], strict=True):
        half = (high - low) / panels / 2
        for i in range(panels):
            middle = low + (2 * i + 1) * half
            for node, weight in _NODES:
                values = [half * weight * value for value in functions(middle + half * node)]
                total = values if total is None else [a + b for a, b in zip(total, values)]
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
        while cuts[-1] < top:
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
