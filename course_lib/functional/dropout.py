"""Dropout, scaled while training so that nothing is left to do afterwards ("inverted")."""

from ._checks import as_floats, require_generator, require_probability, upstream


def dropout_forward(x, p, rng):
    """y = x / (1 - p) where a random mask keeps the entry, else 0; each is dropped with chance p.

    x of any shape, 0 <= p < 1, rng a np.random.Generator. Returns y, of the shape of x, and the
    cache for `dropout_backward`: the boolean mask, True where kept, and p.
    An entry is kept with chance 1 - p, so dividing by 1 - p makes y equal to x on average.
    Raises ValueError for another p, TypeError for another rng.
    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting",
    JMLR 15, 2014, section 10 for the scaling in training.
    """
    x, p = as_floats(x), require_probability("p", p)
    mask = require_generator(rng).random(x.shape) >= p
    return x * mask / (1 - p), (mask, p)


def dropout_backward(dout, cache):
    """Gradient with respect to x: dout / (1 - p) where the same mask kept the entry, else 0.

    dout: upstream gradient, of the shape of x. y = x / (1 - p) has derivative 1 / (1 - p), y = 0
    has 0. Raises ValueError when dout has another shape.
    """
    mask, p = cache
    return upstream(dout, mask.shape) * mask / (1 - p)
