"""Screenshots for the README, from the course in JupyterLab: `python images/make_screenshots.py`.

Starts JupyterLab in headless Chromium as the browser's tests do, answers and plays, and writes
card.png (a mistake in code that is named), question.png (a wrong line to find) and explorer.gif (a
graph that is walked back). Needs Chromium and what requirements.txt brings.
"""

import sys
import tempfile
from io import BytesIO
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent))

from PIL import Image  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402

from course_lib import exercises  # noqa: E402
from tests.browser_lab import Chapter, course_in_browser  # noqa: E402

FRAME, LAST = 1300, 4000  # milliseconds


def write(chapter):
    """A wrong weight gradient and the card that names the mistake."""
    starter = exercises.find("weight_gradient").starter.rstrip("\n")
    gap = "    # Your code here.\n    raise NotImplementedError"
    assert gap in starter
    answer = chapter.index("weight_gradient-answer")
    check = chapter.index("weight_gradient-check")
    chapter.write(answer, starter.replace(gap, "    return X.T @ dY / len(X)"))
    chapter.button(check, "Check again").click()
    chapter.sees(check, "divided by N")
    chapter.cell(answer + 2).locator(".jp-InputPrompt, .jp-MarkdownOutput").first.click()
    chapter.page.wait_for_timeout(500)
    top, low = chapter.cell(answer).bounding_box(), chapter.card(check).bounding_box()
    chapter.page.screenshot(
        path=FOLDER / "card.png",
        clip={
            "x": low["x"] - 6,
            "y": top["y"],
            "width": low["width"] + 12,
            "height": low["y"] + low["height"] - top["y"] + 8,
        },
    )


def ask(chapter):
    """A backward pass with one wrong line, and what the card says to a line that is right."""
    index = chapter.index("wrong_line_in_a_row-check")
    card = chapter.card(index)
    card.get_by_role("button", name="5", exact=True).click()
    card.get_by_role("button", name="a", exact=True).click()
    card.get_by_role("button", name="Check", exact=True).click()
    chapter.sees(index, "✗ not right yet")
    card.screenshot(path=FOLDER / "question.png")


def play(chapter):
    """The graph of an expression, walked forward and back."""
    card = chapter.explorer("expression_graph")
    slider, words = card.get_by_role("slider"), card.get_by_role("status").last
    frames = []
    for step in range(8):
        slider.fill(str(step))
        expect(words).to_contain_text(f"Step {step} of 7")
        chapter.page.wait_for_timeout(300)
        shot = Image.open(BytesIO(card.screenshot())).convert("RGB")
        frames.append(shot)
    width, height = frames[0].width, max(frame.height for frame in frames)
    paper = []
    for frame in frames:
        page = Image.new("RGB", (width, height), "white")
        page.paste(frame)
        paper.append(page.quantize(64, dither=Image.Dither.NONE))
    paper[0].save(
        FOLDER / "explorer.gif", save_all=True, append_images=paper[1:], loop=0, optimize=True,
        duration=[FRAME] * 7 + [LAST],
    )  # fmt: skip


def main():
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        with course_in_browser(playwright, Path(folder)) as (browser, address):
            for number, work in (("02", write), ("05", ask), ("06", play)):
                chapter = Chapter(browser, address, number, device_scale_factor=1.15)
                work(chapter)
                chapter.page.close()


if __name__ == "__main__":
    main()
