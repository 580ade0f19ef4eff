# What an allocation took, by the tier that served it: median, mean, 99th percentile and worst, log scale.
IN = ARG2; OUT = ARG3; FORMAT = ARG4; TITLE = ARG5; ROWS = ARG6
set loadpath ARG1
load 'style.gp'
set label 1 'What an allocation took, by who served it'
CSV = IN.'/latency.csv'
if (ROWS eq 'nothing') { WHY = 'no data: latency.csv has no rows'; load 'nothing.gp'; exit }

stats CSV using (column('count')) name 'COUNT' nooutput
if (COUNT_sum <= 0) { WHY = 'no data: nothing was allocated'; load 'nothing.gp'; exit }
served(x) = column('count') > 0
ns(name) = served(0) && column(name) > 0 ? column(name) : NaN
stats CSV using (ns('max_ns')) name 'MAX' nooutput
stats CSV using (ns('p50_ns')) name 'MIN' nooutput

set logscale x
low = 10**floor(log10(MIN_min)); high = 10**ceil(log10(MAX_max * 1.0001))
set xrange [0.8 * low:1.25 * (high < 100 * low ? 100 * low : high)]
set xtics format ''
set for [e = 0:13] xtics add (duration(10.0**e) 10.0**e)
set mxtics 10
set grid mxtics
set xlabel 'time of one allocation (log scale)'
rows = COUNT_records
set yrange [rows - 0.4:-0.6]
set ytics scale 0
set ylabel 'served by'
set key horizontal maxrows 1 samplen 1.5
set bmargin at screen 0.2
share(x) = served(0) ? count(column('count')).' ('.percent(column('count'), COUNT_sum).')' : 'never'
tier(x) = stringcolumn('tier')."\n".share(0)

plot CSV using (ns('p50_ns')):0:(ns('p50_ns')):(ns('max_ns')):ytic(tier(0)) with xerrorbars \
         pt -1 lc rgb 0xBBBBBB lw 3 notitle, \
     '' using (ns('p50_ns')):0 with points pt 7 ps 1.6 lc rgb BLUE title 'median', \
     '' using (ns('mean_ns')):0 with points pt 2 ps 1.5 lw 2 lc rgb BLACK title 'mean', \
     '' using (ns('p99_ns')):0 with points pt 9 ps 1.7 lc rgb ORANGE title '99 % are faster', \
     '' using (ns('max_ns')):0 with points pt 5 ps 1.4 lc rgb VERMILION title 'slowest'
