"""Raw answers: whatever a learner wrote, opened where it is clear, quoted at a bounded length."""

import json
import re
import reprlib

import numpy as np

_LONGEST = 10_000  # characters of JSON in a text; the answers themselves have a few hundred


class _Short(reprlib.Repr):
    def __init__(self):
        super().__init__()
        self.maxlevel, self.fillvalue = 3, "…"
        self.maxstring = self.maxother = 50

    def repr_int(self, x, level):
        # Python refuses to write out what has more than 4300 digits.
        return super().repr_int(x, level) if x.bit_length() < 1000 else "a huge number"


def quoted(thing, most=60):
    """What was given, as messages quote it: one line, bounded, whatever it is."""
    text = re.sub(r"\s+", " ", _Short().repr(thing))
    return text if len(text) <= most else f"{text[:most]}…"


def blank(raw):
    """Whether nothing was entered: None, or a text without a character in it."""
    return raw is None or (isinstance(raw, str) and not raw.strip())


def opened(raw):
    """A raw answer without its wrapping: an array as lists, JSON in a text as what it says."""
    if isinstance(raw, np.ndarray):
        return raw.tolist()
    if isinstance(raw, str) and raw.strip()[:1] in ("[", "{") and len(raw) <= _LONGEST:
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            return raw
    return raw
