"""JupyterLab in a folder of its own, and a browser that looks at it."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from course_lib.authoring import Course, read_notebook

ROOT = Path(__file__).parents[1]
COURSE = Course(ROOT)
SHOTS = Path(__file__).parent / "screenshots"
NO_CHROMIUM = (
    "no Chromium on this machine (apt install chromium, or run: "
    "python -m playwright install chromium)"
)
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def browser_path(playwright):
    """The program of a Chromium on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    own = playwright.chromium.executable_path
    return next(filter(None, map(shutil.which, names)), own if Path(own).exists() else None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def jupyterlab(folder, *arguments, **environment):
    """Runs `jupyter lab` in `folder`; gives its address. Its settings and files stay in `folder`.

    arguments: for JupyterLab, such as a notebook to open. environment: variables; None removes one.
    """
    port = free_port()
    home = Path(folder) / ".jupyter"
    for plugin, values in SETTINGS.items():
        extension, name = plugin.rsplit("/", 1)
        file = home / "settings" / extension / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    own = {
        name: str(home / name.lower())
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    log = Path(folder) / "lab.log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                *arguments,
                "--no-browser",
                "--allow-root",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0",
                "--LabApp.expose_app_in_browser=True",
                "--IdentityProvider.token=",
                "--ServerApp.password=",
                f"--ServerApp.root_dir={folder}",
                f"--LabApp.user_settings_dir={home / 'settings'}",
                f"--LabApp.workspaces_dir={home / 'workspaces'}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={k: v for k, v in {**os.environ, **own, **environment}.items() if v is not None},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{address}/api", server, log)
        yield address
    finally:
        server.terminate()  # it shuts its kernels down
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(url, server, log, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


class Page:
    """One open page with a notebook in JupyterLab; cells are counted from 0."""

    def __init__(self, browser, url, **options):
        from playwright.sync_api import expect

        expect.set_options(timeout=30_000)  # several notebooks may run at once on few cores
        self.expect = expect
        self.page = browser.new_page(**{"viewport": {"width": 1000, "height": 1500}, **options})
        self.page.set_default_timeout(60_000)
        self.hosts, self.errors = set(), []
        self.page.on("request", self._asked)
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.page.on("pageerror", lambda e: self.errors.append(str(e)))
        self.page.goto(url)
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.wait_for_kernel()
        self.command("application:toggle-left-area")

    def _asked(self, request):
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data"):  # those are in the page itself
            self.hosts.add(address.hostname)

    def wait_for_kernel(self):
        self.page.wait_for_selector("text=Python 3 (ipykernel) | Idle")

    def command(self, name, **arguments):
        """Runs a command of JupyterLab and waits for its end."""
        self.page.evaluate(
            "([name, args]) => window.jupyterapp.commands.execute(name, args).then(() => null)",
            [name, arguments],
        )

    def cell(self, index):
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def card(self, index):
        return self.cell(index).locator(".bp-card")

    def button(self, index, words):
        return self.card(index).get_by_role("button", name=words, exact=True)

    def sees(self, index, words):
        self.expect(self.card(index)).to_contain_text(words)

    def write(self, index, code):
        """Puts code into a cell and runs it."""
        self.cell(index).locator(".cm-content").click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)
        self.page.keyboard.press("Control+Enter")
        prompt = self.cell(index).locator(".jp-InputPrompt").first
        self.expect(prompt).to_contain_text(re.compile(r"\[\d+\]"))

    def restart(self):
        self.page.evaluate("() => void window.jupyterapp.commands.execute('kernelmenu:restart')")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()
        self.page.wait_for_selector(".jp-Dialog", state="detached")
        self.wait_for_kernel()

    def theme(self, word):
        """Changes to the "Light" or the "Dark" theme."""
        self.command("apputils:change-theme", theme=f"JupyterLab {word}")
        light = str(word == "Light").lower()
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        self.page.wait_for_timeout(300)  # its style sheet comes in after its name


class Chapter(Page):
    """A chapter, opened and run from top to bottom."""

    def __init__(self, browser, address, number, **options):
        self.number, self.path = number, COURSE.notebook(number)
        self.url = f"{address}/lab/tree/chapters/{self.path.name}?reset"
        self.cells = read_notebook(self.path).cells
        super().__init__(browser, self.url, **options)
        self.command("notebook:run-all-cells")
        self.wait_until_run()

    def wait_until_run(self):
        last = self.cell(len(self.cells) - 1).locator(".jp-InputPrompt").first
        self.expect(last).to_contain_text(re.compile(r"\[\d+\]"), timeout=120_000)

    def index(self, id):
        """The place of the cell with this id, or whose source is this text."""
        return next(i for i, c in enumerate(self.cells) if id in (c.id, c.source))

    def explorer(self, name):
        return self.card(self.index(f'explore("{name}")'))


@contextlib.contextmanager
def course_in_browser(playwright, folder):
    """Starts JupyterLab in a copy of the course in `folder`, as the README says.

    Gives (browser, address). The work folder is where a learner has it, beside the notebooks.
    """
    for name in ("chapters", "images"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("work", ".*"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opened = re.search(r"&& jupyter lab (\S+)$", readme, re.M).group(1)
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with jupyterlab(folder, opened, COURSE_WORK=None, PYTHONPATH=paths) as address:
        browser = playwright.chromium.launch(executable_path=browser_path(playwright), args=FLAGS)
        yield browser, address
        browser.close()


CONTRAST = """() => {
  const rgba = text => {
    const n = text.match(/[\\d.]+/g).map(Number);
    const scale = text.startsWith('color(') ? 255 : 1;
    return [n[0] * scale, n[1] * scale, n[2] * scale, n.length > 3 ? n[3] : 1];
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const back = element => {
    if (!element) return [255, 255, 255];
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, back(element.parentElement));
  };
  const worst = {};
  for (const element of document.querySelectorAll('.bp-card *')) {
    const said = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    const typed = element.matches('input:not([type=range]):not([type=checkbox])');
    if (!(said || typed) || element.tagName === 'STYLE') continue;
    if (!element.checkVisibility() || element.closest('mjx-container')) continue;
    const under = back(element), ink = over(rgba(getComputedStyle(element).color), under);
    const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
    const name = element.tagName + '.' + element.className;
    worst[name] = Math.min(worst[name] ?? 99, (a + .05) / (b + .05));
  }
  return worst;
}"""
"""JavaScript: for each kind of element with text on a card, its lowest contrast."""
