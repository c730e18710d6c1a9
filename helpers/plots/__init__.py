"""Charts and pictures, one verb for each."""

from .backend import show_in_notebook

show_in_notebook()
