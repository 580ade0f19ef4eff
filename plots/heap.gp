# Where the heap went: what makes up HeapSys at each moment, stacked, with the goal and the collections. Goroutine
# stacks are no part of it.
load 'parts.gp'
set label 1 'Where the heap went: all that is mapped for it, over time'
CSV = IN.'/heap.csv'
if (!HAS_ROWS) { WHY = 'no data: heap.csv has no rows'; load 'nothing.gp'; exit }

stats CSV using (column('t_ns')):(column('heap_sys_bytes')) name 'SYS' nooutput
stats CSV using (column('goal_bytes')) name 'GOAL' nooutput
if (SYS_max_y <= 0) { WHY = 'no data: nothing was ever allocated'; load 'nothing.gp'; exit }
if (SYS_min_x == SYS_max_x) {
    stats CSV using (column('requested_bytes')) name 'ASKED' nooutput
    WHY = sprintf('only one moment was sampled, at %s: %s requested, %s mapped', \
        duration(SYS_max_x), bytes(ASKED_max), bytes(SYS_max_y))
    load 'nothing.gp'; exit
}
stats CSV using (column('cycles')) name 'CYCLES' nooutput

# The goal belongs in the picture unless it would squash the rest.
far = GOAL_max > 2 * SYS_max_y
E[1] = SYS_max_x
E[2] = far || GOAL_max < SYS_max_y ? SYS_max_y : GOAL_max
load 'scales.gp'; if (MEASURING) { exit }
T = time_scale(E[1]); B = byte_scale(E[2])
set xlabel 'virtual time ('.time_unit(E[1]).')'
set ylabel (TERM ? byte_unit(E[2]) : 'heap memory ('.byte_unit(E[2]).')')
set xrange [0:E[1] / T]
set yrange [0:1.06 * E[2] / B]
set key horizontal maxrows 3
set bmargin at screen py(TERM ? 0.36 : 0.245)

# Every level as the corners of its steps, one line of the table a corner, of 500 samples at most: there are hardly more
# pixels. Samples in which nothing moved are left out. The goal, which seldom moves, is drawn from its own corners
# alone: dashes keep their rhythm.
N = 0
array TIME[SYS_records]; array LEVELS[SYS_records]; array AIM[SYS_records]; array CYCLE[SYS_records]
part(name) = column(name.'_bytes') / B
level(x) = (sum_of = sum_of + x, sprintf(',%.6g', sum_of))
stats CSV using (N = N + 1, TIME[N] = column('t_ns') / T, AIM[N] = part('goal'), CYCLE[N] = column('cycles'), \
    sum_of = 0.0, LEVELS[N] = level(part('requested')), LEVELS[N] = LEVELS[N].level(part('rounding')), \
    LEVELS[N] = LEVELS[N].level(part('tail') + part('tiny')), LEVELS[N] = LEVELS[N].level(part('unused')), \
    LEVELS[N] = LEVELS[N].level(part('dead')), LEVELS[N] = LEVELS[N].level(part('free')), \
    LEVELS[N] = LEVELS[N].level(part('released')), 1) nooutput
every = int(ceil(N / 500.0))
last = 1
set print $LEVELS
do for [i = 1:N] {
    if (i > 1 && i < N && (i % every || LEVELS[i] eq LEVELS[last])) { continue }
    if (i > 1) { print sprintf('%.7g', TIME[i]).LEVELS[last] }
    print sprintf('%.7g', TIME[i]).LEVELS[i]
    last = i
}
set print $GOAL
do for [i = 1:N] {
    if (i == 1 || i == N || AIM[i] != AIM[i - 1]) { print sprintf('%.7g,%.6g', TIME[i], AIM[i]) }
}
set print $COLLECTIONS
print 'NaN'
do for [i = 2:N] {
    if (CYCLE[i] > CYCLE[i - 1]) { print sprintf('%.7g', TIME[i]) }
}
unset print
unset datafile columnheaders

ceiling = 1.06 * E[2] / B
tick = CYCLES_max <= 30 ? ceiling : 0.03 * ceiling
plot $LEVELS using 1:8 @AREA lc rgb PART_RELEASED title 'released to the OS', \
     '' using 1:7 @AREA lc rgb PART_FREE title 'free pages kept', \
     '' using 1:6 @AREA lc rgb PART_DEAD title 'dead, not yet swept', \
     '' using 1:5 @AREA lc rgb PART_UNUSED title 'unused slots', \
     '' using 1:4 @AREA lc rgb PART_TAIL title 'tails, tiny blocks', \
     '' using 1:3 @AREA lc rgb PART_ROUNDING title 'rounding up', \
     '' using 1:2 @AREA lc rgb PART_REQUESTED title 'requested, live', \
     '' using 1:8 with lines lc rgb GREY lw 1 notitle, \
     $COLLECTIONS using 1:(ceiling):(0):(-tick) with vectors nohead lc rgb GREEN lw 0.8 \
         title (CYCLES_max > 0 ? 'collection' : ''), \
     $GOAL using ($2 > 0 ? $1 : NaN):2 with steps lc rgb BLACK lw 1.5 dt 2 \
         title (GOAL_max <= 0 ? '' : far ? 'heap goal, up to '.bytes(GOAL_max) : 'heap goal')
