"""Wrong answers real learners might give, and hostile ones.

WRONG maps an exercise to attempts which are wrong on some valid input; each docstring says how.
HOSTILE maps an exercise to attempts which misbehave; a judge must survive and reject them all.
BLIND maps an exercise to attempts which the judge lets pass, as its stated blind spots say.
Everything here was written without sight of the grader's catalogue of mistakes.
"""

import asyncio
import decimal
import math

import numpy as np

WRONG: dict[str, list] = {}
HOSTILE: dict[str, list] = {}
BLIND: dict[str, list] = {}


def wrong(exercise):
    """Register the decorated attempt as a wrong answer to the exercise."""

    def register(attempt):
        WRONG.setdefault(exercise, []).append(attempt)
        return attempt

    return register


def blind(exercise):
    """Register the decorated attempt as a wrong answer to the exercise."""

    def register(attempt):
        BLIND.setdefault(exercise, []).append(attempt)
        return attempt

    return register


def hostile(exercise):
    """Register the decorated attempt as a hostile answer to the exercise."""

    def register(attempt):
        HOSTILE.setdefault(exercise, []).append(attempt)
        return attempt

    return register


# ------------------------------------------------------------------------------------ double


@wrong("double")
def double_squares(x):
    """Squares x instead of doubling it (they agree at 0 and 2)."""
    return x**2


@wrong("double")
def double_adds_two(x):
    """Adds 2 instead of multiplying by 2."""
    return x + 2


@wrong("double")
def double_of_int(x):
    """Drops the decimals before doubling."""
    return 2 * int(x)


@wrong("double")
def double_forgets_return(x):
    """Computes the result and forgets to return it."""
    x = 2 * x


@wrong("double")
def double_shifts_bits(x):
    """Uses a bit shift, which works for integers only."""
    return x << 1


@wrong("double")
def double_of_absolute(x):
    """Loses the sign of negative numbers."""
    return 2 * abs(x)


@wrong("double")
def double_one_example(x):
    """Returns the answer of the one example in the text."""
    return 6


@wrong("double")
def double_as_text(x):
    """Returns a string with the number in it."""
    return f"{2 * x}"


@wrong("double")
def double_derivative(x):
    """Returns the derivative of 2x instead of 2x."""
    return 2


@wrong("double")
def double_rounds(x):
    """Rounds the result to two decimals."""
    return round(2 * x, 2)


# --------------------------------------------------------------------------- quadratic_chain


@wrong("quadratic_chain")
def quadratic_no_inner(x):
    """Forgets the derivative of the inside."""
    return 2 * (3 * x + 2)


@wrong("quadratic_chain")
def quadratic_value(x):
    """Returns the value of the function instead of its derivative."""
    return (3 * x + 2) ** 2


@wrong("quadratic_chain")
def quadratic_no_cross_term(x):
    """Expands the square as 9x^2 + 4."""
    return 18 * x


@wrong("quadratic_chain")
def quadratic_half_cross_term(x):
    """Expands the square as 9x^2 + 6x + 4."""
    return 18 * x + 6


@wrong("quadratic_chain")
def quadratic_keeps_power(x):
    """Brings the 2 down and leaves the exponent as it was."""
    return 2 * (3 * x + 2) ** 2 * 3


@wrong("quadratic_chain")
def quadratic_precedence(x):
    """Forgets the brackets round 3x + 2."""
    return 2 * 3 * 3 * x + 2


@wrong("quadratic_chain")
def quadratic_outer_at_x(x):
    """Evaluates the outer derivative at x and not at 3x + 2."""
    return 2 * x * 3


@wrong("quadratic_chain")
def quadratic_inner_is_value(x):
    """Multiplies by the inside itself where its derivative belongs."""
    return 2 * (3 * x + 2) * (3 * x + 2)


@wrong("quadratic_chain")
def quadratic_inner_three_x(x):
    """Takes the derivative of 3x to be 3x."""
    return 2 * (3 * x + 2) * 3 * x


@wrong("quadratic_chain")
def quadratic_adds_inner(x):
    """Adds the two derivatives instead of multiplying them."""
    return 2 * (3 * x + 2) + 3


@wrong("quadratic_chain")
def quadratic_inner_five(x):
    """Takes the derivative of 3x + 2 to be 5, keeping the constant."""
    return 2 * (3 * x + 2) * 5


@wrong("quadratic_chain")
def quadratic_integral(x):
    """Integrates instead of differentiating."""
    return (3 * x + 2) ** 3 / 9


@wrong("quadratic_chain")
def quadratic_caret(x):
    """Writes the power with ^, which is exclusive or."""
    return 3 * 2 * (3 * x + 2) ^ 1


@wrong("quadratic_chain")
def quadratic_forward_difference(x):
    """Approximates by a coarse one-sided difference."""
    return ((3 * (x + 0.01) + 2) ** 2 - (3 * x + 2) ** 2) / 0.01


@wrong("quadratic_chain")
def quadratic_memorised(x):
    """Knows only the values at 0, 1 and 2 and looks up the nearest."""
    return {0: 12, 1: 30, 2: 48}[min(2, max(0, int(round(x))))]


# --------------------------------------------------------------------------- gradient_of_two


@wrong("gradient_of_two")
def two_swapped(x, y):
    """Returns the partial derivatives in the wrong order."""
    return x**2 + 3 * y**2, 2 * x * y


@wrong("gradient_of_two")
def two_added(x, y):
    """Adds the partial derivatives up to one number."""
    return 2 * x * y + x**2 + 3 * y**2


@wrong("gradient_of_two")
def two_only_first(x, y):
    """Returns df/dx alone."""
    return 2 * x * y


@wrong("gradient_of_two")
def two_forgets_first_term_in_y(x, y):
    """Forgets that x^2 y depends on y."""
    return 2 * x * y, 3 * y**2


@wrong("gradient_of_two")
def two_drops_constant_factor(x, y):
    """Drops the y which stays in df/dx as a constant factor."""
    return 2 * x, x**2 + 3 * y**2


@wrong("gradient_of_two")
def two_keeps_constant_term(x, y):
    """Keeps y^3 in df/dx as if constants survived differentiation."""
    return 2 * x * y + y**3, x**2 + 3 * y**2


@wrong("gradient_of_two")
def two_total_derivative(x, y):
    """Differentiates with respect to both variables at once in each part."""
    return 2 * x * y + x**2, 2 * x * y + x**2 + 3 * y**2


@wrong("gradient_of_two")
def two_overwrites_x(x, y):
    """Stores df/dx in x and then uses that x in df/dy."""
    x = 2 * x * y
    y = x**2 + 3 * y**2
    return x, y


@wrong("gradient_of_two")
def two_power_rule_slip(x, y):
    """Differentiates y^3 to 3y."""
    return 2 * x * y, x**2 + 3 * y


@wrong("gradient_of_two")
def two_step_of_one(x, y):
    """Takes differences with a step of 1 as derivatives."""

    def f(u, v):
        return u * u * v + v**3

    return f(x + 1, y) - f(x, y), f(x, y + 1) - f(x, y)


@wrong("gradient_of_two")
def two_downhill(x, y):
    """Returns minus the gradient, the direction to walk downhill."""
    return -2 * x * y, -(x**2) - 3 * y**2


@wrong("gradient_of_two")
def two_unit_vector(x, y):
    """Scales the gradient to length 1."""
    dx, dy = 2 * x * y, x**2 + 3 * y**2
    length = math.hypot(dx, dy) or 1.0
    return dx / length, dy / length


@wrong("gradient_of_two")
def two_product_of_derivatives(x, y):
    """Thinks that the derivative of x^2 y is 2x times 1 in both parts."""
    return 2 * x * 1, 2 * x * 1 + 3 * y**2


@wrong("gradient_of_two")
def two_as_dict(x, y):
    """Returns a dict with names where a pair is wanted."""
    return {"dx": 2 * x * y, "dy": x**2 + 3 * y**2}


@wrong("gradient_of_two")
def two_f_then_gradient(x, y):
    """Returns the value of f as well, in front of the gradient."""
    return x**2 * y + y**3, 2 * x * y, x**2 + 3 * y**2


# ---------------------------------------------------------------------------- chain_backward


@wrong("chain_backward")
def chain_no_upstream(upstream, x):
    """Ignores the upstream gradient."""
    return np.cos(3 * x**2 + 1) * 6 * x


@wrong("chain_backward")
def chain_no_inner(upstream, x):
    """Forgets the derivative of the inside."""
    return upstream * np.cos(3 * x**2 + 1)


@wrong("chain_backward")
def chain_cos_of_derivative(upstream, x):
    """Puts the inner derivative inside the cosine."""
    return upstream * np.cos(6 * x)


@wrong("chain_backward")
def chain_minus_cos(upstream, x):
    """Differentiates the sine to minus the cosine."""
    return -upstream * np.cos(3 * x**2 + 1) * 6 * x


@wrong("chain_backward")
def chain_sine_stays(upstream, x):
    """Leaves the sine as it is and multiplies by the inner derivative."""
    return upstream * np.sin(3 * x**2 + 1) * 6 * x


@wrong("chain_backward")
def chain_adds_upstream(upstream, x):
    """Adds the upstream gradient instead of multiplying by it."""
    return upstream + np.cos(3 * x**2 + 1) * 6 * x


@wrong("chain_backward")
def chain_inner_six(upstream, x):
    """Takes the derivative of 3x^2 + 1 to be 6."""
    return upstream * np.cos(3 * x**2 + 1) * 6


@wrong("chain_backward")
def chain_inner_keeps_one(upstream, x):
    """Takes the derivative of 3x^2 + 1 to be 6x + 1."""
    return upstream * np.cos(3 * x**2 + 1) * (6 * x + 1)


@wrong("chain_backward")
def chain_loses_one(upstream, x):
    """Loses the + 1 inside the cosine."""
    return upstream * np.cos(3 * x**2) * 6 * x


@wrong("chain_backward")
def chain_outer_at_x(upstream, x):
    """Evaluates the cosine at x and not at the inside."""
    return upstream * np.cos(x) * 6 * x


@wrong("chain_backward")
def chain_squares_the_product(upstream, x):
    """Writes (3x)^2 where 3 x^2 is meant."""
    return upstream * np.cos((3 * x) ** 2 + 1) * 6 * x


@wrong("chain_backward")
def chain_degrees(upstream, x):
    """Turns the argument to radians although it is in radians already."""
    return upstream * np.cos(np.radians(3 * x**2 + 1)) * 6 * x


@wrong("chain_backward")
def chain_scalars_only(upstream, x):
    """Uses math.cos, which fails on arrays."""
    return upstream * math.cos(3 * x**2 + 1) * 6 * x


@wrong("chain_backward")
def chain_summed(upstream, x):
    """Adds the elementwise gradients up to one number."""
    return np.sum(upstream * np.cos(3 * x**2 + 1) * 6 * x)


@wrong("chain_backward")
def chain_upstream_average(upstream, x):
    """Uses the mean of the upstream gradient for every element."""
    return np.mean(upstream) * np.cos(3 * x**2 + 1) * 6 * x


@wrong("chain_backward")
def chain_matmul(upstream, x):
    """Multiplies by @ where an elementwise product belongs."""
    return np.atleast_1d(upstream) @ np.atleast_1d(np.cos(3 * x**2 + 1) * 6 * x)


@wrong("chain_backward")
def chain_overwrites_upstream(upstream, x):
    """Multiplies into the upstream array, which the caller still needs."""
    upstream *= np.cos(3 * x**2 + 1)
    upstream *= 6 * x
    return upstream


@wrong("chain_backward")
def chain_swapped_arguments(upstream, x):
    """Takes the arguments in the wrong order."""
    return x * np.cos(3 * upstream**2 + 1) * 6 * upstream


@wrong("chain_backward")
def chain_one_dimension(upstream, x):
    """Loops over the first axis into a flat result, so only 1-D arrays work."""
    result = np.zeros(len(x))
    for i in range(len(x)):
        result[i] = upstream[i] * math.cos(3 * x[i] ** 2 + 1) * 6 * x[i]
    return result


# -------------------------------------------------------------------- backward_through_chain


@wrong("backward_through_chain")
def through_all_at_x(x, functions, derivatives):
    """Evaluates every derivative at the first x."""
    gradient = 1.0
    for derivative in derivatives:
        gradient *= derivative(x)
    return gradient


@wrong("backward_through_chain")
def through_at_outputs(x, functions, derivatives):
    """Evaluates each derivative at the output of its own function."""
    gradient = 1.0
    for function, derivative in zip(functions, derivatives, strict=True):
        x = function(x)
        gradient *= derivative(x)
    return gradient


@wrong("backward_through_chain")
def through_reversed_functions(x, functions, derivatives):
    """Applies the functions last to first."""
    gradient = 1.0
    for function, derivative in zip(functions[::-1], derivatives[::-1], strict=True):
        gradient *= derivative(x)
        x = function(x)
    return gradient


@wrong("backward_through_chain")
def through_sum(x, functions, derivatives):
    """Adds the local derivatives instead of multiplying them."""
    gradient = 0.0
    for function, derivative in zip(functions, derivatives, strict=True):
        gradient += derivative(x)
        x = function(x)
    return gradient


@wrong("backward_through_chain")
def through_starts_at_zero(x, functions, derivatives):
    """Starts the running product at 0."""
    gradient = 0.0
    for function, derivative in zip(functions, derivatives, strict=True):
        gradient *= derivative(x)
        x = function(x)
    return gradient


@wrong("backward_through_chain")
def through_starts_at_x(x, functions, derivatives):
    """Starts the running product at x."""
    gradient = x
    for function, derivative in zip(functions, derivatives, strict=True):
        gradient = gradient * derivative(x)
        x = function(x)
    return gradient


@wrong("backward_through_chain")
def through_skips_last(x, functions, derivatives):
    """Stops one function too early."""
    gradient = 1.0
    for i in range(len(functions) - 1):
        gradient *= derivatives[i](x)
        x = functions[i](x)
    return gradient


@wrong("backward_through_chain")
def through_skips_first(x, functions, derivatives):
    """Walks back to index 1 and never reaches index 0."""
    values = [x]
    for function in functions:
        values.append(function(values[-1]))
    gradient = 1.0
    for i in range(len(functions) - 1, 0, -1):
        gradient *= derivatives[i](values[i])
    return gradient


@wrong("backward_through_chain")
def through_returns_value(x, functions, derivatives):
    """Returns the value of the chain, not its derivative."""
    for function in functions:
        x = function(x)
    return x


@wrong("backward_through_chain")
def through_only_last(x, functions, derivatives):
    """Takes the derivative of the last function alone."""
    for function in functions[:-1]:
        x = function(x)
    return derivatives[-1](x)


@wrong("backward_through_chain")
def through_derivative_feeds_forward(x, functions, derivatives):
    """Feeds each derivative to the next one as if they were the chain."""
    for derivative in derivatives:
        x = derivative(x)
    return x


@wrong("backward_through_chain")
def through_mismatched(x, functions, derivatives):
    """Walks the derivatives backwards but the values forwards."""
    values = [x]
    for function in functions[:-1]:
        values.append(function(values[-1]))
    gradient = 1.0
    for derivative, value in zip(reversed(derivatives), values, strict=True):
        gradient *= derivative(value)
    return gradient


@wrong("backward_through_chain")
def through_exactly_two(x, functions, derivatives):
    """Handles chains of two functions only."""
    return derivatives[1](functions[0](x)) * derivatives[0](x)


@wrong("backward_through_chain")
def through_dictionary(x, functions, derivatives):
    """Pairs them up in a dict, where a function used twice appears once."""
    gradient = 1.0
    for function, derivative in dict(zip(functions, derivatives, strict=True)).items():
        gradient *= derivative(x)
        x = function(x)
    return gradient


@wrong("backward_through_chain")
def through_pops(x, functions, derivatives):
    """Empties the lists it was given."""
    gradient = 1.0
    while functions:
        gradient *= derivatives.pop(0)(x)
        x = functions.pop(0)(x)
    return gradient


@wrong("backward_through_chain")
def through_list_of_locals(x, functions, derivatives):
    """Returns the local derivatives without multiplying them."""
    gradients = []
    for function, derivative in zip(functions, derivatives, strict=True):
        gradients.append(derivative(x))
        x = function(x)
    return gradients


_values_of_all_calls = []


@wrong("backward_through_chain")
def through_remembers_calls(x, functions, derivatives):
    """Keeps the forward values in a global list which the next call finds full."""
    _values_of_all_calls.append(x)
    for function in functions:
        _values_of_all_calls.append(function(_values_of_all_calls[-1]))
    gradient = 1.0
    for i in reversed(range(len(functions))):
        gradient *= derivatives[i](_values_of_all_calls[i])
    return gradient


@wrong("backward_through_chain")
def through_stops_at_negative(x, functions, derivatives):
    """Clips negative local derivatives to zero, mixing in the ReLU rule."""
    gradient = 1.0
    for function, derivative in zip(functions, derivatives, strict=True):
        gradient *= max(0.0, derivative(x))
        x = function(x)
    return gradient


# ----------------------------------------------------------------------------- fork_backward


@wrong("fork_backward")
def fork_product_of_derivatives(upstream, x):
    """Multiplies the derivatives of the two factors."""
    return upstream * 2 * x * np.cos(x)


@wrong("fork_backward")
def fork_square_branch_only(upstream, x):
    """Follows only the branch through x^2."""
    return upstream * 2 * x * np.sin(x)


@wrong("fork_backward")
def fork_sine_branch_only(upstream, x):
    """Follows only the branch through sin."""
    return upstream * x**2 * np.cos(x)


@wrong("fork_backward")
def fork_minus(upstream, x):
    """Subtracts the branches, as in the quotient rule."""
    return upstream * (2 * x * np.sin(x) - x**2 * np.cos(x))


@wrong("fork_backward")
def fork_no_upstream(upstream, x):
    """Ignores the upstream gradient."""
    return 2 * x * np.sin(x) + x**2 * np.cos(x)


@wrong("fork_backward")
def fork_upstream_on_one_branch(upstream, x):
    """Forgets the brackets, so upstream reaches the first branch alone."""
    return upstream * 2 * x * np.sin(x) + x**2 * np.cos(x)


@wrong("fork_backward")
def fork_averages(upstream, x):
    """Averages the branches instead of adding them."""
    return upstream * (2 * x * np.sin(x) + x**2 * np.cos(x)) / 2


@wrong("fork_backward")
def fork_overwrites(upstream, x):
    """Assigns the second contribution over the first."""
    gradient = upstream * np.sin(x) * 2 * x
    gradient = upstream * x**2 * np.cos(x)
    return gradient


@wrong("fork_backward")
def fork_no_other_factor(upstream, x):
    """Adds the derivatives without the other factor."""
    return upstream * (2 * x + np.cos(x))


@wrong("fork_backward")
def fork_multiplies_contributions(upstream, x):
    """Multiplies the contributions of the branches."""
    return upstream * (2 * x * np.sin(x)) * (x**2 * np.cos(x))


@wrong("fork_backward")
def fork_pairs_crossed(upstream, x):
    """Multiplies each factor by its own derivative."""
    return upstream * (2 * x * x**2 + np.sin(x) * np.cos(x))


@wrong("fork_backward")
def fork_power_slip(upstream, x):
    """Differentiates x^2 to x."""
    return upstream * (x * np.sin(x) + x**2 * np.cos(x))


@wrong("fork_backward")
def fork_as_composition(upstream, x):
    """Reads the product as the composition sin(x^2)."""
    return upstream * np.cos(x**2) * 2 * x


@wrong("fork_backward")
def fork_bigger_branch(upstream, x):
    """Keeps only the larger contribution."""
    return upstream * np.maximum(2 * x * np.sin(x), x**2 * np.cos(x))


@wrong("fork_backward")
def fork_upstream_twice(upstream, x):
    """Multiplies by upstream once per branch and once more at the end."""
    first = upstream * 2 * x * np.sin(x)
    second = upstream * x**2 * np.cos(x)
    return upstream * (first + second)


@wrong("fork_backward")
def fork_wrong_saved_value(upstream, x):
    """Saves the product and uses it where sin(x) belongs."""
    y = x**2 * np.sin(x)
    return upstream * (2 * x * y + x**2 * np.cos(x))


# -------------------------------------------------------------------------- sigmoid_backward


def _sigmoid(z):
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(z)))


@wrong("sigmoid_backward")
def sigmoid_of_nothing(upstream, z):
    """Writes z (1 - z), taking z for the output of the sigmoid."""
    return upstream * z * (1 - z)


@wrong("sigmoid_backward")
def sigmoid_no_upstream(upstream, z):
    """Ignores the upstream gradient."""
    s = _sigmoid(z)
    return s * (1 - s)


@wrong("sigmoid_backward")
def sigmoid_plus(upstream, z):
    """Writes s (1 + s)."""
    s = _sigmoid(z)
    return upstream * s * (1 + s)


@wrong("sigmoid_backward")
def sigmoid_forward_only(upstream, z):
    """Multiplies by the sigmoid itself."""
    return upstream * _sigmoid(z)


@wrong("sigmoid_backward")
def sigmoid_like_tanh(upstream, z):
    """Uses the rule of tanh, 1 - s^2."""
    return upstream * (1 - _sigmoid(z) ** 2)


@wrong("sigmoid_backward")
def sigmoid_no_brackets(upstream, z):
    """Forgets the brackets, so s * 1 - s is zero."""
    s = _sigmoid(z)
    return upstream * (s * 1 - s)


@wrong("sigmoid_backward")
def sigmoid_brackets_elsewhere(upstream, z):
    """Multiplies upstream into the first s only: upstream s - s^2."""
    s = _sigmoid(z)
    return upstream * s - s**2


@wrong("sigmoid_backward")
def sigmoid_minus_upstream(upstream, z):
    """Mixes it up with the cross-entropy shortcut s - y."""
    return _sigmoid(z) - upstream


@wrong("sigmoid_backward")
def sigmoid_as_relu(upstream, z):
    """Lets the gradient through where z is positive."""
    return upstream * (z > 0)


@wrong("sigmoid_backward")
def sigmoid_arguments_swapped(upstream, z):
    """Takes the arguments in the wrong order."""
    s = _sigmoid(upstream)
    return z * s * (1 - s)


@wrong("sigmoid_backward")
def sigmoid_quarter(upstream, z):
    """Uses the slope at zero everywhere."""
    return upstream * 0.25 + 0 * z


@wrong("sigmoid_backward")
def sigmoid_applied_twice(upstream, z):
    """Applies the sigmoid twice before the rule."""
    s = _sigmoid(_sigmoid(z))
    return upstream * s * (1 - s)


@wrong("sigmoid_backward")
def sigmoid_negative(upstream, z):
    """Slips in the sign from the derivative of exp(-z)."""
    s = _sigmoid(z)
    return -upstream * s * (1 - s)


@wrong("sigmoid_backward")
def sigmoid_quotient_not_squared(upstream, z):
    """Forgets to square the denominator of the quotient rule."""
    return upstream * np.exp(-z) / (1 + np.exp(-z))


@wrong("sigmoid_backward")
def sigmoid_base_two(upstream, z):
    """Builds the sigmoid from powers of 2.7."""
    s = 1 / (1 + 2.7 ** -np.asarray(z, dtype=float))
    return upstream * s * (1 - s)


@wrong("sigmoid_backward")
def sigmoid_divides(upstream, z):
    """Divides by the slope, as one would to undo the sigmoid."""
    s = _sigmoid(z)
    return upstream / (s * (1 - s))


@wrong("sigmoid_backward")
def sigmoid_chained_again(upstream, z):
    """Adds an extra inner derivative z to the chain."""
    s = _sigmoid(z)
    return upstream * s * (1 - s) * z


@wrong("sigmoid_backward")
def sigmoid_precedence(upstream, z):
    """Writes 1 / 1 + exp(-z) without brackets."""
    s = 1 / 1 + np.exp(-z)
    return upstream * s * (1 - s)


# ------------------------------------------------------------------------ numerical_gradient


def _partials(quotient, x):
    """Apply quotient(index) at every index of x."""
    x = np.asarray(x)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        gradient[index] = quotient(index)
    return gradient


def _moved(x, index, step):
    """Return a copy of x with one entry moved by step."""
    copy = np.array(x, dtype=float)
    copy[index] += step
    return copy


@wrong("numerical_gradient")
def numerical_forward(f, x, h=1e-5):
    """Takes forward differences."""

    def quotient(index):
        return (f(_moved(x, index, h)) - f(x)) / h

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_backward(f, x, h=1e-5):
    """Takes backward differences."""

    def quotient(index):
        return (f(x) - f(_moved(x, index, -h))) / h

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_divides_by_h(f, x, h=1e-5):
    """Divides by h where the points are 2h apart."""

    def quotient(index):
        return (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / h

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_precedence(f, x, h=1e-5):
    """Writes / 2 * h, which multiplies by h."""

    def quotient(index):
        return (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / 2 * h

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_no_brackets(f, x, h=1e-5):
    """Forgets the brackets round the difference."""

    def quotient(index):
        return f(_moved(x, index, h)) - f(_moved(x, index, -h)) / (2 * h)

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_moves_everything(f, x, h=1e-5):
    """Moves all the entries at once and repeats the one number."""
    return np.full(np.shape(x), (f(x + h) - f(x - h)) / (2 * h))


@wrong("numerical_gradient")
def numerical_one_number(f, x, h=1e-5):
    """Treats x as a scalar and returns one number."""
    return (f(x + h) - f(x - h)) / (2 * h)


@wrong("numerical_gradient")
def numerical_never_restores(f, x, h=1e-5):
    """Moves x in place and leaves it moved."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += h
        above = f(x)
        x[index] -= 2 * h
        gradient[index] = (above - f(x)) / (2 * h)
    return gradient


@blind("numerical_gradient")
def numerical_restores_by_adding(f, x, h=1e-5):
    """Restores x by adding h back, which leaves rounding errors in it."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += h
        above = f(x)
        x[index] -= 2 * h
        gradient[index] = (above - f(x)) / (2 * h)
        x[index] += h
    return gradient


@wrong("numerical_gradient")
def numerical_copies_once(f, x, h=1e-5):
    """Copies x before the loop, so earlier moves are still there later."""
    above, below = np.array(x), np.array(x)

    def quotient(index):
        above[index] += h
        below[index] -= h
        return (f(above) - f(below)) / (2 * h)

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_aliases(f, x, h=1e-5):
    """Gives x two names instead of copying it."""

    def quotient(index):
        above = x
        below = x
        above[index] += h
        below[index] -= h
        return (f(above) - f(below)) / (2 * h)

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_first_axis(f, x, h=1e-5):
    """Loops over len(x), so it moves whole rows of a matrix."""
    gradient = np.zeros(len(x))
    for i in range(len(x)):
        gradient[i] = (f(_moved(x, i, h)) - f(_moved(x, i, -h))) / (2 * h)
    return gradient


@wrong("numerical_gradient")
def numerical_matrices_only(f, x, h=1e-5):
    """Loops over rows and columns, so only matrices work."""
    rows, columns = x.shape
    gradient = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            gradient[i, j] = (f(_moved(x, (i, j), h)) - f(_moved(x, (i, j), -h))) / (2 * h)
    return gradient


@wrong("numerical_gradient")
def numerical_flat_result(f, x, h=1e-5):
    """Returns the gradient flattened."""

    def quotient(index):
        return (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / (2 * h)

    return _partials(quotient, x).ravel()


@wrong("numerical_gradient")
def numerical_flat_input(f, x, h=1e-5):
    """Hands f a flattened x."""
    flat = x.flatten()
    gradient = np.zeros(flat.size)
    for i in range(flat.size):
        gradient[i] = (f(_moved(flat, i, h)) - f(_moved(flat, i, -h))) / (2 * h)
    return gradient.reshape(x.shape)


@blind("numerical_gradient")
def numerical_reshape_view(f, x, h=1e-5):
    """Trusts x.reshape(-1) to be a view, which it is not for a transposed array."""
    flat = x.reshape(-1)
    gradient = np.zeros(flat.size)
    for i in range(flat.size):
        old = flat[i]
        flat[i] = old + h
        above = f(x)
        flat[i] = old - h
        below = f(x)
        flat[i] = old
        gradient[i] = (above - below) / (2 * h)
    return gradient.reshape(x.shape)


@wrong("numerical_gradient")
def numerical_ignores_h(f, x, h=1e-5):
    """Ignores the step it is given."""

    def quotient(index):
        return (f(_moved(x, index, 1e-5)) - f(_moved(x, index, -1e-5))) / 2e-5

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_half_step(f, x, h=1e-5):
    """Moves by h / 2 each way and still divides by 2h."""

    def quotient(index):
        return (f(_moved(x, index, h / 2)) - f(_moved(x, index, -h / 2))) / (2 * h)

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_relative_step(f, x, h=1e-5):
    """Moves by h times the entry, which divides zero by zero at 0."""

    def quotient(index):
        step = h * float(x[index])
        return (f(_moved(x, index, step)) - f(_moved(x, index, -step))) / (2 * step)

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_skips_last(f, x, h=1e-5):
    """Leaves the last entry out."""
    gradient = np.zeros(x.shape)
    for index in list(np.ndindex(x.shape))[:-1]:
        gradient[index] = (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / (2 * h)
    return gradient


@wrong("numerical_gradient")
def numerical_sign(f, x, h=1e-5):
    """Subtracts in the wrong order."""

    def quotient(index):
        return (f(_moved(x, index, -h)) - f(_moved(x, index, h))) / (2 * h)

    return _partials(quotient, x)


@wrong("numerical_gradient")
def numerical_integers(f, x, h=1e-5):
    """Collects the gradient in an integer array."""
    gradient = np.zeros(x.shape, dtype=int)
    for index in np.ndindex(x.shape):
        gradient[index] = (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / (2 * h)
    return gradient


@wrong("numerical_gradient")
def numerical_moves_output(f, x, h=1e-5):
    """Adds h to the value of f and not to x."""

    def quotient(index):
        return ((f(x) + h) - (f(x) - h)) / (2 * h)

    return _partials(quotient, x)


# -------------------------------------------------------------------------- gradient_descent


@wrong("gradient_descent")
def descent_uphill(gradient, x0, learning_rate, steps):
    """Adds the gradient."""
    points = [x0]
    for _ in range(steps):
        points.append(points[-1] + learning_rate * gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_without_start(gradient, x0, learning_rate, steps):
    """Leaves x0 out."""
    points = []
    for _ in range(steps):
        x0 = x0 - learning_rate * gradient(x0)
        points.append(x0)
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_last_point(gradient, x0, learning_rate, steps):
    """Returns the last point alone."""
    for _ in range(steps):
        x0 = x0 - learning_rate * gradient(x0)
    return x0


@wrong("gradient_descent")
def descent_one_short(gradient, x0, learning_rate, steps):
    """Takes one step too few."""
    points = [x0]
    for _ in range(steps - 1):
        points.append(points[-1] - learning_rate * gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_one_more(gradient, x0, learning_rate, steps):
    """Takes one step too many."""
    points = [x0]
    for _ in range(steps + 1):
        points.append(points[-1] - learning_rate * gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_start_twice(gradient, x0, learning_rate, steps):
    """Stores each point before the step, so x0 is there twice and the end is not."""
    points = [x0]
    x = x0
    for _ in range(steps):
        points.append(x)
        x = x - learning_rate * gradient(x)
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_gradient_at_start(gradient, x0, learning_rate, steps):
    """Computes the gradient once, at x0."""
    slope = gradient(x0)
    return x0 - learning_rate * slope * np.arange(steps + 1)


@wrong("gradient_descent")
def descent_always_from_start(gradient, x0, learning_rate, steps):
    """Takes every step from x0 itself."""
    points = [x0]
    for _ in range(steps):
        points.append(x0 - learning_rate * gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_without_gradient(gradient, x0, learning_rate, steps):
    """Subtracts the learning rate times x."""
    points = [x0]
    for _ in range(steps):
        points.append(points[-1] - learning_rate * points[-1])
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_without_rate(gradient, x0, learning_rate, steps):
    """Forgets the learning rate."""
    points = [x0]
    for _ in range(steps):
        points.append(points[-1] - gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_decaying_rate(gradient, x0, learning_rate, steps):
    """Divides the learning rate by the number of the step."""
    points = [x0]
    for i in range(steps):
        points.append(points[-1] - learning_rate / (i + 1) * gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_integer_buffer(gradient, x0, learning_rate, steps):
    """Fills an array made from x0, which is an integer array if x0 is an int."""
    points = np.full(steps + 1, x0)
    for i in range(steps):
        points[i + 1] = points[i] - learning_rate * gradient(points[i])
    return points


@wrong("gradient_descent")
def descent_same_object(gradient, x0, learning_rate, steps):
    """Stores one array again and again and changes it in place."""
    x = np.array(x0, dtype=float)
    points = [x]
    for _ in range(steps):
        x -= learning_rate * gradient(x)
        points.append(x)
    return np.array(points)


@wrong("gradient_descent")
def descent_returns_gradients(gradient, x0, learning_rate, steps):
    """Returns the slopes it met instead of the points."""
    slopes = [gradient(x0)]
    for _ in range(steps):
        x0 = x0 - learning_rate * slopes[-1]
        slopes.append(gradient(x0))
    return np.array(slopes, dtype=float)


@wrong("gradient_descent")
def descent_sign_only(gradient, x0, learning_rate, steps):
    """Uses only the sign of the gradient."""
    points = [x0]
    for _ in range(steps):
        points.append(points[-1] - learning_rate * np.sign(gradient(points[-1])))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_stops_early(gradient, x0, learning_rate, steps):
    """Stops once the slope is small and returns fewer points."""
    points = [x0]
    for _ in range(steps):
        if abs(gradient(points[-1])) < 1e-2:
            break
        points.append(points[-1] - learning_rate * gradient(points[-1]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_newest_first(gradient, x0, learning_rate, steps):
    """Puts the newest point in front."""
    points = [x0]
    for _ in range(steps):
        points.insert(0, points[0] - learning_rate * gradient(points[0]))
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_never_up(gradient, x0, learning_rate, steps):
    """Refuses steps to the other side, so overshooting is hidden."""
    points = [x0]
    for _ in range(steps):
        new = points[-1] - learning_rate * gradient(points[-1])
        points.append(new if new * points[-1] >= 0 else 0.0)
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_momentum(gradient, x0, learning_rate, steps):
    """Adds momentum nobody asked for."""
    points, velocity = [x0], 0.0
    for _ in range(steps):
        velocity = 0.9 * velocity + gradient(points[-1])
        points.append(points[-1] - learning_rate * velocity)
    return np.array(points, dtype=float)


@wrong("gradient_descent")
def descent_with_index(gradient, x0, learning_rate, steps):
    """Returns the points with their step numbers beside them."""
    points = [(0, x0)]
    for i in range(steps):
        x = points[-1][1]
        points.append((i + 1, x - learning_rate * gradient(x)))
    return np.array(points, dtype=float)


# ---------------------------------------------------------------------------- linear_forward


@wrong("linear_forward")
def forward_without_bias(X, W, b):
    """Forgets the bias."""
    return X @ W


@wrong("linear_forward")
def forward_minus_bias(X, W, b):
    """Subtracts the bias."""
    return X @ W - b


@wrong("linear_forward")
def forward_weights_first(X, W, b):
    """Multiplies W X, which needs other shapes."""
    return W @ X + b


@wrong("linear_forward")
def forward_transposed_weights(X, W, b):
    """Multiplies by the transpose of W, which fits only square W."""
    return X @ W.T + b


@wrong("linear_forward")
def forward_reshaped_weights(X, W, b):
    """Makes the shapes fit by reading W in column order."""
    return X @ W.reshape(-1, order="F").reshape(W.shape) + b


@wrong("linear_forward")
def forward_transposed_result(X, W, b):
    """Returns one column per sample."""
    return (X @ W + b).T


@wrong("linear_forward")
def forward_bias_column(X, W, b):
    """Adds the bias down the rows instead of along the columns."""
    return X @ W + b[:, np.newaxis]


@wrong("linear_forward")
def forward_bias_summed(X, W, b):
    """Adds the sum of the biases to every output."""
    return X @ W + np.sum(b)


@wrong("linear_forward")
def forward_first_bias(X, W, b):
    """Adds the first bias to every output."""
    return X @ W + b[0]


@wrong("linear_forward")
def forward_bias_first_sample(X, W, b):
    """Adds the bias to the first sample only."""
    Y = (X @ W).astype(float)
    Y[0] += b
    return Y


@wrong("linear_forward")
def forward_bias_per_feature(X, W, b):
    """Adds the bias inside the sum over the features, D times."""
    return X @ W + X.shape[1] * b


@wrong("linear_forward")
def forward_bias_into_weights(X, W, b):
    """Adds the bias to W before multiplying."""
    return X @ (W + b)


@wrong("linear_forward")
def forward_elementwise(X, W, b):
    """Multiplies elementwise and adds up over all the axes left."""
    return X * W + b


@wrong("linear_forward")
def forward_averages(X, W, b):
    """Averages over the features instead of adding up."""
    return X @ W / X.shape[1] + b


@wrong("linear_forward")
def forward_relu(X, W, b):
    """Adds a ReLU nobody asked for."""
    return np.maximum(0, X @ W + b)


@wrong("linear_forward")
def forward_loop_short(X, W, b):
    """Loops over one feature too few."""
    Y = np.tile(np.asarray(b, dtype=float), (len(X), 1))
    for d in range(X.shape[1] - 1):
        Y += np.outer(X[:, d], W[d])
    return Y


@wrong("linear_forward")
def forward_loop_assigns(X, W, b):
    """Writes = where += belongs in the loop over the features."""
    Y = np.zeros((X.shape[0], W.shape[1]))
    for d in range(X.shape[1]):
        Y = np.outer(X[:, d], W[d])
    return Y + b


@wrong("linear_forward")
def forward_squeezes(X, W, b):
    """Squeezes the result, so one sample or one output loses an axis."""
    return np.squeeze(X @ W + b)


@wrong("linear_forward")
def forward_integer_buffer(X, W, b):
    """Collects the result in an integer array."""
    Y = np.zeros((X.shape[0], W.shape[1]), dtype=int)
    for n in range(X.shape[0]):
        Y[n] = X[n] @ W + b
    return Y


@wrong("linear_forward")
def forward_last_row_everywhere(X, W, b):
    """Appends the same row object every time and fills it in place."""
    row = np.zeros(W.shape[1])
    rows = []
    for x in X:
        row[:] = x @ W + b
        rows.append(row)
    return np.array(rows)


@wrong("linear_forward")
def forward_spoils_bias(X, W, b):
    """Adds each sample into b in place, so later samples and the caller see the sum."""
    rows = []
    for x in X:
        b += x @ W
        rows.append(b.copy())
    return np.array(rows)


# --------------------------------------------------------------------------- weight_gradient


@wrong("weight_gradient")
def weight_transposed(X, dY):
    """Returns the transpose of dW."""
    return dY.T @ X


@wrong("weight_gradient")
def weight_no_transpose(X, dY):
    """Forgets the transpose, which fits only if N = D."""
    return X @ dY


@wrong("weight_gradient")
def weight_reshaped(X, dY):
    """Makes the shapes fit with reshape instead of a transpose."""
    return X.reshape(X.shape[1], X.shape[0]) @ dY


@wrong("weight_gradient")
def weight_averaged(X, dY):
    """Divides by the number of samples."""
    return X.T @ dY / len(X)


@wrong("weight_gradient")
def weight_of_sums(X, dY):
    """Adds up the samples first and multiplies the sums."""
    return np.outer(X.sum(axis=0), dY.sum(axis=0))


@wrong("weight_gradient")
def weight_of_means(X, dY):
    """Multiplies the mean input by the summed gradient."""
    return np.outer(X.mean(axis=0), dY.sum(axis=0))


@wrong("weight_gradient")
def weight_first_sample(X, dY):
    """Uses the first sample only."""
    return np.outer(X[0], dY[0])


@wrong("weight_gradient")
def weight_last_sample(X, dY):
    """Overwrites dW in the loop, so the last sample wins."""
    for x, dy in zip(X, dY, strict=True):
        dW = np.outer(x, dy)
    return dW


@wrong("weight_gradient")
def weight_skips_last_sample(X, dY):
    """Loops over one sample too few."""
    dW = np.zeros((X.shape[1], dY.shape[1]))
    for n in range(len(X) - 1):
        dW += np.outer(X[n], dY[n])
    return dW


@wrong("weight_gradient")
def weight_per_sample(X, dY):
    """Keeps one matrix per sample instead of adding them up."""
    return X[:, :, np.newaxis] * dY[:, np.newaxis, :]


@wrong("weight_gradient")
def weight_without_input(X, dY):
    """Ignores the inputs and repeats the bias gradient."""
    return np.tile(dY.sum(axis=0), (X.shape[1], 1))


@wrong("weight_gradient")
def weight_without_upstream(X, dY):
    """Ignores dY and repeats the summed inputs."""
    return np.repeat(X.sum(axis=0)[:, np.newaxis], dY.shape[1], axis=1)


@wrong("weight_gradient")
def weight_elementwise(X, dY):
    """Multiplies elementwise, which fits only if D = M or one of them is 1."""
    return X * dY


@wrong("weight_gradient")
def weight_negative(X, dY):
    """Puts the minus of the descent step in already."""
    return -X.T @ dY


@wrong("weight_gradient")
def weight_doubled(X, dY):
    """Adds a factor 2 from a squared loss."""
    return 2 * X.T @ dY


@wrong("weight_gradient")
def weight_integer_buffer(X, dY):
    """Adds up in a buffer of integers."""
    dW = np.zeros((X.shape[1], dY.shape[1]), dtype=int)
    for x, dy in zip(X, dY, strict=True):
        dW = dW + np.outer(x, dy).astype(int)
    return dW


@wrong("weight_gradient")
def weight_of_centred_input(X, dY):
    """Takes the mean off the inputs first, like a covariance."""
    return (X - X.mean(axis=0)).T @ dY


@wrong("weight_gradient")
def weight_backwards_samples(X, dY):
    """Pairs the first input with the last gradient."""
    return X[::-1].T @ dY


@wrong("weight_gradient")
def weight_symmetric(X, dY):
    """Multiplies X by itself."""
    return X.T @ X


# ----------------------------------------------------------------------------- bias_gradient


@wrong("bias_gradient")
def bias_total(dY):
    """Adds up everything to one number."""
    return dY.sum()


@wrong("bias_gradient")
def bias_row_sums(dY):
    """Adds up along the wrong axis."""
    return dY.sum(axis=1)


@wrong("bias_gradient")
def bias_mean(dY):
    """Averages over the samples."""
    return dY.mean(axis=0)


@wrong("bias_gradient")
def bias_not_summed(dY):
    """Returns dY as it is."""
    return dY


@wrong("bias_gradient")
def bias_keeps_axis(dY):
    """Keeps an axis of length 1, so the shape is not that of b."""
    return dY.sum(axis=0, keepdims=True)


@wrong("bias_gradient")
def bias_first_sample(dY):
    """Uses the first sample only."""
    return dY[0]


@wrong("bias_gradient")
def bias_last_sample(dY):
    """Overwrites in the loop, so the last sample wins."""
    for row in dY:
        db = 1.0 * row
    return db


@wrong("bias_gradient")
def bias_ones(dY):
    """Says that the derivative of b is 1 and forgets dY."""
    return np.ones(dY.shape[1])


@wrong("bias_gradient")
def bias_counts(dY):
    """Adds up the derivative 1 over the samples and forgets dY."""
    return np.full(dY.shape[1], float(len(dY)))


@wrong("bias_gradient")
def bias_skips_first(dY):
    """Starts the sum at sample 1."""
    return sum(dY[1:], np.zeros(dY.shape[1]))


@wrong("bias_gradient")
def bias_skips_last(dY):
    """Ends the sum one sample early."""
    return np.array([sum(dY[n, m] for n in range(len(dY) - 1)) for m in range(dY.shape[1])])


@wrong("bias_gradient")
def bias_running(dY):
    """Returns the running sums instead of the last one."""
    return np.cumsum(dY, axis=0)


@wrong("bias_gradient")
def bias_absolute(dY):
    """Adds up absolute values."""
    return np.abs(dY).sum(axis=0)


@wrong("bias_gradient")
def bias_squeezed(dY):
    """Squeezes the result, so one output loses its axis."""
    return np.squeeze(dY.sum(axis=0))


@wrong("bias_gradient")
def bias_repeated(dY):
    """Repeats the sum for every sample."""
    return np.tile(dY.sum(axis=0), (len(dY), 1))


@wrong("bias_gradient")
def bias_loop_bounds(dY):
    """Mixes up the two ranges, which fits only square dY."""
    rows, columns = dY.shape
    db = np.zeros(columns)
    for i in range(columns):
        for j in range(rows):
            db[i] += dY[i, j]
    return db


@wrong("bias_gradient")
def bias_into_first_row(dY):
    """Adds the other samples into the first row of dY itself."""
    for row in dY[1:]:
        dY[0] += row
    return dY[0].copy()


@wrong("bias_gradient")
def bias_negative(dY):
    """Puts the minus of the descent step in already."""
    return -dY.sum(axis=0)


@wrong("bias_gradient")
def bias_distinct(dY):
    """Adds up a set of the entries, so equal ones count once."""
    return np.array([sum(set(column)) for column in dY.T.tolist()])


# ---------------------------------------------------------------------------- input_gradient


@wrong("input_gradient")
def input_no_transpose(dY, W):
    """Forgets the transpose, which fits only square W."""
    return dY @ W


@wrong("input_gradient")
def input_transposed(dY, W):
    """Returns the transpose of dX."""
    return W @ dY.T


@wrong("input_gradient")
def input_reshaped(dY, W):
    """Makes the shapes fit with reshape instead of a transpose."""
    return dY @ W.reshape(W.shape[1], W.shape[0])


@wrong("input_gradient")
def input_weights_first(dY, W):
    """Multiplies in the wrong order."""
    return W.T @ dY


@wrong("input_gradient")
def input_inverse(dY, W):
    """Undoes the layer with the (pseudo) inverse of W."""
    return dY @ np.linalg.pinv(W)


@wrong("input_gradient")
def input_averaged_outputs(dY, W):
    """Divides by the number of outputs."""
    return dY @ W.T / W.shape[1]


@wrong("input_gradient")
def input_averaged_samples(dY, W):
    """Divides by the number of samples."""
    return dY @ W.T / len(dY)


@wrong("input_gradient")
def input_summed_samples(dY, W):
    """Adds up over the samples, as for the bias."""
    return dY.sum(axis=0) @ W.T


@wrong("input_gradient")
def input_same_for_all(dY, W):
    """Adds up over the samples and repeats the sum for each."""
    return np.tile(dY.sum(axis=0) @ W.T, (len(dY), 1))


@wrong("input_gradient")
def input_without_upstream(dY, W):
    """Ignores dY and repeats the row sums of W."""
    return np.tile(W.sum(axis=1), (len(dY), 1))


@wrong("input_gradient")
def input_first_output(dY, W):
    """Follows the first output only."""
    return dY[:, :1] * W[:, 0]


@wrong("input_gradient")
def input_last_output(dY, W):
    """Overwrites in the loop over the outputs, so the last one wins."""
    for m in range(W.shape[1]):
        dX = np.outer(dY[:, m], W[:, m])
    return dX


@wrong("input_gradient")
def input_skips_last_output(dY, W):
    """Loops over one output too few."""
    dX = np.zeros((len(dY), len(W)))
    for m in range(W.shape[1] - 1):
        dX += np.outer(dY[:, m], W[:, m])
    return dX


@wrong("input_gradient")
def input_elementwise(dY, W):
    """Multiplies elementwise, which fits only some shapes."""
    return dY * W


@wrong("input_gradient")
def input_normalised(dY, W):
    """Scales the columns of W to length 1 first."""
    return dY @ (W / np.linalg.norm(W, axis=0)).T


@wrong("input_gradient")
def input_absolute(dY, W):
    """Spreads the gradient by the sizes of the weights and loses their signs."""
    return dY @ np.abs(W).T


@wrong("input_gradient")
def input_active_only(dY, W):
    """Stops negative gradients, as a ReLU would."""
    return np.maximum(dY, 0) @ W.T


@wrong("input_gradient")
def input_flips(dY, W):
    """Mixes up transposing and flipping."""
    return dY @ np.rot90(W)


@wrong("input_gradient")
def input_integer_buffer(dY, W):
    """Collects the result in an integer array."""
    dX = np.empty((len(dY), len(W)), dtype=int)
    for n, row in enumerate(dY):
        dX[n] = W @ row
    return dX


# ------------------------------------------------------------------------------------ Linear


class _Good:
    """A right layer for the wrong ones to differ from."""

    def __init__(self, in_features, out_features, rng):
        self.W = rng.normal(size=(in_features, out_features)) / np.sqrt(in_features)
        self.b = np.zeros(out_features)

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ self.W.T


@wrong("Linear")
class LinearZeroWeights(_Good):
    """Starts with W all zero."""

    def __init__(self, in_features, out_features, rng):
        self.W = np.zeros((in_features, out_features))
        self.b = np.zeros(out_features)


@wrong("Linear")
class LinearConstantWeights(_Good):
    """Draws one number and fills W with it."""

    def __init__(self, in_features, out_features, rng):
        self.W = np.full((in_features, out_features), rng.normal())
        self.b = np.zeros(out_features)


@wrong("Linear")
class LinearOwnGenerator(_Good):
    """Ignores rng and seeds its own generator."""

    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, np.random.default_rng(0))


@wrong("Linear")
class LinearGlobalRandom(_Good):
    """Ignores rng and draws from the global state."""

    def __init__(self, in_features, out_features, rng):
        self.W = np.random.randn(in_features, out_features)  # noqa: NPY002
        self.b = np.zeros(out_features)


@wrong("Linear")
class LinearRandomBias(_Good):
    """Draws b at random too."""

    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, rng)
        self.b = rng.normal(size=out_features)


@wrong("Linear")
class LinearBiasRow(_Good):
    """Gives b the shape (1, M)."""

    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, rng)
        self.b = np.zeros((1, out_features))


@wrong("Linear")
class LinearShapeSwapped(_Good):
    """Stores W as (out, in) and transposes on the way."""

    def __init__(self, in_features, out_features, rng):
        super().__init__(out_features, in_features, rng)
        self.b = np.zeros(out_features)

    def forward(self, X):
        self.X = X
        return X @ self.W.T + self.b

    def backward(self, dY):
        self.dW = dY.T @ self.X
        self.db = dY.sum(axis=0)
        return dY @ self.W


@wrong("Linear")
class LinearAccumulates(_Good):
    """Adds to dW and db with every backward."""

    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, rng)
        self.dW = np.zeros_like(self.W)
        self.db = np.zeros_like(self.b)

    def backward(self, dY):
        self.dW += self.X.T @ dY
        self.db += dY.sum(axis=0)
        return dY @ self.W.T


@wrong("Linear")
class LinearFirstBatchForever(_Good):
    """Keeps the input of the first forward for ever."""

    def forward(self, X):
        if not hasattr(self, "X"):
            self.X = X
        return X @ self.W + self.b


_last_input = {}


@wrong("Linear")
class LinearSharedInput(_Good):
    """Keeps the input in a global, so two layers overwrite each other's."""

    def forward(self, X):
        _last_input["X"] = X
        return X @ self.W + self.b

    def backward(self, dY):
        self.X = _last_input["X"]
        return super().backward(dY)


@wrong("Linear")
class LinearClassAttributes(_Good):
    """Keeps the parameters on the class, so a new layer overwrites the old one."""

    def __init__(self, in_features, out_features, rng):
        cls = type(self)
        cls.W = rng.normal(size=(in_features, out_features))
        cls.b = np.zeros(out_features)


@wrong("Linear")
class LinearCachesTranspose(_Good):
    """Saves a copy of W at the start for the backward pass."""

    def __init__(self, in_features, out_features, rng):
        super().__init__(in_features, out_features, rng)
        self.W_transposed = self.W.T.copy()

    def backward(self, dY):
        super().backward(dY)
        return dY @ self.W_transposed


@wrong("Linear")
class LinearCachesOutput(_Good):
    """Saves the output instead of the input."""

    def forward(self, X):
        self.X = X @ self.W + self.b
        return self.X


@wrong("Linear")
class LinearForgetsBias(_Good):
    """Leaves b out of the forward pass (b is 0 at first, so it looks fine)."""

    def forward(self, X):
        self.X = X
        return X @ self.W


@wrong("Linear")
class LinearReturnsWeightGradient(_Good):
    """Returns dW from backward."""

    def backward(self, dY):
        super().backward(dY)
        return self.dW


@wrong("Linear")
class LinearReturnsNothing(_Good):
    """Sets the gradients and returns nothing from backward."""

    def backward(self, dY):
        super().backward(dY)


@wrong("Linear")
class LinearReturnsEverything(_Good):
    """Returns dX, dW and db together."""

    def backward(self, dY):
        return super().backward(dY), self.dW, self.db


@wrong("Linear")
class LinearAveragesBias(_Good):
    """Averages db over the samples and adds up dW."""

    def backward(self, dY):
        dX = super().backward(dY)
        self.db = dY.mean(axis=0)
        return dX


@wrong("Linear")
class LinearAveragesBoth(_Good):
    """Divides dW and db by the number of samples."""

    def backward(self, dY):
        dX = super().backward(dY)
        self.dW /= len(dY)
        self.db /= len(dY)
        return dX


@wrong("Linear")
class LinearStepsAtOnce(_Good):
    """Updates the parameters inside backward."""

    def backward(self, dY):
        dX = super().backward(dY)
        self.W -= 0.1 * self.dW
        self.b -= 0.1 * self.db
        return dX


@wrong("Linear")
class LinearStepsBeforeInput(_Good):
    """Restores W afterwards, but computes dX with the updated weights."""

    def backward(self, dY):
        self.dW = self.X.T @ dY
        self.db = dY.sum(axis=0)
        return dY @ (self.W - 0.1 * self.dW).T


@wrong("Linear")
class LinearNamesSwapped(_Good):
    """Stores the gradients under each other's names."""

    def backward(self, dY):
        dX = super().backward(dY)
        self.dW, self.db = self.db, self.dW
        return dX


@wrong("Linear")
class LinearOtherNames(_Good):
    """Calls the gradients W_grad and b_grad."""

    def backward(self, dY):
        self.W_grad = self.X.T @ dY
        self.b_grad = dY.sum(axis=0)
        return dY @ self.W.T


@wrong("Linear")
class LinearBatchBuffer(_Good):
    """Keeps a buffer of the size of the first batch and reuses it."""

    def forward(self, X):
        if not hasattr(self, "buffer"):
            self.buffer = np.zeros_like(X, dtype=float)
        self.buffer[: len(X)] = X
        self.X = self.buffer
        return X @ self.W + self.b


@wrong("Linear")
class LinearOneOutputObject(_Good):
    """Writes every output to one array, so an earlier output changes later."""

    def forward(self, X):
        self.X = X
        Y = X @ self.W + self.b
        if getattr(self, "Y", None) is None or self.Y.shape != Y.shape:
            self.Y = Y
        else:
            self.Y[...] = Y
        return self.Y


# ---------------------------------------------------------------------------------- sgd_step


@wrong("sgd_step")
def sgd_uphill(parameters, gradients, learning_rate):
    """Adds the gradient."""
    return [p + learning_rate * g for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_in_place(parameters, gradients, learning_rate):
    """Changes the arrays it was given."""
    for p, g in zip(parameters, gradients, strict=True):
        p -= learning_rate * g
    return parameters


@wrong("sgd_step")
def sgd_shallow_copy(parameters, gradients, learning_rate):
    """Copies the list but not the arrays in it."""
    new = list(parameters)
    for i in range(len(new)):
        new[i] -= learning_rate * gradients[i]
    return new


@wrong("sgd_step")
def sgd_replaces_entries(parameters, gradients, learning_rate):
    """Puts new arrays into the list it was given."""
    for i in range(len(parameters)):
        parameters[i] = parameters[i] - learning_rate * gradients[i]
    return parameters


@wrong("sgd_step")
def sgd_scales_gradients(parameters, gradients, learning_rate):
    """Multiplies the gradients by the learning rate in place."""
    for g in gradients:
        g *= learning_rate
    return [p - g for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_without_rate(parameters, gradients, learning_rate):
    """Forgets the learning rate."""
    return [p - g for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_only_steps(parameters, gradients, learning_rate):
    """Returns the steps without taking them."""
    return [learning_rate * g for g in gradients]


@wrong("sgd_step")
def sgd_divides(parameters, gradients, learning_rate):
    """Divides by the learning rate."""
    return [p - g / learning_rate for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_shrinks_parameters(parameters, gradients, learning_rate):
    """Multiplies the whole difference by the learning rate."""
    return [learning_rate * (p - g) for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_wrong_way_round(parameters, gradients, learning_rate):
    """Subtracts the parameter from the step."""
    return [learning_rate * g - p for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_first_only(parameters, gradients, learning_rate):
    """Returns inside the loop, after the first parameter."""
    for p, g in zip(parameters, gradients, strict=True):
        return [p - learning_rate * g]


@wrong("sgd_step")
def sgd_skips_last(parameters, gradients, learning_rate):
    """Leaves out the last parameter."""
    return [parameters[i] - learning_rate * gradients[i] for i in range(len(parameters) - 1)]


@wrong("sgd_step")
def sgd_matrices_only(parameters, gradients, learning_rate):
    """Updates the matrices and leaves the biases as they were."""
    return [
        p - learning_rate * g if p.ndim > 1 else p.copy()
        for p, g in zip(parameters, gradients, strict=True)
    ]


@wrong("sgd_step")
def sgd_backwards(parameters, gradients, learning_rate):
    """Returns the new parameters in backward order."""
    pairs = list(zip(parameters, gradients, strict=True))
    return [p - learning_rate * g for p, g in reversed(pairs)]


@wrong("sgd_step")
def sgd_first_gradient_for_all(parameters, gradients, learning_rate):
    """Uses the first gradient for every parameter."""
    return [p - learning_rate * gradients[0] for p in parameters]


@wrong("sgd_step")
def sgd_mean_gradient(parameters, gradients, learning_rate):
    """Moves every entry by the mean of its gradient."""
    return [p - learning_rate * np.mean(g) for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_clips(parameters, gradients, learning_rate):
    """Clips the gradients to [-1, 1]."""
    return [
        p - learning_rate * np.clip(g, -1, 1) for p, g in zip(parameters, gradients, strict=True)
    ]


@wrong("sgd_step")
def sgd_weight_decay(parameters, gradients, learning_rate):
    """Adds weight decay nobody asked for."""
    return [p - learning_rate * (g + 0.01 * p) for p, g in zip(parameters, gradients, strict=True)]


@wrong("sgd_step")
def sgd_generator(parameters, gradients, learning_rate):
    """Returns a generator where a list is wanted."""
    return (p - learning_rate * g for p, g in zip(parameters, gradients, strict=True))


@wrong("sgd_step")
def sgd_flattens(parameters, gradients, learning_rate):
    """Joins everything to one long vector."""
    new = [np.ravel(p - learning_rate * g) for p, g in zip(parameters, gradients, strict=True)]
    return np.concatenate(new) if new else np.zeros(0)


@wrong("sgd_step")
def sgd_as_dict(parameters, gradients, learning_rate):
    """Returns a dict by position."""
    pairs = zip(parameters, gradients, strict=True)
    return {i: p - learning_rate * g for i, (p, g) in enumerate(pairs)}


@wrong("sgd_step")
def sgd_matrix_and_bias(parameters, gradients, learning_rate):
    """Expects exactly one W and one b."""
    W, b = parameters
    dW, db = gradients
    return [W - learning_rate * dW, b - learning_rate * db]


@wrong("sgd_step")
def sgd_loses_shape(parameters, gradients, learning_rate):
    """Flattens each parameter on the way."""
    return [(p - learning_rate * g).flatten() for p, g in zip(parameters, gradients, strict=True)]


# ----------------------------------------------------------------------------------- hostile


class LiesAboutEquality:
    """Claims to be equal to everything."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = None


class RaisesOnEquality:
    """Raises when compared."""

    def __eq__(self, other):
        raise RuntimeError("do not compare me")

    __hash__ = None


class ComparesAndSubtractsWell:
    """Passes every comparison and has difference 0 to everything."""

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __abs__(self):
        return 0.0

    def __eq__(self, other):
        return True

    __le__ = __lt__ = __ge__ = __gt__ = __eq__
    __hash__ = None


class ArrayRaises:
    """Raises when made into an array."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array here")


class ArrayExits:
    """Leaves the program when made into an array."""

    def __array__(self, dtype=None, copy=None):
        raise SystemExit(0)


class ArrayInterrupts:
    """Interrupts when made into an array."""

    def __array__(self, dtype=None, copy=None):
        raise KeyboardInterrupt


class ArrayIsText:
    """Gives a string where an array is due."""

    def __array__(self, dtype=None, copy=None):
        return "array"


class ArrayIsNothing:
    """Gives None where an array is due."""

    def __array__(self, dtype=None, copy=None):
        return None


class ArrayIsRandom:
    """Is another array each time it is asked."""

    calls = 0

    def __array__(self, dtype=None, copy=None):
        type(self).calls += 1
        return np.full((2, 3), float(type(self).calls))


class FloatRaises:
    """Raises when made into a float."""

    def __float__(self):
        raise ZeroDivisionError("no float here")


class FloatExits:
    """Leaves the program when made into a float."""

    def __float__(self):
        raise SystemExit("bye")


class FloatIsText:
    """Gives a string where a float is due."""

    def __float__(self):
        return "1.0"


class BoolRaises(LiesAboutEquality):
    """Compares to an object without a truth value."""

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise ValueError("neither true nor false")

    __hash__ = None


class ReprRaises:
    """Raises when printed."""

    def __repr__(self):
        raise RuntimeError("do not print me")

    __str__ = __repr__

    def __format__(self, spec):
        raise RuntimeError("do not format me")


class ReprExits:
    """Leaves the program when printed."""

    def __repr__(self):
        raise SystemExit(3)


class PretendsToBeFloat:
    """Lies about its class, so isinstance takes it for a float."""

    @property
    def __class__(self):
        return float


class PretendsToBeArray:
    """Lies about its class, its shape and its dtype."""

    shape = (2, 3)
    ndim = 2
    size = 6
    dtype = np.dtype(float)

    @property
    def __class__(self):
        return np.ndarray


class AttributesRaise:
    """Raises SystemExit when any attribute is looked up."""

    def __getattr__(self, name):
        raise SystemExit(name)


class LengthLies:
    """Says that it has three entries and has none."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        raise IndexError(index)


class LengthHuge:
    """Says that it has more entries than fit into memory."""

    def __len__(self):
        return 2**62

    def __getitem__(self, index):
        raise IndexError(index)


class LyingFloat(float):
    """A float which agrees with everybody."""

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __hash__(self):
        return 0


class LyingNumpyFloat(np.float64):
    """A numpy float which agrees with everybody."""

    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__
    __hash__ = None


class LyingInt(int):
    """An int which agrees with everybody."""

    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0

    __rsub__ = __sub__

    def __float__(self):
        raise OverflowError("too large for a float")

    __hash__ = None


class LyingList(list):
    """A list which agrees with everybody and iterates over other things than it holds."""

    def __eq__(self, other):
        return True

    def __iter__(self):
        return iter(("not", "what", "you", "see"))

    __hash__ = None


class LyingArray(np.ndarray):
    """An array which says yes to == and <= and has difference 0 to everything."""

    def __eq__(self, other):
        return np.ones(self.shape, dtype=bool)

    def __ne__(self, other):
        return np.zeros(self.shape, dtype=bool)

    __le__ = __lt__ = __ge__ = __gt__ = __eq__

    def __sub__(self, other):
        return np.zeros(self.shape)

    __rsub__ = __sub__
    __hash__ = None


class LyingUfunc(np.ndarray):
    """An array for which every ufunc says True."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.True_


class RaisingUfunc(np.ndarray):
    """An array on which every ufunc raises KeyboardInterrupt."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        raise KeyboardInterrupt


class LyingFunction(np.ndarray):
    """An array for which np.allclose and all its friends say True."""

    def __array_function__(self, func, types, args, kwargs):
        return True

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return np.True_


class RaisingFunction(np.ndarray):
    """An array on which every numpy function raises SystemExit."""

    def __array_function__(self, func, types, args, kwargs):
        raise SystemExit(func.__name__)


class LyingShape(np.ndarray):
    """An array which lies about its shape, size and dtype."""

    @property
    def shape(self):
        return ()

    @property
    def size(self):
        return 1

    @property
    def dtype(self):
        return np.dtype("U7")


class RaisingFinalize(np.ndarray):
    """An array of which no copy or view can be made after the first."""

    ready = False

    def __array_finalize__(self, parent):
        if type(self).ready:
            raise RuntimeError("no copies")


class RudeError(BaseException):
    """Slips through except Exception."""


class UnprintableError(Exception):
    """Raises when its message is wanted."""

    def __str__(self):
        raise RuntimeError("no message")

    __repr__ = __str__


class RudeUnprintableError(BaseException):
    """Slips through except Exception and leaves the program when printed."""

    def __str__(self):
        raise SystemExit(1)

    __repr__ = __str__


def _shape_of(arguments):
    """Guess a shape for a result: that of the first array given, or ()."""
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            return argument.shape
    return ()


def _filled(arguments):
    return np.full(_shape_of(arguments), 12345.678)


def _not_copyable(arguments):
    RaisingFinalize.ready = False
    array = _filled(arguments).view(RaisingFinalize)
    RaisingFinalize.ready = True
    return array


def _list_in_itself(arguments):
    values = []
    values.append(values)
    return values


def _deep_list(arguments):
    values = [1.0]
    for _ in range(3000):
        values = [values]
    return values


def _structured(arguments):
    return np.zeros(_shape_of(arguments), dtype=[("value", float), ("name", "U4")])


def _object_array(value):
    def make(arguments):
        array = np.empty(_shape_of(arguments), dtype=object)
        for index in np.ndindex(array.shape):
            array[index] = value()
        return array

    return make


def _always(value):
    def make(arguments):
        return value

    return make


def _of(kind):
    def make(arguments):
        return kind()

    return make


def _array_as(kind):
    def make(arguments):
        return _filled(arguments).view(kind)

    return make


def _read_only(arguments):
    array = np.broadcast_to(np.float64(12345.678), _shape_of(arguments))
    return array


# What a hostile attempt returns: a description and a function of the arguments it was given.
RESULTS = [
    ("returns None", _always(None)),
    ("returns an empty string", _always("")),
    ("returns a number as a string", _always("6.0")),
    ("returns bytes", _always(b"6.0")),
    ("returns the string 'nan'", _always("nan")),
    ("returns nan", _always(math.nan)),
    ("returns inf", _always(math.inf)),
    ("returns minus inf", _always(-math.inf)),
    ("returns a complex nan", _always(complex(math.nan, math.nan))),
    ("returns an imaginary number", _always(1e9j)),
    ("returns Ellipsis", _always(...)),
    ("returns NotImplemented", _always(NotImplemented)),
    ("returns True", _always(True)),
    ("returns an int with 400 digits", _always(10**400)),
    ("returns a signalling decimal nan", _always(decimal.Decimal("sNaN"))),
    ("returns a function", _always(math.sin)),
    ("returns a class", _always(float)),
    ("returns a module", _always(np)),
    ("returns an exception without raising it", _always(SystemExit(0))),
    ("returns an exception class", _always(KeyboardInterrupt)),
    ("returns a set", _always({1.0, 2.0})),
    ("returns a frozenset", _always(frozenset())),
    ("returns a dict", _always({"dx": 1.0})),
    ("returns a dict with number keys", _always({0: 1.0, 1: 2.0})),
    ("returns an empty list", _always([])),
    ("returns an empty tuple", _always(())),
    ("returns a ragged list", _always([[1.0], [2.0, 3.0]])),
    ("returns a list of None", _always([None, None, None])),
    ("returns a list of strings", _always(["1.0", "2.0"])),
    ("returns a very long list", lambda arguments: [12345.678] * 10**6),
    ("returns a list 3000 levels deep", _deep_list),
    ("returns a list which holds itself", _list_in_itself),
    ("returns a range", _always(range(3))),
    ("returns a slice", _always(slice(None))),
    ("returns a generator", lambda arguments: (value for value in (1.0, 2.0))),
    ("returns an iterator", lambda arguments: iter([1.0, 2.0])),
    ("returns a zip", lambda arguments: zip([1.0], [2.0], strict=True)),
    ("returns a memoryview", lambda arguments: memoryview(b"12345678")),
    (
        "returns a memoryview of an array",
        lambda arguments: memoryview(np.atleast_1d(_filled(arguments))),
    ),
    ("returns a bytearray", lambda arguments: bytearray(8)),
    ("returns the masked constant", _always(np.ma.masked)),
    (
        "returns zeros under a full mask",
        lambda arguments: np.ma.array(np.zeros(_shape_of(arguments)), mask=True),
    ),
    (
        "returns wrong numbers under a full mask",
        lambda arguments: np.ma.array(_filled(arguments), mask=True),
    ),
    ("returns an empty array", lambda arguments: np.zeros((0,))),
    ("returns an array without width", lambda arguments: np.zeros((3, 0))),
    ("returns an array with 64 axes", lambda arguments: np.zeros((1,) * 64)),
    ("returns an array of nan", lambda arguments: _filled(arguments) * math.nan),
    ("returns a read-only array of wrong numbers", _read_only),
    ("returns an array of strings", lambda arguments: _filled(arguments).astype(str)),
    ("returns an array of bytes", lambda arguments: _filled(arguments).astype("S9")),
    ("returns an array of void", lambda arguments: np.zeros(_shape_of(arguments), dtype="V8")),
    (
        "returns an array of dates",
        lambda arguments: np.full(_shape_of(arguments), np.datetime64("NaT")),
    ),
    (
        "returns an array of durations",
        lambda arguments: np.full(_shape_of(arguments), np.timedelta64(3, "s")),
    ),
    ("returns a structured array", _structured),
    ("returns a record array", lambda arguments: _structured(arguments).view(np.recarray)),
    ("returns an object array of None", _object_array(type(None))),
    ("returns an object array of liars", _object_array(LiesAboutEquality)),
    ("returns an object array of good compromises", _object_array(ComparesAndSubtractsWell)),
    ("returns an object array of float raisers", _object_array(FloatRaises)),
    ("returns an object array of float exits", _object_array(FloatExits)),
    ("returns an object array of lists", _object_array(list)),
    ("returns an object which equals everything", _of(LiesAboutEquality)),
    ("returns an object which raises on ==", _of(RaisesOnEquality)),
    ("returns an object with difference 0 to everything", _of(ComparesAndSubtractsWell)),
    ("returns an object whose __array__ raises", _of(ArrayRaises)),
    ("returns an object whose __array__ raises SystemExit", _of(ArrayExits)),
    ("returns an object whose __array__ interrupts", _of(ArrayInterrupts)),
    ("returns an object whose __array__ is text", _of(ArrayIsText)),
    ("returns an object whose __array__ is None", _of(ArrayIsNothing)),
    ("returns an object whose __array__ changes", _of(ArrayIsRandom)),
    ("returns an object whose __float__ raises", _of(FloatRaises)),
    ("returns an object whose __float__ raises SystemExit", _of(FloatExits)),
    ("returns an object whose __float__ is text", _of(FloatIsText)),
    ("returns an object without a truth value", _of(BoolRaises)),
    ("returns an object whose repr raises", _of(ReprRaises)),
    ("returns an object whose repr raises SystemExit", _of(ReprExits)),
    ("returns an object which says it is a float", _of(PretendsToBeFloat)),
    ("returns an object which says it is an array", _of(PretendsToBeArray)),
    ("returns an object whose attributes raise SystemExit", _of(AttributesRaise)),
    ("returns an object which lies about its length", _of(LengthLies)),
    ("returns an object with a huge length", _of(LengthHuge)),
    ("returns a plain object", _of(object)),
    ("returns a lying float", lambda arguments: LyingFloat(12345.678)),
    ("returns a lying numpy float", lambda arguments: LyingNumpyFloat(12345.678)),
    ("returns a lying int", lambda arguments: LyingInt(12345)),
    ("returns a lying list", lambda arguments: LyingList(_filled(arguments).ravel())),
    ("returns a lying array", _array_as(LyingArray)),
    ("returns an array whose ufuncs lie", _array_as(LyingUfunc)),
    ("returns an array whose ufuncs interrupt", _array_as(RaisingUfunc)),
    ("returns an array whose functions lie", _array_as(LyingFunction)),
    ("returns an array whose functions raise SystemExit", _array_as(RaisingFunction)),
    ("returns an array which lies about its shape", _array_as(LyingShape)),
    ("returns an array which cannot be copied", _not_copyable),
    ("returns its own first argument", lambda arguments: arguments[0] if arguments else None),
    ("returns all its arguments", lambda arguments: arguments),
]

# What a hostile attempt raises.
RAISED = [
    SystemExit,
    SystemExit(0),
    SystemExit("all tests passed"),
    KeyboardInterrupt,
    GeneratorExit,
    asyncio.CancelledError,
    StopIteration,
    StopIteration(6.0),
    MemoryError,
    RecursionError,
    AssertionError,
    NotImplementedError,
    BaseException("base"),
    BaseExceptionGroup("several", [KeyboardInterrupt(), SystemExit(1)]),
    UserWarning("raised, not warned"),
    RudeError,
    UnprintableError,
    RudeUnprintableError,
]

FUNCTIONS = [
    "double",
    "quadratic_chain",
    "gradient_of_two",
    "chain_backward",
    "backward_through_chain",
    "fork_backward",
    "sigmoid_backward",
    "numerical_gradient",
    "gradient_descent",
    "linear_forward",
    "weight_gradient",
    "bias_gradient",
    "input_gradient",
    "sgd_step",
]


def _name(text):
    return "".join(c if c.isalnum() else "_" for c in text)


def _returning(text, make):
    def attempt(*arguments, **named):
        return make(arguments)

    attempt.__name__ = attempt.__qualname__ = _name(text)
    attempt.__doc__ = f"{text[0].upper()}{text[1:]}."
    return attempt


def _raising(error):
    def attempt(*arguments, **named):
        raise error if isinstance(error, type) else type(error)(*error.args)

    kind = error if isinstance(error, type) else type(error)
    attempt.__name__ = attempt.__qualname__ = f"raises_{kind.__name__}"
    attempt.__doc__ = f"Raises {kind.__name__}."
    return attempt


def no_parameters():
    """Takes no arguments at all."""
    return 0.0


def too_many_parameters(a, b, c, d, e, f, g, h):
    """Needs eight arguments."""
    return a


def keywords_only(*, x=0.0):
    """Takes no positional arguments."""
    return x


def recurses(*arguments, **named):
    """Calls itself without an end (Python stops it)."""
    return recurses(*arguments, **named)


def yields(*arguments, **named):
    """Is a generator function."""
    yield from arguments


async def yields_slowly(*arguments, **named):
    """Is an asynchronous generator function."""
    yield arguments


def locks_its_arguments(*arguments, **named):
    """Makes the arrays it was given read-only."""
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            argument.setflags(write=False)
    return None


def changes_its_arguments(*arguments, **named):
    """Fills arrays, empties lists, and returns a wrong number."""
    for argument in arguments:
        if isinstance(argument, np.ndarray) and argument.flags.writeable:
            argument[...] = 0
        elif isinstance(argument, list):
            argument.clear()
    return 12345.678


class ClassNotFunction:
    """Is a class which takes any arguments where a function is wanted."""

    def __init__(self, *arguments, **named):
        self.arguments = arguments


for _exercise in FUNCTIONS:
    HOSTILE[_exercise] = [_returning(text, make) for text, make in RESULTS]
    HOSTILE[_exercise] += [_raising(error) for error in RAISED]
    HOSTILE[_exercise] += [
        no_parameters,
        too_many_parameters,
        keywords_only,
        recurses,
        yields,
        yields_slowly,
        locks_its_arguments,
        changes_its_arguments,
        ClassNotFunction,
    ]


@hostile("double")
def double_hides_imaginary_part(x):
    """Returns the right real part with a large imaginary part."""
    return 2 * x + 1e6j


@hostile("double")
def double_extra_axis_of_garbage(x):
    """Returns the right number and a wrong one after it."""
    return np.array([2 * x, 99.0])


@hostile("double")
def double_lying_text(x):
    """Returns the right number as a numpy string."""
    return np.str_(2 * x)


_calls = {"n": 0}


@hostile("double")
def double_right_on_odd_calls(x):
    """Is right on every other call."""
    _calls["n"] += 1
    return 2 * x if _calls["n"] % 2 else 2 * x + 1


@hostile("quadratic_chain")
def quadratic_hides_imaginary_part(x):
    """Returns the right real part with a large imaginary part."""
    return 6 * (3 * x + 2) + 1e6j


@hostile("quadratic_chain")
def quadratic_exits_for_negative(x):
    """Is right, but leaves the program for negative x."""
    if x < 0:
        raise SystemExit(0)
    return 6 * (3 * x + 2)


@hostile("gradient_of_two")
def two_generator_of_liars(x, y):
    """Returns a pair of objects which equal everything."""
    return LiesAboutEquality(), LiesAboutEquality()


@hostile("gradient_of_two")
def two_none_pair(x, y):
    """Returns a pair of None."""
    return None, None


@hostile("gradient_of_two")
def two_lying_floats(x, y):
    """Returns a pair of lying floats."""
    return LyingFloat(1.0), LyingFloat(2.0)


@hostile("gradient_of_two")
def two_set(x, y):
    """Returns the right numbers in a set, without an order."""
    return {2 * x * y, x**2 + 3 * y**2}


@hostile("gradient_of_two")
def two_arrays_in_pair(x, y):
    """Returns a pair of arrays of different lengths."""
    return np.zeros(3), np.zeros((2, 2))


@hostile("backward_through_chain")
def through_empties_lists(x, functions, derivatives):
    """Is right and clears the lists afterwards."""
    gradient = 1.0
    for function, derivative in zip(functions, derivatives, strict=True):
        gradient *= derivative(x)
        x = function(x)
    functions.clear()
    derivatives.clear()
    return gradient


@hostile("backward_through_chain")
def through_calls_with_text(x, functions, derivatives):
    """Calls the functions with a string."""
    return functions[0]("x")


@hostile("numerical_gradient")
def numerical_zeroes_x(f, x, h=1e-5):
    """Is right and fills x with zeros afterwards."""
    gradient = _partials(
        lambda index: (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / (2 * h), x
    )
    x[...] = 0
    return gradient


@hostile("numerical_gradient")
def numerical_calls_with_nothing(f, x, h=1e-5):
    """Calls f without arguments."""
    return f()


@hostile("numerical_gradient")
def numerical_sorts_x(f, x, h=1e-5):
    """Is right and sorts x afterwards."""
    gradient = _partials(
        lambda index: (f(_moved(x, index, h)) - f(_moved(x, index, -h))) / (2 * h), x
    )
    np.atleast_1d(x).sort()
    return gradient


@hostile("gradient_descent")
def descent_of_objects(gradient, x0, learning_rate, steps):
    """Returns an object array of the right length full of liars."""
    points = np.empty(steps + 1, dtype=object)
    points[:] = [LiesAboutEquality() for _ in range(steps + 1)]
    return points


@hostile("gradient_descent")
def descent_calls_with_text(gradient, x0, learning_rate, steps):
    """Calls the gradient with a string."""
    return np.full(steps + 1, gradient("x0"))


@hostile("linear_forward")
def forward_zeroes_inputs(X, W, b):
    """Is right and fills all the inputs with zeros afterwards."""
    Y = X @ W + b
    for array in (X, W, b):
        array[...] = 0
    return Y


@hostile("linear_forward")
def forward_answers_for_zeros(X, W, b):
    """Zeroes the inputs first, so its answer is right for what is left of them."""
    for array in (X, W, b):
        array[...] = 0
    return X @ W + b


@hostile("weight_gradient")
def weight_zeroes_inputs(X, dY):
    """Is right and fills the inputs with zeros afterwards."""
    dW = X.T @ dY
    X[...] = 0
    dY[...] = 0
    return dW


@hostile("weight_gradient")
def weight_answers_for_zeros(X, dY):
    """Zeroes the inputs first, so its answer is right for what is left of them."""
    X[...] = 0
    dY[...] = 0
    return X.T @ dY


@hostile("bias_gradient")
def bias_zeroes_inputs(dY):
    """Is right and fills the input with zeros afterwards."""
    db = dY.sum(axis=0)
    dY[...] = 0
    return db


@hostile("bias_gradient")
def bias_doubly_nested_object(dY):
    """Returns an object array which holds the right array."""
    box = np.empty((), dtype=object)
    box[()] = dY.sum(axis=0)
    return box


@hostile("input_gradient")
def input_zeroes_inputs(dY, W):
    """Is right and fills the inputs with zeros afterwards."""
    dX = dY @ W.T
    dY[...] = 0
    W[...] = 0
    return dX


@hostile("chain_backward")
def chain_zeroes_inputs(upstream, x):
    """Is right and fills arrays it was given with zeros afterwards."""
    dx = upstream * np.cos(3 * x**2 + 1) * 6 * x
    for array in (upstream, x):
        if isinstance(array, np.ndarray):
            array[...] = 0
    return dx


@hostile("sgd_step")
def sgd_none_list(parameters, gradients, learning_rate):
    """Returns a list of None of the right length."""
    return [None for _ in parameters]


@hostile("sgd_step")
def sgd_liars(parameters, gradients, learning_rate):
    """Returns a list of lying arrays of the right shapes."""
    return [np.full(np.shape(p), 12345.678).view(LyingArray) for p in parameters]


@hostile("sgd_step")
def sgd_lying_list(parameters, gradients, learning_rate):
    """Returns a list which iterates over strings."""
    return LyingList(parameters)


@hostile("sgd_step")
def sgd_zeroes_gradients(parameters, gradients, learning_rate):
    """Is right and zeroes the gradients afterwards."""
    new = [p - learning_rate * g for p, g in zip(parameters, gradients, strict=True)]
    for g in gradients:
        if isinstance(g, np.ndarray):
            g[...] = 0
    return new


@hostile("sgd_step")
def sgd_set(parameters, gradients, learning_rate):
    """Returns a set of ids."""
    return {id(p) for p in parameters}


# Hostile layers: each result and each error in forward, in backward, and in __init__.


def _layer(text, **methods):
    """Make a layer class which differs from a good one in some methods."""
    body = {"__doc__": f"{text[0].upper()}{text[1:]}.", "__module__": __name__, **methods}
    return type("Layer_" + _name(text), (_Good,), body)


def _forward_returning(make):
    def forward(self, X):
        _Good.forward(self, X)
        return make((X,))

    return forward


def _backward_returning(make):
    def backward(self, dY):
        _Good.backward(self, dY)
        return make((self.X,))

    return backward


def _backward_storing(make):
    def backward(self, dY):
        dX = _Good.backward(self, dY)
        self.dW = make((self.W,))
        self.db = make((self.b,))
        return dX

    return backward


def _init_storing(make):
    def __init__(self, *arguments):
        _Good.__init__(self, *arguments)
        self.W = make((self.W,))
        self.b = make((self.b,))

    return __init__


HOSTILE["Linear"] = [
    layer
    for text, make in RESULTS
    for layer in (
        _layer(f"forward {text}", forward=_forward_returning(make)),
        _layer(f"backward {text}", backward=_backward_returning(make)),
        _layer(f"gradients: {text}", backward=_backward_storing(make)),
        _layer(f"parameters: {text}", __init__=_init_storing(make)),
    )
    if layer.__name__ != "Layer_parameters__returns_its_own_first_argument"  # a good layer
]
HOSTILE["Linear"] += [
    _layer(f"{name} {raiser.__name__}", **{name: raiser})
    for raiser in map(_raising, RAISED)
    for name in ("__init__", "forward", "backward")
]
HOSTILE["Linear"] += [no_parameters, too_many_parameters, keywords_only, recurses, yields]


@hostile("Linear")
def linear_function(in_features, out_features, rng):
    """Is a function which returns a dict."""
    return {"W": rng.normal(size=(in_features, out_features)), "b": np.zeros(out_features)}


@hostile("Linear")
class LinearNoMethods:
    """Has W and b and no methods."""

    def __init__(self, in_features, out_features, rng):
        self.W = rng.normal(size=(in_features, out_features))
        self.b = np.zeros(out_features)


@hostile("Linear")
class LinearNoParameters:
    """Has methods and neither W nor b."""

    def __init__(self, in_features, out_features, rng):
        pass

    def forward(self, X):
        return X

    def backward(self, dY):
        return dY


@hostile("Linear")
class LinearFrozenParameters(_Good):
    """Ignores new values for W and b."""

    def __setattr__(self, name, value):
        if name not in ("W", "b") or name not in self.__dict__:
            self.__dict__[name] = value


@hostile("Linear")
class LinearRefusesParameters(_Good):
    """Raises SystemExit when W or b is overwritten."""

    def __setattr__(self, name, value):
        if name in ("W", "b") and name in self.__dict__:
            raise SystemExit(name)
        self.__dict__[name] = value


@hostile("Linear")
class LinearPropertyExits(_Good):
    """Raises SystemExit when dW is read."""

    @property
    def dW(self):
        raise SystemExit(0)

    @dW.setter
    def dW(self, value):
        pass


@hostile("Linear")
class LinearPropertyInterrupts(_Good):
    """Raises KeyboardInterrupt when W is read."""

    @property
    def W(self):
        raise KeyboardInterrupt

    @W.setter
    def W(self, value):
        pass


@hostile("Linear")
class LinearGradientsAreMethods(_Good):
    """Has methods called dW and db instead of arrays."""

    def dW(self):
        return 0.0

    def db(self):
        return 0.0

    def backward(self, dY):
        return dY @ self.W.T


@hostile("Linear")
class LinearIsSomethingElse:
    """Returns a string from __new__."""

    def __new__(cls, *arguments):
        return "layer"


@hostile("Linear")
class LinearEverythingLies:
    """Has a liar for every attribute, methods included."""

    def __init__(self, *arguments):
        pass

    def __getattr__(self, name):
        return LiesAboutEquality()


@hostile("Linear")
class LinearSpoilsInput(_Good):
    """Zeroes X after the forward pass."""

    def forward(self, X):
        self.X = X.copy()
        Y = X @ self.W + self.b
        X[...] = 0
        return Y


@hostile("Linear")
class LinearSpoilsUpstream(_Good):
    """Zeroes dY after the backward pass."""

    def backward(self, dY):
        dX = super().backward(dY)
        dY[...] = 0
        return dX


@hostile("Linear")
class LinearReturnsParameters(_Good):
    """Returns W from forward and changes it in backward."""

    def forward(self, X):
        self.X = X
        return self.W

    def backward(self, dY):
        self.W *= math.nan
        self.dW, self.db = self.W, self.b
        return self.W


@hostile("Linear")
class LinearForwardTakesNothing(_Good):
    """Has a forward without parameters."""

    def forward():
        return None


@hostile("Linear")
class LinearBackwardTakesMore(_Good):
    """Has a backward with two more parameters."""

    def backward(self, dY, X, W):
        return dY @ W.T
