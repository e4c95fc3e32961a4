"""The explorers, one module per chapter (`chNN_…`), found by importing them."""

import importlib
import pkgutil

from course_lib.explorers.explorer import REGISTRY


def load():
    """Imports every chapter's module and returns {name: explorer}, in course order."""
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
        if module.startswith("ch"):
            importlib.import_module(f"{__name__}.{module}")
    return REGISTRY
