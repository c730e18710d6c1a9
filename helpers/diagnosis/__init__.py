"""Why a network does not learn: `diagnose`, and eight broken loops to try it on."""
