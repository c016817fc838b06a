"""What a canary did to users, as pictures: for the console, for a file, and in characters for a terminal.

Pure. Read in this order: quantile, series, figures, ticks, picture, topics; then lettering, drawing, plot, style (SVG),
canvas, terminal (characters) and listing (the same in numbers).
"""
