# A sweep's metrics against a number that was varied: a panel each, one above the other, a line for each combination of
# what else was varied. sim/plot/sweep_figures.c says what the blocks of data are.
load 'blocks.gp'
stats IN index 0 using (NOTE = stringcolumn(1), X_NAME = stringcolumn(2), X_UNIT = column(3), \
    POWERS = int(column(4)), fewest = column(5), most = column(6), METRICS = int(column(7)), \
    SERIES = int(column(8)), 0) nooutput
array NAME[METRICS]; array UNIT[METRICS]
N = 0
stats IN index 1 using (N = N + 1, NAME[N] = stringcolumn(1), UNIT[N] = column(2), E[N] = column(3), 0) nooutput
array LABEL[SERIES]
N = 0
stats IN index 3 using (N = N + 1, LABEL[N] = stringcolumn(1), 0) nooutput

# Letters have no room for more.
if (TERM && METRICS > 2) { METRICS = 2 }
if (TERM && SERIES > 4) { do for [s = 1:SERIES] { LABEL[s] = LABEL[s][1:14] } }
set label 1 (METRICS == 1 ? capital(NAME[1]) : 'What the runs of a sweep took').', by '.X_NAME
set label 2 NOTE
load 'scales.gp'; if (MEASURING) { exit }

dash(s) = s > 8 ? 2 : 1
unset key
LEGEND = SERIES > 1 && !TERM
set lmargin at screen px(TERM ? 0.15 : 0.09)
set rmargin at screen px(LEGEND ? 0.7 : 0.96)
if (LEGEND) {
    do for [s = 1:SERIES] {
        set label 10 + s LABEL[s] at screen px(0.72),py(0.85 - 0.042 * s) left offset 0.8,0 noenhanced \
            font font(SERIES > 8 ? 0.85 : 0.95) point pt mark(s) ps 1.1 lc rgb colour(s)
    }
}
if (TERM) {
    set key noenhanced at screen px(0.5),py(0.015) center bottom maxrows 4
}

if (POWERS) { set logscale x 2 }
beside = POWERS ? (most / fewest)**0.02 : 0.02 * (most - fewest)
set xrange [POWERS ? fewest / beside : fewest - beside:POWERS ? most * beside : most + beside]
set xtics ()
N = 0
stats IN index 2 using (N = N + 1, 0) nooutput
array TICK[N]; array TICK_NAME[N]
N = 0
stats IN index 2 using (N = N + 1, TICK[N] = column(1), TICK_NAME[N] = stringcolumn(2), 0) nooutput

# Ticks of a low panel: 3 to 6 of them, at round numbers.
round(x, power) = x <= 2 * power ? 2 * power : x <= 5 * power ? 5 * power : 10 * power
step_of(x) = round(x / 4.5, 10.0**floor(log10(x / 4.5)))
high = 0.85; low = TERM ? 0.35 : 0.12
step = (high - low) / METRICS
do for [m = 1:METRICS] {
    top = high - (m - 1) * step
    set tmargin at screen py(top - (METRICS == 1 ? 0 : TERM ? 0.08 : 0.045))
    set bmargin at screen py(top - step + (m < METRICS ? 0.015 : 0))
    divisor = divisor_of(UNIT[m], E[m])
    named = NAME[m].in_brackets(unit_of(UNIT[m], E[m]))
    if (METRICS == 1) { set ylabel named noenhanced } else {
        set label 3 named at graph 0,1 left offset 0,(TERM ? 1 : 0.7) noenhanced font font(0.95)
    }
    set yrange [0:E[m] > 0 ? 1.06 * E[m] / divisor : 1]
    if (METRICS > 1) { set ytics step_of(E[m] > 0 ? E[m] / divisor : 1) }
    do for [i = 1:N] {
        if (m == METRICS) { set xtics add (tick(TICK_NAME[i]) TICK[i]) } else { set xtics add ('' TICK[i]) }
    }
    if (m == METRICS) { set xlabel X_NAME.(POWERS ? ' (log scale)' : '') noenhanced }
    plot for [s = 1:SERIES] IN index 3 + s using 1:(column(1 + m) / divisor) with linespoints \
        lc rgb colour(s) lw 2 dt dash(s) pt mark(s) ps (METRICS > 2 ? 0.8 : 1) title LABEL[s]
    do for [s = 1:SERIES] { unset label 10 + s }
    unset label 1; unset label 2
}
