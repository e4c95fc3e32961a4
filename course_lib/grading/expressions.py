"""Finds what a wrong array is made of: a small search over expressions of known quantities.

Given named arrays (inputs, intermediate quantities) and a target for each probe, it looks for one
expression of at most two of them that gives every target, up to a factor that can be named.
"""

import itertools
import re
from fractions import Fraction
from functools import partial

import numpy as np

RTOL = 1e-7  # an expression found is told to the learner: it must hold far beyond coincidence


def _typical(values):
    """The size of a middling entry, at least 1; one huge entry must not excuse the others."""
    sizes = np.abs(values[np.isfinite(values)])
    return max(1.0, float(np.median(sizes))) if sizes.size else 1.0


def bracketed(words):
    """Words for a quantity, in brackets unless they are one already: ready to be multiplied."""
    if re.fullmatch(r"[\w.^|]+|\([^()]*\)|(sin|cos|exp|the|np)\b.*", words):
        return words
    return f"({words})"


def close(got, want):
    """Whether two arrays agree in shape and value, nan only with nan."""
    if got.shape != want.shape:
        return False
    if got.dtype == np.float32:
        return bool(np.allclose(got, want, rtol=1e-4, atol=1e-6, equal_nan=True))
    scale = _typical(want)
    return bool(np.allclose(got, want, rtol=RTOL, atol=1e-11 * scale, equal_nan=True))


def broadcasts_to(a, shape):
    """Whether an array can be repeated to this shape."""
    try:
        return np.broadcast_to(np.asarray(a), shape).shape == shape
    except ValueError:
        return False


def factor_between(got, base):
    """c with got = c * base, or None where there is no such number (or base is 0 throughout)."""
    if got.shape != base.shape or not np.isfinite(got).all() or not np.isfinite(base).all():
        return None
    norm = float(np.sum(base * base))
    if norm == 0.0:
        return None
    c = float(np.sum(got * base)) / norm
    return c if c != 0.0 and close(got, c * base) else None


def _is(values, wanted):
    rtol = 1e-4 if np.size(values) < 2 else 1e-6
    return bool((np.abs(values - wanted) <= rtol * np.abs(wanted)).all())  # np.allclose is slow


def name_factor(factors, symbols):
    """Words for a factor seen on several probes: "2", "-1", "1/N", "learning_rate"; else None.

    factors: a number per probe. symbols: {name: a number per probe}, sizes and scalar inputs.
    """
    factors = np.asarray(factors, dtype=float)
    if np.allclose(factors, factors[0], rtol=1e-6):
        simple = Fraction(float(factors[0])).limit_denominator(12)
        exact = simple != 0 and abs(float(simple) - factors[0]) < 1e-6 * abs(factors[0])
        if exact:
            return str(simple)
        part = round(1 / factors[0]) if abs(factors[0]) > 1e-5 else 0
        if part and abs(part * factors[0] - 1) < 1e-6:
            return f"{'-' if part < 0 else ''}1/{abs(part)}"
        return f"{factors[0]:.4g}"
    if len(factors) < 2:
        return None
    usable = {n: np.asarray(v, dtype=float) for n, v in symbols.items()}
    usable = {n: v for n, v in usable.items() if np.isfinite(v).all()}
    with np.errstate(all="ignore"):
        for name, v in usable.items():
            forms = {
                name: v,
                f"1/{name}": 1 / v,
                f"-{name}": -v,
                f"-1/{name}": -1 / v,
                f"2{name}": 2 * v,
                f"2/{name}": 2 / v,
                f"1/(2{name})": 1 / (2 * v),
                f"{name}^2": v * v,
                f"1/{name}^2": 1 / (v * v),
                f"({name} - 1)": v - 1,
                f"1/({name} - 1)": 1 / (v - 1),
                f"(1 - {name})": 1 - v,
                f"1/(1 - {name})": 1 / (1 - v),
                f"sqrt(1 - {name})": np.sqrt(1 - v),
                f"1/sqrt(1 - {name})": 1 / np.sqrt(1 - v),
                f"(1 + {name})": 1 + v,
                f"sqrt({name})": np.sqrt(v),
                f"1/sqrt({name})": 1 / np.sqrt(v),
                f"({name} - 1)/{name}": (v - 1) / v,
                f"({name} + 1)/{name}": (v + 1) / v,
                f"{name}/({name} - 1)": v / (v - 1),
            }
            for words, form in forms.items():
                if _is(factors, form):
                    return words
        for (a, va), (b, vb) in itertools.permutations(usable.items(), 2):
            for words, form in (
                (f"{a}*{b}", va * vb),
                (f"{a}/{b}", va / vb),
                (f"1/({a}*{b})", 1 / (va * vb)),
            ):
                if _is(factors, form):
                    return words
    return None


# entry by entry -----------------------------------------------------------------------------------


def _stack(leaves, targets, totals=True):
    """Leaves that fit every target entry by entry, and the targets, each as one long vector."""
    names = set.intersection(*(set(one) for one in leaves))
    columns = {}
    for name in leaves[0]:
        if name not in names:
            continue
        try:
            parts = [
                np.broadcast_to(one[name], t.shape).ravel()
                for one, t in zip(leaves, targets, strict=True)
            ]
        except ValueError:
            continue
        columns[name] = np.concatenate(parts)
    if totals and len(columns) < 7:
        for name in [
            n
            for n in leaves[0]
            if n in names and all(one[n].ndim and one[n].size for one in leaves)
        ]:
            for way in ("sum", "mean"):
                parts = [
                    np.full(t.size, getattr(one[name], way)())
                    for one, t in zip(leaves, targets, strict=True)
                ]
                columns[f"{name}.{way}()"] = np.concatenate(parts)
    return columns, np.concatenate([t.ravel() for t in targets])


def _candidates(columns):
    """(names, rows): all leaves, then products, quotients, sums and differences of two."""
    names, rows = list(columns), list(columns.values())
    single = list(zip(names, rows, strict=True))
    for name, a in single:
        names.append(f"1 / {bracketed(name)}")
        rows.append(1 / a)
    single = [(bracketed(n), a) for n, a in single]
    for (i, (n, a)), (j, (m, b)) in itertools.product(enumerate(single), repeat=2):
        if i <= j:
            names.append(f"{n} * {m}")
            rows.append(a * b)
        if i < j:
            names += [f"{n} + {m}", f"{n} - {m}"]
            rows += [a + b, a - b]
        if i != j:
            names.append(f"{n} / {m}")
            rows.append(a / b)
    return names, np.array(rows)


def _fitting(rows, target):
    """For each row the c of target = c * row, nan where that does not hold."""
    usable = np.isfinite(rows).all(axis=1) & rows.any(axis=1)
    rows = np.where(usable[:, None], rows, 0.0)
    norms = np.einsum("ij,ij->i", rows, rows)
    c = rows @ target / np.where(norms, norms, 1.0)
    scale = _typical(target)
    off = np.abs(c[:, None] * rows - target) > RTOL * np.abs(target) + 1e-11 * scale
    return np.where(usable & (c != 0) & ~off.any(axis=1), c, np.nan)


def find_elementwise(leaves, targets, totals=True):
    """(expression, factor words) in at most two leaves, entry by entry, or None."""
    columns, target = _stack([_plain(one) for one in leaves], targets, totals)
    if not columns or target.size < 4 or not np.isfinite(target).all() or not target.any():
        return None
    with np.errstate(all="ignore"):
        names, rows = _candidates(columns)
        fits = _fitting(rows, target)
    hits = [(abs(c - 1) > 1e-7, k) for k, c in enumerate(fits) if np.isfinite(c)]
    if not hits:
        return None
    k = min(hits)[1]
    words = name_factor([fits[k]], {})
    return (names[k] if words == "1" else bracketed(names[k])), words


def find_sum(leaves, targets):
    """Words for a sum of at most three terms (numbers, leaves, products of two), or None."""
    columns, target = _stack([_plain(one) for one in leaves], targets)
    if not columns or target.size < 8 or not np.isfinite(target).all():
        return None
    columns = {bracketed(n): a for n, a in columns.items()}
    basis = {"1": np.ones_like(target), **columns}
    for (n, a), (m, b) in itertools.combinations_with_replacement(columns.items(), 2):
        basis[f"{n}^2" if n == m else f"{n} * {m}"] = a * b
    basis = {n: v for n, v in basis.items() if np.isfinite(v).all() and v.any()}
    names, rows = list(basis), np.array(list(basis.values()))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    gram, right = unit @ unit.T, unit @ target
    energy = target @ target
    for many in (2, 3):
        if target.size < 3 * many:
            break
        few = range(min(len(names), 24 if many == 3 else len(names)))  # leaves come first
        groups = np.array(list(itertools.combinations(few, many)))
        if not len(groups):
            break
        small = gram[groups[:, :, None], groups[:, None, :]] + 1e-13 * np.eye(many)
        coefficients = np.linalg.solve(small, right[groups][..., None])[..., 0]
        left = energy - np.einsum("ij,ij->i", coefficients, right[groups])
        found = []
        for k in np.argsort(left)[:40]:
            if left[k] > 1e-9 * energy:
                break
            group = rows[groups[k]].T
            c, *_ = np.linalg.lstsq(group, target, rcond=None)
            if close(target, group @ c) and np.abs(c).max() < 1e4 and np.abs(c).min() > 1e-6:
                found.append(_sum_words(c, [names[i] for i in groups[k]]))
        if found:
            return min(found, key=len)
    return None


def _sum_words(coefficients, names):
    words = ""
    for c, name in sorted(zip(coefficients, names, strict=True), key=lambda t: t[1] == "1"):
        size = name_factor([abs(c)], {})
        term = size if name == "1" else name if size == "1" else f"{size} * {name}"
        words += (" - " if c < 0 else " + ") + term if words else ("-" if c < 0 else "") + term
    return words


# matrices -----------------------------------------------------------------------------------------


_ALONG_AN_AXIS = {
    "{a}.sum(axis={k})": lambda a, k: a.sum(axis=k),
    "{a}.mean(axis={k})": lambda a, k: a.mean(axis=k),
    "{a}.max(axis={k})": lambda a, k: a.max(axis=k),
    "{a}.min(axis={k})": lambda a, k: a.min(axis=k),
    "{a}.std(axis={k})": lambda a, k: a.std(axis=k),
    "{a}.prod(axis={k})": lambda a, k: a.prod(axis=k),
    "np.median({a}, axis={k})": lambda a, k: np.median(a, axis=k),
    "np.linalg.norm({a}, axis={k})": lambda a, k: np.linalg.norm(a, axis=k),
    "the first of {a} along axis {k}": lambda a, k: a.take(0, axis=k),
}


def _unary(name, a):
    """(words, function of the leaf) for everything that one leaf alone may become."""
    yield name, lambda a: a
    if a.ndim == 2:
        yield f"{name}.T", lambda a: a.T
    for k in range(a.ndim if a.size else 0):
        for words, function in _ALONG_AN_AXIS.items():
            yield words.format(a=name, k=k), partial(function, k=k)
    if a.ndim > 1:
        yield f"{name}.sum()", np.sum
        yield f"{name}.mean()", np.mean


_OPERATIONS = {
    "*": np.multiply,
    "+": np.add,
    "-": np.subtract,
    "/": np.divide,
    "@": np.matmul,
    "outer": np.outer,
}


def _plain(leaves):
    return {n: np.asarray(v, dtype=float) for n, v in leaves.items()}


def _fits(op, a, b):
    if op == "outer":
        return a.ndim == b.ndim == 1
    if op == "@":
        return a.ndim in (1, 2) and b.ndim in (1, 2) and a.shape[-1] == b.shape[0]
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return True


def _products(first, shape):
    """Every (words, recipe) of one or two leaves whose array has the wanted shape, simple first."""
    ones = [(u, leaf, f, np.asarray(f(a))) for leaf, a in first.items() for u, f in _unary(leaf, a)]
    for u, leaf, f, value in ones:
        if value.shape == shape:
            yield u, ((leaf, f),)
        elif value.ndim and value.size > 1 and broadcasts_to(value, shape):
            yield f"{u} in every row", ((leaf, f),)
    pairs = [
        o
        for o in ones
        if o[0] == o[1] or o[0].endswith((".T", ".sum(axis=0)", ".mean(axis=0)", ".sum(axis=1)"))
    ]
    for (u, lu, fu, a), (v, lv, fv, b) in itertools.product(pairs, repeat=2):
        for op, function in _OPERATIONS.items():
            if op in ("+", "*") and u > v or op in ("-", "/") and u == v or not _fits(op, a, b):
                continue
            result = np.asarray(function(a, b))
            two = ((lu, fu), (lv, fv), function)
            if result.shape == shape:
                yield f"{u} {op} {v}", two
            elif result.ndim == len(shape) + 1 and op != "/":
                for k in range(result.ndim):
                    if result.shape[:k] + result.shape[k + 1 :] == shape:
                        yield f"({u} {op} {v}).sum(axis={k})", (*two, partial(np.sum, axis=k))
                        yield f"({u} {op} {v}).mean(axis={k})", (*two, partial(np.mean, axis=k))


def _evaluate(recipe, leaves, shape):
    """The recipe's array on a probe's leaves, or None where its shapes do not fit."""
    try:
        (leaf, f), *more = recipe
        result = f(leaves[leaf])
        if more:
            (leaf, f), operation, *after = more
            result = operation(result, f(leaves[leaf]))
            for reduce in after:
                result = reduce(result)
        result = np.asarray(result)
        if result.shape != shape and result.ndim and not more:
            result = np.broadcast_to(result, shape)
        return result
    except (ValueError, KeyError, IndexError):
        return None


def find(leaves, targets, symbols):
    """(expression, factor words) that gives every target, or None.

    leaves: for each probe {name: array}. targets: for each probe an array. symbols: as for
    `name_factor`. Cases with a factor other than 1 are believed only where the factor has a name.
    """
    return find_elementwise(leaves, targets) or _find_matrices(leaves, targets, symbols)


def _find_matrices(leaves, targets, symbols):
    with np.errstate(all="ignore"):
        leaves = [{n: a for n, a in _plain(one).items() if a.ndim} for one in leaves]
        lead = max(range(len(targets)), key=lambda i: targets[i].size)
        if not leaves[lead] or not np.isfinite(targets[lead]).all() or not np.any(targets[lead]):
            return None
        few = list(leaves[lead])[:3]  # inputs come first; more would take too long
        best = None
        for name, recipe in _products({n: leaves[lead][n] for n in few}, targets[lead].shape):
            value = _evaluate(recipe, leaves[lead], targets[lead].shape)
            if value is None or factor_between(targets[lead], value) is None:
                continue
            words = _holds(recipe, leaves, targets, symbols)
            if words == "1":
                return name, "1"
            if words is not None and best is None:
                best = name, words
        return best


def _holds(recipe, leaves, targets, symbols):
    factors, kept = [], []
    for i, target in enumerate(targets):
        value = _evaluate(recipe, leaves[i], target.shape)
        if value is None or value.shape != target.shape:
            return None
        if not np.any(value) and not np.any(target):
            continue
        c = factor_between(target, value)
        if c is None:
            return None
        factors.append(c)
        kept.append(i)
    if sum(targets[i].size for i in kept) < 4:
        return None
    return name_factor(factors, {n: [v[i] for i in kept] for n, v in symbols.items()})
