# The heap over virtual time: nested levels whose gaps are the fragmentation, the goal, the collections.
IN = ARG2; OUT = ARG3; FORMAT = ARG4; TITLE = ARG5; ROWS = ARG6
set loadpath ARG1
load 'style.gp'
load 'nested.gp'
set label 1 'Heap memory over time, from what was asked for to what was mapped'
CSV = IN.'/heap.csv'
if (ROWS eq 'nothing') { WHY = 'no data: heap.csv has no rows'; load 'nothing.gp'; exit }

stats CSV using (column('t_ns')):(column('mapped_bytes')) name 'MAPPED' nooutput
stats CSV using (column('goal_bytes')) name 'GOAL' nooutput
if (MAPPED_max_y <= 0) { WHY = 'no data: nothing was ever allocated'; load 'nothing.gp'; exit }
if (MAPPED_min_x == MAPPED_max_x) {
    stats CSV using (column('requested_bytes')) name 'ASKED' nooutput
    WHY = sprintf('only one moment was sampled, at %s: %s requested, %s mapped', \
        duration(MAPPED_max_x), bytes(ASKED_max), bytes(MAPPED_max_y))
    load 'nothing.gp'; exit
}
stats CSV using (column('cycles')) name 'CYCLES' nooutput

# The goal belongs in the picture unless it would squash the rest.
far = GOAL_max > 2 * MAPPED_max_y
top = far || GOAL_max < MAPPED_max_y ? MAPPED_max_y : GOAL_max
T = time_scale(MAPPED_max_x); B = byte_scale(top)
set xlabel 'virtual time ('.time_unit(MAPPED_max_x).')'
set ylabel 'heap memory ('.byte_unit(top).')'
set xrange [0:MAPPED_max_x / T]
set yrange [0:1.06 * top / B]
set key vertical maxrows 4
set bmargin at screen 0.285

# Every level as the corners of its steps, one line of the table a corner; samples in which nothing moved are left
# out. Goal and mapped, which seldom move, are drawn from their own corners alone: dashes keep their rhythm.
N = 0
array TIME[MAPPED_records]; array LEVELS[MAPPED_records]; array AIM[MAPPED_records]; array TOP[MAPPED_records]
array CYCLE[MAPPED_records]
in_b(name) = sprintf(',%.6g', column(name) / B)
stats CSV using (N = N + 1, TIME[N] = column('t_ns') / T, AIM[N] = column('goal_bytes') / B, \
    TOP[N] = column('mapped_bytes') / B, CYCLE[N] = column('cycles'), \
    LEVELS[N] = in_b('mapped_bytes').sprintf(',%.6g', (column('mapped_bytes') - column('released_bytes')) / B) \
        .in_b('in_use_bytes').in_b('live_bytes').in_b('requested_bytes'), 1) nooutput
set print $LEVELS
do for [i = 1:N] {
    if (i > 1 && i < N && LEVELS[i] eq LEVELS[i - 1]) { continue }
    if (i > 1) { print sprintf('%.7g', TIME[i]).LEVELS[i - 1] }
    print sprintf('%.7g', TIME[i]).LEVELS[i]
}
set print $GOAL
do for [i = 1:N] {
    if (i == 1 || i == N || AIM[i] != AIM[i - 1]) { print sprintf('%.7g,%.6g', TIME[i], AIM[i]) }
}
set print $MAPPED
do for [i = 1:N] {
    if (i == 1 || i == N || TOP[i] != TOP[i - 1]) { print sprintf('%.7g,%.6g', TIME[i], TOP[i]) }
}
set print $COLLECTIONS
print 'NaN'
do for [i = 2:N] {
    if (CYCLE[i] > CYCLE[i - 1]) { print sprintf('%.7g', TIME[i]) }
}
unset print
unset datafile columnheaders

ceiling = 1.06 * top / B
tick = CYCLES_max <= 30 ? ceiling : 0.03 * ceiling
plot $LEVELS using 1:2 with filledcurves y=0 lc rgb LEVEL_4 notitle, \
     '' using 1:3 with filledcurves y=0 lc rgb LEVEL_3 notitle, \
     '' using 1:4 with filledcurves y=0 lc rgb LEVEL_2 notitle, \
     '' using 1:5 with filledcurves y=0 lc rgb LEVEL_1 notitle, \
     '' using 1:6 with filledcurves y=0 lc rgb LEVEL_CORE notitle, \
     '' using 1:4 with lines lc rgb ORANGE lw 1 notitle, \
     $MAPPED using 1:2 with steps lc rgb GREY lw 1.5 title 'mapped', \
     NaN with boxes lc rgb LEVEL_4 title 'mapped, not backed by memory', \
     NaN with boxes lc rgb LEVEL_3 title 'mapped − in use: free pages', \
     NaN with boxes lc rgb LEVEL_2 title 'in use − live: dead objects, unused slots', \
     NaN with boxes lc rgb LEVEL_1 title 'live − requested: rounding up', \
     NaN with boxes lc rgb LEVEL_CORE title 'requested, of live objects', \
     $COLLECTIONS using 1:(ceiling):(0):(-tick) with vectors nohead lc rgb GREEN lw 0.8 \
         title (CYCLES_max > 0 ? 'collection' : ''), \
     $GOAL using ($2 > 0 ? $1 : NaN):2 with steps lc rgb BLACK lw 1.5 dt 2 \
         title (GOAL_max <= 0 ? '' : far ? 'heap goal, up to '.bytes(GOAL_max).' (above)' : 'heap goal')
