"""The report on a training run: one HTML file that holds its pictures."""

import inspect
from html import escape

import numpy as np
from threadpoolctl import threadpool_limits

from course_lib.authoring import write_atomically
from course_lib.cli.training_run import REPORT, WEIGHTS
from course_lib.functional import softmax_forward
from course_lib.layers import Conv2D, ReLU
from course_lib.viz import (
    draw_confusion,
    draw_digits,
    draw_feature_maps,
    draw_kernels,
    draw_runs,
    draw_weights,
)

MISTAKES, UNITS = 16, 16  # how many are shown
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid #8886; }
.numbers :is(th, td) { text-align: right; }
figure { margin: 1rem 0; }
img { background: white; border-radius: 6px; padding: .5rem; box-sizing: border-box; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8886; border-radius: 6px; }
"""
USE = """import numpy as np
from course_lib import {layers}, load_weights


{build}

model = {name}(np.random.default_rng(0))
load_weights(model, "{file}")
model.eval()  # nothing is dropped out where the network is only used
"""


def write_report(run, data):
    """Writes the report on a run that has at least one epoch into its folder."""
    write_atomically(run.folder / REPORT, report(run, data).encode("utf-8"))


def report(run, data):
    """The report as HTML. data: the `Mnist` that the run was trained on."""
    with threadpool_limits(1, user_api="blas"):
        probabilities = _probabilities(run.model, data.x_test)
    labels, predicted = data.y_test, probabilities.argmax(axis=1)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, predicted), 1)
    right = int(np.trace(counts))
    settings, history = run.settings, run.history
    name = f"{settings['model']} on MNIST"
    parts = [
        f"<h1>{escape(name)}</h1>",
        f"<p>The network reads <strong>{right:,} of {len(labels):,}</strong> test images "
        f"correctly: a test accuracy of <strong>{right / len(labels):.2%}</strong> after "
        f"{run.epochs_done} epoch{'s' * (run.epochs_done > 1)}.</p>",
        "<h2>Settings</h2>",
        _table(
            [
                ("network", ", ".join(map(repr, run.model))),
                ("parameters", f"{sum(p.size for p in run.model.parameters()):,}"),
                ("loss", "softmax cross-entropy, mean over the batch"),
                ("training images", f"{settings['images']:,}"),
                ("batch size", run.batch),
                (
                    "SGD, learning rate",
                    f"{settings['learning_rate']}, times {settings['decay']} after every epoch",
                ),
                ("seed", settings["seed"]),
            ]
        ),
        "<h2>Training</h2>",
        *_curves(history),
        _table(
            zip(
                range(1, run.epochs_done + 1),
                (f"{loss:.4f}" for loss in history.epoch_loss),
                (f"{share:.2%}" for share in history.train_accuracy),
                (f"{share:.2%}" for share in history.validation_accuracy),
                (f"{seconds:.1f}" for seconds in run.seconds),
                strict=True,
            ),
            ("epoch", "loss", "train accuracy", "test accuracy", "seconds"),
        ),
        "<h2>Which digits are confused</h2>",
        _figure(draw_confusion(counts)),
        *_mistakes(data.x_test, labels, probabilities),
        *(_convolutions(run, data.x_test) if isinstance(run.model[0], Conv2D) else _units(run)),
        "<h2>Using the weights</h2>",
        f"<pre><code>{escape(_use(run))}</code></pre>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _use(run):
    kinds = {type(layer).__name__ for layer in run.model} | {type(run.model).__name__}
    build = run.recipe.build
    return USE.format(
        layers=", ".join(sorted(kinds)),
        build=inspect.getsource(build),
        name=build.__name__,
        file=WEIGHTS,
    )


def _probabilities(model, x):
    with model.evaluating():
        logits = [model.forward(x[i : i + 1000]) for i in range(0, len(x), 1000)]
    return softmax_forward(np.concatenate(logits).astype(np.float64))[0]


def _curves(history):
    window = max(1, len(history.step_loss) // 100)
    name = f"mean of {window} steps" if window > 1 else "each step"
    figures = [_figure(draw_runs({name: history.step_loss}, smooth=window))]
    if len(history.epoch_loss) > 1:  # one point makes no curve
        accuracies = {"train": history.train_accuracy, "test": history.validation_accuracy}
        figures.append(_figure(draw_runs(accuracies, ylabel="accuracy", xlabel="epoch")))
    return [
        *figures,
        "<p>Train accuracy: of the predictions made during the epoch, each before the step that "
        "learned from it. Test accuracy: after the epoch.</p>",
    ]


def _mistakes(x, labels, probabilities):
    """The wrong answers with the highest loss: those given the true digit the least probability."""
    predicted = probabilities.argmax(axis=1)
    of_true = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(of_true[wrong], kind="stable")][:MISTAKES]
    heading = "<h2>The worst mistakes</h2>"
    if not len(worst):
        return [heading, "<p>There are none.</p>"]
    titles = [
        f"{labels[i]} read as {predicted[i]}\np = {probabilities[i, predicted[i]]:.3f}"
        for i in worst
    ]
    return [
        heading,
        _figure(
            draw_digits(x[worst].reshape(-1, 28, 28), titles),
            "The test images with the highest loss: the true digit, the predicted one, and the "
            "probability p that the network gave to its prediction.",
        ),
    ]


def _units(run):
    after = run.model[0].W.data[:, :UNITS]
    before = run.first_weights[:, :UNITS]
    reach = float(np.abs(np.concatenate([before, after])).max())
    return [
        "<h2>The first layer</h2>",
        "<p>What each of the first hidden units looks for, before and after training, on one "
        "scale. At the border, where every image is 0, nothing can be learned and the weights "
        "stay as they were drawn.</p>",
        "<h3>Before</h3>",
        _figure(draw_weights(before, reach=reach)),
        "<h3>After</h3>",
        _figure(draw_weights(after, reach=reach)),
    ]


def _convolutions(run, x):
    kernels = {"before training": run.first_weights, "after training": run.model[0].W.data}
    return [
        "<h2>The kernels of the first convolution</h2>",
        "<p>What each of them looks for anywhere in the image, before and after training, on one "
        "scale.</p>",
        _figure(draw_kernels(kernels)),
        "<h2>What they find</h2>",
        "<p>A test image, and where some of the kernels found what they look for.</p>",
        _figure(draw_feature_maps(x[0], _feature_maps(run.model, x[:1]))),
    ]


def _feature_maps(model, x):
    """Title -> (H, W, F): for one image x (1, H, W, C) what every convolution passes on."""
    maps = {}
    with model.evaluating():
        for layer in model:
            x = layer.forward(x)
            if isinstance(layer, ReLU) and x.ndim == 4:
                maps[f"convolution {len(maps) + 1}, after ReLU"] = x[0]
    return maps


def _figure(picture, caption=""):
    caption = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{picture.html()}{caption}</figure>"


def _table(rows, columns=()):
    """A table of numbers under headings, or of names and values without."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(str(first))}</th>'
        + "".join(f"<td>{escape(str(value))}</td>" for value in rest)
        + "</tr>\n"
        for first, *rest in rows
    )
    kind = ' class="numbers"' if columns else ""
    return f'<div class="wide"><table{kind}>\n{f"<tr>{head}</tr>" * bool(head)}{body}</table></div>'
