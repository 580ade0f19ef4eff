# The figure of a run that has nothing to show: the title, and WHY.
unset border; unset tics; unset grid; unset key
set label 3 WHY at screen 0.5,0.45 center noenhanced textcolor rgb GREY font font(1.25)
set xrange [0:1]; set yrange [0:1]
plot NaN notitle
