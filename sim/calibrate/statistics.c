/* The arithmetic, and nothing that measures. */
#include "calibrate/statistics.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values; part 0 is the first, 1 the last. */
static double quantile(const double *sorted, size_t n, double part)
{
    double at = part * (double)(n - 1);
    size_t below = (size_t)at;
    if (below + 1 == n)
        return sorted[below];
    return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

struct quartiles statistics_quartiles(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return (struct quartiles){quantile(values, n, 0.25), quantile(values, n, 0.5), quantile(values, n, 0.75)};
}

double statistics_noise(const struct quartiles *q)
{
    return q->median > 0 ? (q->high - q->low) / q->median : INFINITY;
}

/* Weighted by 1/y^2: what is least is the sum of ((y - line) / y)^2. */
bool statistics_fit(const double *x, const double *y, size_t n, double *intercept, double *slope)
{
    double weights = 0, sum_x = 0, sum_y = 0, square = 0, product = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(y[i] > 0))
            return false;
        double w = 1 / (y[i] * y[i]);
        weights += w;
        sum_x += w * x[i];
        sum_y += w * y[i];
    }
    const double mean_x = sum_x / weights, mean_y = sum_y / weights;
    for (size_t i = 0; i < n; i++) {
        double w = 1 / (y[i] * y[i]);
        square += w * (x[i] - mean_x) * (x[i] - mean_x);
        product += w * (x[i] - mean_x) * (y[i] - mean_y);
    }
    if (!(square > 0))
        return false;
    *slope = product / square;
    *intercept = mean_y - *slope * mean_x;
    return true;
}
