"""One question, one file: what networks do, from the shell and as the figures of the papers."""
