# One figure of one run, or of several: a panel each, on the same scales.
#   gnuplot -d -c plots/draw.gp PLOTS_DIR DIRS OUT_FILE png|svg|pdf|term TITLES HAS FIGURE ['COLUMNS LINES COLOUR']
# DIRS are absolute, one behind the other ("/a/b//c" are two), TITLES lines, HAS a letter each: d, or n if its CSV has
# no rows. FIGURE.gp is loaded for each of them, if there are several once to measure and once to draw, with IN, TITLE and
# HAS_ROWS set: when it knows how far its axes go it puts that into E[1] to E[5], loads scales.gp, and leaves if it was
# MEASURING.
DIRS = ARG2; OUT = ARG3; FORMAT = ARG4; TITLES = ARG5; HAS = ARG6; FIGURE = ARG7
set loadpath ARG1
if (FORMAT eq 'term') { COLUMNS = int(word(ARG8, 1)); LINES = int(word(ARG8, 2)); COLOUR = int(word(ARG8, 3)) }
PANELS = strlen(HAS); TITLE = ''
load 'style.gp'

array IN_[PANELS]; array TITLE_[PANELS]
do for [i = 1:PANELS] {
    at = strstrt(DIRS, '//'); line = strstrt(TITLES, "\n")
    IN_[i] = at ? DIRS[1:at - 1] : DIRS
    TITLE_[i] = line ? TITLES[1:line - 1] : TITLES
    DIRS = DIRS[at + 1:*]; TITLES = TITLES[line + 1:*]
}
array E[5]; array SCALE[5]
do for [i = 1:5] { SCALE[i] = -1e300 }
do for [MEASURING in (PANELS > 1 ? '1 0' : '0')] {
    MEASURING = int(MEASURING)
    if (!MEASURING) { set multiplot }
    do for [PANEL = 1:PANELS] {
        IN = IN_[PANEL]; TITLE = TITLE_[PANEL]; HAS_ROWS = HAS[PANEL:PANEL] eq 'd'
        do for [i = 1:5] { E[i] = -1e300 }
        reset
        load 'panel.gp'
        load FIGURE.'.gp'
    }
}
unset multiplot
