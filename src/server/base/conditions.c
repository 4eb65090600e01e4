#include "base/conditions.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Dates are shorter. */
#define DATE_MAX 48

/* --- the request ----------------------------------------------------------------- */

void pyw_conditions_find(const struct pyw_request_head *head,
                         struct pyw_conditions *conditions)
{
    *conditions = (struct pyw_conditions){
        .match = pyw_head_value(head, "HTTP_IF_MATCH"),
        .none_match = pyw_head_value(head, "HTTP_IF_NONE_MATCH"),
        .modified_since = pyw_head_value(head, "HTTP_IF_MODIFIED_SINCE"),
        .unmodified_since = pyw_head_value(head, "HTTP_IF_UNMODIFIED_SINCE"),
        .encodings = pyw_head_value(head, "HTTP_ACCEPT_ENCODING"),
    };
}

/* --- dates ----------------------------------------------------------------------- */

/* @return the number of a month from 0; -1: there is none of that name. */
static int month_of(const char *name)
{
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    for (int i = 0; i < 12; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static bool is_moment(const struct tm *tm)
{
    return tm->tm_mon >= 0 && tm->tm_mday >= 1 && tm->tm_mday <= 31 &&
           tm->tm_hour >= 0 && tm->tm_hour <= 23 && tm->tm_min >= 0 &&
           tm->tm_min <= 59 && tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

/* Reads one of the three forms. @return true, with the full year in tm_year. */
static bool scan(const char *text, struct tm *tm, char month[4])
{
    int end = 0;
    bool is_short;

    if (sscanf(text, "%*3[A-Za-z], %2d %3s %4d %2d:%2d:%2d GMT%n", &tm->tm_mday, month,
               &tm->tm_year, &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &end) == 6 &&
        end > 0 && text[end] == '\0') {
        return true;
    }
    end = 0;
    if (sscanf(text, "%*3[A-Za-z] %3s %2d %2d:%2d:%2d %4d%n", month, &tm->tm_mday,
               &tm->tm_hour, &tm->tm_min, &tm->tm_sec, &tm->tm_year, &end) == 6 &&
        end > 0 && text[end] == '\0') {
        return true;
    }
    end = 0;
    is_short = sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n",
                      &tm->tm_mday, month, &tm->tm_year, &tm->tm_hour, &tm->tm_min,
                      &tm->tm_sec, &end) == 6 &&
               end > 0 && text[end] == '\0';
    tm->tm_year += tm->tm_year < 70 ? 2000 : 1900;
    return is_short;
}

int64_t pyw_conditions_date(struct pyw_span text)
{
    char copy[DATE_MAX];
    char month[4] = "";
    struct tm tm;
    time_t seconds;

    if (text.len == 0 || text.len >= sizeof(copy)) {
        return -1;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    memset(&tm, 0, sizeof(tm));
    if (strlen(copy) != text.len || !scan(copy, &tm, month)) {
        return -1;
    }
    tm.tm_mon = month_of(month);
    tm.tm_year -= 1900;
    if (!is_moment(&tm)) {
        return -1;
    }
    seconds = timegm(&tm);
    return seconds < 0 ? -1 : (int64_t)seconds;
}

/* --- tags ------------------------------------------------------------------------ */

struct tag {
    struct pyw_span whole;
    struct pyw_span opaque; /* without W/ */
    bool is_weak;
};

static struct tag tag_of(struct pyw_span text)
{
    struct tag tag = {text, text, text.len > 2 && memcmp(text.data, "W/", 2) == 0};

    if (tag.is_weak) {
        tag.opaque.data += 2;
        tag.opaque.len -= 2;
    }
    return tag;
}

static bool is_between(char c)
{
    return c == ',' || c == ' ' || c == '\t';
}

static void skip(struct pyw_span *list, size_t len)
{
    list->data += len;
    list->len -= len;
}

/* Takes the next tag off a list; also what is no tag for want of quotes. @return false:
 * none is left. */
static bool next_tag(struct pyw_span *list, struct tag *tag)
{
    bool is_quoted = false;
    size_t len = 0;

    while (list->len > 0 && is_between(list->data[0])) {
        skip(list, 1);
    }
    while (len < list->len && (is_quoted || !is_between(list->data[len]))) {
        is_quoted ^= list->data[len] == '"';
        len++;
    }
    *tag = tag_of((struct pyw_span){list->data, len});
    skip(list, len);
    return len > 0;
}

static bool is_same_text(struct pyw_span a, struct pyw_span b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* What follows an encoding says that it is not wanted: ";q=0", with any number of
 * zeros behind a point. */
static bool is_refused(struct pyw_span text)
{
    static const char wanted[] = ";q=0";
    size_t found = 0;
    size_t at = 0;

    while (at < text.len && found < sizeof(wanted) - 1 &&
           (text.data[at] == wanted[found] || text.data[at] == ' ')) {
        found += text.data[at] == wanted[found] ? 1 : 0;
        at++;
    }
    while (at < text.len && (text.data[at] == '.' || text.data[at] == '0')) {
        at++;
    }
    return found == sizeof(wanted) - 1 && (at == text.len || is_between(text.data[at]));
}

static bool accepts(struct pyw_span encodings, struct pyw_span encoding)
{
    for (size_t i = 0; i + encoding.len <= encodings.len; i++) {
        if (memcmp(encodings.data + i, encoding.data, encoding.len) == 0) {
            i += encoding.len;
            return !is_refused(
                (struct pyw_span){encodings.data + i, encodings.len - i});
        }
    }
    return false;
}

/* "abc-gzip" for "abc". */
static bool is_encoded(struct pyw_span given, struct pyw_span own,
                       struct pyw_span encodings)
{
    static const struct pyw_span suffixes[] = {{"-gzip\"", 6}, {"-br\"", 4}};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        const struct pyw_span *suffix = &suffixes[i];
        struct pyw_span encoding = {suffix->data + 1, suffix->len - 2};

        if (own.len >= 2 && own.data[own.len - 1] == '"' &&
            given.len == own.len - 1 + suffix->len &&
            memcmp(given.data, own.data, own.len - 1) == 0 &&
            memcmp(given.data + own.len - 1, suffix->data, suffix->len) == 0) {
            return accepts(encodings, encoding);
        }
    }
    return false;
}

/* Whether the list names the tag. `found` gets the list's word for it; the tag itself
 * where that is "*". */
static bool is_named(struct pyw_span list, struct pyw_span text, bool is_strong,
                     struct pyw_span encodings, struct pyw_span *found)
{
    struct tag own = tag_of(text);
    struct tag tag;

    *found = text;
    while (next_tag(&list, &tag)) {
        if (pyw_bytes_is_equal(tag.whole, "*")) {
            return true;
        }
        if (is_strong && (tag.is_weak || own.is_weak)) {
            continue;
        }
        if (is_same_text(tag.opaque, own.opaque)) {
            return true;
        }
        if (is_encoded(tag.opaque, own.opaque, encodings)) {
            *found = tag.whole;
            return true;
        }
    }
    return false;
}

/* --- the whole ------------------------------------------------------------------- */

/* True where the response is not what the client wanted more of. */
static bool is_another(const struct pyw_conditions *conditions,
                       const struct pyw_validators *validators)
{
    int64_t modified = pyw_conditions_date(validators->modified);
    int64_t wanted = pyw_conditions_date(conditions->unmodified_since);
    struct pyw_span found;

    if (conditions->match.len > 0) {
        return validators->tag.len > 0 &&
               !is_named(conditions->match, validators->tag, true,
                         conditions->encodings, &found);
    }
    return modified >= 0 && wanted >= 0 && modified > wanted;
}

enum pyw_condition pyw_conditions_judge(const struct pyw_conditions *conditions,
                                        const struct pyw_validators *validators,
                                        struct pyw_span *tag)
{
    int64_t modified = pyw_conditions_date(validators->modified);
    int64_t known = pyw_conditions_date(conditions->modified_since);
    bool is_known;

    *tag = validators->tag;
    if (is_another(conditions, validators)) {
        return PYW_CONDITION_FAILED;
    }
    if (conditions->none_match.len > 0) {
        is_known =
            validators->tag.len > 0 && is_named(conditions->none_match, validators->tag,
                                                false, conditions->encodings, tag);
    } else {
        is_known = modified >= 0 && known >= 0 && modified <= known;
    }
    return is_known ? PYW_CONDITION_UNNEEDED : PYW_CONDITION_MET;
}
