# What all figures share: the terminal, and what panel.gp sets. Figures of a run are drawn by draw.gp; one that stands
# by itself runs as: gnuplot -d -c plots/NAME.gp PLOTS_DIR IN_DIR OUT_FILE png|svg|pdf TITLE
# and sets IN, OUT, FORMAT, TITLE from its arguments before it loads this.

if (GPVAL_VERSION < 5.4) { exit error "gnuplot 5.4 or newer is needed" }
set encoding utf8
load 'okabe-ito.gp'

# Panels, each as large as a figure by itself: side by side, in a terminal one below the other. COLUMNS x LINES are the
# terminal's characters.
if (!exists('PANELS')) { PANELS = 1 }
PANEL = 1
TERM = FORMAT eq 'term'
ACROSS = TERM || PANELS == 1 ? 1 : PANELS < 5 ? 2 : 3
DOWN = (PANELS + ACROSS - 1) / ACROSS

# Text is the same part of the picture in each format, though their points differ.
points = FORMAT eq 'svg' ? 14.5 : FORMAT eq 'pdf' ? 8.2 : 11
font(size) = sprintf('DejaVu Sans,%.1f', size * points)
BASE = font(1)
if (TERM) {
    set terminal dumb size COLUMNS,LINES * DOWN
    if (COLOUR) { set terminal dumb ansirgb } else { set terminal dumb mono }
} else { if (FORMAT eq 'svg') {
    set terminal svg size 1000 * ACROSS,600 * DOWN font BASE name 'goheap' background rgb 'white'
} else { if (FORMAT eq 'pdf') {
    set terminal pdfcairo size 10 * ACROSS,6 * DOWN font BASE fontscale 1
} else { if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {
    set terminal pngcairo size 1000 * ACROSS,600 * DOWN font BASE background rgb 'white'
} else {
    set terminal png truecolor size 1000 * ACROSS,600 * DOWN font BASE
} } } }
set output OUT
load 'panel.gp'
