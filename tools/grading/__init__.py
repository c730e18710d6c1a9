"""Assignments: made of exercises, handed out, collected, graded.

`sheet` makes the notebook, `course` the folder around it, `collect` and `graft` bring submissions
into its form, `running` runs them, `recount` gives the points, `flags` says what a person should
look at, `classroom` does all of that for a class. `settings` tells nbgrader of them.
"""
