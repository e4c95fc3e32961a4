"""The process in which a student's code runs: it maps inputs to outputs and knows no answers.

Nothing in here imports an exercise, a reference solution or the judge.
"""
