"""`course train`: the same run however often it is stopped, nothing lost, and its report."""

import base64
import contextlib
import dataclasses
import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from course_lib import (
    SGD,
    Conv2D,
    CrossEntropy,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    ReLU,
    Sequential,
    accuracy,
    fit,
    load_mnist,
    load_weights,
)
from course_lib.authoring import CourseError
from course_lib.cli import app, main, training_report, training_run
from course_lib.cli.training_run import CHECKPOINT, RECIPES, REPORT, WEIGHTS, Run
from course_lib.training import History
from course_lib.viz import Picture, draw_feature_maps, draw_kernels, draw_weights

IMAGES, EPOCHS = 330, 3  # 11 steps in an epoch, the last one with 10 images
STEPS = 11
CNN_IMAGES, CNN_STEPS = 60, 4  # the last one with 12 images
HISTORY = ("step_loss", "epoch_loss", "train_accuracy", "validation_accuracy")


@pytest.fixture(scope="module")
def data():
    return data_of("mlp")


@cache
def data_of(network):
    if network == "mlp":
        return load_mnist(train=IMAGES, test=500)
    return load_mnist(train=CNN_IMAGES, test=100, flatten=False)


def silent(line):
    pass


def new_run(folder, seed=0, epochs=EPOCHS):
    return Run("mlp", folder, seed=seed, images=IMAGES, epochs=epochs)


def new_cnn_run(folder, seed=0, epochs=2):
    return Run("cnn", folder, seed=seed, images=CNN_IMAGES, epochs=epochs)


NEW_RUN = {"mlp": new_run, "cnn": new_cnn_run}


def make_model(network, rng):
    if network == "mlp":
        return Sequential(Linear(784, 128, rng), ReLU(), Linear(128, 10, rng))
    return Sequential(
        Conv2D(1, 32, 3, rng), ReLU(), MaxPool(2),
        Conv2D(32, 64, 3, rng), ReLU(), MaxPool(2),
        Flatten(), Dropout(0.5, rng), Linear(1600, 10, rng),
    )  # fmt: skip


def kept(folder):
    """All that the files of a run hold, but for the seconds that it took."""
    found = {}
    for name in (CHECKPOINT, WEIGHTS):
        with np.load(folder / name) as archive:
            found |= {f"{name} {key}": archive[key] for key in archive}
    about = json.loads(str(found.pop(f"{CHECKPOINT} about")))
    del about["seconds"], about["begun"]["seconds"]
    return about, found


def assert_same_run(folder, other):
    about, arrays = kept(folder)
    expected_about, expected = kept(other)
    assert about == expected_about
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        assert array.dtype == expected[name].dtype
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """whole(network): the folder of a run that nothing interrupted."""

    @cache
    def whole(network):
        folder = tmp_path_factory.mktemp(network) / "run"
        assert NEW_RUN[network](folder).train(data_of(network), silent)
        return folder

    return whole


@pytest.fixture(scope="module")
def whole(wholes):
    return wholes("mlp")


@pytest.fixture
def no_report(monkeypatch):
    monkeypatch.setattr(training_report, "write_report", lambda run, data: None)


def before_call(monkeypatch, owner, name, number, act):
    """Calls act() right before the call of that number (from 1 on) of a function."""
    original, calls = getattr(owner, name), []

    def wrapper(*args, **kwargs):
        calls.append(args)
        if len(calls) == number:
            act()
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapper)


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


def interrupt():
    raise KeyboardInterrupt


# the run -----------------------------------------------------------------------------------------


def test_a_run_is_what_fit_does(whole, data):
    rng = np.random.default_rng(0)
    model = make_model("mlp", rng)
    optimizer = SGD(model.parameters(), 0.2)
    expected = History()
    with threadpool_limits(1, user_api="blas"):
        for epoch in range(EPOCHS):
            optimizer.learning_rate = 0.2 * 0.9**epoch
            history = fit(
                model, CrossEntropy(), optimizer, data.x_train, data.y_train,
                epochs=1, batch_size=32, rng=rng, validation=data[2:], progress=False,
            )  # fmt: skip
            for name in HISTORY:
                getattr(expected, name).extend(getattr(history, name))
    _, arrays = kept(whole)
    for name, parameter in model.named_parameters().items():
        np.testing.assert_array_equal(arrays[f"{WEIGHTS} {name}"], parameter.data)
    for name in HISTORY:
        assert arrays[f"{CHECKPOINT} history.{name}"].tolist() == getattr(expected, name)
    assert expected.epoch_loss[-1] < 0.6 * expected.epoch_loss[0]


def test_a_run_of_the_cnn_is_a_plain_loop_over_moved_batches(wholes):
    rng, data = np.random.default_rng(0), data_of("cnn")
    model, loss_fn, losses, tested = make_model("cnn", rng), CrossEntropy(), [], []
    for rate in (0.1, 0.1 * 0.6):
        optimizer = SGD(model.parameters(), rate)
        order = rng.permutation(CNN_IMAGES)
        for start in range(0, CNN_IMAGES, 16):
            rows = order[start : start + 16]
            down, right = rng.integers(-1, 2, size=2)
            x = np.roll(np.roll(data.x_train[rows], down, axis=1), right, axis=2)
            loss = loss_fn(model(x), data.y_train[rows])
            model.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
        tested.append(accuracy(model, data.x_test, data.y_test))
    _, arrays = kept(wholes("cnn"))
    for name, parameter in model.named_parameters().items():
        np.testing.assert_array_equal(arrays[f"{WEIGHTS} {name}"], parameter.data)
    assert arrays[f"{CHECKPOINT} history.step_loss"].tolist() == losses
    assert arrays[f"{CHECKPOINT} history.validation_accuracy"].tolist() == tested
    assert np.isfinite(losses).all()


def test_a_batch_is_moved_as_a_whole_by_up_to_one_pixel_each_way():
    rng, x = np.random.default_rng(3), data_of("cnn").x_train[:5]
    places = set()
    for _ in range(100):
        moved = training_run.moved(x, 1, rng)
        same = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.array_equal(moved, np.roll(x, (down, right), axis=(1, 2)))
        ]
        assert len(same) == 1
        places.update(same)
    assert len(places) == 9


@pytest.mark.parametrize("network", RECIPES)
def test_the_weights_load_into_the_same_network(network, wholes):
    model, data = make_model(network, np.random.default_rng(9)), data_of(network)
    load_weights(model, wholes(network) / WEIGHTS)
    last = kept(wholes(network))[1][f"{CHECKPOINT} history.validation_accuracy"][-1]
    assert accuracy(model, data.x_test, data.y_test) == last


@pytest.mark.parametrize("network", RECIPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_same_seed_same_run_on_any_number_of_threads(network, threads, wholes, tmp_path):
    with threadpool_limits(threads, user_api="blas"):
        NEW_RUN[network](tmp_path / "again").train(data_of(network), silent)
    assert_same_run(tmp_path / "again", wholes(network))


def test_another_seed_gives_other_weights(whole, data, tmp_path):
    new_run(tmp_path / "other", seed=1, epochs=1).train(data, silent)
    name = f"{WEIGHTS} 0.W"
    assert np.mean(kept(tmp_path / "other")[1][name] == kept(whole)[1][name]) < 0.01


# stopping and going on ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "function", "call", "epochs", "steps"),
    [
        ("mlp", "SGD.step", 1, 0, 1),
        ("mlp", "SGD.step", 7, 0, 7),
        ("mlp", "SGD.step", STEPS, 1, 0),
        ("mlp", "SGD.step", STEPS + 1, 1, 1),
        ("mlp", "SGD.step", 3 * STEPS - 1, 2, STEPS - 1),
        ("mlp", "CrossEntropy.__call__", STEPS + 4, 1, 4),
        ("mlp", "accuracy", 2, 2, 0),
        ("mlp", "accuracy", 3, 3, 0),
        ("mlp", "write_atomically", 1, 0, 0),
        ("mlp", "write_atomically", 2, 1, 0),
        ("mlp", "save_weights", 3, 2, 0),
        ("cnn", "SGD.step", 1, 0, 1),
        ("cnn", "SGD.step", CNN_STEPS, 1, 0),
        ("cnn", "CrossEntropy.__call__", CNN_STEPS + 2, 1, 2),
        ("cnn", "SGD.step", 2 * CNN_STEPS - 1, 1, CNN_STEPS - 1),
        ("cnn", "accuracy", 1, 1, 0),
    ],
)
def test_ctrl_c_keeps_the_step_in_hand_and_the_run_goes_on_exactly(
    network, function, call, epochs, steps, wholes, tmp_path, monkeypatch
):
    folder, data = tmp_path / "run", data_of(network)
    handler = signal.getsignal(signal.SIGINT)
    owner, _, name = function.rpartition(".")
    with monkeypatch.context() as patch:
        owner = getattr(training_run, owner) if owner else training_run
        before_call(patch, owner, name, call, ctrl_c)
        assert not NEW_RUN[network](folder).train(data, silent)
    assert signal.getsignal(signal.SIGINT) is handler
    about, arrays = kept(folder)
    assert about["begun"]["steps"] == steps
    assert len(arrays[f"{CHECKPOINT} history.epoch_loss"]) == epochs
    in_epoch = STEPS if network == "mlp" else CNN_STEPS
    assert len(arrays[f"{CHECKPOINT} history.step_loss"]) == epochs * in_epoch + steps
    np.testing.assert_array_equal(arrays[f"{WEIGHTS} 0.W"], arrays[f"{CHECKPOINT} model.0.W"])
    assert Run.resume(network, folder).train(data, silent)
    assert_same_run(folder, wholes(network))


@pytest.mark.parametrize(("network", "steps"), [("mlp", 4), ("cnn", 1)])
def test_a_run_stopped_many_times_is_still_the_same(network, steps, wholes, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    run, done = NEW_RUN[network](folder), False
    for _ in range(20):
        with monkeypatch.context() as patch:
            before_call(patch, training_run.SGD, "step", steps, ctrl_c)
            done = run.train(data_of(network), silent)
        if done:
            break
        run = Run.resume(network, folder)
    assert done
    assert_same_run(folder, wholes(network))


@pytest.mark.parametrize("network", RECIPES)
def test_an_object_that_was_stopped_goes_on_as_well(network, wholes, tmp_path, monkeypatch):
    run = NEW_RUN[network](tmp_path / "run")
    with monkeypatch.context() as patch:
        before_call(patch, training_run.SGD, "step", 3, ctrl_c)
        assert not run.train(data_of(network), silent)
    assert run.train(data_of(network), silent)
    assert_same_run(run.folder, wholes(network))


def test_a_checkpoint_from_before_there_was_dropout_goes_on_exactly(
    whole, data, tmp_path, monkeypatch
):
    run = new_run(tmp_path / "run")
    with monkeypatch.context() as patch:
        before_call(patch, training_run.SGD, "step", STEPS + 3, ctrl_c)
        run.train(data, silent)
    with np.load(run.folder / CHECKPOINT) as archive:
        arrays = dict(archive)
    about = json.loads(str(arrays["about"]))
    del about["begun"]["rng_now"]
    np.savez(run.folder / CHECKPOINT, **arrays | {"about": json.dumps(about)})
    assert Run.resume("mlp", run.folder).train(data, silent)
    assert_same_run(run.folder, whole)


@pytest.mark.parametrize(
    ("function", "call"),
    [("SGD.step", STEPS + 3), ("accuracy", 2), ("write_atomically", 3), ("save_weights", 2)],
)
def test_an_interrupt_that_does_not_wait_leaves_what_was_saved_last(
    function, call, whole, data, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    owner, _, name = function.rpartition(".")
    with monkeypatch.context() as patch:
        owner = getattr(training_run, owner) if owner else training_run
        before_call(patch, owner, name, call, interrupt)
        run = new_run(folder)
        with pytest.raises(KeyboardInterrupt):
            run.train(data, silent)
    assert Run.resume("mlp", folder).epochs_done == 1
    assert Run.resume("mlp", folder).train(data, silent)
    assert_same_run(folder, whole)


@pytest.mark.parametrize(("function", "call"), [("fsync", 2), ("replace", 3)])
def test_a_second_ctrl_c_while_saving_leaves_the_checkpoint_before(
    function, call, whole, data, tmp_path, monkeypatch
):
    folder = tmp_path / "run"
    found = []

    def twice():
        found.append((folder / CHECKPOINT).read_bytes())
        ctrl_c()
        ctrl_c()

    with monkeypatch.context() as patch:
        before_call(patch, os, function, call, twice)
        run = new_run(folder)
        with pytest.raises(KeyboardInterrupt):
            run.train(data, silent)
    assert [(folder / CHECKPOINT).read_bytes()] == found
    assert Run.resume("mlp", folder).epochs_done == 0
    assert sorted(p.name for p in folder.iterdir()) == [CHECKPOINT, WEIGHTS]
    assert Run.resume("mlp", folder).train(data, silent)
    assert_same_run(folder, whole)


def test_more_epochs_go_on_as_if_they_had_been_asked_for_at_first(whole, data, tmp_path):
    folder = tmp_path / "run"
    new_run(folder, epochs=1).train(data, silent)
    assert Run.resume("mlp", folder, epochs=EPOCHS).train(data, silent)
    assert_same_run(folder, whole)


PROGRAM = """
import sys, threading, _thread
from course_lib.cli import main
def wait():
    if sys.stdin.readline():
        _thread.interrupt_main()
threading.Thread(target=wait, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("way", ["interrupted", "killed"])
def test_a_process_that_is_stopped_goes_on_exactly(way, tmp_path, no_report, capsys):
    folder = tmp_path / "run"
    command = ["train", "mlp", "--limit", str(IMAGES), "--to", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *command, "--epochs", "9999"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        for line in process.stdout:
            if line.startswith("epoch    2"):
                break
        if way == "killed":
            process.kill()
        elif os.name == "posix":
            process.send_signal(signal.SIGINT)
        else:  # no other process can send it to one process only
            process.stdin.write("\n")
            process.stdin.flush()
        err = process.communicate(timeout=30)[1]
    if way == "interrupted":
        assert process.returncode == 130
        assert re.fullmatch(
            r"course: stopped after epoch \d+ of 9999.*; all is kept in .*\. "
            r'Go on with: course train mlp --resume --to ".*run"\n',
            err,
        )
    done = Run.resume("mlp", folder).epochs_done
    assert done >= 2
    assert main(["train", "mlp", "--resume", "--to", str(folder), "--epochs", str(done + 1)]) == 0
    expected = Run("mlp", tmp_path / "expected", images=IMAGES, epochs=done + 1)
    assert expected.train(load_mnist(train=IMAGES), silent)
    assert_same_run(folder, tmp_path / "expected")


# what it refuses ---------------------------------------------------------------------------------


@pytest.fixture
def stopped(whole, tmp_path, monkeypatch):
    """A copy of the whole run's checkpoint in the default folder, seen from the current one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "trained" / "mlp"
    folder.mkdir(parents=True)
    (folder / CHECKPOINT).write_bytes((whole / CHECKPOINT).read_bytes())
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["rnn"], 2, "there is no network rnn; mlp or cnn was wanted"),
        (["mlp", "--epochs", "0"], 2, "--epochs is 0, expected a whole number of 1 or more"),
        (["mlp", "--epochs", "few"], 2, "--epochs is few, expected a whole number of 1 or more"),
        (
            ["mlp", "--limit", "60001"],
            2,
            "--limit is 60001, expected a whole number from 1 to",
        ),
        (["mlp", "--seed", "-1"], 2, "--seed is -1, expected a whole number of 0 or more"),
        (["mlp"], 1, "holds checkpoint.npz of a run already (--resume goes on with it, --to"),
        (["mlp", "--to", "file"], 2, "file is a file; a folder was wanted"),
        (["mlp", "--resume", "--to", "none"], 2, "there is no run in none to go on with"),
        (["mlp", "--resume", "--seed", "3"], 2, "--seed is 3, but the run in trained"),
        (["mlp", "--resume", "--limit", "64"], 2, f"has {IMAGES}; leave --limit out"),
        (["mlp", "--resume", "--epochs", "2"], 2, "--epochs is 2, but the run in trained"),
        (["cnn", "--resume"], 2, "there is no run in trained"),
        (["cnn", "--resume", "--to", "trained/mlp"], 2, "is one of mlp, not of cnn: go on with `"),
        (["cnn", "--to", "trained/mlp"], 1, "holds checkpoint.npz of a run already"),
    ],
)
def test_bad_options_are_one_line_and_change_nothing(stopped, arguments, code, says, capsys):
    (stopped.parents[1] / "file").write_text("mine", encoding="utf-8")
    before = {p: p.read_bytes() for p in stopped.parents[1].rglob("*") if p.is_file()}
    assert main(["train", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("course: ")
    assert err.count("\n") == 1
    assert says in err
    assert {p: p.read_bytes() for p in stopped.parents[1].rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("name", [CHECKPOINT, WEIGHTS, REPORT])
def test_a_new_run_never_replaces_what_is_there(name, tmp_path):
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(CourseError, match=name):
        Run("mlp", tmp_path)


def test_a_damaged_checkpoint_is_refused_or_read_right(whole, tmp_path):
    rng = np.random.default_rng(5)
    good = (whole / CHECKPOINT).read_bytes()
    _, expected = kept(whole)
    # The ends of the file hold the names, the headers and the JSON; the middle is weights.
    places = [*rng.integers(0, len(good), 20), *rng.integers(len(good) - 8000, len(good), 40)]
    damaged = [good[:place] + bytes([good[place] ^ 0x21]) + good[place + 1 :] for place in places]
    damaged += [b"", b"PK", good[:100], good[: len(good) // 2], good[:-1], good[1:]]
    refused = 0
    for content in damaged:
        (tmp_path / CHECKPOINT).write_bytes(content)
        run = None
        with contextlib.suppress(CourseError):
            run = Run.resume("mlp", tmp_path)
        if run is None:
            refused += 1
        else:  # a byte that nothing depends on
            np.testing.assert_array_equal(run.model[0].W.data, expected[f"{CHECKPOINT} model.0.W"])
            assert run.history.step_loss == expected[f"{CHECKPOINT} history.step_loss"].tolist()
        assert (tmp_path / CHECKPOINT).read_bytes() == content
    assert refused > len(damaged) / 2


def test_a_damaged_checkpoint_is_one_line_at_the_terminal(stopped, capsys):
    (stopped / CHECKPOINT).write_bytes(b"PK not a checkpoint")
    assert main(["train", "mlp", "--resume"]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "checkpoint.npz is damaged and was left as it is" in err
    assert [p.read_bytes() for p in stopped.iterdir()] == [b"PK not a checkpoint"]


def test_a_checkpoint_of_another_recipe_is_refused(stopped, monkeypatch):
    other = dataclasses.replace(RECIPES["mlp"], learning_rate=0.1)
    monkeypatch.setitem(RECIPES, "mlp", other)
    with pytest.raises(CourseError, match="another version"):
        Run.resume("mlp", stopped)


def test_a_folder_that_cannot_be_written_shows_before_any_training(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trained").write_text("in the way", encoding="utf-8")
    before_call(monkeypatch, training_run.SGD, "step", 1, lambda: pytest.fail("it trained"))
    assert main(["train", "mlp", "--limit", "64"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"course: the run cannot be saved in {Path('trained', 'mlp')}: ")
    assert err.count("\n") == 1


def test_a_disk_that_gets_full_keeps_the_checkpoint_before(data, tmp_path, monkeypatch):
    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    before_call(monkeypatch, os, "fsync", 3, full)
    folder = tmp_path / "run"
    with pytest.raises(CourseError, match=r"cannot be saved in .*run: No space left on device"):
        new_run(folder).train(data, silent)
    assert Run.resume("mlp", folder).epochs_done == 1
    assert sorted(p.name for p in folder.iterdir()) == [CHECKPOINT, WEIGHTS]


# what it says and the report ---------------------------------------------------------------------


class Page(HTMLParser):
    """What the tests ask of a page: its pictures, its words, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.words, self.loads = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.pictures.append(attributes)
        self.loads += [v for k, v in attributes.items() if k in ("src", "href", "srcset")]

    def handle_data(self, text):
        self.words += text


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of the command: (folder, standard output, standard error)."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["train", "mlp", "--limit", "600", "--epochs", "2", "--to", str(folder)])
    assert code == 0
    return folder, out.getvalue(), err.getvalue()


def test_where_there_is_no_terminal_each_epoch_is_one_line(finished):
    folder, out, err = finished
    assert err == ""
    number = r"\d+\.\d+"
    epoch = rf"loss {number}, train accuracy {number}%, test accuracy {number}%, {number} s\n"
    assert re.fullmatch(
        r"784-128-10 on 600 images: batches of 32, learning rate 0.2, times 0.9 after every epoch, "
        r"seed 0\n"
        rf"epoch 1 of 2: {epoch}epoch 2 of 2: {epoch}"
        rf"weights.npz and report.html are in {re.escape(str(folder))}\n",
        out,
    )


def test_the_report_holds_its_pictures_each_with_words(finished):
    text = (finished[0] / REPORT).read_text(encoding="utf-8")
    page = Page(text)
    assert len(page.pictures) == 6
    for picture in page.pictures:
        assert len(picture["alt"]) > 40
        png = base64.b64decode(picture["src"].removeprefix("data:image/png;base64,"))
        assert png.startswith(b"\x89PNG")
    assert all(source.startswith("data:image/png") for source in page.loads)
    assert "url(" not in text
    assert "<script" not in text
    assert "color-scheme: light dark" in text


def test_the_reports_numbers_are_those_of_the_run(finished):
    folder = finished[0]
    page = Page((folder / REPORT).read_text(encoding="utf-8"))
    _, arrays = kept(folder)
    history = {n.partition("history.")[2]: a for n, a in arrays.items() if "history." in n}
    test = history["validation_accuracy"]
    assert f"{round(10_000 * test[-1]):,} of 10,000" in page.words
    for share in [*test, *history["train_accuracy"]]:
        assert f"{share:.2%}" in page.words
    for loss in history["epoch_loss"]:
        assert f"{loss:.4f}" in page.words
    confusion = next(p["alt"] for p in page.pictures if p["alt"].startswith("Confusion"))
    assert f"{round(10_000 * test[-1]):,} right" in confusion


def test_the_worst_mistakes_have_the_highest_loss(finished):
    folder = finished[0]
    rng = np.random.default_rng(0)
    model = Sequential(Linear(784, 128, rng), ReLU(), Linear(128, 10, rng))
    load_weights(model, folder / WEIGHTS)
    x, y = load_mnist(train=1)[2:]
    logits = model.forward(x).astype(float)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]
    page = Page((folder / REPORT).read_text(encoding="utf-8"))
    alt = next(p["alt"] for p in page.pictures if "read as" in p["alt"])
    shown = re.findall(r"(\d) read as (\d) p = (\d\.\d+)", alt)
    worst = np.argsort(-losses)[: len(shown)]
    assert len(shown) == 16
    assert [int(true) for true, _, _ in shown] == y[worst].tolist()
    assert [int(p) for _, p, _ in shown] == logits[worst].argmax(axis=1).tolist()
    highest = np.exp(logits[worst]).max(axis=1) / np.exp(logits[worst]).sum(axis=1)
    np.testing.assert_allclose([float(p) for _, _, p in shown], highest, atol=6e-4)


def test_the_first_layer_is_shown_before_and_after(finished):
    folder = finished[0]
    text = (folder / REPORT).read_text(encoding="utf-8")
    first = Linear(784, 128, np.random.default_rng(0)).W.data[:, :16]
    last = kept(folder)[1][f"{WEIGHTS} 0.W"][:, :16]
    reach = max(np.abs(first).max(), np.abs(last).max())
    before, after = (draw_weights(W, reach=reach).html() for W in (first, last))
    assert 0 < text.index(before) < text.index(after)


@pytest.fixture(scope="module")
def finished_cnn(tmp_path_factory):
    """A run of the command on little data: (folder, standard output, data)."""
    folder = tmp_path_factory.mktemp("finished_cnn") / "run"
    load, out = partial(load_mnist, test=500), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(app, "load_mnist", load)
        code = main(["train", "cnn", "--limit", "300", "--epochs", "2", "--to", str(folder)])
    assert code == 0
    return folder, out.getvalue(), load(train=300, flatten=False)


def test_the_cnn_is_trained_by_the_same_command(finished_cnn):
    folder, out, _ = finished_cnn
    assert out.startswith(
        "conv32-conv64-10 on 300 images: batches of 16, each moved by up to 1 px, "
        "learning rate 0.1, times 0.6 after every epoch, seed 0\n"
    )
    assert re.findall(r"epoch (\d) of 2: loss .*, test accuracy .* s\n", out) == ["1", "2"]
    assert out.endswith(f"weights.npz and report.html are in {folder}\n")


def test_the_report_on_the_cnn_measures_without_dropout(finished_cnn):
    folder, _, data = finished_cnn
    model = make_model("cnn", np.random.default_rng(0))
    load_weights(model, folder / WEIGHTS)
    model.eval()
    right = int((model.forward(data.x_test).argmax(axis=1) == data.y_test).sum())
    words = Page((folder / REPORT).read_text(encoding="utf-8")).words
    assert f"{right} of 500 test images" in words
    assert kept(folder)[1][f"{CHECKPOINT} history.validation_accuracy"][-1] == right / 500
    assert "34,826" in words
    assert "16, each moved by up to 1 px" in words


def test_the_report_on_the_cnn_shows_kernels_and_feature_maps(finished_cnn):
    folder, _, data = finished_cnn
    text = (folder / REPORT).read_text(encoding="utf-8")
    assert len(Page(text).pictures) == 6
    first = make_model("cnn", np.random.default_rng(0))
    last = make_model("cnn", np.random.default_rng(0))
    load_weights(last, folder / WEIGHTS)
    kernels = {"before training": first[0].W.data, "after training": last[0].W.data}
    assert draw_kernels(kernels).html() in text
    maps = np.maximum(last[0].forward(data.x_test[:1]), 0)
    deeper = np.maximum(last[3].forward(last[2].forward(maps)), 0)
    titles = "convolution 1, after ReLU", "convolution 2, after ReLU"
    picture = draw_feature_maps(
        data.x_test[0], dict(zip(titles, (maps[0], deeper[0]), strict=True))
    )
    assert picture.html() in text


@pytest.mark.parametrize("network", RECIPES)
def test_the_code_in_the_report_gives_the_trained_network(
    network, finished, finished_cnn, monkeypatch
):
    folder = finished[0] if network == "mlp" else finished_cnn[0]
    monkeypatch.chdir(folder)
    code = Page((folder / REPORT).read_text(encoding="utf-8")).words.partition("Using the weights")
    names = {}
    exec(code[2], names)
    parameters = names["model"].named_parameters()
    expected = make_model(network, np.random.default_rng(5))
    load_weights(expected, folder / WEIGHTS)
    assert parameters.keys() == expected.named_parameters().keys()
    for name, parameter in expected.named_parameters().items():
        np.testing.assert_array_equal(parameters[name].data, parameter.data)
    assert not any(layer.training for layer in names["model"])


def test_the_report_escapes_what_it_is_given(data, tmp_path, monkeypatch):
    run = new_run(tmp_path / "run", epochs=1)
    run.train(data, silent)
    monkeypatch.setattr(Picture, "html", lambda picture: "")
    run.settings["model"] = run.settings["seed"] = "<b>&"
    text = training_report.report(run, data)
    assert "<b>" not in text
    assert text.count("&lt;b&gt;&amp;") >= 3


def test_a_finished_run_says_so_and_writes_its_report_anew(finished, tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / CHECKPOINT).write_bytes((finished[0] / CHECKPOINT).read_bytes())
    assert main(["train", "mlp", "--resume", "--to", str(folder)]) == 0
    assert "this run is finished; with a larger --epochs it goes on" in capsys.readouterr().out
    assert (folder / REPORT).read_bytes() == (finished[0] / REPORT).read_bytes()
    assert_same_run(folder, finished[0])


def test_ctrl_c_during_the_report_says_how_to_go_on(stopped, monkeypatch, capsys):
    monkeypatch.setattr(training_report, "write_report", lambda run, data: interrupt())
    assert main(["train", "mlp", "--resume"]) == 130
    err = capsys.readouterr().err
    assert err == (
        f"course: stopped at once; {Path('trained', 'mlp')} is as it was saved last. "
        "Go on with: course train mlp --resume\n"
    )
