"""Writes attention.json: outputs and gradients of torch.nn.MultiheadAttention and torch.nn.LayerNorm.

    python3 attention.py > attention.json
"""
import json
import sys

import torch


def flat(x):
    return [float(v) for v in x.detach().flatten()]


def case(heads, causal, padded):
    batch, length, dim = 2, 4, 6
    norm = torch.nn.LayerNorm(dim)
    attention = torch.nn.MultiheadAttention(dim, heads, batch_first=True)
    for p in list(norm.parameters()) + list(attention.parameters()):
        torch.nn.init.normal_(p, 0, 0.5)
    x, weight = torch.randn(batch, length, dim), torch.randn(batch, length, dim)
    absent = torch.zeros(batch, length, dtype=torch.bool)
    if padded:
        absent[1, 1], absent[1, 3] = True, True
    mask = torch.triu(torch.ones(length, length, dtype=torch.bool), 1) if causal else None
    h = norm(x)
    y, _ = attention(h, h, h, key_padding_mask=absent, attn_mask=mask, need_weights=False)
    (y * weight).sum().backward()
    params, grads = {}, {}

    def put(path, value, grad, turn=False):
        # Our weights are [in,out], PyTorch's [out,in].
        params[path], grads[path] = (flat(v.T) if turn else flat(v) for v in (value, grad))

    put("norm/scale", norm.weight, norm.weight.grad)
    put("norm/bias", norm.bias, norm.bias.grad)
    for i, name in enumerate(("query", "key", "value")):
        part = slice(i * dim, (i + 1) * dim)
        put(f"attention/{name}/weight", attention.in_proj_weight[part], attention.in_proj_weight.grad[part], True)
        put(f"attention/{name}/bias", attention.in_proj_bias[part], attention.in_proj_bias.grad[part])
    put("attention/out/weight", attention.out_proj.weight, attention.out_proj.weight.grad, True)
    put("attention/out/bias", attention.out_proj.bias, attention.out_proj.bias.grad)
    return {"heads": heads, "causal": causal, "present": [bool(v) for v in ~absent.flatten()], "x": flat(x), "weight": flat(weight),
            "y": flat(y), "params": params, "grads": grads}


torch.manual_seed(1)
cases = [case(1, False, False), case(1, True, False), case(2, False, True), case(3, True, True)]
json.dump({"torch": torch.__version__, "cases": cases}, sys.stdout)
print()
