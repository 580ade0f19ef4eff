# What a trace is made of: sizes, and lifetimes in bytes allocated meanwhile, by power of two: the share of the objects
# and of their bytes.
set label 1 'Sizes and lifetimes'
CSV = IN.'/trace.csv'
if (!HAS_ROWS) { WHY = 'no data: nothing is allocated in the trace'; load 'nothing.gp'; exit }

of(name, x) = stringcolumn('of') eq name ? x : NaN
stats CSV using (of('size_bytes', column('objects'))) name 'SIZED' nooutput
stats CSV using (of('size_bytes', column('from') + 1)) name 'SIZE' nooutput
stats CSV using (of('size_bytes', column('bytes'))) name 'SIZES' nooutput
ENDED = 0
stats CSV using (stringcolumn('of') eq 'lifetime_bytes' ? (ENDED = 1, 0) : 0) nooutput
LIVED_sum = 1; LIVES_sum = 1
if (ENDED) {
    stats CSV using (of('lifetime_bytes', column('objects'))) name 'LIVED' nooutput
    stats CSV using (of('lifetime_bytes', column('from') + 1)) name 'LIFE' nooutput
    stats CSV using (of('lifetime_bytes', column('bytes'))) name 'LIVES' nooutput
}
part(x, sum) = sum > 0 ? 100.0 * x / sum : 0

stats CSV using (of('size_bytes', part(column('objects'), SIZED_sum))) name 'MOST' nooutput
stats CSV using (of('size_bytes', part(column('bytes'), SIZES_sum))) name 'MUCH' nooutput
E[1] = SIZE_max; E[2] = ENDED ? LIFE_max : 1; E[3] = MOST_max > MUCH_max ? MOST_max : MUCH_max
if (ENDED) {
    stats CSV using (of('lifetime_bytes', part(column('objects'), LIVED_sum))) name 'MOST' nooutput
    stats CSV using (of('lifetime_bytes', part(column('bytes'), LIVES_sum))) name 'MUCH' nooutput
    E[4] = MOST_max > MUCH_max ? MOST_max : MUCH_max
}
load 'scales.gp'; if (MEASURING) { exit }

# A band lies at the logarithm of where it begins; that of the value 0 before that of 1.
at(x) = column('from') > 0 ? log(column('from')) / log(2) + 0.5 : -0.5
# Labels of a panel that is less than half of the figure: at most seven.
at_powers(most) = 5 * ceil(log(most) / log(2) / 32)
set yrange [0:1.06 * E[3]]
set boxwidth 0.9
set bmargin at screen py(0.2)

set lmargin at screen px(0.08)
set rmargin at screen px(0.48)
set xlabel 'size of an object'
set xrange [-1:log(E[1]) / log(2) + 1]
set xtics ('0' -0.5)
set for [e = 1:12] xtics add (bytes(2.0**(e * at_powers(E[1]))) e * at_powers(E[1]))
set ylabel 'share (%)'
set key horizontal maxrows 1
plot CSV using (at(0)):(of('size_bytes', part(column('objects'), SIZED_sum))) with boxes lc rgb SKY title 'of the objects', \
     '' using (at(0)):(of('size_bytes', part(column('bytes'), SIZES_sum))) with points pt 7 ps 0.9 lc rgb VERMILION \
         title 'of their bytes'
unset label 1
unset label 2
unset key
unset ylabel
set lmargin at screen px(0.56)
set rmargin at screen px(0.97)
set xlabel 'bytes allocated in the life of an object'
if (ENDED) {
    set yrange [0:1.06 * E[4]]
    set xrange [-1:log(E[2]) / log(2) + 1]
    set xtics ('0' -0.5)
    set for [e = 1:12] xtics add (bytes(2.0**(e * at_powers(E[2]))) e * at_powers(E[2]))
    plot CSV using (at(0)):(of('lifetime_bytes', part(column('objects'), LIVED_sum))) with boxes lc rgb SKY notitle, \
         '' using (at(0)):(of('lifetime_bytes', part(column('bytes'), LIVES_sum))) with points pt 7 ps 0.9 \
             lc rgb VERMILION notitle
} else {
    set label 3 'nothing ends' at graph 0.5,0.5 center textcolor rgb GREY
    set xrange [0:1]; set yrange [0:1]
    plot NaN notitle
}
