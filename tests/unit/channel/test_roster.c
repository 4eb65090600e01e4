/* The roster: what one process adds the others read, once each, and what does not fit
 * or does not end is left out. */
#include "channel/roster.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

static struct pyw_roster *roster;
static struct pyw_roster_entry entry;

static void make_roster(void)
{
    roster = calloc(1, pyw_roster_size());
    ck_assert_ptr_nonnull(roster);
}

static void drop_roster(void)
{
    free(roster);
}

static size_t count(const struct pyw_roster *from)
{
    size_t found = 0;

    while (pyw_roster_get(from, found, &entry)) {
        found++;
    }
    return found;
}

static char *repeat(char letter, size_t len)
{
    char *text = malloc(len + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, letter, len);
    text[len] = '\0';
    return text;
}

START_TEST(what_is_added_is_there_once)
{
    make_roster();
    ck_assert_uint_eq(count(roster), 0);
    pyw_roster_add(roster, "/srv/a.wsgi", "");
    pyw_roster_add(roster, "/srv/a.wsgi", "shop");
    pyw_roster_add(roster, "/srv/b.wsgi", "");
    pyw_roster_add(roster, "/srv/a.wsgi", "");
    ck_assert_uint_eq(count(roster), 3);
    ck_assert(pyw_roster_get(roster, 1, &entry));
    ck_assert_str_eq(entry.script, "/srv/a.wsgi");
    ck_assert_str_eq(entry.application_group, "shop");
    ck_assert(pyw_roster_has(roster, "/srv/b.wsgi", ""));
    ck_assert(!pyw_roster_has(roster, "/srv/b.wsgi", "shop"));
    ck_assert(!pyw_roster_has(roster, "/srv/b.wsg", ""));
    ck_assert(!pyw_roster_get(roster, PYW_ROSTER_ENTRIES, &entry));
    drop_roster();
}
END_TEST

START_TEST(what_is_too_long_is_left_out)
{
    char *script = repeat('s', PYW_ROSTER_SCRIPT);
    char *group = repeat('g', PYW_ROSTER_GROUP);

    make_roster();
    pyw_roster_add(roster, script, "");
    pyw_roster_add(roster, "/srv/a.wsgi", group);
    ck_assert_uint_eq(count(roster), 0);
    pyw_roster_add(roster, script + 1, group + 1);
    ck_assert_uint_eq(count(roster), 1);
    ck_assert(pyw_roster_has(roster, script + 1, group + 1));
    free(script);
    free(group);
    drop_roster();
}
END_TEST

START_TEST(one_too_many_is_left_out)
{
    char script[] = "/srv/a00.wsgi";

    make_roster();
    for (int i = 0; i <= PYW_ROSTER_ENTRIES; i++) {
        script[6] = (char)('0' + i / 10);
        script[7] = (char)('0' + i % 10);
        pyw_roster_add(roster, script, "");
    }
    ck_assert_uint_eq(count(roster), PYW_ROSTER_ENTRIES);
    ck_assert(!pyw_roster_has(roster, script, ""));
    drop_roster();
}
END_TEST

START_TEST(the_next_configuration_has_it_too)
{
    struct pyw_roster *next = calloc(1, pyw_roster_size());

    make_roster();
    ck_assert_ptr_nonnull(next);
    pyw_roster_add(roster, "/srv/a.wsgi", "shop");
    pyw_roster_copy(next, roster);
    ck_assert_uint_eq(count(next), 1);
    ck_assert(pyw_roster_has(next, "/srv/a.wsgi", "shop"));
    free(next);
    drop_roster();
}
END_TEST

START_TEST(a_daemon_that_scribbles)
{
    make_roster();
    for (int value = 0; value < 256; value++) {
        memset(roster, value, pyw_roster_size());
        for (size_t i = 0; i <= PYW_ROSTER_ENTRIES; i++) {
            if (pyw_roster_get(roster, i, &entry)) {
                ck_assert_uint_lt(strlen(entry.script), PYW_ROSTER_SCRIPT);
                ck_assert_uint_lt(strlen(entry.application_group), PYW_ROSTER_GROUP);
            }
        }
        (void)pyw_roster_has(roster, "/srv/a.wsgi", "");
        pyw_roster_add(roster, "/srv/a.wsgi", "");
    }
    drop_roster();
}
END_TEST

START_TEST(texts_without_an_end_are_none)
{
    make_roster();
    pyw_roster_add(roster, "/srv/a.wsgi", "");
    /* Behind the state of the first entry, which stays. */
    memset((char *)roster + sizeof(uint32_t), 'x',
           pyw_roster_size() - sizeof(uint32_t));
    ck_assert(!pyw_roster_get(roster, 0, &entry));
    drop_roster();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_is_added_is_there_once,
                                  what_is_too_long_is_left_out,
                                  one_too_many_is_left_out,
                                  the_next_configuration_has_it_too,
                                  a_daemon_that_scribbles,
                                  texts_without_an_end_are_none,
                                  NULL};

    return suite_run("roster", tests);
}
