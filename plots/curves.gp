# HeapSys, HeapInuse and HeapReleased over time, of a real Go and of goheap over one another.
# Besides style.gp's arguments, of which IN is the real one's CSV (tests/oracle/curves), the simulated one's heap.csv.
IN = ARG2; OUT = ARG3; FORMAT = ARG4; TITLE = ARG5; SIMULATED = ARG6
set loadpath ARG1
load 'style.gp'
set label 1 'The heap over time: the real Go, and dashed, goheap'

stats IN using (column('t_ns')):(column('heap_sys_bytes')) name 'REAL' nooutput
stats SIMULATED using (column('t_ns')):(column('heap_sys_bytes')) name 'SIM' nooutput
end = REAL_max_x > SIM_max_x ? REAL_max_x : SIM_max_x
top = REAL_max_y > SIM_max_y ? REAL_max_y : SIM_max_y
T = time_scale(end); B = byte_scale(top)
set xlabel 'time ('.time_unit(end).')'
set ylabel 'memory ('.byte_unit(top).')'
set xrange [0:end / T]
set yrange [0:1.06 * top / B]
set key horizontal maxrows 2
set bmargin at screen 0.23

at(name) = column(name) / B
plot IN using (column('t_ns') / T):(at('heap_sys_bytes')) with steps lc rgb BLUE lw 2 title 'HeapSys, real', \
     SIMULATED using (column('t_ns') / T):(at('heap_sys_bytes')) with steps lc rgb BLACK lw 1.5 dt 2 title 'simulated', \
     IN using (column('t_ns') / T):(at('heap_inuse_bytes')) with steps lc rgb SKY lw 1 title 'HeapInuse, real', \
     SIMULATED using (column('t_ns') / T):(at('in_use_bytes')) with steps lc rgb GREY lw 1 dt 2 title 'simulated', \
     IN using (column('t_ns') / T):(at('heap_released_bytes')) with steps lc rgb ORANGE lw 2 title 'HeapReleased, real', \
     SIMULATED using (column('t_ns') / T):(at('released_bytes')) with steps lc rgb VERMILION lw 1.5 dt 2 title 'simulated'
