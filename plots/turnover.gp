# How often the objects of each size class are replaced; and how many spans were swept in search of a free slot, each
# time that a P had used up a span: of all classes together.
set label 1 (TERM ? 'How often objects are replaced, and spans swept to find room for them' : \
    'How often objects are replaced, and how many spans are swept to find room for them')
CSV = IN.'/classes.csv'
REFILLS = IN.'/refills.csv'

allocs(x) = column('allocs') + column('tiny_allocs')
# Classes that were used, smallest first, large objects last; refills by spans swept: 0, 1, 2 to 3, 4 to 7, ...
array ROW[300]; array NAME[300]; array COUNT[64]
do for [i = 1:300] { ROW[i] = 0 }
do for [i = 1:64] { COUNT[i] = 0 }
undefine USED_* RATE_* SWEPT_*
stats CSV using (allocs(0) > 0 ? (ROW[1 + int(column('class'))] = 1, NAME[1 + int(column('class'))] = \
    column('size_bytes'), allocs(0)) : NaN) name 'USED' nooutput
if (!exists('USED_records') || USED_records == 0) { WHY = 'no data: nothing was allocated'; load 'nothing.gp'; exit }
stats CSV using (column('turnover_per_s') > 0 ? column('turnover_per_s') : NaN) name 'RATE' nooutput
bucket(from) = from < 1 ? 1 : 2 + int(log(from) / log(2) + 0.5)
refills = 0
stats REFILLS using (COUNT[bucket(column('spans_from'))] = COUNT[bucket(column('spans_from'))] + column('refills'), \
    refills = refills + column('refills'), column('spans_to')) name 'SWEPT' nooutput
N = 0
do for [i = 2:300] { if (ROW[i]) { N = N + 1; ROW[i] = N } }
if (ROW[1]) { N = N + 1; ROW[1] = N }
has_rates = exists('RATE_records') && RATE_records > 0
E[1] = has_rates ? RATE_max : 1; E[2] = has_rates ? -RATE_min : -1; E[3] = USED_max
E[4] = refills > 0 ? SWEPT_max : 0; E[5] = 1
do for [i = 1:64] { if (COUNT[i] > E[5]) { E[5] = COUNT[i] } }
load 'scales.gp'; if (MEASURING) { exit }

# Sand (one) to dark blue (the most), on a logarithmic scale.
most = E[3] > 1000 ? E[3] : 1000
depth(n) = log(n) / log(most)
load 'depth.gp'
row(x) = ROW[1 + int(column('class'))]
set yrange [(N < 8 ? 8 : N) + 0.6:0.4]
set ytics () scale 0
every = ceil(N / (TERM ? 12.0 : 17.0))
if (ROW[1]) { set ytics add ('large' ROW[1]) }
do for [i = 2:300] {
    if (ROW[i] && (ROW[i] - 1) % every == 0 && (N - ROW[i] >= every || !ROW[1])) { set ytics add (bytes(NAME[i]) ROW[i]) }
}
set ylabel 'size class' offset 1,0
low = floor(log10(-E[2]) - 0.3); high = ceil(log10(E[1]) + 1e-9)
high = high < low + 2 ? low + 2 : high
step = ceil((high - low) / (TERM ? 3.0 : 5.0))
set logscale x
if (!TERM) { set logscale x2 }
set xrange [10.0**low:10.0**high]
set x2range [10.0**low:10.0**high]
often(x) = x < 1 ? number(x) : count(x)
set xtics () scale 0.6
if (!TERM) { set x2tics () scale 0 offset 0,-0.4 }
do for [e = low:high] {
    if ((e - low) % step == 0) {
        set xtics add (often(10.0**e) 10.0**e)
        if (!TERM) { set x2tics add (duration(10.0**(9 - e)) 10.0**e) }
    }
}
if (!TERM) { unset grid; set grid xtics back lc rgb GRID lw 1 lt 1 }
set xlabel (TERM ? 'replaced, 1/s (log scale)' : 'allocations a second for each live object (log scale)') offset 0,0.4
set bmargin at screen py(TERM ? 0.25 : 0.21)
if (!TERM) { set tmargin at screen py(0.795); set x2label 'mean lifetime' offset 0,-0.7 }
set lmargin at screen px(0.125); set rmargin at screen px(0.56)
set key vertical maxrows 2 at screen px(0.34),py(0.015) center bottom
plot CSV using (column('turnover_per_s') > 0 && allocs(0) > 0 ? column('turnover_per_s') : NaN):(row(0)): \
         (10.0**low):(column('turnover_per_s')):(row(0) - 0.42):(row(0) + 0.42): \
         (shade(depth(allocs(0) > 1 ? allocs(0) : 1))) with boxxyerror lc rgb variable notitle, \
     for [i = 0:3] NaN with boxes lc rgb int(shade(i / 3.0)) title count(most**(i / 3.0)).(i == 0 ? ' allocation' : '')

unset label 1; unset label 2; unset x2tics; unset x2label; unset key
unset logscale x; unset logscale x2; set autoscale x2
set lmargin at screen px(0.67); set rmargin at screen px(0.97)
set ylabel (TERM ? '' : 'how many (log scale)') offset 0,0
set xlabel 'spans swept' offset 0,0.4
if (!TERM) { set grid xtics ytics back lc rgb GRID lw 1 lt 1 }
last = bucket(E[4]) < 7 ? 7 : bucket(E[4])
set xrange [0.4:last + 0.6]
step = ceil(last / 7.0)
from(b) = b < 2 ? b - 1 : 2**(b - 2)
set xtics () scale 0.6
do for [b = 1:last] { if ((b - 1) % step == 0) { set xtics add (count(from(b)) b) } }
set logscale y 10
set yrange [0.5:1.5 * (E[5] < 10 ? 10 : E[5])]
set ytics () scale 0.6 nomirror
do for [e = 0:15] { set ytics add (count(10.0**e) 10.0**e) }
if (refills == 0) {
    set label 3 'no refill was counted' at graph 0.5,0.5 center textcolor rgb GREY
    plot NaN notitle
    exit
}
if (TERM) { set xlabel 'spans swept, at most '.count(SWEPT_max) } else {
    set label 4 count(refills).' refill'.(refills == 1 ? '' : 's').', at most '.count(SWEPT_max).' spans swept' \
        at graph 0.5,1.04 center font font(1)
}
unset datafile columnheaders
array BUCKET[last]
do for [b = 1:last] { BUCKET[b] = b }
plot BUCKET using (COUNT[$1] > 0 ? $1 : NaN):(COUNT[$1]):($1 - 0.4):($1 + 0.4):(0.5):(COUNT[$1]) \
         with boxxyerror lc rgb BLUE notitle
