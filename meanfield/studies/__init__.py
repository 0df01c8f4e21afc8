"""One question to the theory, one file: as a function, from the command line, as a figure."""
