# What allocations took, by the tier that served them: the share of them that took no longer, on an axis of nines.
set label 1 'What an allocation took, by who served it'
CSV = IN.'/latency_cdf.csv'
if (!HAS_ROWS) { WHY = 'no data: nothing was allocated'; load 'nothing.gp'; exit }

TIERS = 'fast mcentral mheap os all'
of(i, x) = stringcolumn('tier') eq word(TIERS, i) ? x : NaN
array COUNT[5]
do for [i = 1:5] { COUNT[i] = 0 }
stats CSV using (column('up_to_ns')) name 'NS' nooutput
do for [i = 1:5] {
    stats CSV using (stringcolumn('tier') eq word(TIERS, i) ? COUNT[i] = COUNT[i] + column('count') : 0) nooutput
}
E[1] = NS_max; E[2] = -(NS_min > 1 ? NS_min : 1); E[3] = log10(COUNT[5])
load 'scales.gp'; if (MEASURING) { exit }

set logscale x
low = 10**floor(log10(-E[2])); high = 10**ceil(log10(E[1] * 1.0001))
high = high < 100 * low ? 100 * low : high
set xrange [0.9 * low:1.1 * high]
set xtics format ''
set for [e = 0:13] xtics add (duration(10.0**e) 10.0**e)
set mxtics 10
set xlabel 'time of one allocation (log scale)'
set ylabel 'took no longer (%)'
set lmargin at screen px(TERM ? 0.2 : 0.12)
top = E[3] < 1 ? 1 : ceil(E[3] + 0.31)
set yrange [0:top]
set ytics ('0' 0, '50' log10(2))
set for [i = 1:15] ytics add (i == 1 ? '90' : i == 2 ? '99' : '99.'.'9999999999999'[1:i - 2] i)
set key horizontal maxrows 3
set bmargin at screen py(TERM ? 0.3 : 0.25)
# Nobody was slower than the slowest: half an allocation counts instead.
nines(i) = of(i, log10(COUNT[i] / (column('slower') > 0 ? column('slower') : 0.5)))
took(x) = column('up_to_ns') < 1 ? 1 : column('up_to_ns')
array LINE[4] = [GREEN, BLUE, ORANGE, VERMILION]
name(i) = COUNT[i] > 0 ? word(TIERS, i).': '.count(COUNT[i]).(i < 5 ? ' ('.percent(COUNT[i], COUNT[5]).')' : '') \
    : word(TIERS, i).': never'
plot for [i = 1:4] CSV using (COUNT[i] > 0 ? took(0) : NaN):(nines(i)) with fsteps lc rgb LINE[i] lw 2.5 \
         title name(i), \
     for [i = 1:4] CSV using (column('slower') == 0 ? took(0) : NaN):(nines(i)) with points pt 7 ps 0.6 lc rgb LINE[i] \
         notitle, \
     CSV using (took(0)):(nines(5)) with fsteps lc rgb BLACK lw 1.5 dt 2 title name(5)
