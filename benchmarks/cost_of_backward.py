"""What the backward pass costs beside the forward pass: `python benchmarks/cost_of_backward.py`.

Counts the multiply-adds of both from the shapes of the layers, and times both, in turn, step by
step. The table is printed and written to results/cost_of_backward.txt.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from machine import describe, threads_limited
from tqdm import tqdm

from course_lib import CrossEntropy, Linear, ReLU, Sequential, load_mnist

NETWORKS = ((784, 128, 10), (784, 512, 512, 10))
WARM_UP = 20


def network(sizes, rng):
    """Linear layers of these sizes with ReLU between them."""
    layers = []
    for shape in zip(sizes, sizes[1:], strict=False):
        layers += [Linear(*shape, rng), ReLU()]
    return Sequential(*layers[:-1])


def multiply_adds(model, input_gradient=False):
    """(forward, backward) multiply-adds of a Sequential for one sample.

    X @ W, X.T @ dY and dY @ W.T take one for each weight and sample. The gradient of the model's
    input is counted only if asked for, as in `Sequential.backward`. Biases and ReLU are left out:
    their work grows with the width, that of the products with its square.
    Raises TypeError for layers that it cannot count.
    """
    forward = backward = 0
    for layer in model.layers:
        if isinstance(layer, Linear):
            forward += layer.W.size
            backward += layer.W.size  # dW
            if layer is not model.layers[0] or input_gradient:
                backward += layer.W.size  # dX
        elif not isinstance(layer, ReLU):
            raise TypeError(f"cannot count {type(layer).__name__}, expected Linear or ReLU")
    return forward, backward


def measure(model, batches, steps):
    """Seconds of every forward and of the backward that followed it: arrays (steps,)."""
    loss_fn = CrossEntropy()
    seconds = np.empty((2, WARM_UP + steps))
    for step in range(WARM_UP + steps):
        x, labels = batches[step % len(batches)]
        begin = time.perf_counter()
        logits = model.forward(x)
        middle = time.perf_counter()
        dlogits = loss_fn(logits, labels).gradient
        model.zero_grad()
        resume = time.perf_counter()
        model.backward(dlogits)
        end = time.perf_counter()
        seconds[:, step] = middle - begin, end - resume
    return seconds[:, WARM_UP:]


def main(arguments=None):
    """Counts and measures, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--to", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args(arguments)

    rng = np.random.default_rng(0)
    data = load_mnist(train=12_800, test=1)
    lines = [
        "Backward pass over forward pass, without the gradient of the network's input.",
        "Multiply-adds per sample are counted from the shapes. Times are medians over",
        f"{options.steps} steps in float32 (threads: {options.threads}); in brackets the quartiles",
        "of the ratio step by step. Time also goes into what is not counted: biases, ReLU,",
        "adding to the gradients.",
        "",
        f"{'':15} {'multiply-adds':>28} {'':6} {'microseconds':>19}",
        f"{'network':15} {'forward':>9} {'backward':>9} {'ratio':>8} {'batch':>6} "
        f"{'forward':>9} {'backward':>9}  {'ratio':>18}",
    ]
    for sizes in NETWORKS:
        model = network(sizes, rng)
        forward, backward = multiply_adds(model)
        for size in tqdm(options.batch_sizes, leave=False, disable=None):
            starts = range(0, len(data.x_train) - size + 1, size)
            batches = [(data.x_train[i : i + size], data.y_train[i : i + size]) for i in starts]
            with threads_limited(options.threads):
                seconds = measure(model, batches, options.steps)
            times = np.median(seconds, axis=1)
            low, high = np.quantile(seconds[1] / seconds[0], [0.25, 0.75])
            lines.append(
                f"{'-'.join(map(str, sizes)):15} {forward:9,} {backward:9,} "
                f"{backward / forward:8.2f} {size:6} {1e6 * times[0]:9.0f} {1e6 * times[1]:9.0f}  "
                f"{times[1] / times[0]:5.2f} [{low:.2f}, {high:.2f}]"
            )

    text = "\n".join([*lines, "", describe("numpy")])
    print(text)
    options.to.mkdir(parents=True, exist_ok=True)
    (options.to / "cost_of_backward.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
