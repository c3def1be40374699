"""Writes referee.json: metrics by scikit-learn and numpy. Made with scikit-learn 1.9 and numpy 2.4."""
import json
import numpy as np
from sklearn.metrics import average_precision_score, log_loss, mean_squared_error, ndcg_score, roc_auc_score

rng = np.random.default_rng(1)


def pointwise(n, decimals):
    label = (rng.random(n) < 0.3).astype(np.float32)
    score = np.round(np.clip(0.3 * label + rng.random(n) * 0.8, 0, 1), decimals).astype(np.float32)
    group = rng.integers(0, max(2, n // 8), n)
    # scikit-learn refuses a group of one label; such groups are left out, weights are the rows.
    parts = [(group == g) for g in np.unique(group)]
    parts = [p for p in parts if len(np.unique(label[p])) == 2]
    gauc = sum(p.sum() * roc_auc_score(label[p], score[p]) for p in parts) / sum(p.sum() for p in parts)
    clipped = np.clip(score.astype(np.float64), 1e-7, 1 - 1e-7)
    return {
        "score": score.astype(float).tolist(), "label": label.tolist(), "group": group.tolist(),
        "auc": roc_auc_score(label, score), "gauc": gauc, "log_loss": log_loss(label, clipped),
        "rmse": float(np.sqrt(mean_squared_error(label.astype(float), score.astype(float)))),
    }


def ranking(items, relevant, k):
    order = rng.permutation(items)
    good = rng.permutation(items)[:relevant]
    truth = np.zeros(items)
    truth[good] = 1
    value = np.zeros(items)
    value[order] = np.arange(items, 0, -1)  # distinct scores
    top = np.isin(order[:k], good)
    hits = int(top.sum())
    ranks = np.flatnonzero(top) + 1
    row = {
        "ranked": order.tolist(), "relevant": good.tolist(), "k": k,
        "ndcg": ndcg_score([truth], [value], k=k, ignore_ties=True),
        "recall": hits / relevant, "precision": hits / k, "hit_rate": float(hits > 0),
        "mrr": 1 / ranks[0] if hits else 0.0,
        "map": float(sum(top[:r].sum() / r for r in ranks)) / min(k, relevant),
    }
    if k == items:
        assert abs(row["map"] - average_precision_score(truth, value)) < 1e-12
    return row


with open("referee.json", "w") as out:
    json.dump({
        "pointwise": [pointwise(n, d) for n, d in [(20, 1), (60, 1), (60, 3), (200, 2)]],
        "ranking": [ranking(n, r, k) for n, r, k in [(5, 1, 2), (10, 1, 10), (20, 1, 10), (20, 4, 10), (30, 15, 10), (30, 7, 30), (12, 12, 5)]],
    }, out, indent=None, separators=(",", ":"))
    out.write("\n")
