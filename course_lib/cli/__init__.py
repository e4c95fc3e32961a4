"""The `course` command."""


def main(arguments=None):
    """Runs the command and returns its exit code: 0, 1 (failed), 2 (usage) or 130 (interrupted)."""
    try:
        from course_lib.cli.app import run  # here: kernels that report verdicts need none of it

        return run(arguments)
    except KeyboardInterrupt:  # while the imports above are still running, too
        return 130
