"""Wrong and hostile answers to the exercises on networks.

They are registered in the tables of `wrong`; each docstring says what the learner got wrong.
Everything here was written without sight of the grader's catalogue of mistakes.
"""

import contextlib
import io
import sys

import numpy as np

from .wrong import hostile, wrong

# ------------------------------------------------------------- what the learners share, correct


def probabilities(logits):
    """Softmax by rows."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def mean_cross_entropy(logits, labels):
    """Mean cross-entropy by log-sum-exp."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(labels)), labels]
    return float((np.log(np.exp(shifted).sum(axis=1)) - own).mean())


def logits_gradient(logits, labels):
    """Gradient of the mean cross-entropy."""
    d = probabilities(logits)
    d[np.arange(len(labels)), labels] -= 1
    return d / len(labels)


def hidden_and_output(X, W1, b1, W2, b2):
    """Pre-activations, activations and outputs of the two-layer network."""
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    return z1, a1, a1 @ W2 + b2


def four_gradients(X, z1, a1, dz2, W2):
    """The backward pass of the two-layer network."""
    dz1 = dz2 @ W2.T * (z1 > 0)
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


def regression_gradients(X, W1, b1, W2, b2, target):
    """All gradients of the squared error."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, z2 - target, W2)


def network_gradients(X, labels, W1, b1, W2, b2):
    """Loss and all gradients of the classifier."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    grads = four_gradients(X, z1, a1, logits_gradient(z2, labels), W2)
    return mean_cross_entropy(z2, labels), *grads


# ------------------------------------------------------------------------------ relu_forward


@wrong("relu_forward")
def relu_absolute_value(z):
    """Flips the sign of negative values instead of dropping them."""
    return np.abs(z)


@wrong("relu_forward")
def relu_reduces_first_axis(z):
    """np.max(z, 0) takes the maximum along axis 0."""
    return np.max(z, 0)


@wrong("relu_forward")
def relu_minimum(z):
    """Keeps the negative part."""
    return np.minimum(z, 0)


@wrong("relu_forward")
def relu_step(z):
    """Returns the derivative instead of the value."""
    return (z > 0).astype(float)


@wrong("relu_forward")
def relu_in_place(z):
    """Overwrites the input, which a backward pass still needs."""
    z[z < 0] = 0
    return z


@wrong("relu_forward")
def relu_ufunc_out(z):
    """Writes the result into the input to save memory."""
    return np.maximum(z, 0, out=z)


@wrong("relu_forward")
def relu_saturates(z):
    """Clips to [0, 1], as if it were a probability."""
    return np.clip(z, 0, 1)


@wrong("relu_forward")
def relu_filters(z):
    """Selects the positive entries, which loses the shape."""
    return z[z > 0]


@wrong("relu_forward")
def relu_softplus(z):
    """The smooth version."""
    return np.logaddexp(0, z)


@wrong("relu_forward")
def relu_python_max(z):
    """Python's max can't compare an array with 0."""
    return max(z, 0)


@wrong("relu_forward")
def relu_whole_numbers(z):
    """Truncates to integers."""
    return np.maximum(z, 0).astype(int)


@wrong("relu_forward")
def relu_leaks(z):
    """Leaky ReLU."""
    return np.where(z > 0, z, 0.01 * z)


@wrong("relu_forward")
def relu_gates_rows(z):
    """Switches whole samples off by the sign of their sum."""
    return z * (z.sum(axis=-1, keepdims=True) > 0)


@wrong("relu_forward")
def relu_above_mean(z):
    """Cuts at the batch mean instead of zero."""
    return np.where(z > z.mean(), z, 0)


# ----------------------------------------------------------------------------- relu_backward


@wrong("relu_backward")
def relu_back_passes_all(dA, z):
    """Hands the upstream on without a mask."""
    return dA.copy()


@wrong("relu_backward")
def relu_back_value(dA, z):
    """Multiplies by the activation instead of its derivative."""
    return dA * np.maximum(z, 0)


@wrong("relu_backward")
def relu_back_sign_of_upstream(dA, z):
    """Applies ReLU to the upstream."""
    return np.maximum(dA, 0)


@wrong("relu_backward")
def relu_back_inverted(dA, z):
    """The mask selects the inactive units."""
    return dA * (z < 0)


@wrong("relu_backward")
def relu_back_guided(dA, z):
    """Drops negative gradients too ("guided" backpropagation)."""
    return np.where((z > 0) & (dA > 0), dA, 0)


@wrong("relu_backward")
def relu_back_local_only(dA, z):
    """Returns the local derivative, without the upstream."""
    return np.where(z > 0, 1.0, 0.0)


@wrong("relu_backward")
def relu_back_arguments_swapped(dA, z):
    """Takes the first argument for the pre-activation."""
    return z * (dA > 0)


@wrong("relu_backward")
def relu_back_in_place(dA, z):
    """Zeroes the caller's upstream."""
    dA[z <= 0] = 0
    return dA


@wrong("relu_backward")
def relu_back_in_place_product(dA, z):
    """`*=` changes the caller's upstream."""
    dA *= z > 0
    return dA


@wrong("relu_backward")
def relu_back_mean(dA, z):
    """Divides by the batch size in the activation."""
    return dA * (z > 0) / len(dA)


@wrong("relu_backward")
def relu_back_any_sample(dA, z):
    """A unit counts as active if any sample makes it active."""
    return dA * (z > 0).any(axis=0)


@wrong("relu_backward")
def relu_back_first_row_mask(dA, z):
    """The mask of the first sample serves for all."""
    return dA * np.atleast_2d(z > 0)[0]


@wrong("relu_backward")
def relu_back_leaky(dA, z):
    """The derivative of a leaky ReLU."""
    return dA * np.where(z > 0, 1, 0.01)


@wrong("relu_backward")
def relu_back_nonzero(dA, z):
    """Tests the pre-activation with != 0, as one may the activation."""
    return dA * (z != 0)


@wrong("relu_backward")
def relu_back_sums_batch(dA, z):
    """Adds up over the batch, as for a bias."""
    return (dA * (z > 0)).sum(axis=0)


@wrong("relu_backward")
def relu_back_relu_of_product(dA, z):
    """relu(dA * z): rectifies the product."""
    return np.maximum(dA * z, 0)


@wrong("relu_backward")
def relu_back_truncated_mask(dA, z):
    """Turns z into integers before testing it, so 0 < z < 1 counts as inactive."""
    return dA * (z.astype(int) > 0)


@wrong("relu_backward")
def relu_back_all_or_nothing(dA, z):
    """One decision for the whole array."""
    return dA if np.all(z > 0) else np.zeros_like(dA)


@wrong("relu_backward")
def relu_back_sigmoid(dA, z):
    """Uses a sigmoid as a smooth step."""
    return dA / (1 + np.exp(-z))


@wrong("relu_backward")
def relu_back_matrix_product(dA, z):
    """A matrix product with the mask, as if ReLU were a linear layer."""
    return dA @ (z > 0).T.astype(float)


# ----------------------------------------------------------------------- leaky_relu_backward


@wrong("leaky_relu_backward")
def leaky_back_plain_relu(dA, z, slope=0.01):
    """Forgets the leak."""
    return dA * (z > 0)


@wrong("leaky_relu_backward")
def leaky_back_fixed_slope(dA, z, slope=0.01):
    """Ignores the argument and uses 0.01."""
    return dA * np.where(z > 0, 1, 0.01)


@wrong("leaky_relu_backward")
def leaky_back_forward_value(dA, z, slope=0.01):
    """Returns the forward value."""
    return np.where(z > 0, z, slope * z)


@wrong("leaky_relu_backward")
def leaky_back_slope_without_upstream(dA, z, slope=0.01):
    """Forgets the upstream in the negative branch."""
    return np.where(z > 0, dA, slope)


@wrong("leaky_relu_backward")
def leaky_back_minus_slope(dA, z, slope=0.01):
    """Thinks the slope is negative to the left."""
    return dA * np.where(z > 0, 1, -slope)


@wrong("leaky_relu_backward")
def leaky_back_branches_swapped(dA, z, slope=0.01):
    """Leaks for positive values."""
    return np.where(z > 0, slope * dA, dA)


@wrong("leaky_relu_backward")
def leaky_back_mask_of_upstream(dA, z, slope=0.01):
    """Looks at the sign of the upstream."""
    return np.where(dA > 0, dA, slope * dA)


@wrong("leaky_relu_backward")
def leaky_back_value_times_upstream(dA, z, slope=0.01):
    """Multiplies by slope * z to the left: the value, not its derivative."""
    return np.where(z > 0, dA, dA * slope * z)


@wrong("leaky_relu_backward")
def leaky_back_maximum(dA, z, slope=0.01):
    """Copies the forward trick max(z, slope z) for the gradient."""
    return np.maximum(dA, slope * dA)


@wrong("leaky_relu_backward")
def leaky_back_leak_everywhere(dA, z, slope=0.01):
    """Adds the leak to the positive side too."""
    return dA * (z > 0) + slope * dA


@wrong("leaky_relu_backward")
def leaky_back_adds_constant(dA, z, slope=0.01):
    """Adds the slope instead of multiplying by it."""
    return dA * (z > 0) + slope * (z <= 0)


@wrong("leaky_relu_backward")
def leaky_back_in_place(dA, z, slope=0.01):
    """Scales the caller's upstream in place."""
    dA[z < 0] *= slope
    return dA


@wrong("leaky_relu_backward")
def leaky_back_one_minus_slope(dA, z, slope=0.01):
    """Reads the slope as the share that is lost."""
    return np.where(z > 0, dA, (1 - slope) * dA)


@wrong("leaky_relu_backward")
def leaky_back_exponential(dA, z, slope=0.01):
    """Takes it for an exponential linear unit."""
    return dA * np.where(z > 0, 1, slope * np.exp(np.minimum(z, 0)))


@wrong("leaky_relu_backward")
def leaky_back_slope_squared(dA, z, slope=0.01):
    """Applies the slope twice."""
    dz = np.where(z > 0, dA, slope * dA)
    return np.where(z > 0, dz, slope * dz)


@wrong("leaky_relu_backward")
def leaky_back_returns_slope_gradient(dA, z, slope=0.01):
    """Also returns a gradient for the slope."""
    return np.where(z > 0, dA, slope * dA), float((dA * np.minimum(z, 0)).sum())


@wrong("leaky_relu_backward")
def leaky_back_zero_slope_is_default(dA, z, slope=0.01):
    """`slope or 0.01` replaces a slope of 0."""
    slope = slope or 0.01
    return np.where(z > 0, dA, slope * dA)


@wrong("leaky_relu_backward")
def leaky_back_threshold_at_slope(dA, z, slope=0.01):
    """Confuses the slope with the threshold."""
    return np.where(z > slope, dA, slope * dA)


@wrong("leaky_relu_backward")
def leaky_back_integer_factors(dA, z, slope=0.01):
    """Stores the factors in an integer array, which truncates the slope."""
    factors = np.ones(z.shape, dtype=int)
    factors[z < 0] = slope
    return dA * factors


# ------------------------------------------------------------------------ two_layer_backward


@wrong("two_layer_backward")
def regression_no_mask(X, W1, b1, W2, b2, target):
    """Forgets the ReLU on the way back."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2 @ W2.T
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_mean_loss(X, W1, b1, W2, b2, target):
    """Divides by the batch size although the loss is a sum."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, (z2 - target) / len(X), W2)


@wrong("two_layer_backward")
def regression_mean_over_entries(X, W1, b1, W2, b2, target):
    """Divides by the number of outputs in the batch, like np.mean."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, (z2 - target) / target.size, W2)


@wrong("two_layer_backward")
def regression_factor_two(X, W1, b1, W2, b2, target):
    """Overlooks the 1/2 in the loss."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, 2 * (z2 - target), W2)


@wrong("two_layer_backward")
def regression_half_kept(X, W1, b1, W2, b2, target):
    """Keeps the 1/2 after differentiating the square to (z2 - target)."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, 0.5 * (z2 - target), W2)


@wrong("two_layer_backward")
def regression_sign(X, W1, b1, W2, b2, target):
    """target - output."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, target - z2, W2)


@wrong("two_layer_backward")
def regression_bias_means(X, W1, b1, W2, b2, target):
    """Averages the bias gradients over the batch."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2 @ W2.T * (z1 > 0)
    return X.T @ dz1, dz1.mean(axis=0), a1.T @ dz2, dz2.mean(axis=0)


@wrong("two_layer_backward")
def regression_bias_sums_features(X, W1, b1, W2, b2, target):
    """Adds up the bias gradients along the wrong axis."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2 @ W2.T * (z1 > 0)
    return X.T @ dz1, dz1.sum(axis=1), a1.T @ dz2, dz2.sum(axis=1)


@wrong("two_layer_backward")
def regression_bias_scalars(X, W1, b1, W2, b2, target):
    """Sums the bias gradients over both axes."""
    dW1, db1, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return dW1, db1.sum(), dW2, db2.sum()


@wrong("two_layer_backward")
def regression_bias_keeps_axis(X, W1, b1, W2, b2, target):
    """keepdims leaves the biases with a batch axis."""
    dW1, db1, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return dW1, db1[None, :], dW2, db2[None, :]


@wrong("two_layer_backward")
def regression_bias_before_mask(X, W1, b1, W2, b2, target):
    """Sums db1 before the mask is applied."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    da1 = dz2 @ W2.T
    return X.T @ (da1 * (z1 > 0)), da1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_weights_before_mask(X, W1, b1, W2, b2, target):
    """Applies the mask to db1 but not to dW1."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    da1 = dz2 @ W2.T
    return X.T @ da1, (da1 * (z1 > 0)).sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_pre_activation_cached(X, W1, b1, W2, b2, target):
    """Caches z1 where dW2 needs a1."""
    z1, _, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, z1, z2 - target, W2)


@wrong("two_layer_backward")
def regression_transposed_weights(X, W1, b1, W2, b2, target):
    """dY' X: the weight gradients come out transposed."""
    dW1, db1, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return dW1.T, db1, dW2.T, db2


@wrong("two_layer_backward")
def regression_backward_order(X, W1, b1, W2, b2, target):
    """Returns the gradients in the order they were found, last layer first."""
    dW1, db1, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return dW2, db2, dW1, db1


@wrong("two_layer_backward")
def regression_weights_then_biases(X, W1, b1, W2, b2, target):
    """Returns both weights, then both biases."""
    dW1, db1, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return dW1, dW2, db1, db2


@wrong("two_layer_backward")
def regression_also_inputs(X, W1, b1, W2, b2, target):
    """Returns dX as well."""
    z1, _, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dX = ((z2 - target) @ W2.T * (z1 > 0)) @ W1.T
    return dX, *regression_gradients(X, W1, b1, W2, b2, target)


@wrong("two_layer_backward")
def regression_no_first_bias(X, W1, b1, W2, b2, target):
    """Never adds b1."""
    return regression_gradients(X, W1, 0 * b1, W2, b2, target)


@wrong("two_layer_backward")
def regression_no_second_bias(X, W1, b1, W2, b2, target):
    """Never adds b2."""
    return regression_gradients(X, W1, b1, W2, 0 * b2, target)


@wrong("two_layer_backward")
def regression_updates_too_early(X, W1, b1, W2, b2, target):
    """Takes a step on W2 before going on back through it."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dW2 = a1.T @ dz2
    stepped = W2 - 0.1 * dW2
    dz1 = dz2 @ stepped.T * (z1 > 0)
    return X.T @ dz1, dz1.sum(axis=0), dW2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_updates_parameters(X, W1, b1, W2, b2, target):
    """Does the update itself, on the caller's arrays."""
    grads = regression_gradients(X, W1, b1, W2, b2, target)
    for p, g in zip((W1, b1, W2, b2), grads, strict=True):
        p -= 0.01 * g
    return grads


@wrong("two_layer_backward")
def regression_reshapes_weights(X, W1, b1, W2, b2, target):
    """Reshapes W2 where a transpose is wanted."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, z2 - target, W2.reshape(W2.shape[::-1]).T)


@wrong("two_layer_backward")
def regression_relu_on_output(X, W1, b1, W2, b2, target):
    """Puts a ReLU behind the output layer too."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, (np.maximum(z2, 0) - target) * (z2 > 0), W2)


@wrong("two_layer_backward")
def regression_first_sample(X, W1, b1, W2, b2, target):
    """Uses the first sample only."""
    return regression_gradients(X[:1], W1, b1, W2, b2, target[:1])


@wrong("two_layer_backward")
def regression_last_sample_wins(X, W1, b1, W2, b2, target):
    """= where the loop over samples needs +=."""
    for i in range(len(X)):
        grads = regression_gradients(X[i : i + 1], W1, b1, W2, b2, target[i : i + 1])
    return grads


@wrong("two_layer_backward")
def regression_skips_last_sample(X, W1, b1, W2, b2, target):
    """Stops one sample early."""
    total = [np.zeros(p.shape) for p in (W1, b1, W2, b2)]
    for i in range(len(X) - 1):
        one = slice(i, i + 1)
        grads = regression_gradients(X[one], W1, b1, W2, b2, target[one])
        total = [t + g for t, g in zip(total, grads, strict=True)]
    return tuple(total)


@wrong("two_layer_backward")
def regression_mask_without_bias(X, W1, b1, W2, b2, target):
    """Recalculates the mask from X W1 and forgets b1 there."""
    _, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, X @ W1, a1, z2 - target, W2)


@wrong("two_layer_backward")
def regression_errors_summed(X, W1, b1, W2, b2, target):
    """Adds up the errors of all outputs and hands the sum to each."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = (z2 - target).sum(axis=1, keepdims=True) + np.zeros(z2.shape)
    return four_gradients(X, z1, a1, dz2, W2)


@wrong("two_layer_backward")
def regression_activation_as_derivative(X, W1, b1, W2, b2, target):
    """Multiplies by relu(z1) instead of ReLU'(z1)."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2 @ W2.T * a1
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_sigmoid_derivative(X, W1, b1, W2, b2, target):
    """a (1 - a) is the sigmoid's derivative."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2 @ W2.T * a1 * (1 - a1)
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_mask_inverted(X, W1, b1, W2, b2, target):
    """Gradients flow through the inactive units."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, -z1, a1, z2 - target, W2)


@wrong("two_layer_backward")
def regression_mask_per_unit(X, W1, b1, W2, b2, target):
    """A unit passes every sample's gradient if any sample made it active."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1.max(axis=0), a1, z2 - target, W2)


@wrong("two_layer_backward")
def regression_rectifies_gradient(X, W1, b1, W2, b2, target):
    """The mask comes from the gradient's own sign."""
    _, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    return four_gradients(X, dz2 @ W2.T, a1, dz2, W2)


@wrong("two_layer_backward")
def regression_centres_inputs(X, W1, b1, W2, b2, target):
    """Standardises the inputs first, in the caller's array."""
    X -= X.mean(axis=0)
    return regression_gradients(X, W1, b1, W2, b2, target)


@wrong("two_layer_backward")
def regression_relu_in_place(X, W1, b1, W2, b2, target):
    """Applies ReLU in place, so that the mask z1 >= 0 lets everything through."""
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0, out=z1)
    dz2 = a1 @ W2 + b2 - target
    dz1 = dz2 @ W2.T * (z1 >= 0)
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_clipped(X, W1, b1, W2, b2, target):
    """Clips the gradients to [-1, 1] for stability."""
    return tuple(np.clip(g, -1, 1) for g in regression_gradients(X, W1, b1, W2, b2, target))


@wrong("two_layer_backward")
def regression_weight_decay(X, W1, b1, W2, b2, target):
    """Adds weight decay, which this loss doesn't have."""
    dW1, db1, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return dW1 + 0.1 * W1, db1, dW2 + 0.1 * W2, db2


@wrong("two_layer_backward")
def regression_rounded(X, W1, b1, W2, b2, target):
    """Rounds to two decimals for readability."""
    return tuple(g.round(2) for g in regression_gradients(X, W1, b1, W2, b2, target))


@wrong("two_layer_backward")
def regression_half_precision(X, W1, b1, W2, b2, target):
    """Calculates in float16 and converts back."""
    half = [v.astype(np.float16) for v in (X, W1, b1, W2, b2, target)]
    return tuple(g.astype(float) for g in regression_gradients(*half))


@wrong("two_layer_backward")
def regression_absolute_error(X, W1, b1, W2, b2, target):
    """Differentiates |z2 - target| instead of the square."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return four_gradients(X, z1, a1, np.sign(z2 - target), W2)


@wrong("two_layer_backward")
def regression_batch_of_four(X, W1, b1, W2, b2, target):
    """Sums the bias gradients with a vector of four ones, the size in the example."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2 @ W2.T * (z1 > 0)
    return X.T @ dz1, np.ones(4) @ dz1, a1.T @ dz2, np.ones(4) @ dz2


@wrong("two_layer_backward")
def regression_one_output_only(X, W1, b1, W2, b2, target):
    """Treats W2 as a vector, which holds for one output."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = z2 - target
    dz1 = dz2[:, :1] * W2[:, 0] * (z1 > 0)
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("two_layer_backward")
def regression_detached_first_layer(X, W1, b1, W2, b2, target):
    """Stops at the last layer and leaves zeros for the first."""
    _, _, dW2, db2 = regression_gradients(X, W1, b1, W2, b2, target)
    return np.zeros_like(W1), np.zeros_like(b1), dW2, db2


# -------------------------------------------------------------------------------- dead_units


@wrong("dead_units")
def dead_any(Z):
    """Dead for one sample is enough."""
    return (Z <= 0).any(axis=0)


@wrong("dead_units")
def dead_samples(Z):
    """Looks along the wrong axis, for samples without an active unit."""
    return (Z <= 0).all(axis=1)


@wrong("dead_units")
def dead_strictly_negative(Z):
    """Counts a pre-activation of exactly 0 as alive."""
    return (Z < 0).all(axis=0)


@wrong("dead_units")
def dead_zeros(Z):
    """Tests for == 0, as if Z were activations."""
    return (Z == 0).all(axis=0)


@wrong("dead_units")
def dead_on_average(Z):
    """The mean is negative."""
    return Z.mean(axis=0) <= 0


@wrong("dead_units")
def dead_first_row(Z):
    """Looks at the first sample only."""
    return Z[0] <= 0


@wrong("dead_units")
def dead_means_alive(Z):
    """Returns the units that are alive."""
    return (Z > 0).any(axis=0)


@wrong("dead_units")
def dead_indices(Z):
    """Returns indices instead of a mask."""
    return np.flatnonzero((Z <= 0).all(axis=0))


@wrong("dead_units")
def dead_count(Z):
    """Returns how many there are."""
    return int((Z <= 0).all(axis=0).sum())


@wrong("dead_units")
def dead_whole_layer(Z):
    """One answer for the whole layer."""
    return bool((Z <= 0).all())


@wrong("dead_units")
def dead_mostly(Z):
    """Inactive on at least 60% of the batch counts as dead."""
    return (Z <= 0).mean(axis=0) >= 0.6


@wrong("dead_units")
def dead_early_return(Z):
    """Returns inside the loop, after the first unit."""
    result = []
    for column in Z.T:
        result.append(bool(column.max() <= 0))
        return np.array(result)


@wrong("dead_units")
def dead_truncated(Z):
    """Turns the values into integers first, so 0 < z < 1 is inactive."""
    return (Z.astype(int) <= 0).all(axis=0)


@wrong("dead_units")
def dead_last_sample_decides(Z):
    """Each sample overwrites the verdict of those before."""
    dead = np.zeros(Z.shape[1], dtype=bool)
    for row in Z:
        dead = row <= 0
    return dead


@wrong("dead_units")
def dead_tolerance(Z):
    """Counts small positive values as zero."""
    return Z.max(axis=0) < 1e-2


@wrong("dead_units")
def dead_constant(Z):
    """Takes units that don't vary over the batch for dead."""
    return Z.std(axis=0) == 0


@wrong("dead_units")
def dead_entries(Z):
    """Marks entries, and never combines the samples."""
    return Z <= 0


# ----------------------------------------------------------------------------------- softmax


@wrong("softmax")
def softmax_overflows(logits):
    """No shift: exp(1000) is infinite."""
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_columns(logits):
    """Normalises over the batch."""
    e = np.exp(logits - logits.max(axis=0))
    return e / e.sum(axis=0)


@wrong("softmax")
def softmax_whole_batch(logits):
    """Normalises by the sum over all samples."""
    e = np.exp(logits - logits.max())
    return e / e.sum()


@wrong("softmax")
def softmax_shared_shift(logits):
    """Subtracts one maximum for the whole batch, so low rows underflow to 0 / 0."""
    e = np.exp(logits - logits.max())
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_clips(logits):
    """Clips the logits to avoid the overflow."""
    e = np.exp(np.clip(logits, -500, 500))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_shifts_by_mean(logits):
    """Shifts by the mean, which can still overflow."""
    e = np.exp(logits - logits.mean(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_shifts_by_min(logits):
    """Shifts by the minimum: the wrong end."""
    e = np.exp(logits - logits.min(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_divides_by_max(logits):
    """Divides by the largest exponential instead of the sum."""
    return np.exp(logits - logits.max(axis=1, keepdims=True))


@wrong("softmax")
def softmax_without_exp(logits):
    """Divides the logits by their sum."""
    return logits / logits.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_sigmoid(logits):
    """A sigmoid for each class."""
    return 1 / (1 + np.exp(-logits))


@wrong("softmax")
def softmax_epsilon(logits):
    """Adds a small number to the divisor, so rows don't add up to 1."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / (e.sum(axis=1, keepdims=True) + 1e-3)


@wrong("softmax")
def softmax_in_place(logits):
    """Shifts the caller's logits."""
    logits -= logits.max(axis=1, keepdims=True)
    e = np.exp(logits)
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_logs(logits):
    """Returns log-probabilities."""
    return np.log(probabilities(np.clip(logits, -50, 50)))


@wrong("softmax")
def softmax_hard(logits):
    """One-hot rows at the maximum."""
    return np.eye(logits.shape[1])[logits.argmax(axis=1)]


@wrong("softmax")
def softmax_no_keepdims(logits):
    """Divides by the row sums without keepdims: fails, or divides columns if N = C."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1)


@wrong("softmax")
def softmax_shift_no_keepdims(logits):
    """Subtracts the row maxima along the wrong axis."""
    e = np.exp(logits - logits.max(axis=1))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_twice(logits):
    """Applies softmax to probabilities."""
    return probabilities(probabilities(logits))


@wrong("softmax")
def softmax_base_two(logits):
    """Uses powers of 2."""
    e = np.exp2(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_scales(logits):
    """Divides by the largest logit instead of subtracting it."""
    e = np.exp(logits / np.abs(logits).max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@wrong("softmax")
def softmax_negative(logits):
    """exp(-z), as for energies."""
    return probabilities(-logits)


@wrong("softmax")
def softmax_rounded(logits):
    """Rounds to three decimals."""
    return probabilities(logits).round(3)


@wrong("softmax")
def softmax_first_row_max(logits):
    """The running maximum isn't reset between rows, so low rows underflow."""
    rows, top = [], -np.inf
    for row in logits:
        top = max(top, row.max())
        e = np.exp(row - top)
        rows.append(e / e.sum())
    return np.array(rows)


@wrong("softmax")
def softmax_nan_to_zero(logits):
    """Hides the inf / inf of an overflow as 0."""
    e = np.exp(logits)
    return np.nan_to_num(e / e.sum(axis=1, keepdims=True))


# ----------------------------------------------------------------------------- cross_entropy


@wrong("cross_entropy")
def entropy_sum(logits, labels):
    """Adds up over the batch."""
    return mean_cross_entropy(logits, labels) * len(labels)


@wrong("cross_entropy")
def entropy_epsilon(logits, labels):
    """log(p + 1e-12) caps the loss near 27.6."""
    p = probabilities(logits)[np.arange(len(labels)), labels]
    return float(-np.log(p + 1e-12).mean())


@wrong("cross_entropy")
def entropy_clips(logits, labels):
    """Clips the probabilities to [1e-7, 1 - 1e-7]."""
    p = np.clip(probabilities(logits), 1e-7, 1 - 1e-7)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


@wrong("cross_entropy")
def entropy_no_minus(logits, labels):
    """Forgets the minus sign."""
    return -mean_cross_entropy(logits, labels)


@wrong("cross_entropy")
def entropy_overflows(logits, labels):
    """log(sum(exp)) without a shift."""
    own = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(logits).sum(axis=1)) - own).mean())


@wrong("cross_entropy")
def entropy_log_of_zero(logits, labels):
    """A stable softmax, but the log of a probability that underflowed to 0."""
    p = probabilities(logits)
    return float(-np.log(p[np.arange(len(labels)), labels]).mean())


@wrong("cross_entropy")
def entropy_all_pairs(logits, labels):
    """p[:, labels] pairs each sample with every label."""
    return float(-np.log(probabilities(logits)[:, labels] + 1e-300).mean())


@wrong("cross_entropy")
def entropy_mean_of_table(logits, labels):
    """np.mean over the one-hot table divides by N C."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-np.mean(np.eye(logits.shape[1])[labels] * logs))


@wrong("cross_entropy")
def entropy_bits(logits, labels):
    """Uses the logarithm to base 2."""
    return mean_cross_entropy(logits, labels) / np.log(2)


@wrong("cross_entropy")
def entropy_binary(logits, labels):
    """Adds log(1 - p) for the other classes, as for independent sigmoids."""
    p = np.clip(probabilities(logits), 1e-300, 1 - 1e-16)
    y = np.eye(logits.shape[1])[labels]
    return float(-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=1).mean())


@wrong("cross_entropy")
def entropy_columns(logits, labels):
    """Softmax over the batch axis."""
    p = probabilities(logits.T).T
    return float(-np.log(p[np.arange(len(labels)), labels] + 1e-300).mean())


@wrong("cross_entropy")
def entropy_no_log(logits, labels):
    """Mean of the label's probability, without the logarithm."""
    return float(-probabilities(logits)[np.arange(len(labels)), labels].mean())


@wrong("cross_entropy")
def entropy_no_softmax(logits, labels):
    """Takes the logits for probabilities."""
    return float(-np.log(np.abs(logits[np.arange(len(labels)), labels]) + 1e-9).mean())


@wrong("cross_entropy")
def entropy_softmax_twice(logits, labels):
    """Feeds probabilities to a loss which expects logits."""
    return mean_cross_entropy(probabilities(logits), labels)


@wrong("cross_entropy")
def entropy_per_sample(logits, labels):
    """Returns one loss for each sample."""
    return np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(labels)), labels]


@wrong("cross_entropy")
def entropy_of_prediction(logits, labels):
    """Uses the predicted class instead of the label."""
    return mean_cross_entropy(logits, logits.argmax(axis=1))


@wrong("cross_entropy")
def entropy_labels_from_one(logits, labels):
    """Thinks that labels begin at 1."""
    return mean_cross_entropy(logits, labels - 1)


@wrong("cross_entropy")
def entropy_first_sample(logits, labels):
    """The loss of the first sample only."""
    return mean_cross_entropy(logits[:1], labels[:1])


@wrong("cross_entropy")
def entropy_divides_by_classes(logits, labels):
    """Divides by the number of classes."""
    return mean_cross_entropy(logits, labels) * len(labels) / logits.shape[1]


@wrong("cross_entropy")
def entropy_hinge(logits, labels):
    """Leaves the logarithm of the sum out: maximum minus own logit."""
    return float((logits.max(axis=1) - logits[np.arange(len(labels)), labels]).mean())


@wrong("cross_entropy")
def entropy_shift_forgotten(logits, labels):
    """Shifts inside the sum, but not the label's logit."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(labels)), labels]
    return float((np.log(np.exp(shifted).sum(axis=1)) - own).mean())


@wrong("cross_entropy")
def entropy_of_product(logits, labels):
    """Multiplies all probabilities before the log, which underflows."""
    p = probabilities(logits)[np.arange(len(labels)), labels]
    return float(-np.log(p.prod()) / len(labels))


@wrong("cross_entropy")
def entropy_log_of_mean(logits, labels):
    """Averages the probabilities before taking the log."""
    p = probabilities(logits)[np.arange(len(labels)), labels]
    return float(-np.log(p.mean() + 1e-300))


@wrong("cross_entropy")
def entropy_ten_classes(logits, labels):
    """One-hot rows always have ten columns."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-(np.eye(10)[labels] * logs).sum() / len(labels))


@wrong("cross_entropy")
def entropy_squared_error(logits, labels):
    """Squared error of the probabilities."""
    y = np.eye(logits.shape[1])[labels]
    return float(((probabilities(logits) - y) ** 2).sum(axis=1).mean())


@wrong("cross_entropy")
def entropy_perplexity(logits, labels):
    """Returns exp(loss)."""
    return float(np.exp(min(mean_cross_entropy(logits, labels), 700)))


@wrong("cross_entropy")
def entropy_rounded(logits, labels):
    """Rounds to two decimals."""
    return round(mean_cross_entropy(logits, labels), 2)


@wrong("cross_entropy")
def entropy_returns_in_loop(logits, labels):
    """Returns after the first sample, already divided by N."""
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        total += np.logaddexp.reduce(row) - row[label]
        return float(total / len(labels))


# ------------------------------------------------------------ softmax_cross_entropy_backward


@wrong("softmax_cross_entropy_backward")
def fused_no_mean(logits, labels):
    """Forgets the 1/N of the mean."""
    return logits_gradient(logits, labels) * len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_mean_twice(logits, labels):
    """Divides by N twice."""
    return logits_gradient(logits, labels) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_mean_over_entries(logits, labels):
    """Divides by N C."""
    return logits_gradient(logits, labels) / logits.shape[1]


@wrong("softmax_cross_entropy_backward")
def fused_divides_by_classes(logits, labels):
    """len(p[0]) is the number of classes, not of samples."""
    p = probabilities(logits)
    return (p - np.eye(p.shape[1])[labels]) / len(p[0])


@wrong("softmax_cross_entropy_backward")
def fused_sign(logits, labels):
    """Label minus probability."""
    return -logits_gradient(logits, labels)


@wrong("softmax_cross_entropy_backward")
def fused_probabilities_only(logits, labels):
    """Never subtracts the one-hot labels."""
    return probabilities(logits) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_columns(logits, labels):
    """Softmax over the batch axis."""
    p = probabilities(logits.T).T
    p[np.arange(len(labels)), labels] -= 1
    return p / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_overflows(logits, labels):
    """No shift in the softmax."""
    e = np.exp(logits)
    d = e / e.sum(axis=1, keepdims=True)
    d[np.arange(len(labels)), labels] -= 1
    return d / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_whole_columns(logits, labels):
    """d[:, labels] -= 1 changes the column of every label, in each row."""
    d = probabilities(logits)
    d[:, labels] -= 1
    return d / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_rows_of_labels(logits, labels):
    """d[labels] -= 1 uses the labels as row numbers."""
    d = probabilities(logits)
    d[labels % len(d)] -= 1
    return d / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_subtracts_label_number(logits, labels):
    """Subtracts the label's number instead of its one-hot row."""
    return (probabilities(logits) - labels[:, None]) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_in_place(logits, labels):
    """Shifts the caller's logits."""
    logits -= logits.max(axis=1, keepdims=True)
    return logits_gradient(logits, labels)


@wrong("softmax_cross_entropy_backward")
def fused_writes_to_logits(logits, labels):
    """Subtracts 1 from the logits before the softmax."""
    shifted = logits.copy()
    shifted[np.arange(len(labels)), labels] -= 1
    return probabilities(shifted) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_stops_at_probabilities(logits, labels):
    """The gradient with respect to the probabilities: misses the softmax."""
    p = probabilities(logits)
    return -np.eye(p.shape[1])[labels] / (p + 1e-12) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_diagonal_jacobian(logits, labels):
    """Uses only the diagonal p (1 - p) of the softmax Jacobian."""
    p = probabilities(logits)
    return -np.eye(p.shape[1])[labels] * (1 - p) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_times_sigmoid_derivative(logits, labels):
    """Multiplies by p (1 - p) once more."""
    p = probabilities(logits)
    return logits_gradient(logits, labels) * p * (1 - p)


@wrong("softmax_cross_entropy_backward")
def fused_of_prediction(logits, labels):
    """Uses the predicted class as the label."""
    return logits_gradient(logits, logits.argmax(axis=1))


@wrong("softmax_cross_entropy_backward")
def fused_loss_too(logits, labels):
    """Returns the loss as well."""
    return mean_cross_entropy(logits, labels), logits_gradient(logits, labels)


@wrong("softmax_cross_entropy_backward")
def fused_transposed(logits, labels):
    """Classes in rows."""
    return logits_gradient(logits, labels).T


@wrong("softmax_cross_entropy_backward")
def fused_batch_mean(logits, labels):
    """Averages the rows away."""
    return logits_gradient(logits, labels).sum(axis=0)


@wrong("softmax_cross_entropy_backward")
def fused_without_softmax(logits, labels):
    """Logits minus one-hot, as for a squared error."""
    return (logits - np.eye(logits.shape[1])[labels]) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_first_label(logits, labels):
    """Every row gets the first sample's label."""
    return logits_gradient(logits, np.full_like(labels, labels[0]))


@wrong("softmax_cross_entropy_backward")
def fused_labels_from_one(logits, labels):
    """Thinks that labels begin at 1."""
    return logits_gradient(logits, labels - 1)


@wrong("softmax_cross_entropy_backward")
def fused_sigmoids(logits, labels):
    """Sigmoid minus one-hot, for independent classes."""
    p = 1 / (1 + np.exp(-np.clip(logits, -700, 700)))
    return (p - np.eye(logits.shape[1])[labels]) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_only_mistakes(logits, labels):
    """No gradient where the prediction is right, like a perceptron."""
    d = logits_gradient(logits, labels)
    d[logits.argmax(axis=1) == labels] = 0
    return d


@wrong("softmax_cross_entropy_backward")
def fused_one_hot_too_narrow(logits, labels):
    """One-hot rows as wide as the largest label in the batch."""
    return (probabilities(logits) - np.eye(labels.max() + 1)[labels]) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_ten_classes(logits, labels):
    """One-hot rows always have ten columns."""
    return (probabilities(logits) - np.eye(10)[labels]) / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_divides_label_entry_only(logits, labels):
    """Divides only the label's entry by N."""
    d, rows = probabilities(logits), np.arange(len(labels))
    d[rows, labels] = (d[rows, labels] - 1) / len(labels)
    return d


@wrong("softmax_cross_entropy_backward")
def fused_subtracts_after_mean(logits, labels):
    """Divides the probabilities by N, then subtracts a whole 1."""
    d = probabilities(logits) / len(labels)
    d[np.arange(len(labels)), labels] -= 1
    return d


@wrong("softmax_cross_entropy_backward")
def fused_unit_norm(logits, labels):
    """Scales the gradient to length 1."""
    d = logits_gradient(logits, labels)
    return d / max(np.linalg.norm(d), 1e-12)


@wrong("softmax_cross_entropy_backward")
def fused_balanced_classes(logits, labels):
    """Divides by the number of samples of the same class."""
    return fused_no_mean(logits, labels) / np.bincount(labels)[labels][:, None]


@wrong("softmax_cross_entropy_backward")
def fused_times_loss(logits, labels):
    """Multiplies by the loss, as if the upstream were the loss itself."""
    return mean_cross_entropy(logits, labels) * logits_gradient(logits, labels)


@wrong("softmax_cross_entropy_backward")
def fused_positive_at_label(logits, labels):
    """Adds 1 at the label."""
    d = probabilities(logits)
    d[np.arange(len(labels)), labels] += 1
    return d / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_zero_at_label(logits, labels):
    """Assigns -1 at the label instead of subtracting 1."""
    d = probabilities(logits)
    d[np.arange(len(labels)), labels] = -1
    return d / len(labels)


@wrong("softmax_cross_entropy_backward")
def fused_skips_last_sample(logits, labels):
    """The loop stops one sample early."""
    d = probabilities(logits)
    for i in range(len(labels) - 1):
        d[i, labels[i]] -= 1
    return d / len(labels)


# ------------------------------------------------------------------------------ mlp_backward


@wrong("mlp_backward")
def network_no_mask(X, labels, W1, b1, W2, b2):
    """Forgets the ReLU on the way back."""
    _, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = logits_gradient(z2, labels)
    dz1 = dz2 @ W2.T
    loss = mean_cross_entropy(z2, labels)
    return loss, X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("mlp_backward")
def network_gradients_of_sum(X, labels, W1, b1, W2, b2):
    """The loss is a mean, the gradients are those of the sum."""
    loss, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, *(g * len(X) for g in grads)


@wrong("mlp_backward")
def network_loss_of_sum(X, labels, W1, b1, W2, b2):
    """The gradients are those of the mean, the loss is a sum."""
    loss, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    return loss * len(X), *grads


@wrong("mlp_backward")
def network_mean_in_each_layer(X, labels, W1, b1, W2, b2):
    """Divides by N in each linear layer again."""
    loss, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, *(g / len(X) for g in grads)


@wrong("mlp_backward")
def network_mean_at_weights_only(X, labels, W1, b1, W2, b2):
    """Divides the weights' gradients by N but not the biases'."""
    loss, dW1, db1, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, dW1, db1 * len(X), dW2, db2 * len(X)


@wrong("mlp_backward")
def network_bias_means(X, labels, W1, b1, W2, b2):
    """Averages the bias gradients, although 1/N is in already."""
    loss, dW1, db1, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, dW1, db1 / len(X), dW2, db2 / len(X)


@wrong("mlp_backward")
def network_bias_sums_features(X, labels, W1, b1, W2, b2):
    """Adds up the bias gradients over the features."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = logits_gradient(z2, labels)
    dz1 = dz2 @ W2.T * (z1 > 0)
    loss = mean_cross_entropy(z2, labels)
    return loss, X.T @ dz1, dz1.sum(axis=1), a1.T @ dz2, dz2.sum(axis=1)


@wrong("mlp_backward")
def network_bias_keeps_axis(X, labels, W1, b1, W2, b2):
    """keepdims leaves the biases with a batch axis."""
    loss, dW1, db1, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, dW1, db1[None], dW2, db2[None]


@wrong("mlp_backward")
def network_loss_last(X, labels, W1, b1, W2, b2):
    """Returns the loss after the gradients."""
    loss, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    return *grads, loss


@wrong("mlp_backward")
def network_no_loss(X, labels, W1, b1, W2, b2):
    """Returns the gradients only."""
    return network_gradients(X, labels, W1, b1, W2, b2)[1:]


@wrong("mlp_backward")
def network_nested(X, labels, W1, b1, W2, b2):
    """Returns the gradients as one nested tuple."""
    loss, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, tuple(grads)


@wrong("mlp_backward")
def network_dictionary(X, labels, W1, b1, W2, b2):
    """Returns a dictionary of gradients."""
    grads = network_gradients(X, labels, W1, b1, W2, b2)
    return dict(zip(("loss", "dW1", "db1", "dW2", "db2"), grads, strict=True))


@wrong("mlp_backward")
def network_backward_order(X, labels, W1, b1, W2, b2):
    """Returns the last layer first."""
    loss, dW1, db1, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, dW2, db2, dW1, db1


@wrong("mlp_backward")
def network_transposed_weights(X, labels, W1, b1, W2, b2):
    """The weight gradients come out transposed."""
    loss, dW1, db1, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, dW1.T, db1, dW2.T, db2


@wrong("mlp_backward")
def network_mask_of_gradient(X, labels, W1, b1, W2, b2):
    """The mask comes from the sign of the gradient."""
    _, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = logits_gradient(z2, labels)
    grads = four_gradients(X, dz2 @ W2.T, a1, dz2, W2)
    return mean_cross_entropy(z2, labels), *grads


@wrong("mlp_backward")
def network_pre_activation_cached(X, labels, W1, b1, W2, b2):
    """Caches z1 where dW2 needs a1."""
    z1, _, z2 = hidden_and_output(X, W1, b1, W2, b2)
    grads = four_gradients(X, z1, z1, logits_gradient(z2, labels), W2)
    return mean_cross_entropy(z2, labels), *grads


@wrong("mlp_backward")
def network_updates_too_early(X, labels, W1, b1, W2, b2):
    """Updates the caller's W2 before going on back through it."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = logits_gradient(z2, labels)
    dW2 = a1.T @ dz2
    W2 -= 0.5 * dW2
    dz1 = dz2 @ W2.T * (z1 > 0)
    loss = mean_cross_entropy(z2, labels)
    return loss, X.T @ dz1, dz1.sum(axis=0), dW2, dz2.sum(axis=0)


@wrong("mlp_backward")
def network_loss_after_step(X, labels, W1, b1, W2, b2):
    """Reports the loss after a step on the parameters."""
    _, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    params = [p - 0.1 * g for p, g in zip((W1, b1, W2, b2), grads, strict=True)]
    return network_gradients(X, labels, *params)[0], *grads


@wrong("mlp_backward")
def network_relu_on_logits(X, labels, W1, b1, W2, b2):
    """Puts a ReLU before the softmax too."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    logits = np.maximum(z2, 0)
    dz2 = logits_gradient(logits, labels) * (z2 > 0)
    return mean_cross_entropy(logits, labels), *four_gradients(X, z1, a1, dz2, W2)


@wrong("mlp_backward")
def network_softmax_columns(X, labels, W1, b1, W2, b2):
    """Softmax over the batch axis."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    p, rows = probabilities(z2.T).T, np.arange(len(labels))
    loss = float(-np.log(p[rows, labels] + 1e-300).mean())
    p[rows, labels] -= 1
    return loss, *four_gradients(X, z1, a1, p / len(X), W2)


@wrong("mlp_backward")
def network_sign(X, labels, W1, b1, W2, b2):
    """Label minus probability: all gradients point uphill."""
    loss, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, *(-g for g in grads)


@wrong("mlp_backward")
def network_no_first_bias(X, labels, W1, b1, W2, b2):
    """Never adds b1."""
    return network_gradients(X, labels, W1, np.zeros_like(b1), W2, b2)


@wrong("mlp_backward")
def network_no_second_bias(X, labels, W1, b1, W2, b2):
    """Never adds b2."""
    return network_gradients(X, labels, W1, b1, W2, np.zeros_like(b2))


@wrong("mlp_backward")
def network_sigmoid_hidden(X, labels, W1, b1, W2, b2):
    """A sigmoid hidden layer."""
    a1 = 1 / (1 + np.exp(-(X @ W1 + b1)))
    z2 = a1 @ W2 + b2
    dz2 = logits_gradient(z2, labels)
    dz1 = dz2 @ W2.T * a1 * (1 - a1)
    loss = mean_cross_entropy(z2, labels)
    return loss, X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@wrong("mlp_backward")
def network_skips_last_sample(X, labels, W1, b1, W2, b2):
    """Drops the last sample of a batch."""
    if len(X) == 1:
        return network_gradients(X, labels, W1, b1, W2, b2)
    return network_gradients(X[:-1], labels[:-1], W1, b1, W2, b2)


@wrong("mlp_backward")
def network_one_hot_too_narrow(X, labels, W1, b1, W2, b2):
    """One-hot rows as wide as the largest label in the batch."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = (probabilities(z2) - np.eye(labels.max() + 1)[labels]) / len(X)
    return mean_cross_entropy(z2, labels), *four_gradients(X, z1, a1, dz2, W2)


@wrong("mlp_backward")
def network_ten_classes(X, labels, W1, b1, W2, b2):
    """One-hot rows always have ten columns."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = (probabilities(z2) - np.eye(10)[labels]) / len(X)
    return mean_cross_entropy(z2, labels), *four_gradients(X, z1, a1, dz2, W2)


@wrong("mlp_backward")
def network_bias_before_mask(X, labels, W1, b1, W2, b2):
    """Sums db1 before the mask."""
    loss, dW1, _, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    _, _, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return loss, dW1, (logits_gradient(z2, labels) @ W2.T).sum(axis=0), dW2, db2


@wrong("mlp_backward")
def network_no_one_hot(X, labels, W1, b1, W2, b2):
    """Never subtracts the labels."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    grads = four_gradients(X, z1, a1, probabilities(z2) / len(X), W2)
    return mean_cross_entropy(z2, labels), *grads


@wrong("mlp_backward")
def network_per_sample_losses(X, labels, W1, b1, W2, b2):
    """Returns a vector of losses."""
    _, *grads = network_gradients(X, labels, W1, b1, W2, b2)
    _, _, z2 = hidden_and_output(X, W1, b1, W2, b2)
    return np.logaddexp.reduce(z2, axis=1) - z2[np.arange(len(X)), labels], *grads


@wrong("mlp_backward")
def network_buffer_shared(X, labels, W1, b1, W2, b2):
    """Subtracts 1 from the probabilities before the loss is read off them."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    p, rows = probabilities(z2), np.arange(len(X))
    dz2 = p
    dz2[rows, labels] -= 1
    loss = float(-np.log(np.abs(p[rows, labels]) + 1e-300).mean())
    return loss, *four_gradients(X, z1, a1, dz2 / len(X), W2)


@wrong("mlp_backward")
def network_epsilon_in_log(X, labels, W1, b1, W2, b2):
    """log(p + 1e-3) against infinities."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    p = probabilities(z2)[np.arange(len(X)), labels]
    grads = four_gradients(X, z1, a1, logits_gradient(z2, labels), W2)
    return float(-np.log(p + 1e-3).mean()), *grads


@wrong("mlp_backward")
def network_reshapes_weights(X, labels, W1, b1, W2, b2):
    """Reshapes W2 where a transpose is wanted."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    turned = W2.reshape(W2.shape[::-1]).T
    grads = four_gradients(X, z1, a1, logits_gradient(z2, labels), turned)
    return mean_cross_entropy(z2, labels), *grads


@wrong("mlp_backward")
def network_sorted_apart(X, labels, W1, b1, W2, b2):
    """Sorts the labels for a tidy batch, but not the images."""
    return network_gradients(X, np.sort(labels)[::-1], W1, b1, W2, b2)


@wrong("mlp_backward")
def network_diagonal_jacobian(X, labels, W1, b1, W2, b2):
    """Uses only the diagonal of the softmax Jacobian."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = -np.eye(z2.shape[1])[labels] * (1 - probabilities(z2)) / len(X)
    return mean_cross_entropy(z2, labels), *four_gradients(X, z1, a1, dz2, W2)


@wrong("mlp_backward")
def network_squared_error(X, labels, W1, b1, W2, b2):
    """The gradient of a squared error to one-hot rows, without softmax."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    dz2 = (z2 - np.eye(z2.shape[1])[labels]) / len(X)
    return mean_cross_entropy(z2, labels), *four_gradients(X, z1, a1, dz2, W2)


@wrong("mlp_backward")
def network_mask_of_first_sample(X, labels, W1, b1, W2, b2):
    """The mask of the first sample serves for the batch."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    grads = four_gradients(X, z1[0], a1, logits_gradient(z2, labels), W2)
    return mean_cross_entropy(z2, labels), *grads


@wrong("mlp_backward")
def network_overflows(X, labels, W1, b1, W2, b2):
    """No shift in the softmax, and the log of its result."""
    z1, a1, z2 = hidden_and_output(X, W1, b1, W2, b2)
    e = np.exp(z2)
    p, rows = e / e.sum(axis=1, keepdims=True), np.arange(len(X))
    loss = float(-np.log(p[rows, labels]).mean())
    p[rows, labels] -= 1
    return loss, *four_gradients(X, z1, a1, p / len(X), W2)


@wrong("mlp_backward")
def network_misses_hidden_layer(X, labels, W1, b1, W2, b2):
    """Leaves the first layer's gradients at zero."""
    loss, _, _, dW2, db2 = network_gradients(X, labels, W1, b1, W2, b2)
    return loss, np.zeros_like(W1), np.zeros_like(b1), dW2, db2


@wrong("mlp_backward")
def network_normalises_inputs(X, labels, W1, b1, W2, b2):
    """Scales the caller's inputs to [0, 1] first."""
    X /= max(np.abs(X).max(), 1e-12)
    return network_gradients(X, labels, W1, b1, W2, b2)


# ---------------------------------------------------------------------------- relative_error


@wrong("relative_error")
def error_sum_of_sizes(analytic, numeric):
    """Divides by |a| + |n|."""
    scale = np.maximum(np.abs(analytic) + np.abs(numeric), 1e-12)
    return float((np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_mean(analytic, numeric):
    """Averages over the entries, which hides one bad entry."""
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), 1e-12)
    return float((np.abs(analytic - numeric) / scale).mean())


@wrong("relative_error")
def error_signed(analytic, numeric):
    """No absolute value in the numerator: negative differences don't count."""
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), 1e-12)
    return float(((analytic - numeric) / scale).max())


@wrong("relative_error")
def error_relative_to_numeric(analytic, numeric):
    """Divides by |n| only."""
    return float((np.abs(analytic - numeric) / np.maximum(np.abs(numeric), 1e-12)).max())


@wrong("relative_error")
def error_absolute(analytic, numeric):
    """The absolute difference."""
    return float(np.abs(analytic - numeric).max())


@wrong("relative_error")
def error_adds_epsilon(analytic, numeric):
    """Adds 1e-6 to the divisor, which swamps small gradients."""
    scale = np.maximum(np.abs(analytic), np.abs(numeric)) + 1e-6
    return float((np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_of_norms(analytic, numeric):
    """The relative error of the whole vectors, by norms."""
    scale = max(np.linalg.norm(analytic), np.linalg.norm(numeric), 1e-12)
    return float(np.linalg.norm(analytic - numeric) / scale)


@wrong("relative_error")
def error_common_scale(analytic, numeric):
    """Divides all entries by the largest entry."""
    scale = max(np.abs(analytic).max(), np.abs(numeric).max(), 1e-12)
    return float(np.abs(analytic - numeric).max() / scale)


@wrong("relative_error")
def error_signed_scale(analytic, numeric):
    """max(a, n) without absolute values, so negative gradients meet the floor."""
    scale = np.maximum(np.maximum(analytic, numeric), 1e-12)
    return float((np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_smaller_scale(analytic, numeric):
    """Divides by the smaller of the two."""
    scale = np.maximum(np.minimum(np.abs(analytic), np.abs(numeric)), 1e-12)
    return float((np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_table(analytic, numeric):
    """Returns the error of every entry."""
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), 1e-12)
    return np.abs(analytic - numeric) / scale


@wrong("relative_error")
def error_high_floor(analytic, numeric):
    """A floor of 1 makes small entries compare absolutely."""
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), 1.0)
    return float((np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_no_floor(analytic, numeric):
    """0 / 0 where both are zero."""
    scale = np.maximum(np.abs(analytic), np.abs(numeric))
    return float((np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_sorted(analytic, numeric):
    """Sorts both first, so entries in the wrong places go unseen."""
    a, n = np.sort(analytic, axis=None), np.sort(numeric, axis=None)
    scale = np.maximum(np.maximum(np.abs(a), np.abs(n)), 1e-12)
    return float((np.abs(a - n) / scale).max())


@wrong("relative_error")
def error_percent(analytic, numeric):
    """In percent."""
    scale = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), 1e-12)
    return float(100 * (np.abs(analytic - numeric) / scale).max())


@wrong("relative_error")
def error_where_difference_peaks(analytic, numeric):
    """Looks only at the entry with the largest absolute difference."""
    place = np.argmax(np.abs(analytic - numeric))
    a, n = np.ravel(analytic)[place], np.ravel(numeric)[place]
    return float(abs(a - n) / max(abs(a), abs(n), 1e-12))


@wrong("relative_error")
def error_boolean(analytic, numeric):
    """Returns whether they are close."""
    return bool(np.allclose(analytic, numeric))


@wrong("relative_error")
def error_of_sizes(analytic, numeric):
    """Compares |a| with |n|, so a wrong sign goes unseen."""
    a, n = np.abs(analytic), np.abs(numeric)
    return float((np.abs(a - n) / np.maximum(np.maximum(a, n), 1e-12)).max())


# --------------------------------------------------------------------------------- train_mlp


def random_start(rng, hidden=32):
    """He initialisation."""
    W1 = rng.normal(0, np.sqrt(2 / 784), (784, hidden))
    W2 = rng.normal(0, np.sqrt(2 / hidden), (hidden, 10))
    return [W1, np.zeros(hidden), W2, np.zeros(10)]


def descend(X, labels, rng, params, epochs=4, size=64, rate=0.2):
    """Mini-batch gradient descent, done right; returns new parameters."""
    for _ in range(epochs):
        order = rng.permutation(len(X))
        for start in range(0, len(X), size):
            batch = order[start : start + size]
            _, *grads = network_gradients(X[batch], labels[batch], *params)
            params = [p - rate * g for p, g in zip(params, grads, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_from_zeros(X, labels, rng):
    """Starts from zero weights, so that no gradient reaches either layer's weights."""
    params = [np.zeros((784, 32)), np.zeros(32), np.zeros((32, 10)), np.zeros(10)]
    return descend(X, labels, rng, params)


@wrong("train_mlp")
def train_identical_units(X, labels, rng):
    """Starts with equal weights, so that all hidden units stay equal."""
    params = [np.full((784, 32), 0.01), np.zeros(32), np.full((32, 10), 0.1), np.zeros(10)]
    return descend(X, labels, rng, params)


@wrong("train_mlp")
def train_uphill(X, labels, rng):
    """Adds the gradient instead of subtracting it."""
    return descend(X, labels, rng, random_start(rng), epochs=1, rate=-0.05)


@wrong("train_mlp")
def train_shuffled_apart(X, labels, rng):
    """Shuffles images and labels each by a permutation of its own."""
    images, digits = rng.permutation(X), rng.permutation(labels)
    return descend(images, digits, rng, random_start(rng))


@wrong("train_mlp")
def train_shuffles_images_only(X, labels, rng):
    """Shuffles the images each epoch, and leaves the labels in their old order."""
    params = random_start(rng)
    for _ in range(3):
        images = X[rng.permutation(len(X))]
        params = descend(images, labels, rng, params, epochs=1)
    return params


@wrong("train_mlp")
def train_tiny_steps(X, labels, rng):
    """A step size of 0.0001 gets nowhere."""
    return descend(X, labels, rng, random_start(rng), rate=1e-4)


@wrong("train_mlp")
def train_huge_steps(X, labels, rng):
    """A step size of 30 kills the units."""
    return descend(X, labels, rng, random_start(rng), epochs=1, rate=30.0)


@wrong("train_mlp")
def train_returns_start(X, labels, rng):
    """Trains a copy and returns the random start."""
    params = random_start(rng)
    descend(X, labels, rng, [p.copy() for p in params], epochs=1)
    return tuple(params)


@wrong("train_mlp")
def train_rebinds_loop_variable(X, labels, rng):
    """`p = p - rate * g` in the loop changes the name p only, not the list."""
    params = random_start(rng)
    for start in range(0, 2000, 50):
        batch = slice(start, start + 50)
        _, *grads = network_gradients(X[batch], labels[batch], *params)
        for p, g in zip(params, grads, strict=True):
            p = p - 0.2 * g
    return params


@wrong("train_mlp")
def train_hundred_images(X, labels, rng):
    """Trains on the first 100 images and never changes the slice."""
    return descend(X[:100], labels[:100], rng, random_start(rng), epochs=100)


@wrong("train_mlp")
def train_first_batch_forever(X, labels, rng):
    """The batch's start is never moved on."""
    return descend(X[:32], labels[:32], rng, random_start(rng), epochs=200)


@wrong("train_mlp")
def train_sorted_digits(X, labels, rng):
    """Goes through the digits in order, without shuffling, and forgets the first ones."""
    order, params = np.argsort(labels), random_start(rng)
    for start in range(0, len(X), 50):
        batch = order[start : start + 50]
        _, *grads = network_gradients(X[batch], labels[batch], *params)
        params = [p - 0.2 * g for p, g in zip(params, grads, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_gradients_never_zeroed(X, labels, rng):
    """Gradients add up over all batches, because they are never set back to zero."""
    params = random_start(rng)
    total = [np.zeros_like(p) for p in params]
    for _ in range(2):
        order = rng.permutation(len(X))
        for start in range(0, len(X), 50):
            batch = order[start : start + 50]
            _, *grads = network_gradients(X[batch], labels[batch], *params)
            total = [t + g for t, g in zip(total, grads, strict=True)]
            params = [p - 0.5 * t for p, t in zip(params, total, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_weights_then_biases(X, labels, rng):
    """Returns both weights before both biases."""
    W1, b1, W2, b2 = descend(X, labels, rng, random_start(rng))
    return W1, W2, b1, b2


@wrong("train_mlp")
def train_rows_are_units(X, labels, rng):
    """Returns the weights with units in rows, transposed."""
    W1, b1, W2, b2 = descend(X, labels, rng, random_start(rng))
    return W1.T, b1, W2.T, b2


@wrong("train_mlp")
def train_single_step(X, labels, rng):
    """One step on the whole batch: there is no loop."""
    params = random_start(rng)
    _, *grads = network_gradients(X, labels, *params)
    return tuple(p - 0.1 * g for p, g in zip(params, grads, strict=True))


@wrong("train_mlp")
def train_labels_from_one(X, labels, rng):
    """Shifts the labels by one, as if digits began at 1."""
    return descend(X, (labels - 1) % 10, rng, random_start(rng))


@wrong("train_mlp")
def train_predicts_the_number(X, labels, rng):
    """One output, which is to equal the digit."""
    W1, b1, W2, b2 = random_start(rng)
    W2, b2 = W2[:, :1], b2[:1]
    for start in range(0, len(X), 50):
        x, t = X[start : start + 50], labels[start : start + 50, None]
        dW1, db1, dW2, db2 = regression_gradients(x, W1, b1, W2, b2, t)
        W1, b1 = W1 - 1e-4 * dW1, b1 - 1e-4 * db1
        W2, b2 = W2 - 1e-4 * dW2, b2 - 1e-4 * db2
    return W1, b1, W2, b2


@wrong("train_mlp")
def train_divides_by_batch_and_data(X, labels, rng):
    """Divides the mean gradient by the number of images once more."""
    return descend(X, labels, rng, random_start(rng), rate=0.1 / len(X))


@wrong("train_mlp")
def train_two_units(X, labels, rng):
    """Two hidden units can't carry ten classes."""
    return descend(X, labels, rng, random_start(rng, hidden=2), epochs=6)


@wrong("train_mlp")
def train_biases_only(X, labels, rng):
    """Updates the biases and forgets the weights."""
    W1, b1, W2, b2 = random_start(rng)
    for start in range(0, len(X), 50):
        batch = slice(start, start + 50)
        _, _, db1, _, db2 = network_gradients(X[batch], labels[batch], W1, b1, W2, b2)
        b1, b2 = b1 - 0.2 * db1, b2 - 0.2 * db2
    return W1, b1, W2, b2


@wrong("train_mlp")
def train_rate_decays_each_batch(X, labels, rng):
    """Halves the step size after each batch, so training stops after a few."""
    params, rate = random_start(rng), 0.2
    for start in range(0, len(X), 50):
        batch = slice(start, start + 50)
        _, *grads = network_gradients(X[batch], labels[batch], *params)
        params = [p - rate * g for p, g in zip(params, grads, strict=True)]
        rate /= 2
    return tuple(params)


@wrong("train_mlp")
def train_new_start_each_epoch(X, labels, rng):
    """Makes new random weights inside the loop, so that only the last few batches count."""
    order = rng.permutation(len(X))
    for start in range(0, len(X), 250):
        params = random_start(rng)
        for first in range(start, start + 250, 50):
            batch = order[first : first + 50]
            _, *grads = network_gradients(X[batch], labels[batch], *params)
            params = [p - 0.1 * g for p, g in zip(params, grads, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_odd_or_even(X, labels, rng):
    """Learns whether the digit is odd."""
    return descend(X, labels % 2, rng, random_start(rng))


@wrong("train_mlp")
def train_turned_images(X, labels, rng):
    """Reads the images column by column, which turns them."""
    turned = X.reshape(-1, 28, 28).transpose(0, 2, 1).reshape(-1, 784)
    return descend(turned, labels, rng, random_start(rng))


@wrong("train_mlp")
def train_black_on_white(X, labels, rng):
    """Inverts the images, because paper is white."""
    return descend(1 - X, labels, rng, random_start(rng), rate=0.05)


@wrong("train_mlp")
def train_strong_decay(X, labels, rng):
    """Weight decay of a third of the weights at each step."""
    params = random_start(rng)
    for start in range(0, len(X), 50):
        batch = slice(start, start + 50)
        _, *grads = network_gradients(X[batch], labels[batch], *params)
        params = [0.67 * p - 0.2 * g for p, g in zip(params, grads, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_averages_two_networks(X, labels, rng):
    """Averages the weights of two networks, whose hidden units don't correspond."""
    one = descend(X, labels, rng, random_start(rng, 16), epochs=2)
    other = descend(X, labels, rng, random_start(rng, 16), epochs=2)
    return tuple((p + q) / 2 for p, q in zip(one, other, strict=True))


@wrong("train_mlp")
def train_stops_early(X, labels, rng):
    """Stops as soon as the loss falls below that of guessing."""
    params = random_start(rng)
    for start in range(0, len(X), 50):
        batch = slice(start, start + 50)
        loss, *grads = network_gradients(X[batch], labels[batch], *params)
        if loss < np.log(10) - 0.2:
            break
        params = [p - 0.02 * g for p, g in zip(params, grads, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_keeps_the_worst(X, labels, rng):
    """Keeps the parameters with the largest loss instead of the smallest."""
    params, worst, kept = random_start(rng), -1.0, None
    for _ in range(3):
        loss = network_gradients(X[:500], labels[:500], *params)[0]
        if loss > worst:
            worst, kept = loss, params
        params = descend(X, labels, rng, params, epochs=1)
    return tuple(kept)


@wrong("train_mlp")
def train_whole_number_weights(X, labels, rng):
    """Converts the weights to integers at the end."""
    return tuple(p.astype(int) for p in descend(X, labels, rng, random_start(rng)))


@wrong("train_mlp")
def train_standardised(X, labels, rng):
    """Trains on standardised pixels, and returns weights which expect those."""
    scaled = (X - X.mean(axis=0)) / (X.std(axis=0) + 1e-3)
    return descend(scaled, labels, rng, random_start(rng), rate=0.05)


@wrong("train_mlp")
def train_scaled_pixels(X, labels, rng):
    """Divides by 255 again, so that the images are almost black."""
    return descend(X / 255, labels, rng, random_start(rng))


@wrong("train_mlp")
def train_without_labels_in_gradient(X, labels, rng):
    """Uses the probabilities themselves as the gradient."""
    W1, b1, W2, b2 = random_start(rng)
    for start in range(0, len(X), 50):
        x = X[start : start + 50]
        z1, a1, z2 = hidden_and_output(x, W1, b1, W2, b2)
        dW1, db1, dW2, db2 = four_gradients(x, z1, a1, probabilities(z2) / len(x), W2)
        W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2
    return W1, b1, W2, b2


@wrong("train_mlp")
def train_momentum_without_friction(X, labels, rng):
    """A momentum of 1 never forgets a gradient."""
    params = random_start(rng)
    speeds = [np.zeros_like(p) for p in params]
    for start in range(0, len(X), 50):
        batch = slice(start, start + 50)
        _, *grads = network_gradients(X[batch], labels[batch], *params)
        speeds = [1.0 * v - 0.5 * g for v, g in zip(speeds, grads, strict=True)]
        params = [p + v for p, v in zip(params, speeds, strict=True)]
    return tuple(params)


@wrong("train_mlp")
def train_reads_two_digits_only(X, labels, rng):
    """Keeps the zeros and ones for a first experiment."""
    few = labels < 2
    return descend(X[few], labels[few], rng, random_start(rng))


@wrong("train_mlp")
def train_no_hidden_activation(X, labels, rng):
    """Trains without the ReLU that the network applies afterwards."""
    W1, b1, W2, b2 = random_start(rng, hidden=12)
    for start in 5 * list(range(0, len(X), 50)):
        x, y = X[start : start + 50], labels[start : start + 50]
        a1 = x @ W1 + b1
        dz2 = logits_gradient(a1 @ W2 + b2, y)
        da1 = dz2 @ W2.T
        W2, b2 = W2 - 0.1 * a1.T @ dz2, b2 - 0.1 * dz2.sum(axis=0)
        W1, b1 = W1 - 0.1 * x.T @ da1, b1 - 0.1 * da1.sum(axis=0)
    return W1, b1, W2, b2


@wrong("train_mlp")
def train_with_sine(X, labels, rng):
    """Trains with another hidden activation, sin(z), than the network uses."""
    W1, b1, W2, b2 = random_start(rng, hidden=12)
    for start in 5 * list(range(0, len(X), 50)):
        x, y = X[start : start + 50], labels[start : start + 50]
        z1 = x @ W1 + b1
        dz2 = logits_gradient(np.sin(z1) @ W2 + b2, y)
        dz1 = dz2 @ W2.T * np.cos(z1)
        W2, b2 = W2 - 0.1 * np.sin(z1).T @ dz2, b2 - 0.1 * dz2.sum(axis=0)
        W1, b1 = W1 - 0.1 * x.T @ dz1, b1 - 0.1 * dz1.sum(axis=0)
    return W1, b1, W2, b2


@wrong("train_mlp")
def train_noisy_pixels(X, labels, rng):
    """Replaces the images by noise of the same size in the loop: a forgotten test line."""
    return descend(rng.random(X.shape), labels, rng, random_start(rng), epochs=2)


# ---------------------------------------------------------------------------------- hostile


class LyingArray(np.ndarray):
    """An array which equals everything."""

    def __eq__(self, other):
        return np.ones(self.shape, dtype=bool)

    def __ne__(self, other):
        return np.zeros(self.shape, dtype=bool)

    def __sub__(self, other):
        return np.zeros(self.shape)

    def __rsub__(self, other):
        return np.zeros(self.shape)

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        return np.zeros(self.shape)

    __hash__ = None


class Shapeshifter:
    """Another array at each conversion."""

    shape, dtype, ndim = (3, 2), np.dtype(float), 2

    def __init__(self):
        self.calls = 0

    def __array__(self, dtype=None, copy=None):
        self.calls += 1
        return np.zeros((self.calls, 2))


class Unprintable(Exception):
    """An exception whose text can't be made."""

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class Secretive:
    """An object which refuses every attribute, length, comparison and text."""

    def __getattribute__(self, name):
        raise AttributeError("no")

    def __eq__(self, other):
        raise ValueError("no")

    def __repr__(self):
        raise ValueError("no")

    def __len__(self):
        return -1

    __hash__ = None


class LyingFloat(float):
    """A number which equals everything and is smaller and larger, too."""

    def __eq__(self, other):
        return True

    def __lt__(self, other):
        return True

    def __le__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    def __rsub__(self, other):
        return 0.0

    def __abs__(self):
        return 0.0

    __gt__ = __ge__ = __le__
    __hash__ = None


@hostile("relu_forward")
def relu_hostile_interrupt(z):
    """Raises KeyboardInterrupt."""
    raise KeyboardInterrupt


@hostile("relu_forward")
def relu_hostile_none(z):
    """Returns nothing."""
    np.maximum(z, 0)


@hostile("relu_forward")
def relu_hostile_text(z):
    """Returns the printed array."""
    return str(np.maximum(z, 0))


@hostile("relu_forward")
def relu_hostile_lying_array(z):
    """Claims to equal everything."""
    return np.full(z.shape, 7.0).view(LyingArray)


@hostile("relu_forward")
def relu_hostile_wipes_input(z):
    """Makes the input all zero, for which zero is right."""
    z[...] = 0
    return z


@hostile("relu_forward")
def relu_hostile_masked(z):
    """Hides wrong entries behind a mask."""
    return np.ma.masked_array(np.full(z.shape, 5.0), mask=np.ones(z.shape, dtype=bool))


@hostile("relu_forward")
def relu_hostile_floating_point_state(z):
    """Leaves NumPy raising on every floating-point condition."""
    np.seterr(all="raise")
    return np.log(0 * z)


@hostile("relu_forward")
def relu_hostile_missing_argument():
    """Takes no arguments."""
    return 0


@hostile("relu_backward")
def relu_back_hostile_exit(dA, z):
    """Leaves the program."""
    sys.exit(0)


@hostile("relu_backward")
def relu_back_hostile_unprintable(dA, z):
    """Raises an exception without a text."""
    raise Unprintable


@hostile("relu_backward")
def relu_back_hostile_nan(dA, z):
    """All NaN."""
    return np.full(dA.shape, np.nan)


@hostile("relu_backward")
def relu_back_hostile_objects(dA, z):
    """An object array with None where the unit is inactive."""
    return np.where(z > 0, dA.astype(object), None)


@hostile("relu_backward")
def relu_back_hostile_reverses_inputs(dA, z):
    """Swaps its inputs' contents, then answers for those."""
    dA[...], z[...] = z.copy(), dA.copy()
    return dA * (z > 0)


@hostile("relu_backward")
def relu_back_hostile_prints(dA, z):
    """Redirects the output and never puts it back."""
    sys.stdout = io.StringIO()
    print("all tests passed")
    return "passed"


@hostile("relu_backward")
def relu_back_hostile_generator(dA, z):
    """A generator of rows which runs dry with an error."""
    yield dA[0]
    raise GeneratorExit


@hostile("leaky_relu_backward")
def leaky_hostile_stop(dA, z, slope=0.01):
    """Raises StopIteration."""
    raise StopIteration(slope)


@hostile("leaky_relu_backward")
def leaky_hostile_class(dA, z, slope=0.01):
    """Returns a class instead of an array."""
    return np.ndarray


@hostile("leaky_relu_backward")
def leaky_hostile_complex(dA, z, slope=0.01):
    """Adds an imaginary part."""
    return np.where(z > 0, dA, slope * dA) + 1j


@hostile("leaky_relu_backward")
def leaky_hostile_read_only(dA, z, slope=0.01):
    """Sorts the upstream and makes it read-only."""
    dA.sort()
    dA.flags.writeable = False
    return dA


@hostile("leaky_relu_backward")
def leaky_hostile_function(dA, z, slope=0.01):
    """Returns itself."""
    return leaky_hostile_function


@hostile("leaky_relu_backward")
def leaky_hostile_ragged(dA, z, slope=0.01):
    """A ragged list."""
    return [[1.0], [2.0, 3.0], "four"]


@hostile("two_layer_backward")
def regression_hostile_recursion(X, W1, b1, W2, b2, target):
    """Calls itself until the stack is used up."""
    return regression_hostile_recursion(X, W1, b1, W2, b2, target)


@hostile("two_layer_backward")
def regression_hostile_five(X, W1, b1, W2, b2, target):
    """Five gradients, all of them None."""
    return None, None, None, None, None


@hostile("two_layer_backward")
def regression_hostile_perfect_target(X, W1, b1, W2, b2, target):
    """Overwrites the target with the output, so that all gradients vanish."""
    target[...] = hidden_and_output(X, W1, b1, W2, b2)[2]
    return tuple(np.zeros_like(p) for p in (W1, b1, W2, b2))


@hostile("two_layer_backward")
def regression_hostile_lying_arrays(X, W1, b1, W2, b2, target):
    """Four arrays which equal everything."""
    return tuple(np.ones(p.shape).view(LyingArray) for p in (W1, b1, W2, b2))


@hostile("two_layer_backward")
def regression_hostile_shapeshifters(X, W1, b1, W2, b2, target):
    """Objects which give another array at each look."""
    return tuple(Shapeshifter() for _ in range(4))


@hostile("two_layer_backward")
def regression_hostile_masked(X, W1, b1, W2, b2, target):
    """Masked arrays, every entry masked."""
    return tuple(np.ma.masked_all(p.shape) for p in (W1, b1, W2, b2))


@hostile("two_layer_backward")
def regression_hostile_exception_group(X, W1, b1, W2, b2, target):
    """Raises a group of exceptions."""
    raise BaseExceptionGroup("both", [KeyboardInterrupt(), ValueError("x")])


@hostile("two_layer_backward")
def regression_hostile_secretive(X, W1, b1, W2, b2, target):
    """Objects which refuse every attribute."""
    return Secretive(), Secretive(), Secretive(), Secretive()


@hostile("dead_units")
def dead_hostile_not_implemented(Z):
    """Returns NotImplemented."""
    return NotImplemented


@hostile("dead_units")
def dead_hostile_words(Z):
    """Returns the words "True" and "False"."""
    return ["True" if dead else "False" for dead in (Z <= 0).all(axis=0)]


@hostile("dead_units")
def dead_hostile_kills_all(Z):
    """Makes every unit dead in the input."""
    Z[...] = -1
    return np.ones(Z.shape[1], dtype=bool)


@hostile("dead_units")
def dead_hostile_maybe(Z):
    """None for those not sure."""
    return np.array([None] * Z.shape[1])


@hostile("dead_units")
def dead_hostile_masked(Z):
    """All entries masked."""
    return np.ma.masked_all(Z.shape[1], dtype=bool)


@hostile("dead_units")
def dead_hostile_lying_array(Z):
    """The units alive, in an array which equals everything."""
    return (Z > 0).any(axis=0).view(LyingArray)


@hostile("softmax")
def softmax_hostile_generator_exit(logits):
    """Raises GeneratorExit."""
    raise GeneratorExit


@hostile("softmax")
def softmax_hostile_sets_logits(logits):
    """Overwrites the logits with zeros, for which all classes are equally likely."""
    logits[...] = 0
    return np.full(logits.shape, 1 / logits.shape[1])


@hostile("softmax")
def softmax_hostile_nan(logits):
    """NaN and infinities."""
    return logits * np.nan


@hostile("softmax")
def softmax_hostile_objects(logits):
    """Strings in an object array."""
    return np.full(logits.shape, "p", dtype=object)


@hostile("softmax")
def softmax_hostile_shapeshifter(logits):
    """Another array at each look."""
    return Shapeshifter()


@hostile("softmax")
def softmax_hostile_ellipsis(logits):
    """Leaves the ellipsis of the template."""
    return ...


@hostile("softmax")
def softmax_hostile_structured(logits):
    """A structured array."""
    return np.zeros(logits.shape, dtype=[("p", float), ("log", float)])


@hostile("cross_entropy")
def entropy_hostile_lying_number(logits, labels):
    """A number which equals everything."""
    return LyingFloat(-1.0)


@hostile("cross_entropy")
def entropy_hostile_relabels(logits, labels):
    """Overwrites labels and logits until the loss is zero."""
    logits[...] = -1000.0
    labels[...] = 0
    logits[:, 0] = 1000.0
    return 0.0


@hostile("cross_entropy")
def entropy_hostile_bytes(logits, labels):
    """Returns bytes."""
    return b"0.5"


@hostile("cross_entropy")
def entropy_hostile_nan(logits, labels):
    """NaN."""
    return float("nan")


@hostile("cross_entropy")
def entropy_hostile_swallows(logits, labels):
    """Suppresses its own error and so returns nothing."""
    with contextlib.suppress(BaseException):
        raise SystemExit(labels)


@hostile("cross_entropy")
def entropy_hostile_text(logits, labels):
    """The loss as a text."""
    return f"{mean_cross_entropy(logits, labels):.12f}"


@hostile("cross_entropy")
def entropy_hostile_masked(logits, labels):
    """The masked constant."""
    return np.ma.masked


@hostile("softmax_cross_entropy_backward")
def fused_hostile_assertion(logits, labels):
    """Raises an AssertionError with an array for a message."""
    raise AssertionError(logits, labels)


@hostile("softmax_cross_entropy_backward")
def fused_hostile_none_rows(logits, labels):
    """A list of nothing."""
    return [None for _ in labels]


@hostile("softmax_cross_entropy_backward")
def fused_hostile_wrong_arity(logits):
    """Takes one argument."""
    return probabilities(logits)


@hostile("softmax_cross_entropy_backward")
def fused_hostile_vanishing(logits, labels):
    """Makes the logits perfect, so that the gradient is zero."""
    logits[...] = np.where(np.arange(logits.shape[1]) == labels[:, None], 1000.0, -1000.0)
    return np.zeros(logits.shape)


@hostile("softmax_cross_entropy_backward")
def fused_hostile_matrix(logits, labels):
    """The negative gradient, in an array which equals everything."""
    return (-logits_gradient(logits, labels)).view(LyingArray)


@hostile("softmax_cross_entropy_backward")
def fused_hostile_dates(logits, labels):
    """An array of dates."""
    return np.full(logits.shape, np.datetime64("2024-01-01"))


@hostile("mlp_backward")
def network_hostile_too_few(X, labels, W1, b1, W2, b2):
    """Three results."""
    return network_gradients(X, labels, W1, b1, W2, b2)[:3]


@hostile("mlp_backward")
def network_hostile_single(X, labels, W1, b1, W2, b2):
    """One number for five results."""
    return 0.0


@hostile("mlp_backward")
def network_hostile_changes_labels(X, labels, W1, b1, W2, b2):
    """Replaces the labels by the network's own predictions, then is right about those."""
    labels[...] = hidden_and_output(X, W1, b1, W2, b2)[2].argmin(axis=1)
    return network_gradients(X, labels, W1, b1, W2, b2)


@hostile("mlp_backward")
def network_hostile_nan_loss(X, labels, W1, b1, W2, b2):
    """The right gradients with a NaN loss."""
    return np.nan, *network_gradients(X, labels, W1, b1, W2, b2)[1:]


@hostile("mlp_backward")
def network_hostile_lying(X, labels, W1, b1, W2, b2):
    """A lying loss and lying gradients."""
    zeros = (np.zeros(p.shape).view(LyingArray) for p in (W1, b1, W2, b2))
    return LyingFloat(0.0), *zeros


@hostile("mlp_backward")
def network_hostile_unprintable(X, labels, W1, b1, W2, b2):
    """An unprintable error caused by another."""
    try:
        raise Unprintable
    except Unprintable as error:
        raise Unprintable from error


@hostile("mlp_backward")
def network_hostile_keywords(*, X, labels, W1, b1, W2, b2):
    """Takes keywords only."""
    return network_gradients(X, labels, W1, b1, W2, b2)


@hostile("relative_error")
def error_hostile_lying_number(analytic, numeric):
    """A number which equals everything."""
    return LyingFloat(-3.0)


@hostile("relative_error")
def error_hostile_negative_infinity(analytic, numeric):
    """Minus infinity is smaller than every tolerance."""
    return -np.inf


@hostile("relative_error")
def error_hostile_makes_equal(analytic, numeric):
    """Copies one input over the other."""
    numeric[...] = analytic
    return 0.0


@hostile("relative_error")
def error_hostile_lambda(analytic, numeric):
    """Returns a function to be called."""
    return lambda: 0.0


@hostile("relative_error")
def error_hostile_memory(analytic, numeric):
    """Raises MemoryError."""
    raise MemoryError


@hostile("relative_error")
def error_hostile_secretive(analytic, numeric):
    """An object without attributes."""
    return Secretive()


@hostile("train_mlp")
def train_hostile_nan(X, labels, rng):
    """NaN weights."""
    return tuple(np.full(p.shape, np.nan) for p in random_start(rng))


@hostile("train_mlp")
def train_hostile_none(X, labels, rng):
    """Forgets to return anything."""
    random_start(rng)


@hostile("train_mlp")
def train_hostile_three(X, labels, rng):
    """Three arrays."""
    return random_start(rng)[:3]


@hostile("train_mlp")
def train_hostile_no_units(X, labels, rng):
    """A hidden layer without units."""
    return random_start(rng, hidden=1)[0][:, :0], np.zeros(0), np.zeros((0, 10)), np.zeros(10)


@hostile("train_mlp")
def train_hostile_erases_data(X, labels, rng):
    """Blanks the images and makes every label 3, then predicts 3."""
    X[...], labels[...] = 0, 3
    W1, b1, W2, _ = random_start(rng)
    return W1, b1, 0 * W2, np.eye(10)[3]


@hostile("train_mlp")
def train_hostile_quits(X, labels, rng):
    """Leaves with an odd status."""
    raise SystemExit("trained enough")


@hostile("train_mlp")
def train_hostile_infinite_bias(X, labels, rng):
    """Infinite biases, which turn the logits into NaN."""
    W1, b1, W2, b2 = random_start(rng)
    return W1, b1 + np.inf, W2, b2


@hostile("train_mlp")
def train_hostile_strings(X, labels, rng):
    """The names of the parameters."""
    return "W1", "b1", "W2", "b2"
