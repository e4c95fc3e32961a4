"""First and second derivatives beside PyTorch's: `python benchmarks/agreement.py`.

For each operation of `course_lib.autograd`, in float64 with random arguments: its result, the
gradients of sum(u * result) for a random upstream u, and the gradients of sum(v * those gradients)
for random v with respect to all arguments and u. Prints the largest difference of each, relative to
the largest entry, and writes the table to results/agreement.txt. Exits with 1 if anything differs
by more than 1e-9.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from comparison import add_folder, publish
from machine import describe

from course_lib import autograd as ag

TOLERANCE = 1e-9


@dataclass
class Case:
    """An operation with arguments, in course_lib and in PyTorch."""

    name: str
    ours: Callable  # of Tensors
    theirs: Callable  # of the module torch, and its tensors
    arguments: list  # float64 arrays


def cases(rng):
    """The operations, with arguments from rng."""

    def normal(*shapes):
        return [rng.standard_normal(shape) for shape in shapes]

    def positive(*shapes):
        return [rng.uniform(0.5, 2.0, shape) for shape in shapes]

    def same(name, arguments, case=None):
        """An operation with the same name and arguments in both."""
        ours = getattr(ag, name)
        return Case(case or name, ours, lambda t, *xs: getattr(t, name)(*xs), arguments)

    pair = ((4, 1, 3), (2, 3))  # broadcast to (4, 2, 3)
    whole = rng.integers(-2, 3, (4, 5)).astype(float)  # has zeros, and entries that are equal
    other = rng.integers(-2, 3, (4, 5)).astype(float)
    condition = rng.random((4, 2, 3)) < 0.5
    mask = rng.random((4, 5)) < 0.5
    rows, columns = np.array([0, 2, 2, -1, 0]), np.array([1, 1, 1, 4, 1])
    grid = np.array([[0, 1], [1, 1]])
    labels = rng.integers(0, 5, 7)
    exponents = rng.uniform(-2, 3, (2, 3))

    for name in ("add", "subtract", "multiply"):
        yield same(name, normal(*pair), f"{name}, broadcast")
    yield same("divide", [*normal(pair[0]), *positive(pair[1])], "divide, broadcast")
    yield same("multiply", normal((), (3, 2)), "multiply, by one number")
    x = rng.standard_normal((3, 4))
    yield Case("multiply, by itself", lambda x: x * x, lambda t, x: x * x, [x])
    yield same("negative", normal((3, 4)))
    yield Case("power 3", lambda x: x**3, lambda t, x: x**3, [whole])
    yield Case("power 2, at 0", lambda x: x**2, lambda t, x: x**2, [whole])
    yield Case("power 0.5", lambda x: x**0.5, lambda t, x: x**0.5, positive((3, 4)))
    base = positive(pair[0])
    yield Case("power, both", ag.power, lambda t, x, p: x**p, [*base, exponents])
    # Not 0: there PyTorch's second derivative for x and p is 0 instead of 1 / x.
    base = [*positive((4, 5)), np.where(whole == 0, 1, whole)]
    yield Case("power, whole exponents", ag.power, lambda t, x, p: x**p, base)
    yield Case("power, of a number", lambda p: 1.7**p, lambda t, p: 1.7**p, [exponents])

    for name in ("exp", "sin", "cos", "tanh", "sigmoid"):
        yield same(name, normal((3, 4)))
    for name in ("log", "sqrt"):
        yield same(name, positive((3, 4)))
    yield Case("sigmoid, far out", ag.sigmoid, lambda t, x: t.sigmoid(x), [20 * whole])
    for name in ("relu", "abs"):
        yield same(name, normal((3, 4)))
        yield same(name, [whole], f"{name}, at 0")
    for name in ("maximum", "minimum"):
        yield same(name, normal(*pair), f"{name}, broadcast")
        yield same(name, [whole, other], f"{name}, equal entries")
    yield Case(
        "where, broadcast",
        lambda x, y: ag.where(condition, x, y),
        lambda t, x, y: t.where(t.tensor(condition), x, y),
        normal(*pair),
    )

    for axis in (None, 1, (0, 2)):
        for keepdims in (False, True):
            kind = f"axis {axis}{', keepdims' if keepdims else ''}"
            yield Case(
                f"sum, {kind}",
                lambda x, a=axis, k=keepdims: ag.sum(x, axis=a, keepdims=k),
                lambda t, x, a=axis, k=keepdims: t.sum(x, dim=a, keepdim=k),
                normal((3, 4, 2)),
            )
            yield Case(
                f"mean, {kind}",
                lambda x, a=axis, k=keepdims: ag.mean(x, axis=a, keepdims=k),
                lambda t, x, a=axis, k=keepdims: t.mean(x, dim=a, keepdim=k),
                normal((3, 4, 2)),
            )
            yield Case(
                f"max, {kind}",
                lambda x, a=axis, k=keepdims: ag.max(x, axis=a, keepdims=k),
                lambda t, x, a=axis, k=keepdims: t.amax(x, dim=() if a is None else a, keepdim=k),
                normal((3, 4, 2)),
            )
    # With one axis PyTorch, too, takes the first of equal entries.
    yield Case(
        "max, equal entries",
        lambda x: ag.max(x, axis=1),
        lambda t, x: t.max(x, dim=1).values,
        [whole],
    )

    x = rng.standard_normal((2, 3, 4))
    yield Case("reshape", lambda x: x.reshape(4, 6), lambda t, x: x.reshape(4, 6), [x])
    yield Case("transpose", ag.transpose, lambda t, x: x.permute(2, 1, 0), [x])
    yield Case(
        "transpose, axes",
        lambda x: ag.transpose(x, axes=(1, -1, 0)),
        lambda t, x: x.permute(1, 2, 0),
        [x],
    )
    yield Case(
        "broadcast_to",
        lambda x: ag.broadcast_to(x, shape=(5, 3, 2)),
        lambda t, x: t.broadcast_to(x, (5, 3, 2)),
        normal((3, 1)),
    )
    yield Case(
        "unbroadcast",
        lambda x: ag.unbroadcast(x, shape=(3, 1)),
        lambda t, x: x.sum_to_size(3, 1),
        normal((5, 3, 2)),
    )
    yield Case(  # and back to float64, so that the rounding is the same in both
        "astype",
        lambda x: ag.astype(ag.astype(x, dtype=np.float32), dtype=np.float64) * x,
        lambda t, x: x.to(t.float32).to(t.float64) * x,
        [rng.standard_normal((3, 4)).astype(np.float32).astype(np.float64)],
    )
    x = rng.standard_normal((4, 5))
    for name, index in (
        ("slices", np.s_[1:, ::2]),
        ("integer, new axis", np.s_[2, None, 1:]),
        ("repeated rows", rows),
        ("repeated entries", (rows, columns)),
        ("slice and repeated", np.s_[:, columns]),
        ("grid of rows", grid),
        ("mask", mask),
    ):
        yield Case(f"getitem, {name}", lambda x, i=index: x[i], lambda t, x, i=index: x[i], [x])
    parts = normal((2, 3), (4, 3), (1, 3))
    yield Case("concatenate", lambda *a: ag.concatenate(a), lambda t, *a: t.cat(a), parts)
    parts = normal((2, 3), (2, 3), (2, 3))
    yield Case("stack", lambda *a: ag.stack(a, axis=-1), lambda t, *a: t.stack(a, -1), parts)

    for name, shapes in (
        ("matrices", ((3, 4), (4, 2))),
        ("batched", ((5, 3, 4), (5, 4, 2))),
        ("broadcast batches", ((2, 1, 3, 4), (5, 4, 2))),
        ("batch and matrix", ((5, 3, 4), (4, 2))),
        ("vectors", ((4,), (4,))),
        ("matrix, vector", ((3, 4), (4,))),
        ("vector, matrix", ((4,), (4, 2))),
        ("vector, batch", ((4,), (5, 4, 2))),
        ("batch, vector", ((5, 3, 4), (4,))),
    ):
        yield same("matmul", normal(*shapes), f"matmul, {name}")

    logits = normal((7, 5))
    yield Case("softmax", ag.softmax, lambda t, z: t.softmax(z, 1), logits)
    for reduction in ("mean", "sum"):
        yield Case(
            f"softmax_cross_entropy, {reduction}",
            lambda z, r=reduction: ag.softmax_cross_entropy(z, labels, reduction=r),
            lambda t, z, r=reduction: t.nn.functional.cross_entropy(
                z, t.tensor(labels), reduction=r
            ),
            logits,
        )
    for stride, padding in ((1, 0), (1, 1), (2, 0), (2, 1), (3, 2)):
        yield Case(
            f"conv2d, stride {stride}, padding {padding}",
            lambda x, W, b, s=stride, p=padding: ag.conv2d(x, W, b, stride=s, padding=p),
            lambda t, x, W, b, s=stride, p=padding: t.conv2d(
                x.permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b, s, p
            ).permute(0, 2, 3, 1),
            normal((2, 6, 7, 3), (3, 3, 3, 4), (4,)),
        )
    for name in ("max_pool", "average_pool"):
        theirs = {"max_pool": "max_pool2d", "average_pool": "avg_pool2d"}[name]
        for size in (2, 3):
            yield Case(
                f"{name}, {size}",
                lambda x, n=name, s=size: getattr(ag, n)(x, size=s),
                lambda t, x, n=theirs, s=size: getattr(t.nn.functional, n)(
                    x.permute(0, 3, 1, 2), s
                ).permute(0, 2, 3, 1),
                normal((2, 6, 7, 3)),  # 7 is not divisible: the last column is left out
            )
    yield Case(
        "max_pool, equal entries",
        ag.max_pool,
        lambda t, x: t.max_pool2d(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1),
        [rng.integers(0, 2, (2, 6, 4, 3)).astype(float)],
    )

    X = rng.standard_normal((7, 6))
    weights = normal((6, 8), (8,), (8, 5), (5,))
    yield Case(
        "MLP with its loss",
        lambda *w: ag.softmax_cross_entropy(ag.relu(X @ w[0] + w[1]) @ w[2] + w[3], labels),
        lambda t, *w: t.nn.functional.cross_entropy(
            t.relu(t.tensor(X) @ w[0] + w[1]) @ w[2] + w[3], t.tensor(labels)
        ),
        weights,
    )
    images = rng.standard_normal((7, 6, 6, 2))
    yield Case(
        "CNN with its loss",
        lambda W, b, W2: ag.softmax_cross_entropy(
            ag.max_pool(ag.relu(ag.conv2d(images, W, b))).reshape(7, 12) @ W2, labels
        ),
        lambda t, W, b, W2: t.nn.functional.cross_entropy(
            t.max_pool2d(
                t.relu(t.conv2d(t.tensor(images).permute(0, 3, 1, 2), W.permute(3, 2, 0, 1), b)), 2
            )
            .permute(0, 2, 3, 1)
            .reshape(7, 12)
            @ W2,
            t.tensor(labels),
        ),
        normal((3, 3, 2, 3), (3,), (12, 5)),
    )
    yield Case(
        "MLP with tanh and tied weights",
        lambda W, b: ag.mean(ag.tanh(ag.tanh(X @ W + b) @ W.T) ** 2),
        lambda t, W, b: (t.tanh(t.tanh(t.tensor(X) @ W + b) @ W.T) ** 2).mean(),
        weights[:2],
    )


# derivatives --------------------------------------------------------------------------------------


def our_derivatives(function, arguments, upstream, directions):
    """(result, first, second derivatives) as arrays: what the docstring above says.

    upstream: a function that makes u from the shape of the result.
    """
    out = function(*map(ag.Tensor, arguments)).data
    u = upstream(out.shape)

    def first(*arguments_and_u):
        *xs, g = arguments_and_u
        return ag.vjp(function, *xs)[1](g)

    def inner(*arguments_and_u):
        total = 0.0
        for v, gradient in zip(directions, first(*arguments_and_u), strict=True):
            total = total + ag.sum(v * gradient)
        return total

    everything = (*arguments, u)
    second = ag.grad(inner, argnums=tuple(range(len(everything))))(*everything)
    return [out], [g.data for g in first(*everything)], [g.data for g in second]


def torch_derivatives(torch, function, arguments, upstream, directions):
    """The same by PyTorch."""

    def gradients(of, leaves, **options):
        found = torch.autograd.grad(of, leaves, allow_unused=True, **options)
        return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]

    xs = [torch.tensor(x, requires_grad=True) for x in arguments]
    out = function(torch, *xs)
    u = torch.tensor(upstream(tuple(out.shape)), requires_grad=True)
    first = gradients(out, xs, grad_outputs=u, create_graph=True)
    inner = sum((torch.tensor(v) * g).sum() for v, g in zip(directions, first, strict=True))
    second = gradients(inner, [*xs, u])
    return [[x.numpy(force=True) for x in part] for part in ([out], first, second)]


def difference(given, wanted):
    """The largest difference of two lists of arrays, relative to the largest wanted entry of each.

    inf when shapes differ, or where one has numbers and the other doesn't.
    """
    worst = 0.0
    for x, y in zip(given, wanted, strict=True):
        if not np.array_equal(np.isfinite(x), np.isfinite(y)):
            return np.inf
        scale = np.abs(y).max(initial=0.0) or 1.0
        worst = max(worst, np.abs(x - y).max(initial=0.0) / scale)
    return worst


def compare(case, torch, seed=1):
    """The differences of a case's result, first and second derivatives."""
    rng = np.random.default_rng(seed)
    directions = [rng.standard_normal(x.shape) for x in case.arguments]

    def upstream(shape):
        return np.random.default_rng(seed + 1).standard_normal(shape)

    ours = our_derivatives(case.ours, case.arguments, upstream, directions)
    theirs = torch_derivatives(torch, case.theirs, case.arguments, upstream, directions)
    return [difference(x, y) for x, y in zip(ours, theirs, strict=True)]


def transforms(torch, rng):
    """(name, difference) of functions of functions on a small network: hvp and its relatives."""
    X, labels = rng.standard_normal((7, 4)), rng.integers(0, 3, 7)
    W, V = rng.standard_normal((2, 4, 3))

    def ours(W):
        return ag.softmax_cross_entropy(ag.tanh(X @ W), labels)

    def theirs(W):
        return torch.nn.functional.cross_entropy(
            torch.tanh(torch.tensor(X) @ W), torch.tensor(labels)
        )

    def rows(W):
        return ag.softmax(X @ W)

    theirs_of = torch.autograd.functional
    at, along = torch.tensor(W), torch.tensor(V)
    for name, given, wanted in (
        ("hvp", ag.hvp(ours, W, V), theirs_of.hvp(theirs, at, along)[1]),
        ("hessian", ag.hessian(ours)(W), theirs_of.hessian(theirs, at)),
        (
            "jacobian",
            ag.jacobian(rows)(W),
            theirs_of.jacobian(lambda W: torch.softmax(torch.tensor(X) @ W, 1), at),
        ),
        (
            "jacobian of the hessian",
            ag.jacobian(ag.hessian(ours))(W),
            theirs_of.jacobian(lambda W: theirs_of.hessian(theirs, W, create_graph=True), at),
        ),
    ):
        yield name, difference([given.data], [wanted.numpy()])


def matrix(compared, of_transforms):
    """(text, names of what disagrees)."""
    lines = [
        "course_lib.autograd beside PyTorch, float64: the largest difference relative to the",
        "largest entry, of the result, of the gradients of sum(u * result) for a random upstream",
        "u, and of the gradients of sum(v * gradients) with respect to the arguments and u.",
        "",
        f"{'operation':34} {'result':>8} {'first':>8} {'second':>8}",
    ]
    wrong = []
    for name, differences in (*compared, *((name, [d]) for name, d in of_transforms)):
        agrees = all(d <= TOLERANCE for d in differences)
        if not agrees:
            wrong.append(name)
        lines.append(
            f"{name:34} {' '.join(f'{d:8.1e}' for d in differences)}{'' if agrees else '  DIFFERS'}"
        )
    everything = len(compared) + len(of_transforms)
    lines += ["", f"{everything - len(wrong)} of {everything} agree to {TOLERANCE:g}."]
    return "\n".join(lines), wrong


def main(arguments=None):
    """Compares, prints the table and writes it; exits with 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_folder(parser)
    options = parser.parse_args(arguments)
    try:
        import torch
    except ImportError as error:
        sys.exit(
            f"nothing was compared, because PyTorch is not installed: {error} "
            "(pip install -r benchmarks/requirements.txt)"
        )
    rng = np.random.default_rng(0)
    compared = [(case.name, compare(case, torch)) for case in cases(rng)]
    text, wrong = matrix(compared, list(transforms(torch, rng)))
    publish(f"{text}\n\n{describe('numpy', 'torch')}", options.to, "agreement")
    if wrong:
        sys.exit(f"course_lib and PyTorch disagree about {', '.join(wrong)}")


if __name__ == "__main__":
    main()
