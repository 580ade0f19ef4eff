# A sweep: what was waited for locks over the number of Ps, and the memory mapped at the most Ps, for each
# series: the rows that agree in configuration, size classes, trace, GOGC and pacing. The right panel's names
# are the legend of the left one too.
set label 1 'Waiting for locks, and memory mapped'
CSV = IN.'/results.csv'
if (!HAS_ROWS) { WHY = 'no data: results.csv has no rows'; load 'nothing.gp'; exit }

MOST = 16
base(path) = strstrt(path, '/') ? base(path[strstrt(path, '/') + 1:*]) : path
# gnuplot cannot tell an empty string from a missing one: a run that failed shows in having mapped nothing.
failed(x) = !(column('peak_mapped_bytes') > 0)
stats CSV using (column('ps')) nooutput
ALL = STATS_records
array CONFIG[ALL]; array CLASSES[ALL]; array TRACE[ALL]; array GOGC[ALL]; array PACING[ALL]
array PS[ALL]; array WAIT[ALL]; array MAPPED[ALL]; array SERIES[ALL]
N = 0
stats CSV using (failed(0) ? 0 : (N = N + 1, CONFIG[N] = stringcolumn('config'), \
    CLASSES[N] = stringcolumn('size_classes'), TRACE[N] = base(stringcolumn('trace')), \
    GOGC[N] = stringcolumn('gogc'), PACING[N] = stringcolumn('pacing'), \
    PS[N] = column('ps') < 1 ? 1 : column('ps'), WAIT[N] = column('lock_wait_ns'), MAPPED[N] = column('peak_mapped_bytes'))) nooutput
if (N == 0) { WHY = 'no data: no run of the sweep succeeded'; load 'nothing.gp'; exit }

# A series is named by what differs between rows: "go1.19, no_24_byte". The configuration is always named.
many_classes = 0; many_traces = 0; many_gogc = 0; many_pacings = 0
do for [i = 2:N] {
    many_classes = many_classes || CLASSES[i] ne CLASSES[1]; many_traces = many_traces || TRACE[i] ne TRACE[1]
    many_gogc = many_gogc || GOGC[i] ne GOGC[1]; many_pacings = many_pacings || PACING[i] ne PACING[1]
}
name(i) = CONFIG[i].(many_classes ? ', '.CLASSES[i].' classes' : '').(many_gogc ? ', GOGC '.GOGC[i] : '') \
    .(many_pacings ? ', '.PACING[i].' pacing' : '').(many_traces ? ', '.TRACE[i] : '')
short(text) = strlen(text) > 50 ? text[1:28].'…'.text[strlen(text) - 20:*] : text
array LABEL[ALL]
S = 0
do for [i = 1:N] {
    s = 1
    while (s <= S && LABEL[s] ne name(i)) { s = s + 1 }
    SERIES[i] = s
    if (s > S) { S = s; LABEL[s] = name(i) }
}
SHOWN = S > MOST ? MOST : S
if (S > SHOWN) { TITLE = TITLE.sprintf(' (%d of %d series)', SHOWN, S) }
if (!many_classes && CLASSES[1] ne CONFIG[1]) { TITLE = TITLE.', '.CLASSES[1].' classes' }
if (!many_gogc) { TITLE = TITLE.', GOGC '.GOGC[1] }
if (!many_pacings) { TITLE = TITLE.', '.PACING[1].' pacing' }
if (!many_traces) { TITLE = TITLE.', '.TRACE[1] }
set label 2 TITLE

# Each series at the most Ps it has; the points of the lines, as blocks of a table.
array AT_PS[S]; array AT_MAPPED[S]; array AT_WAIT[S]
fewest = PS[1]; most = PS[1]; longest = 0; largest = 0
set print $POINTS
do for [s = 1:SHOWN] {
    AT_PS[s] = 0
    do for [i = 1:N] {
        if (SERIES[i] == s) {
            print sprintf('%.17g,%.17g', PS[i], WAIT[i])
            if (PS[i] >= AT_PS[s]) { AT_PS[s] = PS[i]; AT_MAPPED[s] = MAPPED[i]; AT_WAIT[s] = WAIT[i] }
            if (PS[i] < fewest) { fewest = PS[i] }
            if (PS[i] > most) { most = PS[i] }
            if (WAIT[i] > longest) { longest = WAIT[i] }
        }
    }
    if (AT_MAPPED[s] > largest) { largest = AT_MAPPED[s] }
    print ''; print ''
}
unset print
E[1] = longest; E[2] = largest; E[3] = most; E[4] = -fewest
load 'scales.gp'; if (MEASURING) { exit }
longest = E[1]; largest = E[2]; most = E[3]; fewest = -E[4]
T = time_scale(longest); B = byte_scale(largest)
unset datafile columnheaders
unset key
array ROW[SHOWN]
do for [s = 1:SHOWN] { ROW[s] = s }
dash(s) = s > 8 ? 2 : 1
mark(s) = int(word('7 9 5 11 13 6 8 4 10 12 15 14 1 2 3 7', s))
colour(s) = CATEGORY[1 + (int(s) - 1) % 8]

ps(n) = sprintf('%.0f P', n).(n == 1 ? '' : 's')

# Bars in rows of their own, each below its name.
note(s, text) = text.(AT_PS[s] < most ? ' at '.ps(AT_PS[s]) : '')
SMALL = font(SHOWN > 10 ? 0.8 : 0.95)

LEGEND = "do for [s = 1:SHOWN] { set label 10 + s short(LABEL[s]) at graph 0.03, first s - 0.22 left \
    offset 1,0 noenhanced font SMALL point pt mark(s) ps SHOWN > 10 ? 0.8 : 1.2 lc rgb colour(s) }"

set tmargin at screen py(0.8)
set lmargin at screen px(0.08); set rmargin at screen px(0.5); set bmargin at screen py(0.12)
if (fewest < most) {
    set title 'Waiting for locks, all Ps together' font font(1)
    set xlabel 'Ps (log scale)'
    set ylabel 'time waited ('.time_unit(longest).')'
    set xtics ()
    do for [i = 1:N] { set xtics add (sprintf('%.0f', PS[i]) log(PS[i]) / log(2)) }
    set xrange [log(fewest) / log(2) - 0.1:log(most) / log(2) + 0.1]
    set yrange [0:longest > 0 ? 1.06 * longest / T : 1]
    plot for [s = 1:SHOWN] $POINTS index s - 1 using (log($1) / log(2)):($2 / T) smooth unique \
        with linespoints lc rgb colour(s) lw 2 dt dash(s) pt mark(s) ps 1
} else {
    set title 'Waiting for locks at '.ps(most) font font(1)
    set xlabel 'time waited ('.time_unit(longest).')'
    set xrange [0:longest > 0 ? room(longest / T, 6, 0.018) : 1]
    set yrange [SHOWN + 0.6:0.4]
    @LEGEND
    unset ytics
    @GRID_X
    plot ROW using (AT_WAIT[$1] / T):1:(0):(AT_WAIT[$1] / T):($1):($1 + 0.3):(colour($1)) \
             with boxxyerror lc rgb variable, \
         ROW using (AT_WAIT[$1] / T):($1 + 0.15):(duration(AT_WAIT[$1])) with labels left offset 0.6,0 \
             font SMALL textcolor rgb GREY noenhanced
}

unset label 1; unset label 2; unset ylabel; unset ytics
@GRID_X
set lmargin at screen px(0.56); set rmargin at screen px(0.98)
set title 'Most memory mapped, at '.ps(most) font font(1)
set xlabel 'mapped ('.byte_unit(largest).')'
set xtics autofreq
@LEGEND
axis = 0
do for [s = 1:SHOWN] {
    needed = room(largest / B, strlen(note(s, bytes(AT_MAPPED[s]))), 0.018)
    if (needed > axis) { axis = needed }
}
set xrange [0:axis]
set yrange [SHOWN + 0.6:0.4]
plot ROW using (AT_MAPPED[$1] / B):1:(0):(AT_MAPPED[$1] / B):($1):($1 + 0.3):(colour($1)) \
         with boxxyerror lc rgb variable, \
     ROW using (AT_MAPPED[$1] / B):($1 + 0.15):(note($1, bytes(AT_MAPPED[$1]))) with labels left offset 0.6,0 \
         font SMALL textcolor rgb GREY noenhanced
