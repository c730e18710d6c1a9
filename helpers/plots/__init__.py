"""Charts and pictures, one verb for each."""
