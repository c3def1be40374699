"""Writes torch.json: parameters after some steps of PyTorch's optimisers, computed with numpy.

PyTorch itself is not used. The formulas below are those of torch/optim/{sgd,adagrad,adam,adamw}.py (PyTorch 2,
single-tensor form, float32 tensors, Python scalars in float64 that are rounded to float32 when they meet a tensor),
written down from its source by hand. Row-sparse cases apply the same formulas to the touched rows alone.

    python3 torch.py > torch.json
"""
import json
import numpy as np

F = np.float32


def sgd(w, g, s, t, lr, momentum=0.0, nesterov=False):
    if momentum:
        s["momentum"] = s.get("momentum", np.zeros_like(w)) * F(momentum) + g
        g = g + s["momentum"] * F(momentum) if nesterov else s["momentum"]
    return w + F(-lr) * g


def adagrad(w, g, s, t, lr, eps=1e-10, initial=0.0, decay=0.0):
    clr = lr / (1 + (t - 1) * decay)
    s["sum"] = s.get("sum", np.full_like(w, F(initial))) + g * g
    return w + (F(-clr) * g) / (np.sqrt(s["sum"]) + F(eps))


def adam(w, g, s, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m, v = s.get("m", np.zeros_like(w)), s.get("v", np.zeros_like(w))
    m = m + F(1 - beta1) * (g - m)  # lerp_
    v = v * F(beta2) + (F(1 - beta2) * g) * g  # mul_, addcmul_
    s["m"], s["v"] = m, v
    step = lr / (1 - beta1**t)
    root = np.sqrt(1 - beta2**t)
    return w + (F(-step) * m) / (np.sqrt(v) / F(root) + F(eps))


# The two rules below are not PyTorch's: row-wise Adagrad adds up squares in their order, FTRL-proximal is algorithm 1 of
# McMahan et al. 2013.
def row_adagrad(w, g, s, t, lr, eps=1e-10, initial=0.0):
    total = F(0)
    for v in g:
        total = total + v * v
    s["sum"] = s.get("sum", F(initial)) + total / F(len(g))
    return w + (F(-lr) * g) / (np.sqrt(s["sum"]) + F(eps))


def ftrl(w, g, s, t, lr, beta=1.0, l1=0.0, l2=0.0):
    z, n = s.get("z", np.zeros_like(w)), s.get("n", np.zeros_like(w))
    root = np.sqrt(n + g * g)
    sigma = (root - np.sqrt(n)) * F(1 / lr)
    z = z + (g - sigma * w)
    s["z"], s["n"] = z, n + g * g
    shrunk = -(z - np.sign(z) * F(l1)) / ((F(beta) + root) * F(1 / lr) + F(l2))
    return np.where(np.abs(z) <= F(l1), F(0), shrunk)


RULES = {"sgd": sgd, "adagrad": adagrad, "adam": adam, "row_adagrad": row_adagrad, "ftrl": ftrl}
CASES = [
    ("sgd", {}, {}),
    ("sgd momentum", {"momentum": 0.9}, {}),
    ("sgd nesterov", {"momentum": 0.9, "nesterov": True}, {}),
    ("sgd l2", {}, {"l2": 0.1}),
    ("adagrad", {}, {}),
    ("adagrad settings", {"eps": 1e-3, "initial": 0.1, "decay": 0.05}, {}),
    ("adam", {}, {}),
    ("adam settings", {"beta1": 0.8, "beta2": 0.99, "eps": 1e-4}, {}),
    ("adam l2", {}, {"l2": 0.01}),
    ("adamw", {}, {"decay": 0.1}),
    ("row_adagrad", {}, {}),
    ("row_adagrad settings", {"eps": 1e-3, "initial": 0.1}, {"l2": 0.01}),
    ("ftrl", {}, {}),
    ("ftrl settings", {"beta": 0.5, "l1": 0.9, "l2": 0.2}, {}),
]


def lists(x):
    return [float(v) for v in np.asarray(x, F).ravel()]


def main():
    rng = np.random.default_rng(1)
    out = []
    rows, width, steps, lr = 6, 3, 5, 0.05
    for name, settings, extra in CASES:
        for sparse in (False, True):
            w = rng.normal(size=(rows, width)).astype(F)
            case = {"name": name, "rule": name.split()[0].replace("adamw", "adam"), "settings": settings, **extra,
                    "sparse": sparse, "rate": lr, "rows": rows, "width": width, "start": lists(w), "steps": []}
            state = [{} for _ in range(rows)]
            for t in range(1, steps + 1):
                ids = sorted(rng.choice(rows, size=3, replace=False)) if sparse else range(rows)
                g = rng.normal(size=(len(ids), width)).astype(F)
                case["steps"].append({"ids": [int(i) for i in ids] if sparse else None, "gradient": lists(g)})
                for k, i in enumerate(ids):
                    d = g[k]
                    if extra.get("decay"):
                        w[i] = w[i] * F(1 - lr * extra["decay"])
                    if extra.get("l2"):
                        d = d + F(extra["l2"]) * w[i]
                    w[i] = RULES[case["rule"]](w[i], d, state[i], t, lr, **settings)
            case["end"] = lists(w)
            out.append(case)
    print(json.dumps(out))


main()
