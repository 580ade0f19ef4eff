# Each collection: what lived, where it began, what it had reached when marking ended, and the goal; below, how long it
# stopped the world and how long allocations had to help with marking.
set label 1 'Collections: the heap, and what they took'
CSV = IN.'/cycles.csv'
if (!HAS_ROWS) { WHY = 'no data: nothing was collected'; load 'nothing.gp'; exit }

known(name) = column(name) > 0 && column(name) < 1e18 ? column(name) : NaN
stats CSV using (column('end_ns')) name 'TIME' nooutput
stats CSV using (column('heap_end_bytes') > column('trigger_bytes') ? column('heap_end_bytes') : \
    column('trigger_bytes')) name 'PEAK' nooutput
stats CSV using (column('goal_bytes') < 1e18 ? column('goal_bytes') : 0) name 'GOAL' nooutput
stats CSV using (column('pause_ns')) name 'PAUSE' nooutput
stats CSV using (column('assist_ns')) name 'ASSIST' nooutput
E[1] = TIME_max
E[2] = GOAL_max > PEAK_max && GOAL_max < 3 * PEAK_max ? GOAL_max : PEAK_max
E[3] = PAUSE_max > ASSIST_max ? PAUSE_max : ASSIST_max
E[4] = -(PAUSE_min > 1 ? PAUSE_min : 1)
load 'scales.gp'; if (MEASURING) { exit }
T = time_scale(E[1]); B = byte_scale(E[2])
size = TIME_records > 100 ? 0.5 : 1
when(x) = column('end_ns') / T
set xrange [0:1.02 * E[1] / T]

set lmargin at screen px(TERM ? 0.17 : 0.105)
set tmargin at screen py(0.86)
set bmargin at screen py(0.53)
set format x ''
set ylabel (TERM ? byte_unit(E[2]) : 'heap ('.byte_unit(E[2]).')')
set yrange [0:1.08 * E[2] / B]
set key vertical maxrows 1 at screen px(0.5),py(0.43) center bottom
set key horizontal
plot CSV using (when(0)):(known('goal_bytes') / B) with points pt 2 ps size lw 1.5 lc rgb BLACK title 'goal', \
     '' using (when(0)):(known('heap_end_bytes') / B) with points pt 9 ps size lc rgb VERMILION \
         title 'peak: end of marking', \
     '' using (when(0)):(known('trigger_bytes') / B) with points pt 6 ps size lw 1.5 lc rgb ORANGE title 'trigger', \
     '' using (when(0)):(known('heap_marked_bytes') / B) with linespoints pt 7 ps size lw 1.5 lc rgb BLUE \
         title 'marked live'

unset label 1; unset label 2
set tmargin at screen py(0.4)
set bmargin at screen py(TERM ? 0.2 : 0.17)
set format x '%h'
set xlabel 'virtual time ('.time_unit(E[1]).')'
set ylabel (TERM ? '' : 'a cycle (log scale)')
set logscale y
low = 10**floor(log10(-E[4])); high = 10**ceil(log10(E[3] * 1.0001))
set yrange [0.9 * low:high < 10 * low ? 10 * low : high]
set ytics format ''
set for [e = 0:13] ytics add (duration(10.0**e) 10.0**e)
set key vertical maxrows 1 at screen px(0.5),py(0.015) center bottom
set key horizontal
plot CSV using (when(0)):(known('pause_ns')) with points pt 7 ps size lc rgb BLACK \
         title sprintf('world stopped: %s in all', duration(PAUSE_sum)), \
     '' using (when(0)):(known('assist_ns')) with points pt 5 ps size lc rgb PURPLE \
         title ASSIST_sum > 0 ? sprintf('assists of all Ps: %s in all', duration(ASSIST_sum)) : 'no assists'
