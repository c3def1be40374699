"""PyTorch's side. usage: torch_side.py WORK THREADS DIR"""
import os
import sys

import numpy
import torch
import torch.nn.functional as F
from torch import nn

import protocol

WORK, THREADS, DIR = sys.argv[1], int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(THREADS)
torch.manual_seed(1)


def column(name, dtype, *shape):
    x = torch.from_numpy(numpy.fromfile(os.path.join(DIR, name), dtype=dtype))
    return x.reshape(shape) if shape else x


def batches(rows, size):
    """Rows in batches, shuffled anew in every epoch."""
    while True:
        yield from torch.randperm(rows).split(size)


def training(rows, size, loss_of, optimizers):
    order = batches(rows, size)

    def work(steps):
        total = 0.0
        for _ in range(steps):
            for o in optimizers:
                o.zero_grad(set_to_none=True)
            loss = loss_of(next(order))
            loss.backward()
            for o in optimizers:
                o.step()
            total += loss.item()
        return total / steps

    return work


def linear(fan_in, fan_out):
    layer = nn.Linear(fan_in, fan_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def table(rows, dim, deviation, sparse=True):
    e = nn.Embedding(rows, dim, sparse=sparse)
    nn.init.normal_(e.weight, 0, deviation)
    return e


class DLRM(nn.Module):
    def __init__(self, joint):
        super().__init__()
        self.tables, self.rows, self.dim = 26, 100_000, 32
        self.joint = joint
        n, rows = (1, self.tables * self.rows) if joint else (self.tables, self.rows)
        self.embeddings = nn.ModuleList(table(rows, self.dim, 0.01) for _ in range(n))
        self.register_buffer("offsets", torch.arange(self.tables) * self.rows)
        self.bottom = nn.Sequential(linear(13, 64), nn.ReLU(), linear(64, self.dim), nn.ReLU())
        pairs = torch.tril_indices(self.tables + 1, self.tables + 1, -1)
        self.register_buffer("pairs", pairs[0] * (self.tables + 1) + pairs[1])
        width = self.dim + self.pairs.numel()
        self.top = nn.Sequential(linear(width, 256), nn.ReLU(), linear(256, 128), nn.ReLU(), linear(128, 1))

    def forward(self, ids, numbers):
        bottom = self.bottom(numbers)
        if self.joint:
            vectors = torch.cat([self.embeddings[0](ids + self.offsets), bottom.unsqueeze(1)], 1)
        else:
            vectors = torch.stack([e(ids[:, i]) for i, e in enumerate(self.embeddings)] + [bottom], 1)
        products = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1).index_select(1, self.pairs)
        return self.top(torch.cat([bottom, products], 1)).squeeze(1)


def dlrm(joint=False):
    ids, numbers, labels = column("ids", "int64").reshape(-1, 26), column("numbers", "float32").reshape(-1, 13), column("labels", "float32")
    model = DLRM(joint)

    def loss_of(rows):
        return F.binary_cross_entropy_with_logits(model(ids[rows], numbers[rows]), labels[rows])

    return training(len(ids), 4096, loss_of, [torch.optim.Adagrad(model.parameters(), lr=0.01)])


def two_tower():
    users, items = column("users", "int64"), column("items", "int64")
    user = nn.Sequential(table(100_000, 64, 0.05), linear(64, 128), nn.ReLU(), linear(128, 64))
    item = nn.Sequential(table(1_000_000, 64, 0.05), linear(64, 128), nn.ReLU(), linear(128, 64))
    log_q = torch.log(torch.bincount(items, minlength=1_000_000).clamp(min=1) / len(items))
    targets = torch.arange(1024)
    others = ~torch.eye(1024, dtype=torch.bool)

    def loss_of(rows):
        ids = items[rows]
        scores = user(users[rows]) @ item(ids).T - log_q[ids]
        hits = (ids.unsqueeze(1) == ids) & others  # the positive again: no negative
        return F.cross_entropy(scores.masked_fill(hits, -torch.inf), targets)

    parameters = list(user.parameters()) + list(item.parameters())
    return training(len(users), 1024, loss_of, [torch.optim.Adagrad(parameters, lr=0.01)])


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key_value, self.out = linear(dim, dim), linear(dim, 2 * dim), linear(dim, dim)
        self.feed = nn.Sequential(linear(dim, dim), nn.ReLU(), linear(dim, dim))

    def forward(self, x):
        normed = self.norm1(x)
        key, value = self.key_value(normed).chunk(2, -1)
        attended = F.scaled_dot_product_attention(
            self.query(normed).unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1), is_causal=True)
        x = x + self.out(attended.squeeze(1))
        return x + self.feed(self.norm2(x))


class SASRec(nn.Module):
    def __init__(self):
        super().__init__()
        self.items, self.places = table(3419, 64, 0.05, sparse=False), nn.Parameter(torch.empty(50, 64))
        nn.init.normal_(self.places, 0, 0.05)
        self.blocks = nn.Sequential(Block(64), Block(64))
        self.norm = nn.LayerNorm(64)

    def forward(self, history):
        return self.norm(self.blocks(self.items(history) * 8 + self.places))


def sasrec(softmax):
    history, positive, negative = (column(n, "int64").reshape(-1, 50) for n in ("history", "positive", "negative"))
    model = SASRec()

    def bce(rows):
        h = model(history[rows])
        good = (h * model.items(positive[rows])).sum(-1)
        bad = (h * model.items(negative[rows])).sum(-1)
        return (F.softplus(-good) + F.softplus(bad)).mean()

    def full(rows):
        h = model(history[rows]).flatten(0, 1)
        return F.cross_entropy(h @ model.items.weight[3:].T, positive[rows].flatten() - 3)

    # The fused form is the fastest on a CPU.
    adam = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    return training(len(history), 128, full if softmax else bce, [adam])


def gemm():
    a, b = column("a", "float32", 1024, 1024), column("b", "float32", 1024, 1024)
    c = torch.empty(1024, 1024)

    def work(n):
        for _ in range(n):
            torch.mm(a, b, out=c)
        return c.sum(dtype=torch.float64).item()

    return work


def bandwidth():
    x = torch.ones(1_000_000, 64)

    def work(n):
        for _ in range(n):
            x.sum()
        return 0.0

    return work


works = {
    "dlrm": dlrm, "dlrm_joint": lambda: dlrm(True), "two_tower": two_tower, "sasrec_bce": lambda: sasrec(False),
    "sasrec_softmax": lambda: sasrec(True), "gemm": gemm, "bandwidth": bandwidth,
}
done = works[WORK]()
if WORK in ("gemm", "bandwidth"):
    with torch.inference_mode():
        protocol.serve(torch.__version__, done)
else:
    protocol.serve(torch.__version__, done)
