# How full spans are, by size class: where span bytes are, at the peak and at the end; and how long the runs of free
# pages between spans are.
set label 1 'Spans by how much of them lives, and the free runs between them'
CSV = IN.'/spans.csv'
RUNS = IN.'/free_runs.csv'
if (!HAS_ROWS) { WHY = 'no data: no span was ever in use'; load 'nothing.gp'; exit }

MOMENTS = 'peak end'
of(m, x) = stringcolumn('moment') eq word(MOMENTS, m) ? x : NaN
# Classes that have spans at either moment, smallest first, large objects last.
array ROW[300]; array NAME[300]
do for [i = 1:300] { ROW[i] = 0 }
stats CSV using (ROW[1 + int(column('class'))] = 1, NAME[1 + int(column('class'))] = column('size_bytes'), 1) nooutput
N = 0
do for [i = 2:300] { if (ROW[i]) { N = N + 1; ROW[i] = N } }
if (ROW[1]) { N = N + 1; ROW[1] = N }
stats CSV using (column('span_bytes')) name 'BYTES' nooutput
undefine RUN_*
stats RUNS using (column('pages_to')):(column('runs')) name 'RUN' nooutput
has_runs = exists('RUN_records') && RUN_records > 0
E[1] = BYTES_max; E[2] = has_runs ? RUN_max_x : 1; E[3] = has_runs ? RUN_max_y : 1
load 'scales.gp'; if (MEASURING) { exit }

# Sand (a page) to dark blue (the most), on a logarithmic scale.
least = 8192.0
most = E[1] > 16 * least ? E[1] : 16 * least
depth(b) = b <= least ? 0 : log(b / least) / log(most / least)
load 'depth.gp'
set yrange [N + 0.6:0.4]
set ytics () scale 0
every = ceil(N / (TERM ? 12.0 : 17.0))
if (ROW[1]) { set ytics add ('large' ROW[1]) }
do for [i = 2:300] {
    if (ROW[i] && (ROW[i] - 1) % every == 0 && (N - ROW[i] >= every || !ROW[1])) { set ytics add (bytes(NAME[i]) ROW[i]) }
}
set xrange [-0.6:10.6]
set xtics ('0' -0.5, '50' 4.5, '100' 9.5) scale 0.5
LIVE = 'live in it (%)'
unset grid
set key vertical maxrows 2 at screen px(0.36),py(0.015) center bottom
# In a terminal a digit for the colour.
digit(x) = sprintf('%d', 1 + int(8.99 * depth(column('span_bytes'))))
if (TERM) { set label 1 'Spans by how much of them lives (digits: 1 a page to 9 '.bytes(most).'), and free runs' }
row(x) = ROW[1 + int(column('class'))]
set bmargin at screen py(TERM ? 0.25 : 0.21)
if (!TERM) { set tmargin at screen py(0.83) }
do for [m = 1:2] {
    set lmargin at screen px(m == 1 ? 0.125 : 0.4); set rmargin at screen px(m == 1 ? 0.36 : 0.62)
    set title (TERM ? '' : m == 1 ? 'at the peak' : 'at the end') font font(1) offset 0,-0.6
    set xlabel LIVE.(TERM ? (m == 1 ? ', peak' : ', end') : '') offset 0,0.4
    set ylabel (m == 1 ? 'size class' : '') offset 1,0
    if (m == 2) { unset label 1; unset label 2; unset ytics; unset key }
    if (TERM) {
        plot CSV using (of(m, column('occupancy_tenths'))):(row(0)):(digit(0)) with labels notitle
        continue
    }
    plot CSV using (of(m, column('occupancy_tenths'))):(row(0)):(column('occupancy_tenths') - 0.5):\
             (column('occupancy_tenths') + 0.5):(row(0) - 0.5):(row(0) + 0.5):(shade(depth(column('span_bytes')))) \
             with boxxyerror lc rgb variable notitle, \
         for [i = 0:3] NaN with boxes lc rgb int(shade(i / 3.0)) title bytes(least * (most / least)**(i / 3.0)) \
             .(i == 0 ? ' in spans' : '')
}

set lmargin at screen px(0.71); set rmargin at screen px(0.97)
set title (TERM ? '' : 'free runs') font font(1) offset 0,-0.6
set ylabel (TERM ? '' : 'how many (log scale)') offset 0,0
set xlabel (TERM ? 'free runs: pages in a row' : E[2] < 1024 ? 'pages in a row (log scale)' : \
    'pages in a row (log scale, K = 1,024)') offset 0,0.4
if (!TERM) { set grid xtics ytics back lc rgb GRID lw 1 lt 1 }
set logscale x 2; set logscale y 10
set xrange [0.7:2 * (E[2] < 8 ? 8 : E[2])]
step = ceil(log(E[2] + 1) / log(2) / 4)
pages(e) = sprintf('%d', 2**(e % 10)).word('. K M G', 1 + e / 10)
set xtics () scale 0.6 nomirror
do for [e = 0:40] { if (e % step == 0) { set xtics add (e < 10 ? sprintf('%d', 2**e) : pages(e) 2.0**e) } }
set yrange [0.7:1.5 * (E[3] < 10 ? 10 : E[3])]
set ytics () scale 0.6 nomirror textcolor rgb 'black'
do for [e = 0:12] { set ytics add (count(10.0**e) 10.0**e) }
set key at screen px(0.84),py(0.015) center bottom
if (!has_runs) {
    set label 3 'no page is free' at graph 0.5,0.5 center textcolor rgb GREY
    plot NaN notitle
    exit
}
plot RUNS using (column('pages_from') * 1.4):(of(1, column('runs'))) with linespoints pt 7 ps 1 lc rgb VERMILION \
         title 'peak', \
     '' using (column('pages_from') * 1.4):(of(2, column('runs'))) with linespoints pt 5 ps 0.9 lc rgb BLUE \
         title 'end'
