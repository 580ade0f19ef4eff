# ORDER[1..K]: where the K largest of VALUE[1..N] are, largest first; of equals, the first first.
# Expects VALUE, N and K (lowered to N if there are fewer). Zeros are left out, which lowers K too.
K = K < N ? K : N
array ORDER[K > 0 ? K : 1]
array TAKEN[N > 0 ? N : 1]
do for [i = 1:N] { TAKEN[i] = 0 }
do for [k = 1:K] {
    best = 0
    do for [i = 1:N] {
        if (!TAKEN[i] && VALUE[i] > (best ? VALUE[best] : 0)) { best = i }
    }
    if (best) { TAKEN[best] = 1; ORDER[k] = best } else { K = k - 1; break }
}
