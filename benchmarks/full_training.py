"""What `course train` reaches on all of MNIST: `python benchmarks/full_training.py [mlp] [cnn]`.

Trains three seeds of each network as its recipe says, on the 60,000 images, prints the accuracy on
the 10,000 test images after every epoch, and writes the same to benchmarks/results. The exit code
is 1 if a seed ends below 97.5 % (mlp) or 99.0 % (cnn).
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from course_lib import load_mnist
from course_lib.cli.training_run import RECIPES, Run

RESULTS = Path(__file__).with_name("results")
LOGS = {"mlp": RESULTS / "full_training.txt", "cnn": RESULTS / "full_training_cnn.txt"}
SEEDS = (0, 1, 2)
WANTED = {"mlp": 0.975, "cnn": 0.99}


def main():
    """Trains the networks that are named, by default all; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[1])
    parser.add_argument("network", nargs="*", help=f"by default all: {', '.join(RECIPES)}")
    names = parser.parse_args().network or list(RECIPES)
    for name in names:
        if name not in RECIPES:
            parser.error(f"there is no network {name}")
    return max([train(name) for name in names])


def train(network):
    """Prints and writes the table of one network; returns the exit code."""
    lines = []

    def say(line):
        print(line, flush=True)
        lines.append(line)

    data = load_mnist(flatten=RECIPES[network].flatten)
    last = {}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            run = Run(network, folder, seed=seed)
            say(str(run))
            start = time.perf_counter()
            if not run.train(data, say):
                sys.exit(130)
            last[seed] = run.history.validation_accuracy[-1]
            say(f"{time.perf_counter() - start:.0f} s with all that is saved\n")
    wanted = WANTED[network]
    good = min(last.values()) >= wanted
    said = ", ".join(f"{accuracy:.2%} (seed {seed})" for seed, accuracy in last.items())
    say(f"test accuracy after {RECIPES[network].epochs} epochs: {said}")
    say(f"each at least {wanted:.1%}: {'yes' if good else 'NO'}")
    say(f"NumPy {np.__version__}, one BLAS thread, on a machine with {os.cpu_count()} cores")
    LOGS[network].parent.mkdir(exist_ok=True)
    LOGS[network].write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
