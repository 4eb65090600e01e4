/* The buckets of durations: where each begins, and that none is missed. */
#include "base/histogram.h"
#include "suite.h"

START_TEST(short_durations)
{
    ck_assert_uint_eq(pyw_histogram_bucket(0), 0);
    ck_assert_uint_eq(pyw_histogram_bucket(999), 0);
    ck_assert_uint_eq(pyw_histogram_bucket(1000), 0);
    ck_assert_uint_eq(pyw_histogram_bucket(1249), 0);
    ck_assert_uint_eq(pyw_histogram_bucket(1250), 1);
    ck_assert_uint_eq(pyw_histogram_bucket(1999), 3);
    ck_assert_uint_eq(pyw_histogram_bucket(2000), 4);
}
END_TEST

START_TEST(every_bucket_begins_where_the_one_before_ends)
{
    for (unsigned octave = 0; octave < 16; octave++) {
        uint64_t low = (uint64_t)1000 << octave;

        for (unsigned part = 0; part < 4; part++) {
            uint64_t begin = low + part * low / 4;

            ck_assert_uint_eq(pyw_histogram_bucket(begin), octave * 4 + part);
            if (begin > 1000) {
                ck_assert_uint_eq(pyw_histogram_bucket(begin - 1),
                                  octave * 4 + part - 1);
            }
        }
    }
}
END_TEST

START_TEST(long_durations)
{
    uint64_t limit = (uint64_t)1000 << 16;

    ck_assert_uint_eq(pyw_histogram_bucket(limit - 1), 63);
    ck_assert_uint_eq(pyw_histogram_bucket(limit), PYW_HISTOGRAM_BUCKETS - 1);
    ck_assert_uint_eq(pyw_histogram_bucket(UINT64_MAX), PYW_HISTOGRAM_BUCKETS - 1);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {short_durations,
                                  every_bucket_begins_where_the_one_before_ends,
                                  long_durations, NULL};

    return suite_run("histogram", tests);
}
