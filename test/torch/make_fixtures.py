"""Writes testdata/*.json: random graphs of layers and operators with what PyTorch computes for them.

A fixture describes a graph in neutral terms, step by step, with parameters, inputs, outputs, a loss (a weighted sum of
the outputs or one of the losses) and the gradients that autograd finds for the parameters, all in float64 from float32
data and rounded to float32 at the end. A step {"op": ...} is one ONNX operator, {"layer": ...} and {"loss": ...} are
building blocks with the settings of our own. What PyTorch has is taken from PyTorch (scaled_dot_product_attention,
layer_norm, cross_entropy ...), the rest is written down in terms of it.

    python3 make_fixtures.py        # needs torch 2 and numpy
"""
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as T

D = torch.float64
ROWS, COLS = 4, 6


def tensor_json(t):
    t = t.detach()
    kind = {D: "float32", torch.int64: "int64", torch.bool: "bool"}[t.dtype]
    data = t.reshape(-1).tolist()
    if kind == "float32":
        data = [float(f"{np.float32(v):.9g}") for v in data]
    return {"type": kind, "shape": list(t.shape), "data": data}


class Graph:
    """A graph under construction, evaluated as it grows."""

    def __init__(self, name, seed):
        self.name, self.rng = name, np.random.default_rng(seed)
        self.values, self.params, self.inputs, self.consts, self.steps = {}, {}, {}, {}, []

    def uniform(self, *shape, low=-1.0, high=1.0):
        return torch.tensor(self.rng.uniform(low, high, size=shape).astype(np.float32), dtype=D)

    def integers(self, high, *shape):
        return torch.tensor(self.rng.integers(0, high, size=shape))

    def param(self, path, *shape, low=-1.0, high=1.0):
        if path not in self.params:
            self.params[path] = self.uniform(*shape, low=low, high=high).requires_grad_()
            self.values[path] = self.params[path]
        return path

    def input(self, t):
        name = f"x{len(self.inputs)}"
        self.inputs[name] = self.values[name] = t
        return name

    def const(self, t):
        if not torch.is_tensor(t):
            t = torch.tensor(t)
        name = f"c{len(self.consts)}"
        self.consts[name] = self.values[name] = t.to(D) if t.is_floating_point() else t
        return name

    def add(self, step, results):
        """Records a step; returns the names of its results."""
        results = results if isinstance(results, (list, tuple)) else [results]
        step["out"] = [f"v{len(self.steps)}.{i}" for i in range(len(results))]
        for name, value in zip(step["out"], results):
            self.values[name] = value
        self.steps.append(step)
        return step["out"]

    def op(self, typ, *names, **attrs):
        args = [None if n is None else self.values[n] for n in names]
        out = OPS[typ](*args, **{k: v for k, v in attrs.items()})
        typed = {k: ["ints" if isinstance(v, list) else "int" if isinstance(v, int) else "string" if isinstance(v, str) else "float", v]
                 for k, v in attrs.items()}
        return self.add({"op": typ, "in": list(names), "attrs": typed}, out)[0]

    def layer(self, kind, names, **settings):
        """settings["name"] is the prefix of the layer's parameters."""
        out = LAYERS[kind](self, *[self.values[n] for n in names], **settings)
        return self.add({"layer": kind, "in": list(names), "settings": settings}, out)[0]

    def finish(self, outputs):
        """Gives every output random weights; the loss is the sum of all products."""
        loss, weights = 0, {}
        for name in outputs:
            w = self.uniform(*self.values[name].shape, low=0.5, high=1.5)
            weights[name] = tensor_json(w)
            loss = loss + (self.values[name] * w).sum()
        loss.backward()
        return {
            "name": self.name, "params": {k: tensor_json(v) for k, v in self.params.items()},
            "inputs": {k: tensor_json(v) for k, v in self.inputs.items()},
            "consts": {k: tensor_json(v) for k, v in self.consts.items()},
            "steps": self.steps, "weights": weights,
            "outputs": {k: tensor_json(self.values[k]) for k in outputs},
            "gradients": {k: tensor_json(torch.zeros_like(v) if v.grad is None else v.grad) for k, v in self.params.items()},
        }


# ---- operators: ONNX's signatures, PyTorch's functions ----

def ints(t):
    return [int(v) for v in t.reshape(-1)]


def onnx_slice(x, starts, ends, axes, steps):
    for start, end, axis, step in zip(ints(starts), ints(ends), ints(axes), ints(steps)):
        x = x.index_select(axis, torch.tensor(range(x.shape[axis])[start:end:step]))
    return x


def scatter_elements(x, ids, updates, axis, reduction):
    if reduction == "add":
        return x.scatter_add(axis, ids, updates)
    return x.scatter(axis, ids, updates)


def scatter_nd(x, ids, updates, reduction):
    return x.index_put((ids[:, 0],), updates, accumulate=reduction == "add")


def cumsum(x, axis, exclusive, reverse):
    axis = int(axis)
    y = torch.cumsum(x.flip(axis) if reverse else x, axis)
    y = y.flip(axis) if reverse else y
    return y - x if exclusive else y


def pad(x, pads, value):
    before, after = ints(pads)[:x.dim()], ints(pads)[x.dim():]
    flat = []
    for b, a in reversed(list(zip(before, after))):
        flat += [b, a]
    return T.pad(x, flat, value=float(value))


def one_hot(ids, depth, values, axis):
    hot = T.one_hot(ids, int(depth)).to(D)
    return values[0] * (1 - hot) + values[1] * hot


def top_k(x, k, axis, largest):
    values, ids = torch.topk(x, int(k), dim=axis, largest=bool(largest))
    return [values, ids]


def reduce(f):
    return lambda x, axes, keepdims: f(x, tuple(axes), bool(keepdims))


def gemm(a, b, c, alpha, beta, transA, transB):
    return torch.addmm(c, a.T if transA else a, b.T if transB else b, beta=beta, alpha=alpha)


def gates(t, order):
    """Puts the gates of ONNX, along the first axis, into PyTorch's order."""
    parts = t.chunk(len(order))
    return torch.cat([parts[i] for i in order])


def recurrent_parameters(w, r, b, order):
    biases = b[0].chunk(2)
    return [gates(t, order) for t in (w[0], r[0], biases[0], biases[1])]


def gru(x, w, r, b, hidden_size, linear_before_reset):
    start = torch.zeros(1, x.shape[1], hidden_size, dtype=D)
    y, h = torch.gru(x, start, recurrent_parameters(w, r, b, [1, 0, 2]), True, 1, 0.0, False, False, False)
    return [y.unsqueeze(1), h]


def lstm(x, w, r, b, hidden_size):
    start = torch.zeros(1, x.shape[1], hidden_size, dtype=D)
    y, h, c = torch.lstm(x, [start, start], recurrent_parameters(w, r, b, [0, 2, 3, 1]), True, 1, 0.0, False, False, False)
    return [y.unsqueeze(1), h, c]


OPS = {
    "BatchNormalization": lambda x, w, b, mean, var, epsilon: T.batch_norm(x, mean, var, w, b, False, 0.0, epsilon),
    "Einsum": lambda *xs, equation: torch.einsum(equation, *xs), "GRU": gru, "LSTM": lstm,
    "Abs": torch.abs, "Neg": torch.neg, "Sqrt": torch.sqrt, "Exp": torch.exp, "Log": torch.log, "Erf": torch.erf,
    "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Softplus": T.softplus, "Relu": torch.relu,
    "Identity": lambda x: x.clone(), "Dropout": lambda x: T.dropout(x, training=False),
    "LeakyRelu": lambda x, alpha: T.leaky_relu(x, alpha), "Elu": lambda x, alpha: T.elu(x, alpha),
    "HardSigmoid": lambda x, alpha, beta: torch.clamp(alpha * x + beta, 0, 1),
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div, "Max": torch.maximum, "Min": torch.minimum,
    "Pow": torch.pow, "Where": torch.where, "MatMul": torch.matmul, "Gemm": gemm,
    "Clip": lambda x, low, high: torch.clamp(x, low, high),
    "Cast": lambda x, to: x.to({1: D, 11: D}[to]),
    "Softmax": lambda x, axis: torch.softmax(x, axis), "LogSoftmax": lambda x, axis: torch.log_softmax(x, axis),
    "CumSum": cumsum, "Pad": pad, "OneHot": one_hot, "TopK": top_k, "Slice": onnx_slice,
    "Concat": lambda *xs, axis: torch.cat(xs, axis), "Split": lambda x, sizes, axis: torch.split(x, ints(sizes), axis),
    "Reshape": lambda x, shape: x.reshape(ints(shape)), "Transpose": lambda x, perm: x.permute(perm),
    "Squeeze": lambda x, axes: x.squeeze(ints(axes)[0]), "Unsqueeze": lambda x, axes: x.unsqueeze(ints(axes)[0]),
    "Expand": lambda x, shape: x.expand(ints(shape)), "Tile": lambda x, repeats: x.tile(ints(repeats)),
    "Gather": lambda x, ids, axis: x.index_select(axis, ids.reshape(-1)).reshape(*x.shape[:axis], *ids.shape, *x.shape[axis + 1:]),
    "GatherElements": lambda x, ids, axis: torch.gather(x, axis, ids), "GatherND": lambda x, ids: x[ids[..., 0]],
    "ScatterElements": scatter_elements, "ScatterND": scatter_nd,
    "ReduceSum": lambda x, axes, keepdims: x.sum(ints(axes), bool(keepdims)),
    "ReduceMean": reduce(torch.mean), "ReduceMax": reduce(torch.amax), "ReduceMin": reduce(torch.amin),
    "ReduceL2": reduce(lambda x, axes, keep: torch.linalg.vector_norm(x, dim=axes, keepdim=keep)),
    "LayerNormalization": lambda x, w, b, axis, epsilon: T.layer_norm(x, x.shape[axis:], w, b, epsilon),
}


def f32(v):
    return float(np.float32(v))


def unary(name, **attrs):
    return lambda g, x, y: g.op(name, x, **attrs)


def binary(name):
    return lambda g, x, y: g.op(name, x, y)


def chain_slice(g, x, y):
    both = g.op("Concat", x, y, axis=1)
    return g.op("Slice", both, g.const([10]), g.const([-13]), g.const([1]), g.const([-2])) if g.rng.random() < 0.5 else \
        g.op("Slice", both, g.const([3]), g.const([9]), g.const([1]), g.const([1]))


def chain_split(g, x, y):
    both = g.op("Concat", x, y, axis=0)
    g.op("Split", both, g.const([1, 4, 3]), axis=0)
    return g.steps[-1]["out"][1]


def chain_reduce(name):
    def f(g, x, y):
        axis = int(g.rng.integers(0, 2))
        keep = int(g.rng.integers(0, 2))
        if name == "ReduceSum":
            r = g.op(name, x, g.const([axis]), keepdims=keep)
        else:
            r = g.op(name, x, axes=[axis], keepdims=keep)
        if not keep:
            r = g.op("Unsqueeze", r, g.const([axis]))
        if g.rng.random() < 0.5:
            return g.op("Mul", g.op("Expand", r, g.const([ROWS, COLS])), y)
        return g.op("Add", r, y)
    return f


def chain_scatter(reduction):
    def f(g, x, y):
        part = g.op("Slice", y, g.const([0]), g.const([2]), g.const([0]), g.const([1]))
        if reduction == "add":
            return g.op("ScatterElements", x, g.const(g.integers(ROWS, 2, COLS)), part, axis=0, reduction="add")
        ids = np.stack([g.rng.permutation(ROWS)[:2] for _ in range(COLS)], 1)
        return g.op("ScatterElements", x, g.const(torch.tensor(ids)), part, axis=0, reduction="none")
    return f


def chain_scatter_nd(reduction):
    def f(g, x, y):
        part = g.op("Slice", y, g.const([1]), g.const([3]), g.const([0]), g.const([1]))
        ids = [[2], [2]] if reduction == "add" else [[3], [0]]
        return g.op("ScatterND", x, g.const(ids), part, reduction=reduction)
    return f


def chain_top_k(g, x, y):
    g.op("TopK", x, g.const([3]), axis=1, largest=int(g.rng.integers(0, 2)))
    best = g.steps[-1]["out"][0]
    return g.op("Concat", best, g.op("Neg", best), axis=1)


def chain_gemm(g, x, y):
    w = g.param(f"w{len(g.params)}", COLS, COLS)
    b = g.param(f"w{len(g.params)}", COLS)
    return g.op("Tanh", g.op("Gemm", x, w, b, alpha=f32(0.75), beta=f32(1.5), transA=0, transB=int(g.rng.integers(0, 2))))


def chain_gemm_a(g, x, y):
    product = g.op("Gemm", x, y, g.const(g.uniform(COLS, 1)), alpha=0.5, beta=0.25, transA=1, transB=0)  # [COLS,COLS]
    return g.op("Tanh", g.op("MatMul", x, product))


def chain_batched(g, x, y):
    a = g.op("Reshape", x, g.const([2, 2, COLS]))
    b = g.op("Transpose", g.op("Reshape", y, g.const([2, 2, -1])), perm=[0, 2, 1])
    scores = g.op("MatMul", a, b)  # [2,2,2]
    return g.op("Reshape", g.op("MatMul", g.op("Softmax", scores, axis=-1), a), g.const([ROWS, -1]))


def chain_norm(g, x, y):
    scale, bias = g.param(f"w{len(g.params)}", COLS, low=0.5, high=1.5), g.param(f"w{len(g.params)}", COLS)
    return g.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=f32(1e-3))


def chain_one_hot(g, x, y):
    values = g.param(f"w{len(g.params)}", 2)
    return g.op("Mul", x, g.op("OneHot", g.const(g.integers(COLS, ROWS)), g.const(torch.tensor(COLS)), values, axis=-1))


def chain_pad(g, x, y):
    wide = g.op("Pad", x, g.const([1, 0, 0, 2]), g.const(torch.tensor(0.5)))
    return g.op("Slice", wide, g.const([0, 2]), g.const([ROWS, COLS + 2]), g.const([0, 1]), g.const([1, 1]))


def chain_tile(g, x, y):
    return g.op("Slice", g.op("Tile", x, g.const([2, 1])), g.const([2]), g.const([2 + ROWS]), g.const([0]), g.const([1]))


def chain_batch_norm(g, x, y):
    scale, bias = g.param(f"w{len(g.params)}", COLS, low=0.5, high=1.5), g.param(f"w{len(g.params)}", COLS)
    mean, var = g.const(g.uniform(COLS)), g.const(g.uniform(COLS, low=0.5, high=2))
    return g.op("BatchNormalization", x, scale, bias, mean, var, epsilon=f32(1e-3))


def chain_einsum(g, x, y):
    scores = g.op("Einsum", x, y, equation="ij,kj->ik")
    return g.op("Einsum", g.op("Tanh", scores), x, equation="ab,bc->ac")


def chain_einsum_batched(g, x, y):
    a, b = (g.op("Reshape", v, g.const([2, 2, 2, 3])) for v in (x, y))  # [B,L,H,D]
    scores = g.op("Einsum", a, b, equation="blhd,bmhd->bhlm")
    return g.op("Reshape", g.op("Einsum", g.op("Softmax", scores, axis=-1), b, equation="bhlm,bmhd->blhd"), g.const([ROWS, COLS]))


def chain_recurrent(name, gate_count, **attrs):
    def f(g, x, y):
        w, r = (g.param(f"w{len(g.params)}", 1, gate_count * COLS, COLS, low=-0.5, high=0.5) for _ in range(2))
        b = g.param(f"w{len(g.params)}", 1, 2 * gate_count * COLS)
        steps = g.op("Reshape", x, g.const([2, 2, COLS]))
        return g.op("Reshape", g.op(name, steps, w, r, b, hidden_size=COLS, **attrs), g.const([ROWS, COLS]))
    return f


CHAINS = [
    unary("Abs"), unary("Neg"), unary("Erf"), unary("Sigmoid"), unary("Tanh"), unary("Softplus"), unary("Relu"),
    unary("Identity"), unary("Dropout"), unary("LeakyRelu", alpha=f32(0.1)), unary("Elu", alpha=f32(0.7)),
    unary("HardSigmoid", alpha=f32(0.3), beta=f32(0.4)), unary("Softmax", axis=0), unary("LogSoftmax", axis=1),
    binary("Add"), binary("Sub"), binary("Mul"), binary("Max"), binary("Min"),
    lambda g, x, y: g.op("Div", x, g.op("Exp", g.op("Tanh", y))),
    lambda g, x, y: g.op("Log", g.op("Softplus", x)),
    lambda g, x, y: g.op("Sqrt", g.op("Sigmoid", x)),
    lambda g, x, y: g.op("Pow", g.op("Softplus", x), g.const(torch.tensor(1.5))),
    lambda g, x, y: g.op("Where", g.const(g.uniform(ROWS, COLS) > 0), x, y),
    lambda g, x, y: g.op("Clip", x, g.const(torch.tensor(-0.75)), g.const(torch.tensor(0.5))),
    lambda g, x, y: g.op("Cast", g.op("Cast", x, to=11), to=1),
    lambda g, x, y: g.op("CumSum", x, g.const(torch.tensor(int(g.rng.integers(0, 2)))), exclusive=int(g.rng.integers(0, 2)),
                         reverse=int(g.rng.integers(0, 2))),
    lambda g, x, y: g.op("Gather", x, g.const(g.integers(ROWS, ROWS)), axis=0),
    lambda g, x, y: g.op("Gather", x, g.const(g.integers(COLS, COLS)), axis=1),
    lambda g, x, y: g.op("GatherElements", x, g.const(g.integers(COLS, ROWS, COLS)), axis=1),
    lambda g, x, y: g.op("GatherND", x, g.const(g.integers(ROWS, ROWS, 1))),
    lambda g, x, y: g.op("Squeeze", g.op("Unsqueeze", x, g.const([1])), g.const([1])),
    chain_slice, chain_split, chain_scatter("add"), chain_scatter("none"), chain_scatter_nd("add"), chain_scatter_nd("none"),
    chain_reduce("ReduceSum"), chain_reduce("ReduceMean"), chain_reduce("ReduceMax"), chain_reduce("ReduceMin"),
    chain_reduce("ReduceL2"), chain_top_k, chain_gemm, chain_gemm_a, chain_batched, chain_norm, chain_one_hot, chain_pad,
    chain_tile, chain_batch_norm, chain_einsum, chain_einsum_batched, chain_recurrent("GRU", 3, linear_before_reset=1),
    chain_recurrent("LSTM", 4),
]


def operators(name, seed, chains):
    """A random graph of operators on values [ROWS,COLS]: every chain once, in random order, on random values."""
    g = Graph(name, seed)
    pool = [g.param("a", ROWS, COLS), g.param("b", ROWS, COLS)]
    pool.append(g.op("Mul", pool[0], g.input(g.uniform(ROWS, COLS, low=1, high=2))))
    for i in g.rng.permutation(len(chains)):
        x, y = (pool[max(0, len(pool) - 1 - int(g.rng.integers(0, 4)))] for _ in range(2))
        value = chains[i](g, x, y)
        if float(g.values[value].detach().abs().max()) > 4:  # bounded, so that rounding errors stay small
            value = g.op("Tanh", value)
        pool.append(value)
    read = {n for step in g.steps for n in step["in"]}
    loose = [v for v in pool if v not in read]
    total = loose[0]
    for v in loose[1:]:  # every chain is on the way to the loss
        total = g.op("Add", total, v)
    return g.finish([total])


def alone(i):
    """One chain on two parameters, so that no other operator dampens its gradient."""
    g = Graph("", 500 + i)
    value = CHAINS[i](g, g.param("a", ROWS, COLS), g.param("b", ROWS, COLS))
    g.name = f"{i} " + "-".join(step["op"] for step in g.steps)
    return g.finish([value])


# ---- layers ----

ACTIVATIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "linear": lambda x: x}


def table(g, name, rows, dim):
    return g.values[g.param(f"embedding/{name}", rows, dim)]


def embedding(g, ids, name, rows, dim):
    return T.embedding(ids, table(g, name, rows, dim))


def list_embedding(g, ids, name, rows, dim):
    # embedding_bag's padding_idx leaves row 0 out of the mean; of an empty bag it makes 0.
    return T.embedding_bag(ids, table(g, name, rows, dim), mode="mean", padding_idx=0)


def sequence_embedding(g, ids, name, rows, dim, rates):
    parts = []
    for rate in rates:
        weights = torch.zeros(ids.shape, dtype=D)
        for r, row in enumerate(ids.tolist()):
            present = [i for i, v in enumerate(row) if v]
            for i in present:
                weights[r, i] = math.exp(-rate * (present[-1] - i))
        total = weights.sum(-1, keepdim=True).clamp_min(1)
        parts.append(((weights / total).unsqueeze(-1) * T.embedding(ids, table(g, name, rows, dim))).sum(-2))
    return torch.cat(parts, -1)


def dense(g, x, name, units, activation):
    w = g.values[g.param(f"{name}/weight", x.shape[-1], units)]
    b = g.values[g.param(f"{name}/bias", units)]
    return ACTIVATIONS[activation](T.linear(x, w.T, b))


def mlp(g, x, name, units, activation, last):
    for i, n in enumerate(units):
        x = dense(g, x, f"{name}/{i}", n, last if i == len(units) - 1 else activation)
    return x


def dot_interaction(g, *vectors):
    x = torch.stack(vectors, -2)
    lower = torch.tril_indices(len(vectors), len(vectors), -1)
    return torch.matmul(x, x.transpose(-1, -2))[..., lower[0], lower[1]]


def cross(g, x0, x, name):
    w, b = g.values[g.param(f"{name}/weight", x.shape[-1], x.shape[-1])], g.values[g.param(f"{name}/bias", x.shape[-1])]
    return x0 * T.linear(x, w.T, b) + x


def layer_norm(g, x, name):
    w, b = g.values[g.param(f"{name}/scale", x.shape[-1], low=0.5, high=1.5)], g.values[g.param(f"{name}/bias", x.shape[-1])]
    return T.layer_norm(x, x.shape[-1:], w, b, 1e-5)


def attention(g, x, name, heads, causal):
    rows, length, width = x.shape
    q, k, v = (torch.matmul(x, g.values[g.param(f"{name}/{part}", width, width)]) for part in ("query", "key", "value"))
    q, k, v = (t.reshape(rows, length, heads, width // heads).transpose(1, 2) for t in (q, k, v))
    y = T.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return y.transpose(1, 2).reshape(rows, length, width)


def sampled_softmax(g, query, items, ids, log_q, temperature):
    logits = query @ items.T / temperature - log_q
    same = (ids[:, None] == ids[None, :]) & ~torch.eye(len(ids), dtype=torch.bool)
    return T.cross_entropy(logits.masked_fill(same, -math.inf), torch.arange(len(ids)), reduction="none")


def compressed_interaction(g, x, name, units):
    """xDeepFM's equation 6 as the authors have it: a convolution of width 1 over the outer products."""
    rows, sums = x, []
    for i, n in enumerate(units):
        products = torch.einsum("bhd,bfd->bhfd", rows, x).flatten(1, 2)
        w = g.values[g.param(f"{name}/{i}/weight", products.shape[1], n)]
        rows = T.conv1d(products, w.T.unsqueeze(-1))
        sums.append(rows.sum(-1))
    return torch.cat(sums, -1)


def interacting(g, x, name, heads, units):
    outs = []
    for i in range(heads):
        q, k, v = (x @ g.values[g.param(f"{name}/{i}/{part}", x.shape[-1], units)] for part in ("query", "key", "value"))
        outs.append(T.scaled_dot_product_attention(q, k, v, scale=1.0))
    rest = x @ g.values[g.param(f"{name}/rest", x.shape[-1], heads * units)]
    return torch.relu(torch.cat(outs, -1) + rest)


def mask_block(g, embeddings, x, name, rows, units):
    mask = mlp(g, embeddings, f"{name}/mask", [rows, x.shape[-1]], "relu", "linear")
    y = (mask * x) @ g.values[g.param(f"{name}/weight", x.shape[-1], units)]
    return torch.relu(layer_norm(g, y, f"{name}/norm"))


def local_activation(g, history, present, candidates, name, units):
    rows, length, width = history.shape
    h = history.unsqueeze(1).expand(-1, candidates.shape[1], -1, -1)
    c = candidates.unsqueeze(2).expand(-1, -1, length, -1)
    joined = torch.cat([h, c, h * c], -1)
    w = torch.cat([g.values[g.param(f"{name}/{part}/weight", width, units[0])] for part in ("item", "candidate", "product")], 0)
    hidden = torch.sigmoid(T.linear(joined, w.T, g.values[g.param(f"{name}/bias", units[0])]))
    weights = mlp(g, hidden, f"{name}/mlp", units[1:] + [1], "sigmoid", "linear")
    return (weights * h).masked_fill(~present[:, None, :, None], 0).sum(2)


def bilinear(g, x, y, name, heads):
    total = dense(g, x, f"{name}/x", 1, "linear") + dense(g, y, f"{name}/y", 1, "linear")
    for i, (a, c) in enumerate(zip(x.chunk(heads, -1), y.chunk(heads, -1))):
        w = g.values[g.param(f"{name}/{i}/weight", a.shape[-1], c.shape[-1])]
        total = total + T.bilinear(a, c, w.unsqueeze(0))
    return total


def gated(g, x, name, experts):
    weights = torch.softmax(dense(g, x, name, len(experts), "linear"), -1)
    return sum(weights[..., i:i + 1] * e for i, e in enumerate(experts))


def experts(g, x, name, rows, units):
    e = [mlp(g, x, f"{name}/{i}", units, "relu", "relu") for i in range(rows)]
    return torch.cat([gated(g, x, f"{name}/gate/{t}", e) for t in ("like", "buy")], -1)


def extraction(g, like, buy, shared, name, rows, units):
    """Two experts of each task and rows shared ones; the mixtures of both tasks and the shared one joined."""
    common = [mlp(g, shared, f"{name}/shared/{i}", units, "relu", "relu") for i in range(rows)]
    own = {t: [mlp(g, x, f"{name}/task/{t}/{i}", units, "relu", "relu") for i in range(2)] for t, x in (("like", like), ("buy", buy))}
    outs = [gated(g, x, f"{name}/gate/task/{t}", own[t] + common) for t, x in (("like", like), ("buy", buy))]
    return torch.cat(outs + [gated(g, shared, f"{name}/gate/shared", common + own["like"] + own["buy"])], -1)


LAYERS = {
    "embedding": embedding, "list_embedding": list_embedding, "sequence_embedding": sequence_embedding, "dense": dense,
    "mlp": mlp, "dot_interaction": dot_interaction, "cross": cross, "layer_norm": layer_norm, "attention": attention,
    "concat": lambda g, *xs: torch.cat(xs, -1),
    "l2_norm": lambda g, x: x / torch.sqrt((x * x).sum(-1, keepdim=True) + 1e-12),
    "binary_cross_entropy": lambda g, z, y: T.binary_cross_entropy_with_logits(z, y, reduction="none").mean(-1),
    "bpr": lambda g, s: -T.logsigmoid(s[:, :1] - s[:, 1:]).mean(-1),
    "softmax_cross_entropy": lambda g, z, y: T.cross_entropy(z, y, reduction="none"),
    "sampled_softmax": sampled_softmax, "compressed_interaction": compressed_interaction, "interacting": interacting,
    "mask_block": mask_block, "local_activation": local_activation, "bilinear": bilinear, "experts": experts, "extraction": extraction,
}


def padded(g, high, rows, length):
    ids = g.rng.integers(1, high, size=(rows, length))
    for r in range(rows):
        ids[r, g.rng.integers(0, length + 1):] = 0
    return torch.tensor(ids)


def features(g, rows, dim):
    """Vectors [rows,dim] of random features."""
    kinds = ["embedding", "list_embedding", "sequence_embedding", "numbers"]
    vectors = []
    for i, kind in enumerate(g.rng.permutation(kinds)[:int(g.rng.integers(2, 5))]):
        name = f"f{g.rng.integers(0, 2)}"  # two features may share a table
        if kind == "numbers":
            vectors.append(g.layer("dense", [g.input(g.uniform(rows, 3))], name=f"bottom{i}", units=dim,
                                   activation=str(g.rng.choice(["relu", "tanh", "linear"]))))
        elif kind == "embedding":
            vectors.append(g.layer(kind, [g.input(g.integers(7, rows))], name=name, rows=7, dim=dim))
        elif kind == "list_embedding":
            vectors.append(g.layer(kind, [g.input(padded(g, 7, rows, 3))], name=name, rows=7, dim=dim))
        else:
            vectors.append(g.layer(kind, [g.input(padded(g, 7, rows, 4))], name=name, rows=7, dim=dim, rates=[0.5]))
    return vectors


def ranker(name, seed):
    g = Graph(name, seed)
    rows, dim = int(g.rng.integers(3, 6)), int(g.rng.integers(3, 6))
    vectors = features(g, rows, dim)
    x = g.layer("concat", vectors)
    if g.rng.random() < 0.7:
        x0 = x
        for i in range(int(g.rng.integers(1, 3))):
            x = g.layer("cross", [x0, x], name=f"cross/{i}")
    parts = [x]
    if g.rng.random() < 0.8:
        parts.append(g.layer("dot_interaction", vectors))
    if len(parts) > 1:
        x = g.layer("concat", parts)
    if g.rng.random() < 0.6:
        x = g.layer("layer_norm", [x], name="norm")
    logits = g.layer("mlp", [x], name="top", units=[6, 2], activation=str(g.rng.choice(["relu", "sigmoid", "tanh"])), last="linear")
    labels = g.input(torch.tensor(g.rng.integers(0, 2, size=(rows, 2)).astype(np.float32), dtype=D))
    loss = g.layer("binary_cross_entropy", [logits, labels])
    return g.finish([loss])


def two_tower(name, seed):
    g = Graph(name, seed)
    rows, dim = int(g.rng.integers(4, 7)), 4
    query = g.layer("mlp", [g.layer("concat", features(g, rows, dim))], name="query", units=[5, dim], activation="relu", last="linear")
    if seed % 2:
        query = g.layer("l2_norm", [query])
    ids = g.input(g.integers(4, rows))  # few, so that hits are accidental
    items = g.layer("mlp", [g.layer("embedding", [ids], name="item", rows=4, dim=dim)], name="candidate", units=[dim],
                    activation="relu", last="tanh")
    log_q = g.op("Gather", g.const(g.uniform(4, low=-3, high=-1)), ids, axis=0)
    loss = g.layer("sampled_softmax", [query, items, ids, log_q], temperature=float(g.rng.choice([1.0, 0.5, 0.25])))
    return g.finish([loss])


def sequence(name, seed):
    g = Graph(name, seed)
    rows, length, dim, rows_of_table = 2, int(g.rng.integers(3, 5)), 4, 6
    ids = g.input(padded(g, rows_of_table, rows, length))
    x = g.layer("embedding", [ids], name="item", rows=rows_of_table, dim=dim)
    for i in range(int(g.rng.integers(1, 3))):
        a = g.layer("attention", [g.layer("layer_norm", [x], name=f"{i}/before")], name=f"{i}/attention",
                    heads=int(g.rng.choice([1, 2])), causal=bool(g.rng.random() < 0.7))
        x = g.op("Add", x, a)
        f = g.layer("mlp", [g.layer("layer_norm", [x], name=f"{i}/between")], name=f"{i}/feed", units=[6, dim], activation="relu",
                    last="linear")
        x = g.op("Add", x, f)
    last = g.op("Reshape", g.op("Slice", x, g.const([-1]), g.const([length]), g.const([1]), g.const([1])), g.const([rows, dim]))
    items = g.op("Transpose", "embedding/item", perm=[1, 0])
    logits = g.op("MatMul", last, items)
    loss = g.layer("softmax_cross_entropy", [logits, g.input(g.integers(rows_of_table, rows))])
    return g.finish([loss])


def pairs(name, seed):
    g = Graph(name, seed)
    rows, k, dim = 4, int(g.rng.integers(2, 5)), 3
    user = g.layer("embedding", [g.input(g.integers(5, rows))], name="user", rows=5, dim=dim)
    items = g.layer("embedding", [g.input(g.integers(6, rows, k))], name="item", rows=6, dim=dim)
    products = g.op("Mul", g.op("Unsqueeze", user, g.const([1])), items)
    scores = g.op("ReduceSum", products, g.const([-1]), keepdims=0)
    return g.finish([g.layer("bpr", [scores])])


def fields():
    """The layers that multiply and mix the fields of rankers, each by itself."""
    out = []
    for i, (kind, shapes, settings) in enumerate([
        ("compressed_interaction", [(3, 4, 2)], {"units": [3, 2]}), ("compressed_interaction", [(2, 3, 5)], {"units": [4]}),
        ("interacting", [(3, 4, 5)], {"heads": 1, "units": 3}), ("interacting", [(3, 4, 2)], {"heads": 3, "units": 2}),
        ("mask_block", [(4, 6), (4, 6)], {"rows": 5, "units": 3}), ("mask_block", [(4, 3), (4, 7)], {"rows": 4, "units": 5}),
        ("bilinear", [(4, 3), (4, 5)], {"heads": 1}), ("bilinear", [(4, 6), (4, 4)], {"heads": 2}),
        ("experts", [(4, 3)], {"rows": 3, "units": [4, 2]}),
        ("extraction", [(4, 3), (4, 3), (4, 3)], {"rows": 1, "units": [3]}),
        ("extraction", [(2, 3), (2, 4), (2, 5)], {"rows": 3, "units": [4, 2]}),
    ]):
        g = Graph(f"{kind} {i}", 300 + i)
        out.append(g.finish([g.layer(kind, [g.param(f"x{j}", *s) for j, s in enumerate(shapes)], name="l", **settings)]))
    for i, units in enumerate([[3], [4, 2]]):
        g = Graph(f"local_activation {i}", 350 + i)
        present = g.input(torch.tensor([[True, True, False], [False, False, False], [True, False, False]]))
        names = [g.param("history", 3, 3, 4), present, g.param("candidates", 3, 2, 4)]
        out.append(g.finish([g.layer("local_activation", names, name="l", units=units)]))
    return out


def main():
    folder = pathlib.Path(__file__).parent / "testdata"
    groups = {
        "operator": [alone(i) for i in range(len(CHAINS))],
        "fields": fields(),
        "operators": [operators(f"operators {i}", 100 + i, CHAINS) for i in range(2)],
    }
    for kind, make, count in (("ranker", ranker, 6), ("two_tower", two_tower, 4), ("sequence", sequence, 4), ("pairs", pairs, 2)):
        groups[kind] = [make(f"{kind} {i}", 200 + i) for i in range(count)]
    for name, group in groups.items():
        lines = ",\n".join(json.dumps(f, separators=(",", ":")) for f in group)
        (folder / f"{name}.json").write_text(f"[{lines}]\n")


main()
