"""What the backward pass costs beside the forward pass: `python benchmarks/cost_of_backward.py`.

Counts the multiply-adds of both by walking the layers, and times both, in turn, step by step; also
with the gradient of the network's input, which training leaves out. The table is printed and
written to results/cost_of_backward.txt.
"""

import argparse
import time

import numpy as np
from comparison import add_folder, cut, publish, quartiles
from machine import describe, threads_limited
from networks import cnn, mlp
from tqdm import tqdm

from course_lib import Conv2D, CrossEntropy, Dropout, Flatten, Linear, MaxPool, ReLU, load_mnist

WARM_UP = 20
UNCOUNTED = (ReLU, MaxPool, Flatten, Dropout)


def multiply_adds(model, image, input_gradient=False):
    """(forward, backward) multiply-adds of a Sequential for one sample.

    image: one input, without the axis of the batch. Only those of products with weights count:
    X @ W, X.T @ dY and dY @ W.T take one for each weight, a convolution's at each position of the
    output. The gradient of the model's input is counted only if asked for, as in
    `Sequential.backward`. Biases, ReLU, pooling and dropout are left out: they take a few
    operations per entry, a product hundreds.
    Raises TypeError for layers that it cannot count.
    """
    forward = backward = 0
    x = np.asarray(image)[np.newaxis]
    for layer in model.layers:
        x = layer.forward(x)
        if isinstance(layer, (Linear, Conv2D)):
            positions = x.size // x.shape[-1]  # 1 for Linear
            forward += layer.W.size * positions
            backward += layer.W.size * positions  # dW
            if layer is not model.layers[0] or input_gradient:
                backward += layer.W.size * positions  # dX
        elif not isinstance(layer, UNCOUNTED):
            raise TypeError(
                f"cannot count {type(layer).__name__}, expected Linear, Conv2D or one of "
                + ", ".join(kind.__name__ for kind in UNCOUNTED)
            )
    return forward, backward


def measure(model, batches, steps):
    """Seconds of each forward, the backward after it, and that with the input's gradient.

    Returns an array (3, steps). Forward and backward run twice in a step, the second time with the
    gradient of the input.
    """
    loss_fn = CrossEntropy()
    seconds = np.empty((3, WARM_UP + steps))
    for step in range(WARM_UP + steps):
        x, labels = batches[step % len(batches)]
        for row, input_gradient in ((1, False), (2, True)):
            begin = time.perf_counter()
            logits = model.forward(x)
            middle = time.perf_counter()
            dlogits = loss_fn(logits, labels).gradient
            model.zero_grad()
            resume = time.perf_counter()
            model.backward(dlogits, input_gradient)
            seconds[row, step] = time.perf_counter() - resume
            if not input_gradient:
                seconds[0, step] = middle - begin
    return seconds[:, WARM_UP:]


def main(arguments=None):
    """Counts and measures, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000, help="a tenth of it for the CNN")
    add_folder(parser)
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    data = load_mnist(train=12_800, test=1, flatten=False)
    flat = data.x_train.reshape(len(data.x_train), -1)
    networks = {
        "784-128-10": (mlp((784, 128, 10), rng), flat, options.steps),
        "784-512-512-10": (mlp((784, 512, 512, 10), rng), flat, options.steps),
        "CNN (chapter 05)": (cnn(rng), data.x_train, -(-options.steps // 10)),
    }
    cnn_steps = networks["CNN (chapter 05)"][2]
    lines = [
        "Backward pass over forward pass, without the gradient of the network's input (dX).",
        "Multiply-adds per sample are counted layer by layer. Times are medians over",
        f"{options.steps} steps ({cnn_steps} for the CNN) in float32 (threads: {options.threads});",
        "in brackets the quartiles of the ratio step by step. Time also goes into what is not",
        "counted: biases, ReLU, pooling, gathering windows, adding to the gradients. Saved: the",
        "share of a backward pass with dX that goes when dX is left out, counted, then measured.",
        "",
        f"{'':16} {'multiply-adds':>37} {'':6} {'microseconds':>19}",
        f"{'network':16} {'forward':>10} {'backward':>10} {'ratio':>8} {'saved':>6} {'batch':>6} "
        f"{'forward':>9} {'backward':>9}  {'ratio':>18} {'with dX':>10} {'saved':>6}",
    ]
    for name, (model, x, steps) in networks.items():
        forward, backward = multiply_adds(model, x[0])
        _, with_dx = multiply_adds(model, x[0], input_gradient=True)
        for size in tqdm(options.batch_sizes, leave=False, disable=None):
            with threads_limited(options.threads):
                seconds = measure(model, cut(x, data.y_train, size), steps)
            times = np.median(seconds, axis=1)
            low, _, high = quartiles(seconds[1] / seconds[0])
            lines.append(
                f"{name:16} {forward:10,} {backward:10,} {backward / forward:8.2f} "
                f"{1 - backward / with_dx:6.0%} {size:6} "
                f"{1e6 * times[0]:9.0f} {1e6 * times[1]:9.0f}  "
                f"{times[1] / times[0]:5.2f} [{low:.2f}, {high:.2f}] "
                f"{1e6 * times[2]:10.0f} {1 - times[1] / times[2]:6.0%}"
            )
    publish("\n".join([*lines, "", describe("numpy")]), options.to, "cost_of_backward")


if __name__ == "__main__":
    main()
