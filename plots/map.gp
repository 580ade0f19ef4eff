# The map of the heap: addresses, from the lowest up, against time. A cell's colour is the average over its pages: how
# much of a page is live objects, mixed with grey as far as pages are released.
set label 1 'The heap by address: how much of each page live objects fill'
CSV = IN.'/heap_map.csv'
if (!HAS_ROWS) { WHY = 'no data: nothing was seen of the heap'; load 'nothing.gp'; exit }

stats CSV using (width = column('width_ns'), column('t_ns') + width):\
    (height = column('height_bytes'), column('from_bytes') + height) name 'MAP' nooutput
E[1] = MAP_max_x; E[2] = MAP_max_y
if (MAP_min_x == MAP_max_x) {
    stats CSV using (column('live_bytes')) name 'LIVE' nooutput
    WHY = sprintf('the heap was looked at only once: %s of %s were live', bytes(LIVE_sum), bytes(MAP_max_y))
    load 'nothing.gp'; exit
}
load 'scales.gp'; if (MEASURING) { exit }
T = time_scale(E[1]); B = byte_scale(E[2])
set xlabel 'virtual time ('.time_unit(E[1]).')'
set ylabel (TERM ? byte_unit(E[2]) : 'address, from the lowest ('.byte_unit(E[2]).')')
set xrange [0:E[1] / T]
set yrange [0:E[2] / B]
set key horizontal maxrows 1 width 0
unset grid

load 'depth.gp'
RELEASED = 0xC8
backed(x) = column('objects_bytes') + column('stack_bytes') + column('free_bytes')
full(x) = backed(0) > 0 ? (column('live_bytes') + column('stack_bytes')) / backed(0) : 0
mapped(x) = backed(0) + column('released_bytes')
given(x) = column('released_bytes') / mapped(0)
colour(c) = mapped(0) <= 0 ? 255 : given(0) * RELEASED + (1 - given(0)) * at(full(0), c)
middle(x) = (column('t_ns') + width / 2) / T
level(x) = (column('from_bytes') + height / 2) / B
# In a terminal a letter a cell, as many as there is room for.
if (TERM) { every_t = ceil(MAP_max_x / width / (0.8 * COLUMNS)); every_b = ceil(MAP_max_y / height / (0.55 * LINES)) }
chosen(x) = int(column('t_ns') / width) % every_t == 0 && int(column('from_bytes') / height) % every_b == 0
letter(x) = mapped(0) <= 0 ? ' ' : given(0) > 0.5 ? '.' : word('- 1 2 3 4 5 6 7 8 9', 1 + int(full(0) * 9.999))
if (TERM) {
    set xlabel 'virtual time ('.time_unit(E[1]).')   . released, - free, 1 to 9: tenths of a page that live'
    plot CSV using (chosen(0) ? middle(0) : NaN):(level(0)):(letter(0)) with labels notitle
    exit
}
# Arenas apart, where there are a few.
ARENA = 64.0 * 1024**2
few = E[2] > ARENA && E[2] <= 32 * ARENA
if (few) {
    do for [i = 1:int(E[2] / ARENA)] {
        set arrow from graph 0, first i * ARENA / B rto graph 1, first 0 nohead front lc rgb BLACK lw 0.5 dt 3
    }
}
plot CSV using (middle(0)):(level(0)):(colour(2)):(colour(1)):(colour(0)) with rgbimage notitle, \
     NaN with boxes lc rgb 0xC8C8C8 title 'released', \
     NaN with lines lc rgb BLACK lw 0.5 dt 3 title (few ? 'arenas' : ''), \
     for [i = 0:4] NaN with boxes lc rgb int(shade(i / 4.0)) title word('free ¼ ½ ¾ full', i + 1)
