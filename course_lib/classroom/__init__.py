"""For instructors: assignments, what was handed in, grading, feedback, reports and exports."""
