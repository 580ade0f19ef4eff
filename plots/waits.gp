# When the Ps waited for locks: the time waited per ms of virtual time, and how many waits began; all locks together
# and the one with most waiting time. Stretches of time in which nobody waited have no row, and no bar; of a few waits
# it is only said how many there were.
set label 1 'Time spent waiting for locks, over time'
CSV = IN.'/waits.csv'
if (!HAS_ROWS) { WHY = 'no data: nobody waited for a lock'; load 'nothing.gp'; exit }

# The first rows are those of all locks, then come those of the most waited-for.
MOST = ''
in_all(x) = stringcolumn('lock') eq 'all'
stats CSV using (MOST eq '' && !in_all(0) ? (MOST = stringcolumn('lock'), 0) : 0) nooutput
of(name, x) = stringcolumn('lock') eq name ? x : NaN
rate(x) = x / column('width_ns') * 1e6 # per ms
stats CSV using (of('all', rate(column('wait_ns')))) name 'WAIT' nooutput
stats CSV using (of('all', rate(column('contended')))) name 'BEGUN' nooutput
stats CSV using (of('all', column('wait_ns'))) name 'ALL' nooutput
stats CSV using (column('t_ns') + column('width_ns')) name 'TIME' nooutput
if (ALL_records < 4) {
    stats CSV using (of('all', column('contended'))) name 'N' nooutput
    WHY = sprintf('hardly anybody waited: %d wait%s, %s in all, the last within %s', N_sum, N_sum == 1 ? '' : 's', \
        duration(ALL_sum), duration(TIME_max))
    load 'nothing.gp'; exit
}

E[1] = TIME_max; E[2] = WAIT_max; E[3] = BEGUN_max
load 'scales.gp'; if (MEASURING) { exit }
T = time_scale(E[1]); S = time_scale(E[2])
middle(x) = (column('t_ns') + column('width_ns') / 2) / T
width(x) = column('width_ns') / T
set xrange [0:E[1] / T]
set yrange [0:1.06 * E[2] / S]
set y2range [0:1.06 * E[3]]
set border 11
set rmargin at screen px(0.9)
set y2tics nomirror out
set xlabel 'virtual time ('.time_unit(E[1]).'); '.duration(ALL_sum).' waited in all'
set ylabel (TERM ? time_unit(E[2]).'/ms' : 'waited per ms ('.time_unit(E[2]).')')
if (!TERM) { set y2label 'waits begun per ms'; set bmargin at screen py(0.2) }
set key horizontal maxrows 1
plot CSV using (middle(0)):(of('all', rate(column('wait_ns')) / S)):(width(0)) with boxes lc rgb SKY \
         title 'all locks', \
     '' using (middle(0)):(of(MOST, rate(column('wait_ns')) / S)):(width(0)) with boxes lc rgb VERMILION title MOST, \
     '' using (middle(0)):(of('all', rate(column('contended')))) axes x1y2 with points pt 7 ps 0.35 lc rgb BLACK \
         title TERM ? 'begun per ms (right)' : 'waits begun (right axis)'
