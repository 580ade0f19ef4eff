# The figure of a run that has nothing to show: the title, and WHY.
if (!MEASURING) {
    unset border; unset tics; unset grid; unset key
    unset xlabel; unset ylabel
    set label 3 WHY at screen px(0.5),py(0.45) center noenhanced textcolor rgb GREY font font(1.25)
    set xrange [0:1]; set yrange [0:1]
    plot NaN notitle
}
