/* Made-up traces hold what their profile promises. Bounds are five standard deviations, worked out beside each, and
 * seeds are fixed: what fails here is wrong, not unlucky. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "generate/alias.h"
#include "generate/deaths.h"
#include "generate/profile_births.h"

/* cmocka compares floats only. */
static void assert_near(double got, double expected, double by)
{
    if (!(fabs(got - expected) <= by))
        fail_msg("%.9g is not within %.3g of %.9g", got, by, expected);
}

/* ---- what it is made of ---- */

/* The first numbers of the published generator from the state 1, 2, 3, 4: the first two by hand, rotl(2 * 5, 7) * 9
 * and, as s[1] has become 2 ^ 3 ^ 1 = 0, 0. */
static void test_generator_of_numbers(void **state)
{
    (void)state;
    struct random r = {{1, 2, 3, 4}}, a, b;
    assert_int_equal(random_u64(&r), 11520);
    assert_int_equal(random_u64(&r), 0);
    assert_int_equal(random_u64(&r), 1509978240);
    random_seed(&a, 7);
    random_seed(&b, 8);
    assert_true(random_u64(&a) != random_u64(&b));
}

static void test_logarithm(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 1);
    assert_near(random_minus_log(1), 0, 0);
    for (int i = 0; i < 100000; i++) {
        double x = random_unit(&r);
        assert_true(fabs(random_minus_log(x) + log(x)) <= 1e-13 * (-log(x)) + 1e-16);
    }
    assert_near(random_minus_log(0x1p-53), 53 * 0.69314718055994531, 1e-12);
}

/* Mean and variance 1; the mean of n has a standard deviation of 1/sqrt(n), that of squares of sqrt(20/n). */
static void test_exponential(void **state)
{
    (void)state;
    enum { N = 1000000 };
    double sum = 0, squares = 0;
    struct random r;
    random_seed(&r, 2);
    for (int i = 0; i < N; i++) {
        double x = random_exponential(&r);
        sum += x;
        squares += x * x;
    }
    assert_near(sum / N, 1, 5 / sqrt(N));
    assert_near(squares / N, 2, 5 * sqrt(20.0 / N));
}

/* Of n draws that come with probability p, n p +- 5 sqrt(n p). */
static void test_alias(void **state)
{
    (void)state;
    enum { N = 1000000, THINGS = 6 };
    static const double weights[THINGS] = {0, 1e-3, 5, 0, 2, 3};
    uint64_t drawn[THINGS] = {0};
    struct alias alias;
    struct random r;
    random_seed(&r, 3);
    assert_true(alias_init(&alias, weights, THINGS));
    for (int i = 0; i < N; i++)
        drawn[alias_draw(&alias, &r)]++;
    for (int i = 0; i < THINGS; i++) {
        double expected = N * weights[i] / 10.001;
        assert_near((double)drawn[i], expected, 5 * sqrt(expected));
    }
    alias_free(&alias);
    static const double nothing[2] = {0, 0};
    assert_true(alias_init(&alias, nothing, 2));
    assert_int_equal(alias.n, 0);
    alias_free(&alias);
}

/* Against a model: an array in which the earliest is looked for. */
static void test_deaths(void **state)
{
    (void)state;
    enum { MOST = 200, STEPS = 20000 };
    struct death model[MOST];
    size_t count = 0;
    struct deaths deaths = {.count = 0};
    struct random r;
    random_seed(&r, 4);
    for (uint64_t id = 0; id < STEPS; id++) {
        if (count < MOST && (count == 0 || random_below(&r, 100) < 51)) {
            struct death death = {random_below(&r, 50), id << 16 | (id & 0xffff)};
            model[count++] = death;
            assert_true(deaths_push(&deaths, death.time, id, id & 0xffff));
        } else {
            size_t best = 0;
            for (size_t i = 1; i < count; i++)
                if (model[i].time < model[best].time ||
                    (model[i].time == model[best].time && model[i].id_p < model[best].id_p))
                    best = i;
            struct death death = deaths_pop(&deaths);
            assert_int_equal(death.time, model[best].time);
            assert_int_equal(death.id_p, model[best].id_p);
            model[best] = model[--count];
        }
        assert_int_equal(deaths.count, count);
    }
    deaths_free(&deaths);
}

/* ---- traces ---- */

static void load(struct profile *profile, const char *text)
{
    char path[] = "/tmp/goheap-test-XXXXXX";
    struct error error = {.text = ""};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    profile_init(profile);
    bool good = profile_load(profile, path, &error) && profile_finish(profile, &error);
    unlink(path);
    if (!good)
        fail_msg("%s", error.text);
}

static struct row_source *open_trace(const struct profile *profile)
{
    struct error error = {.text = ""};
    struct generator_options options = {.events = profile->events, .name = "trace"};
    struct births *births = profile_births_open(profile, &error);
    if (births == NULL)
        fail_msg("%s", error.text);
    struct row_source *source = generator_open(births, &options, &error);
    assert_non_null(source);
    return source;
}

typedef void see_row(void *context, const struct trace_row *row);

/* Every row, in odd batches. Returns how many there are. */
static uint64_t see_all(const struct profile *profile, see_row *see, void *context)
{
    struct trace_row rows[37];
    struct error error = {.text = ""};
    struct row_source *source = open_trace(profile);
    uint64_t count = 0;
    for (size_t n; (n = source->read(source, rows, 37, &error)) > 0; count += n)
        for (size_t i = 0; i < n; i++)
            see(context, &rows[i]);
    assert_string_equal(error.text, "");
    source->close(source);
    return count;
}

/* What lives of each size, its integral over time, and when objects came and went. */
enum { SIZES = 4 };
struct seen {
    uint64_t sizes[SIZES]; /* which are looked for */
    uint64_t allocs[SIZES], first[SIZES], live[SIZES];
    double integral[SIZES]; /* of live, objects x ns */
    uint64_t now;
    uint8_t kind[1 << 20]; /* by id: which size, or 0xff when it is gone */
    uint16_t p[1 << 20];
    uint64_t handed[8][8]; /* frees by P that allocated and P that frees */
};

static unsigned kind_of(const struct seen *seen, uint64_t size)
{
    for (unsigned k = 0; k < SIZES; k++)
        if (seen->sizes[k] == size)
            return k;
    fail_msg("a size that the profile does not have");
    return 0;
}

static void see(void *context, const struct trace_row *row)
{
    struct seen *seen = context;
    uint64_t id = row->value[ROW_ID], t = row->value[ROW_T_NS];
    assert_true(t >= seen->now && id < 1 << 20);
    for (unsigned k = 0; k < SIZES; k++)
        seen->integral[k] += (double)seen->live[k] * (double)(t - seen->now);
    seen->now = t;
    if (row->op == TRACE_ALLOC) {
        unsigned k = kind_of(seen, row->value[ROW_SIZE]);
        seen->kind[id] = (uint8_t)k;
        seen->p[id] = (uint16_t)row->value[ROW_P];
        seen->live[k]++;
        seen->allocs[k] += t > 0;
        seen->first[k] += t == 0;
    } else {
        assert_int_equal(row->op, TRACE_FREE);
        assert_true(seen->kind[id] < SIZES);
        seen->live[seen->kind[id]]--;
        seen->kind[id] = 0xff;
        seen->handed[seen->p[id] % 8][row->value[ROW_P] % 8]++;
    }
}

/* Live objects and rates of an M/G/infinity queue: over a time T arrivals are rate T +- sqrt(rate T). The variance of
 * the mean number of live ones is 2 live / T times the integral up to T of the tail of what is left of a life: its mean
 * tau for exponential lifetimes, tau / 2 for constant ones, and for Pareto's of shape 2, with the least at m = tau / 2,
 * m (3 / 4 + ln(T / m) / 2). At the very start there are live +- sqrt(live). */
static double integral_of_tail(unsigned lifetime, double tau, double T)
{
    double m = tau / 2;
    return lifetime == LIFETIME_EXPONENTIAL ? tau : lifetime == LIFETIME_CONSTANT ? m : m * (0.75 + log(T / m) / 2);
}

static void test_steady_state(void **state)
{
    (void)state;
    static const double rate[3] = {1000, 100, 10}, live[3] = {500, 200, 100};
    static const char *const names[3] = {"exponential", "constant", "pareto"};
    for (unsigned lifetime = 0; lifetime < 3; lifetime++) {
        struct profile profile;
        char text[200];
        snprintf(text, sizeof text, "{\"sizes\": [[16, 1000, 500], [64, 100, 200, 0], [1024, 10, 100, 1]],"
                 " \"lifetime\": \"%s\", \"events\": 400000, \"seed\": 5}", names[lifetime]);
        load(&profile, text);
        struct seen *seen = calloc(1, sizeof *seen);
        memcpy(seen->sizes, (uint64_t[SIZES]){16, 64, 1024, 0}, sizeof seen->sizes);
        assert_int_equal(see_all(&profile, see, seen), 400000);
        double T = (double)seen->now / 1e9;
        assert_near(T, 400000 / 2.0 / 1110, 0.02 * T);
        for (unsigned k = 0; k < 3; k++) {
            double tail = integral_of_tail(lifetime, live[k] / rate[k], T);
            assert_near((double)seen->first[k], live[k], 5 * sqrt(live[k]));
            assert_near((double)seen->allocs[k], rate[k] * T, 5 * sqrt(rate[k] * T));
            assert_near(seen->integral[k] / 1e9 / T, live[k], 5 * sqrt(2 * live[k] * tail / T));
        }
        free(seen);
        profile_clear(&profile);
    }
}

/* Of N frees, those handed over are share N +- sqrt(N). */
static void check_handover(const char *settings, bool may[4][4], double share)
{
    struct profile profile;
    char text[300];
    snprintf(text, sizeof text, "{\"sizes\": [[16, 1000, 50]], \"ps\": 4, \"events\": 100000, \"handover\": {%s}}",
             settings);
    load(&profile, text);
    struct seen *seen = calloc(1, sizeof *seen);
    seen->sizes[0] = 16;
    see_all(&profile, see, seen);
    uint64_t frees = 0, handed = 0;
    for (unsigned from = 0; from < 4; from++)
        for (unsigned to = 0; to < 4; to++) {
            frees += seen->handed[from][to];
            handed += from != to ? seen->handed[from][to] : 0;
            assert_true(from == to || (seen->handed[from][to] > 0) == may[from][to]);
        }
    assert_near((double)handed, share * (double)frees, 5 * sqrt((double)frees));
    free(seen);
    profile_clear(&profile);
}

static void test_handover(void **state)
{
    (void)state;
    bool none[4][4] = {{false}}, any[4][4], next[4][4] = {{0, 1}, {0, 0, 1}, {0, 0, 0, 1}, {1}};
    bool halves[4][4] = {{0, 0, 1, 1}, {0, 0, 1, 1}}, one[4][4] = {{0, 1, 1, 1}};
    memset(any, 1, sizeof any);
    check_handover("", none, 0);
    check_handover("\"share\": 0.3", any, 0.3);
    check_handover("\"share\": 1, \"to\": \"next\"", next, 1);
    check_handover("\"share\": 0.5, \"to\": \"consumers\"", halves, 0.5);
    check_handover("\"share\": 0.5, \"to\": \"consumers\", \"producers\": 1", one, 0.5);
}

/* Arrivals by time of day. */
struct day {
    double period_ns;
    uint64_t in_half[2];
    uint64_t last;
};

static void see_day(void *context, const struct trace_row *row)
{
    struct day *day = context;
    day->last = row->value[ROW_T_NS];
    if (row->op == TRACE_ALLOC)
        day->in_half[fmod((double)day->last, day->period_ns) >= day->period_ns / 2]++;
}

/* The wave's mean is 2/3 in the first half, so that with an amplitude of 0.6 a day's first half has 1.4 times the
 * mean load and its second 0.6 times: 70 % of the arrivals. 50,000 arrivals of mean load 1 take 50 s, +- 5 x 1.4 %,
 * which are 100 days. */
static void test_diurnal(void **state)
{
    (void)state;
    struct profile profile;
    struct day day = {.period_ns = 0.5e9};
    load(&profile, "{\"sizes\": [[16, 1000, 0]], \"events\": 100000,"
                   " \"diurnal\": {\"amplitude\": 0.6, \"period_s\": 0.5}}");
    see_all(&profile, see_day, &day);
    assert_int_equal(day.in_half[0] + day.in_half[1], 50000);
    assert_near((double)day.in_half[0], 35000, 5 * sqrt(50000 * 0.7 * 0.3) + 0.01 * 50000);
    assert_near((double)day.last / 1e9, 50, 50 * 0.03);
    profile_clear(&profile);
}

/* In bursts of 10 ms every 40 ms after the one before, at 9 times the load: 50 ms have 40 + 90 ms of load, 2.6 times
 * the mean. A cycle's 130 arrivals, +- their own 11.4, and 40, as the gap is exponential: 41.6; of 50,000 +- 1.6 %. */
static void test_bursts(void **state)
{
    (void)state;
    struct profile profile;
    struct day day = {.period_ns = 1e9};
    load(&profile, "{\"sizes\": [[16, 1000, 0]], \"events\": 100000,"
                   " \"bursts\": {\"every_s\": 0.04, \"length_s\": 0.01, \"factor\": 9}}");
    see_all(&profile, see_day, &day);
    assert_near((double)day.last / 1e9, 50 / 2.6, 0.08 * 50 / 2.6);
    profile_clear(&profile);
}

/* Phases of 1 s at 1000 a s of small objects, 2 s of silence, and 1 s of all at twice the load whose objects end with
 * it. */
struct phases {
    uint64_t small, large, silent, last_phase, late;
    uint64_t born_ns[1 << 18];
    bool in_last[1 << 18];
};

static void see_phase(void *context, const struct trace_row *row)
{
    struct phases *phases = context;
    uint64_t id = row->value[ROW_ID], t = row->value[ROW_T_NS];
    double in = fmod((double)t / 1e9, 4);
    assert_true(id < 1 << 18);
    if (row->op == TRACE_ALLOC) {
        phases->in_last[id] = in >= 3;
        phases->born_ns[id] = t;
        phases->small += in < 1 && row->value[ROW_SIZE] == 16;
        phases->large += in < 1 && row->value[ROW_SIZE] == 1024;
        phases->silent += in >= 1 && in < 3;
        phases->last_phase += in >= 3;
    } else if (phases->in_last[id]) {
        uint64_t end = (phases->born_ns[id] / 4000000000 + 1) * 4000000000;
        phases->late += t > end + 1 || t + 1 < end;
    }
}

static void test_phases(void **state)
{
    (void)state;
    struct profile profile;
    struct phases *phases = calloc(1, sizeof *phases);
    load(&profile, "{\"sizes\": [[16, 1000, 10], [1024, 500, 10]], \"events\": 200000,"
                   " \"start\": \"empty\", \"phases\": ["
                   "{\"duration_s\": 1, \"max_size\": 100}, {\"duration_s\": 2, \"load\": 0},"
                   "{\"duration_s\": 1, \"load\": 2, \"until_end\": 1}]}");
    see_all(&profile, see_phase, phases);
    assert_int_equal(phases->large, 0);
    assert_int_equal(phases->silent, 0);
    assert_int_equal(phases->late, 0);
    /* 1000 and 3000 a round, of about 25 rounds */
    assert_near((double)phases->last_phase / (double)phases->small, 3, 0.2);
    assert_true(phases->small > 20000);
    free(phases);
    profile_clear(&profile);
}

/* More objects than events have room for are scaled down, rates with them; live sets another number. */
static void test_scale(void **state)
{
    (void)state;
    struct profile profile;
    load(&profile, "size,rate,live\n16,1000,1e6\n8,0,1e6\n");
    assert_near(profile.scale, 0.1000005, 1e-12);
    assert_near(profile.rows[0].rate, 100.0005, 1e-9);
    assert_near(profile.rows[1].live, 100000.5, 1e-6);
    profile_clear(&profile);
    load(&profile, "{\"sizes\": [[16, 1000, 10]], \"live\": 40}");
    assert_near(profile.scale, 4, 0);
    profile_clear(&profile);
    load(&profile, "live,size,noscan,rate\n10,16,,1000\n0,1,0.25,0\n");
    assert_near(profile.scale, 1, 0);
    assert_int_equal(profile.rows[0].size, 16);
    assert_true(profile.rows[0].noscan < 0);
    assert_near(profile.rows[1].noscan, 0.25, 0);
    profile_clear(&profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generator_of_numbers), cmocka_unit_test(test_logarithm),
        cmocka_unit_test(test_exponential),          cmocka_unit_test(test_alias),
        cmocka_unit_test(test_deaths),               cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_handover),             cmocka_unit_test(test_diurnal),
        cmocka_unit_test(test_bursts),               cmocka_unit_test(test_phases),
        cmocka_unit_test(test_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
