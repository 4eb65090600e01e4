#include "base/histogram.h"

#define OCTAVES 16
#define PARTS 4 /* buckets of an octave */
#define LOWEST_US 1000

unsigned pyw_histogram_bucket(uint64_t us)
{
    uint64_t low = LOWEST_US;

    if (us < LOWEST_US) {
        return 0;
    }
    for (unsigned octave = 0; octave < OCTAVES; octave++) {
        if (us < 2 * low) {
            return octave * PARTS + (unsigned)((us - low) * PARTS / low);
        }
        low *= 2;
    }
    return OCTAVES * PARTS;
}
