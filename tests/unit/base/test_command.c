/* Lines of the control socket: what is taken, and what is refused with a sentence. */
#include "base/command.h"

#include <check.h>
#include <string.h>

#include "suite.h"

static char line[PYW_COMMAND_LINE + 1];
static struct pyw_command command;

static const char *parse(const char *text)
{
    size_t len = strlen(text);

    memcpy(line, text, len);
    line[len] = 'x'; /* may be anything */
    return pyw_command_parse(line, len, &command);
}

static const struct {
    const char *text;
    struct pyw_command command;
} taken[] = {
    {"status", {PYW_VERB_STATUS, NULL, 0, 0}},
    {" \t status \r", {PYW_VERB_STATUS, NULL, 0, 0}},
    {"reload", {PYW_VERB_RELOAD, NULL, 0, 0}},
    {"reload web", {PYW_VERB_RELOAD, "web", 0, 0}},
    {"restart two%20words", {PYW_VERB_RESTART, "two words", 0, 0}},
    {"restart %25%c3%A9%01", {PYW_VERB_RESTART, "%\xc3\xa9\x01", 0, 0}},
    {"stacks \xff", {PYW_VERB_STACKS, "\xff", 0, 0}},
    {"scale web 1", {PYW_VERB_SCALE, "web", 1, 1}},
    {"scale  web  1024", {PYW_VERB_SCALE, "web", 1024, 1024}},
    {"scale web 2-8", {PYW_VERB_SCALE, "web", 2, 8}},
    {"scale web 1-1", {PYW_VERB_SCALE, "web", 1, 1}},
    {"scale 2-8 2-8", {PYW_VERB_SCALE, "2-8", 2, 8}},
};

START_TEST(lines_that_are_taken)
{
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        const struct pyw_command *wanted = &taken[i].command;

        ck_assert_msg(parse(taken[i].text) == NULL, "%s", taken[i].text);
        ck_assert_int_eq(command.verb, wanted->verb);
        ck_assert_pstr_eq(command.group, wanted->group);
        ck_assert_int_eq(command.least, wanted->least);
        ck_assert_int_eq(command.most, wanted->most);
    }
}
END_TEST

static const struct {
    const char *text;
    const char *part; /* of the sentence */
} refused[] = {
    {"", "The commands are"},
    {"   ", "The commands are"},
    {"stat", "The commands are"},
    {"STATUS", "The commands are"},
    {"status%20", "The commands are"},
    {"status web", "no more words"},
    {"reload a b", "reload [GROUP]"},
    {"restart a b", "restart [GROUP]"},
    {"stacks a b c d e", "stacks [GROUP]"},
    {"scale", "scale GROUP"},
    {"scale web", "scale GROUP"},
    {"scale web 1 2", "scale GROUP"},
    {"reload %", "hexadecimal"},
    {"reload %2", "hexadecimal"},
    {"reload %2g", "hexadecimal"},
    {"reload a%00b", "hexadecimal"},
    {"scale web 0", "number of processes"},
    {"scale web 0-1", "number of processes"},
    {"scale web 1025", "number of processes"},
    {"scale web 99999999999999999999", "number of processes"},
    {"scale web 8-2", "number of processes"},
    {"scale web -2", "number of processes"},
    {"scale web 2-", "number of processes"},
    {"scale web 2-3-4", "number of processes"},
    {"scale web 2x", "number of processes"},
    {"scale web two", "number of processes"},
    {"scale web 1-1025", "number of processes"},
};

START_TEST(lines_that_are_refused)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const char *why = parse(refused[i].text);

        ck_assert_msg(why != NULL, "%s", refused[i].text);
        ck_assert_msg(strstr(why, refused[i].part) != NULL, "%s: %s", refused[i].text,
                      why);
    }
}
END_TEST

START_TEST(a_nul_is_refused)
{
    char bytes[] = "reload\0web";

    ck_assert_str_eq(pyw_command_parse(bytes, sizeof(bytes) - 1, &command),
                     "The line holds a NUL.");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {lines_that_are_taken, lines_that_are_refused,
                                  a_nul_is_refused, NULL};

    return suite_run("command", tests);
}
