"""The linear layer Y = X W + b."""

import numpy as np

from ._checks import array_of_rank, require_same_shape


def linear_forward(X, W, b):
    """Y = X W + b, one row per sample.

    X (N, D), W (D, M), b (M,). Returns Y (N, M) and the cache for `linear_backward`.
    Raises ValueError, naming the axis, when the shapes do not fit.
    """
    X = np.asarray(X)
    layout = "(N, D), one row per sample"
    if X.ndim > 2:
        layout += "; Flatten makes a row of each image"
    X = array_of_rank("X", X, 2, layout)
    W = array_of_rank("W", W, 2, "(D, M)")
    b = array_of_rank("b", b, 1, "(M,)")
    if X.shape[1] != W.shape[0]:
        raise ValueError(
            f"X has {X.shape[1]} columns but W has {W.shape[0]} rows: X {X.shape}, W {W.shape}"
        )
    if b.shape[0] != W.shape[1]:
        raise ValueError(
            f"b has {b.shape[0]} entries but W has {W.shape[1]} columns: b {b.shape}, W {W.shape}"
        )
    return X @ W + b, (X, W)


def linear_backward(dY, cache, need_dX=True):
    """Gradients of the loss with respect to X, W and b, given the upstream gradient dY.

    dY (N, M). Returns dX (N, D), dW (D, M), db (M,); dX is None when `need_dX` is false.
    Y_nm = sum_d X_nd W_dm + b_m, so dL/dW_dm = sum_n X_nd dY_nm, dL/dX_nd = sum_m dY_nm W_dm and
    dL/db_m = sum_n dY_nm. Sums over the batch: the 1/N of a mean loss is already in dY.
    Raises ValueError when dY has not the shape of Y.
    """
    X, W = cache
    dY = np.asarray(dY)
    require_same_shape("dY", dY, "Y", (X.shape[0], W.shape[1]))
    dX = dY @ W.T if need_dX else None
    return dX, X.T @ dY, dY.sum(axis=0)
