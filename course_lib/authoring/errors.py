"""What can go wrong, each said in one line."""


class CourseError(Exception):
    """Something is wrong; its text is one line for the person at the terminal."""

    exit_code = 1


class UsageError(CourseError):
    """What was asked for cannot be done: no such chapter, file or notebook."""

    exit_code = 2


class SourceError(CourseError):
    """A chapter's source cannot be built. Names the file and the line."""

    def __init__(self, path, line, message):
        super().__init__(f"{path.name}:{line}: {message}")


class ExecutionError(CourseError):
    """A cell of a chapter raised while it was built. cell: its source; error: what it raised."""

    def __init__(self, name, cell, error):
        indented = "\n".join(f"    {line}" for line in cell.splitlines())
        super().__init__(f"{name}: {error}, raised by this cell:\n{indented}")
