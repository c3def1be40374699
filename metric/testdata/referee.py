"""Writes referee.json: metrics by scikit-learn, pytrec_eval (the code of TREC's trec_eval) and scipy; numpy where none has it.

Made with scikit-learn 1.9, pytrec-eval-terrier 0.5, scipy 1.17 and numpy 2.4:
pip install scikit-learn pytrec-eval-terrier scipy
"""
import json
import numpy as np
import pytrec_eval
from scipy.stats import bootstrap, entropy, permutation_test
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, average_precision_score, log_loss, mean_squared_error, ndcg_score, roc_auc_score

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
    wide = score.astype(np.float64)
    true, predicted = calibration_curve(label, wide, n_bins=15)
    # calibration_curve leaves out empty bins and does not give the sizes, which its own edges and search make.
    sizes = np.bincount(np.searchsorted(np.linspace(0, 1, 16)[1:-1], wide), minlength=15)
    return {
        "score": score.astype(float).tolist(), "label": label.tolist(), "group": group.tolist(),
        "auc": roc_auc_score(label, score), "gauc": gauc, "log_loss": log_loss(label, clipped),
        "rmse": float(np.sqrt(mean_squared_error(label.astype(float), score.astype(float)))),
        "ece": float((sizes[sizes > 0] / n) @ np.abs(true - predicted)),
    }


def trec(order, good, k):
    """The measures of trec_eval, of one list of items. MAP there is over all relevant items, not over min(K, relevant)."""
    evaluator = pytrec_eval.RelevanceEvaluator(
        {"q": {str(i): 1 for i in good}}, {f"ndcg_cut.{k}", f"recall.{k}", f"P.{k}", f"success.{k}", f"map_cut.{k}", "recip_rank"})
    run = {str(i): float(len(order) - at) for at, i in enumerate(order[:k])}
    return evaluator.evaluate({"q": run})["q"]


def ranking(items, relevant, k):
    order = rng.permutation(items)
    good = rng.permutation(items)[:relevant]
    truth = np.zeros(items)
    truth[good] = 1
    value = np.zeros(items)
    value[order] = np.arange(items, 0, -1)  # distinct scores
    m = trec(order, good, k)
    row = {
        "ranked": order.tolist(), "relevant": good.tolist(), "k": k,
        "ndcg": m[f"ndcg_cut_{k}"], "recall": m[f"recall_{k}"], "precision": m[f"P_{k}"], "hit_rate": m[f"success_{k}"],
        "mrr": m["recip_rank"], "map": m[f"map_cut_{k}"] * relevant / min(k, relevant),
    }
    assert abs(row["ndcg"] - ndcg_score([truth], [value], k=k, ignore_ties=True)) < 1e-12
    if k == items:
        assert abs(row["map"] - average_precision_score(truth, value)) < 1e-12
    return row


def exposure(items, users, k, first):
    popularity = rng.zipf(1.6, items).clip(0, 300) - 1
    popularity[:first] = 99  # what is no item
    lists = [(first + rng.permutation(items - first)[np.argsort(rng.exponential(1, items - first) * np.arange(items - first))][:k + 3]).tolist()
             for _ in range(users)]
    shown = np.concatenate([line[:k] for line in lists])
    counts = np.bincount(shown, minlength=items)[first:]
    shares = popularity[first:] / popularity[first:].sum()
    # Self-information is the cross entropy of what is shown against what is liked; scipy has the sum H(p) + KL(p, q).
    q = np.maximum(popularity[first:], 1) / popularity[first:].sum()
    p = counts / counts.sum()
    novelty = entropy(p, base=2) + float(np.sum(p[p > 0] * np.log2(p[p > 0] / q[p > 0])))
    # Twice the area between the Lorenz curve and the diagonal; the curve of n steps lies above by 1/n.
    lorenz = np.concatenate([[0], np.cumsum(np.sort(counts)) / counts.sum()])
    gini = 1 - 2 * auc(np.linspace(0, 1, len(lorenz)), lorenz)
    order = np.argsort(-popularity[first:], kind="stable")
    head = order[np.concatenate([[0], np.cumsum(shares[order])[:-1]]) < 0.8 - 1e-12]
    return {
        "popularity": popularity.tolist(), "first": first, "k": k, "lists": lists,
        "coverage": float(np.mean(counts > 0)), "gini": float(gini), "novelty": float(novelty),
        "tail_share": float(1 - counts[head].sum() / counts.sum()),
    }


def chance(n, gain):
    a = rng.beta(0.5, 2, n)
    b = np.clip(a + gain + rng.normal(0, 0.2, n), 0, 1)
    interval = bootstrap((a,), np.mean, n_resamples=20000, method="percentile", rng=rng).confidence_interval
    test = permutation_test((a, b), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
                            vectorized=True, n_resamples=20000, rng=rng)
    return {"a": a.tolist(), "b": b.tolist(), "low": interval.low, "high": interval.high, "p": test.pvalue}


with open("referee.json", "w") as out:
    json.dump({
        "pointwise": [pointwise(n, d) for n, d in [(20, 1), (60, 1), (60, 3), (200, 2)]],
        "ranking": [ranking(n, r, k) for n, r, k in [(5, 1, 2), (10, 1, 10), (20, 1, 10), (20, 4, 10), (30, 15, 10), (30, 7, 30), (12, 12, 5)]],
        "exposure": [exposure(n, u, k, f) for n, u, k, f in [(8, 3, 2, 0), (40, 12, 5, 3), (300, 40, 10, 2)]],
        "chance": [chance(n, g) for n, g in [(12, 0.05), (60, 0.03), (150, 0.0), (150, 0.04)]],
    }, out, indent=None, separators=(",", ":"))
    out.write("\n")
