#include "scripts.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "python/loader.h"

void script_rewrite(const char *path, const char *source)
{
    FILE *file = fopen(path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(source, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

void script_ask(struct fake *fake, const char *script, const char *group, int64_t mtime)
{
    application_request(fake, script);
    fake->head.application_group = (struct pyw_span){group, strlen(group)};
    fake->head.script_mtime = mtime;
    fake->head.flags = mtime != 0 ? PYW_REQUEST_RELOAD : 0;
    application_serve(fake);
}

void script_expect(const char *script, const char *group, int64_t mtime,
                   const char *body)
{
    struct fake fake;

    script_ask(&fake, script, group, mtime);
    ck_assert_msg(fake.outcome == PYW_OUTCOME_OK, "%s", fake_text(&fake.log));
    ck_assert_str_eq(fake_text(&fake.received), body);
    fake_free(&fake);
}

void script_expect_failure(const char *script, int64_t mtime, const char *log)
{
    struct fake fake;

    script_ask(&fake, script, "", mtime);
    ck_assert_int_eq(fake.outcome, PYW_OUTCOME_ERROR);
    ck_assert_msg(strstr(fake_text(&fake.log), log) != NULL, "%s",
                  fake_text(&fake.log));
    fake_free(&fake);
}

bool script_is_stale(const char *script, int64_t mtime)
{
    const struct pyw_request_head head = {
        .flags = PYW_REQUEST_RELOAD,
        .script = {script, strlen(script)},
        .application_group = PYW_SPAN(""),
        .script_mtime = mtime,
    };

    return pyw_loader_finds_change(&head);
}
