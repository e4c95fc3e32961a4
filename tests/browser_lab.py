"""JupyterLab in a folder of its own and a browser to look at it, for tests/test_browser.py."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

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
def jupyterlab(folder, **environment):
    """Runs JupyterLab on `folder`; gives its address. Its settings and files stay in `folder`."""
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
            env={**os.environ, **own, **environment},
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
    if (!(said || element.tagName === 'INPUT') || element.tagName === 'STYLE') continue;
    if (!element.checkVisibility() || element.closest('mjx-container')) continue;
    const under = back(element), ink = over(rgba(getComputedStyle(element).color), under);
    const [a, b] = [light(ink), light(under)].sort((x, y) => y - x);
    const name = element.tagName + '.' + element.className;
    worst[name] = Math.min(worst[name] ?? 99, (a + .05) / (b + .05));
  }
  return worst;
}"""
"""JavaScript: for each kind of element with text on a card, its lowest contrast."""
