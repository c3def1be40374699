"""Writes exact.json: values of functions to 60 digits, rounded once to float64. Python's standard library only."""
import json, random, struct
from decimal import Decimal, getcontext

getcontext().prec = 60
getcontext().Emin, getcontext().Emax = -10**6, 10**6
rnd = random.Random(1)
bits = lambda lo, hi: struct.unpack("<d", struct.pack("<Q", rnd.randrange(lo, hi)))[0]
TINY, ONE, HUGE = 1, 0x3FF0000000000000, 0x7FEFFFFFFFFFFFFF

def number(d):
    return float(d)  # correctly rounded by CPython, inf on overflow

def row(name, f, *x):
    d = [Decimal(v) for v in x]
    return {"f": name, "x": [v.hex() for v in x], "want": number(f(*d)).hex()}

rows = []
for _ in range(60):
    rows.append(row("Exp", lambda d: d.exp(), rnd.uniform(-744, 709)))
    rows.append(row("Exp", lambda d: d.exp(), rnd.uniform(-2, 2)))
    rows.append(row("Log", lambda d: d.ln(), bits(TINY, HUGE)))
    rows.append(row("Log", lambda d: d.ln(), rnd.uniform(0.5, 2)))
    rows.append(row("Log1p", lambda d: (1 + d).ln(), rnd.choice([-1, 1]) * 10 ** rnd.uniform(-20, -0.01)))
    rows.append(row("Tanh", lambda d: (1 - 2 / ((2 * d).exp() + 1)), rnd.choice([-1, 1]) * 10 ** rnd.uniform(-9, 1.3)))
    x = bits(TINY, HUGE)
    y = rnd.uniform(-1, 1) * float(700 / abs(Decimal(x).ln()))
    rows.append(row("Pow", lambda a, b: (a.ln() * b).exp(), x, y))
    rows.append(row("Pow", lambda a, b: (a.ln() * b).exp(), rnd.uniform(0.001, 20), rnd.uniform(-20, 20)))
    rows.append(row("Pow", lambda a, b: (a.ln() * b).exp(), 1 + rnd.uniform(-1, 1) * 1e-9, rnd.uniform(-1, 1) * 5e11))
for x in [5e-324, 1e-310, 2.0**-1022]:
    rows.append(row("Log", lambda d: d.ln(), x))
    rows.append(row("Pow", lambda a, b: (a.ln() * b).exp(), x, 0.3))
for x in [709.78, 709.7, -745.1, -708.5]:
    rows.append(row("Exp", lambda d: d.exp(), x))
with open("exact.json", "w") as out:
    out.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
