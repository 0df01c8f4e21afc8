"""What both packages share: the grid engine, kept points, studies, command lines, style."""
