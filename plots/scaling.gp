# What generations of Go get done, and how long they wait for locks, against the number of Ps: scripts/scaling.
# The dashed line is what the best of them would do if Ps were never in each other's way. Who waits less than 0.1 ns
# an allocation stands on the right panel's lowest line.
IN = ARG2; OUT = ARG3; FORMAT = ARG4; TITLE = ARG5
set loadpath ARG1
load 'style.gp'
set label 1 'Allocating on 1 to many Ps'
CSV = IN.'/scaling.csv'

stats CSV using (column('ps')):(column('allocs_per_us')) nooutput
ALL = STATS_records; fewest = STATS_min_x; most = STATS_max_x; fastest = STATS_max_y
array CONFIG[ALL]; array NAME[ALL]
N = 0; S = 0; base = 0; longest = 0
stats CSV using (N = N + 1, CONFIG[N] = stringcolumn('config'), \
    base = column('ps') == fewest && column('allocs_per_us') > base ? column('allocs_per_us') : base, \
    longest = column('wait_per_alloc_ns') > longest ? column('wait_per_alloc_ns') : longest) nooutput
do for [i = 1:N] {
    s = 1
    while (s <= S && NAME[s] ne CONFIG[i]) { s = s + 1 }
    if (s > S) { S = s; NAME[s] = CONFIG[i] }
}
mark(s) = int(word('7 5 9 11 13 6 4 8', 1 + (s - 1) % 8))
colour(s) = CATEGORY[1 + (s - 1) % 8]
mine(s) = stringcolumn('config') eq NAME[s]
least_wait = 0.1

set multiplot
set tmargin at screen 0.8
set bmargin at screen 0.18
set logscale x 2
set xrange [fewest / 1.15:most * 1.15]
set xlabel 'Ps'
set xtics ()
do for [i = 0:20] { if (2**i <= most) { set xtics add (sprintf('%d', 2**i) 2**i) } }
set logscale y 10

set lmargin at screen 0.08; set rmargin at screen 0.49
set title 'Allocations a virtual microsecond' font font(1)
set yrange [base / 2:2 * (fastest > base * most / fewest ? fastest : base * most / fewest)]
set key horizontal maxrows 1 width 1
set samples 2
plot base * x / fewest with lines lc rgb GREY lw 1.5 dt 2 title 'ideal', \
     for [s = 1:S] CSV using (mine(s) ? column('ps') : NaN):(column('allocs_per_us')) with linespoints \
         lc rgb colour(s) lw 2 pt mark(s) ps 1.1 title NAME[s]

unset label 1; unset label 2
unset key
set lmargin at screen 0.58; set rmargin at screen 0.98
set title 'Waiting for locks, ns an allocation' font font(1)
set ytics add (sprintf('%g or less', least_wait) least_wait)
set yrange [least_wait / 1.3:longest > 10 ? 2 * longest : 20]
plot for [s = 1:S] CSV using (mine(s) ? column('ps') : NaN):(column('wait_per_alloc_ns') < least_wait ? least_wait \
         : column('wait_per_alloc_ns')) with linespoints lc rgb colour(s) lw 2 pt mark(s) ps 1.1 notitle
unset multiplot
