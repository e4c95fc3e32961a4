"""Softmax, and softmax with cross-entropy as one operation. Logits are un-normalised scores."""

import numpy as np

from ._checks import (
    array_of_rank,
    as_floats,
    require_labels,
    require_reduction,
    require_same_shape,
)


def softmax_forward(logits):
    """p_nc = exp(z_nc) / sum_k exp(z_nk): each row of logits as probabilities.

    logits (N, C). Returns p (N, C) and the cache for `softmax_backward`: p itself.
    The largest logit of a row is subtracted first: it cancels in the quotient, and exp cannot
    overflow. Raises ValueError unless logits have two axes and at least one class.
    """
    e = np.exp(_shifted(logits))
    p = e / e.sum(axis=1, keepdims=True)
    return p, p


def softmax_backward(dout, cache):
    """Gradient with respect to the logits: p * (dout - sum(dout * p)), the sum over each row.

    dout: upstream gradient with respect to p, (N, C). The Jacobian of a row is
    dp_i/dz_j = p_i * ((i == j) - p_j); multiplied by dout_i and summed over i, p_j factors out.
    Raises ValueError when dout has another shape.
    """
    p = cache
    dout = np.asarray(dout)
    require_same_shape("gradient of the probabilities", dout, "the probabilities", p.shape)
    return p * (dout - (dout * p).sum(axis=1, keepdims=True))


def softmax_cross_entropy_forward(logits, labels, reduction="mean"):
    """L = 1/N * sum_n -log softmax(z_n)[label_n]; without 1/N for "sum".

    logits (N, C), labels (N,) integers from 0 to C - 1. Returns the scalar loss and the cache for
    `softmax_cross_entropy_backward`: the probabilities, the labels and the divisor.
    -log softmax(z)[label] = log(sum_k exp(z_k)) - z_label, never the log of a rounded probability,
    so it is finite and exact for logits of 1000 as well.
    Raises ValueError for logits without two axes, rows or classes, for labels of another number,
    kind or range, and for another reduction.
    """
    require_reduction(reduction)
    shifted = _shifted(logits)
    if len(shifted) == 0:
        raise ValueError(f"logits has shape {shifted.shape}, expected at least one row")
    labels = require_labels(labels, shifted.shape, of="logits")
    e = np.exp(shifted)
    sums = e.sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    loss = (np.log(sums[:, 0]) - shifted[rows, labels]).sum()
    divisor = len(labels) if reduction == "mean" else 1
    return loss / divisor, (e / sums, labels, divisor)


def softmax_cross_entropy_backward(dloss, cache):
    """Gradient with respect to the logits: (p - onehot) / N; without 1/N for "sum".

    dloss: upstream gradient, a scalar (1.0 when the loss is the end of the graph).
    Returns dlogits (N, C); each row adds up to 0. This is where the 1/N comes in, once.
    d log(sum_k exp(z_k)) / dz_c = p_c, and -z_label adds -1 in the column of the label.
    Raises ValueError when dloss is no scalar.
    """
    p, labels, divisor = cache
    dloss = np.asarray(dloss)
    require_same_shape("gradient of the loss", dloss, "the loss", ())
    dlogits = p.copy()  # the cache stays as it is: backward may run twice
    dlogits[np.arange(len(labels)), labels] -= 1
    dlogits *= dloss / divisor
    return dlogits


def _shifted(logits):
    logits = as_floats(array_of_rank("logits", logits, 2, "(N, C), one row per sample"))
    if logits.shape[1] == 0:
        raise ValueError(f"logits has shape {logits.shape}, expected at least one class")
    return logits - logits.max(axis=1, keepdims=True)
