/* What is made of many samples of one thing: their middle, their spread, and a line through points. */
#ifndef STATISTICS_H
#define STATISTICS_H

#include <stdbool.h>
#include <stddef.h>

/* Quartiles; a quantile that falls between two values lies on the line between them. */
struct quartiles {
    double low, median, high;
};

/* Of n >= 1 values, which it sorts. */
struct quartiles statistics_quartiles(double *values, size_t n);

/* The distance of the quartiles in parts of the median: 0.1 says that half of the values lie within about 5 % of it.
 * Infinite if the median is not positive: such a value says nothing. */
double statistics_noise(const struct quartiles *q);

/* The line y = *intercept + *slope * x through n points with positive y, by least squares of relative errors, so that
 * small y count as much as large ones. False, and nothing is set, if all x are equal or a y is not positive. */
bool statistics_fit(const double *x, const double *y, size_t n, double *intercept, double *slope);

#endif
