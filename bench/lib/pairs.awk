# For reports of pairs, lines "figure, A, B" of bm_record with tabs between them. Read it before the program that uses it.

function median(list, n,    i, j, t) {
    for (i = 2; i <= n; i++) for (j = i; j > 1 && list[j - 1] > list[j]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# of(FIGURE, SIDE): the median of side 1 or 2.
function of(name, side,    i, list) {
    for (i = 1; i <= n[name]; i++) list[i] = v[name, i, side]
    return median(list, n[name])
}

# Of the ratios of the pairs: their median, and the lowest and highest.
function ratio(name,    i, list, m) {
    for (i = 1; i <= n[name]; i++) list[i] = v[name, i, 2] / v[name, i, 1]
    m = median(list, n[name])
    return sprintf("%.2f (%.2f–%.2f)", m, list[1], list[n[name]])
}

function met(good) { return good ? "met" : "**missed**" }

{ n[$1]++; v[$1, n[$1], 1] = $2; v[$1, n[$1], 2] = $3 }
