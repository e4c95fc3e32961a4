"""From a slider to the new picture, in the browser: `python benchmarks/slider_latency.py`.

Opens every chapter in JupyterLab in headless Chromium, runs it, and moves a slider of each explorer
(the first that has something to move). A time runs from the slider's input event to the first
frame after the new picture was decoded; a move that leaves the picture as it is does not count.
Also says by how much the page has grown after the moves. Needs Chromium and what requirements.txt
brings.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from machine import describe  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from course_lib import explorers  # noqa: E402
from course_lib.explorers.explorer import Steps  # noqa: E402
from tests.browser_lab import Chapter, course_in_browser  # noqa: E402

MOVE = """([card, moves, which]) => new Promise(async done => {
  const slider = card.querySelectorAll('input[type=range]')[which];
  const picture = card.querySelector('.bp-stage img');
  const times = [];
  const drawn = () => new Promise(resolve => {
    const seen = new MutationObserver(() => {
      seen.disconnect();
      picture.decode().catch(() => null).then(() => requestAnimationFrame(resolve));
    });
    seen.observe(picture, { attributes: true, attributeFilter: ['src'] });
  });
  for (let i = 0; i < moves; i++) {
    const up = Number(slider.value) < Number(slider.max) && i % 7 !== 6;
    const picture = drawn();
    const start = performance.now();
    slider.value = up ? Number(slider.value) + 1 : 0;
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    const late = new Promise(resolve => setTimeout(resolve, 1000, 'none'));
    if (await Promise.race([picture, late]) !== 'none') times.push(performance.now() - start);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  done(times);
})"""
SIZE = "() => document.documentElement.outerHTML.length"


def measure(browser, address, number, moves):
    """{explorer: (times in ms, growth of the page in bytes)} of one chapter."""
    items = [
        item
        for item in explorers.load().values()
        if item.chapter == number
        and any(isinstance(control, Steps) for control in item.controls.values())
    ]
    if not items:
        return {}
    chapter = Chapter(browser, address, number)
    found = {}
    for item in items:
        card = chapter.explorer(item.name)
        card.scroll_into_view_if_needed()
        handle = card.element_handle()
        for which in range(card.get_by_role("slider").count()):
            # What is drawn for the first time does not count; a slider may move nothing yet.
            if len(chapter.page.evaluate(MOVE, [handle, 5, which])) > 2:
                break
        before = chapter.page.evaluate(SIZE)
        times = chapter.page.evaluate(MOVE, [handle, moves, which])
        found[item.name] = times, chapter.page.evaluate(SIZE) - before
        print(f"{item.name:24}  {_row(times)}", flush=True)
    chapter.page.evaluate("() => void window.jupyterapp.commands.execute('kernelmenu:shutdown')")
    chapter.page.wait_for_selector("text=No Kernel")
    chapter.page.close()
    return found


def table(found, moves):
    """The lines of the result."""
    lines = [f"{'explorer':24}  median    p95    max  (ms)   growth after {moves} moves (bytes)"]
    everything = []
    for name, (times, growth) in found.items():
        everything += times
        lines.append(f"{name:24}  {_row(times)}         {growth:6}")
    lines.append(f"{'all':24}  {_row(everything)}")
    return lines


def _row(times):
    p95 = statistics.quantiles(times, n=20)[-1]
    return f"{statistics.median(times):6.1f} {p95:6.1f} {max(times):6.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=40, help="moves of each slider")
    parser.add_argument("--to", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()
    found = {}
    chapters = sorted({item.chapter for item in explorers.load().values()})
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        with course_in_browser(playwright, Path(folder)) as (browser, address):
            for number in chapters:
                found |= measure(browser, address, number, options.moves)
    machine = describe("numpy", "matplotlib", "jupyterlab", "ipykernel", "playwright")
    text = "\n".join([f"python benchmarks/slider_latency.py on {machine}", "",
                      *table(found, options.moves), ""])  # fmt: skip
    options.to.mkdir(parents=True, exist_ok=True)
    (options.to / "slider_latency.txt").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
