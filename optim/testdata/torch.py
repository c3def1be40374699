"""Writes torch.json: parameters after some steps of PyTorch's optimisers, in float32 on the CPU.

SGD, Adagrad, Adam and AdamW are torch.optim's. In row-sparse cases every row is a parameter of its own and the rows that
a step does not touch have no gradient; the step that torch counts for each is set to that of the whole table, because
the powers of Adam's betas and Adagrad's decay count all steps here. "sparse_adam" is torch.optim.SparseAdam on the table.
Row-wise Adagrad and FTRL-proximal, which torch.optim has not, are written down with numpy.

    python3 torch.py > torch.json        # needs torch 2 and numpy
"""
import json
import sys

sys.path.pop(0)  # this file is called as the module it needs
import numpy as np
import torch

F = np.float32


# Row-wise Adagrad adds up squares in their order, FTRL-proximal is algorithm 1 of McMahan et al. 2013.
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


RULES = {"row_adagrad": row_adagrad, "ftrl": ftrl}
CASES = [
    ("sgd", {}, {}),
    ("sgd momentum", {"momentum": 0.9}, {}),
    ("sgd nesterov", {"momentum": 0.9, "nesterov": True}, {}),
    ("sgd l2", {}, {"l2": 0.1}),
    ("sgd momentum l2", {"momentum": 0.8}, {"l2": 0.1}),
    ("adagrad", {}, {}),
    ("adagrad settings", {"eps": 1e-3, "initial": 0.1, "decay": 0.05}, {}),
    ("adagrad l2", {}, {"l2": 0.05}),
    ("adam", {}, {}),
    ("adam settings", {"beta1": 0.8, "beta2": 0.99, "eps": 1e-4}, {}),
    ("adam l2", {}, {"l2": 0.01}),
    ("adamw", {}, {"decay": 0.1}),
    ("adamw settings", {"beta1": 0.7, "beta2": 0.9, "eps": 1e-3}, {"decay": 0.3}),
    ("sparse_adam", {}, {}),
    ("row_adagrad", {}, {}),
    ("row_adagrad settings", {"eps": 1e-3, "initial": 0.1}, {"l2": 0.01}),
    ("ftrl", {}, {}),
    ("ftrl settings", {"beta": 0.5, "l1": 0.9, "l2": 0.2}, {}),
]


def optimizer(rule, params, lr, s, extra):
    betas = (s.get("beta1", 0.9), s.get("beta2", 0.999))
    l2, one = extra.get("l2", 0.0), {"foreach": False}
    if rule == "sgd":
        return torch.optim.SGD(params, lr, momentum=s.get("momentum", 0), nesterov=s.get("nesterov", False), weight_decay=l2, **one)
    if rule == "adagrad":
        return torch.optim.Adagrad(params, lr, lr_decay=s.get("decay", 0), weight_decay=l2,
                                   initial_accumulator_value=s.get("initial", 0), eps=s.get("eps", 1e-10), **one)
    if rule == "adam":
        return torch.optim.Adam(params, lr, betas=betas, eps=s.get("eps", 1e-8), weight_decay=l2, **one)
    if rule == "adamw":
        return torch.optim.AdamW(params, lr, betas=betas, eps=s.get("eps", 1e-8), weight_decay=extra["decay"], **one)
    return torch.optim.SparseAdam(params, lr, betas=betas, eps=s.get("eps", 1e-8))


class Torch:
    """A table under one of torch's optimisers, by rows."""

    def __init__(self, rule, w, lr, settings, extra):
        self.whole = rule == "sparse_adam"
        split = [w] if self.whole else list(w)
        self.params = [torch.nn.Parameter(torch.tensor(row)) for row in split]
        self.optimizer = optimizer(rule, self.params, lr, settings, extra)

    def step(self, t, ids, g):
        self.optimizer.zero_grad(set_to_none=True)
        if self.whole:
            self.params[0].grad = torch.sparse_coo_tensor(torch.tensor([ids]), torch.tensor(g), self.params[0].shape)
        else:
            for i, row in zip(ids, g):
                self.params[i].grad = torch.tensor(row)
                state = self.optimizer.state[self.params[i]]
                if "step" in state:
                    state["step"].fill_(t - 1)
                elif t > 1 and isinstance(self.optimizer, torch.optim.Adam):
                    zeros = torch.zeros_like(self.params[i])
                    state.update(step=torch.tensor(float(t - 1)), exp_avg=zeros, exp_avg_sq=zeros.clone())
        self.optimizer.step()

    def table(self):
        return np.stack([p.detach().numpy() for p in self.params]).reshape(-1)


class Formula:
    """A table under one of the rules above."""

    def __init__(self, rule, w, lr, settings, extra):
        self.rule, self.w, self.lr, self.settings, self.l2 = RULES[rule], w.copy(), lr, settings, extra.get("l2", 0)
        self.state = [{} for _ in w]

    def step(self, t, ids, g):
        for i, row in zip(ids, g):
            if self.l2:
                row = row + F(self.l2) * self.w[i]
            self.w[i] = self.rule(self.w[i], row, self.state[i], t, self.lr, **self.settings)

    def table(self):
        return self.w


def lists(x):
    return [float(v) for v in np.asarray(x, F).ravel()]


def main():
    torch.sparse.check_sparse_tensor_invariants.enable()
    rng = np.random.default_rng(1)
    out = []
    rows, width, steps, lr = 6, 3, 5, 0.05
    for name, settings, extra in CASES:
        rule = name.split()[0]
        for sparse in (False, True):
            if rule == "sparse_adam" and not sparse:
                continue
            w = rng.normal(size=(rows, width)).astype(F)
            case = {"name": name, "rule": rule, "settings": settings, **extra,
                    "sparse": sparse, "rate": lr, "rows": rows, "width": width, "start": lists(w), "steps": []}
            table = (Formula if rule in RULES else Torch)(rule, w, lr, settings, extra)
            for t in range(1, steps + 1):
                ids = sorted(int(i) for i in rng.choice(rows, size=3, replace=False)) if sparse else list(range(rows))
                g = rng.normal(size=(len(ids), width)).astype(F)
                case["steps"].append({"ids": ids if sparse else None, "gradient": lists(g)})
                table.step(t, ids, g)
            case["end"] = lists(table.table())
            out.append(case)
    print(json.dumps(out))


main()
