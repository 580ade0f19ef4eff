# Measuring: remembers the most of each E. Drawing: E are what all panels need. One panel needs its own.
if (PANELS > 1) {
    do for [i = 1:5] {
        if (MEASURING) { if (E[i] > SCALE[i]) { SCALE[i] = E[i] } } else { E[i] = SCALE[i] }
    }
}
