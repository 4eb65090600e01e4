/* The look before Python starts: which sentence is said about which home. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "python/runtime.h"
#include "python/venv.h"
#include "scratch.h"
#include "suite.h"

#define LIBRARY "lib/" PYW_PYTHON_NAME
#define NOBODY 65534

static const char *home;
static struct pyw_setup setup;
static char why[1024];

static void make_home(void)
{
    home = scratch_directory();
    pyw_options_init(&setup.options);
    setup.group = "unit";
    setup.options.python_home = home;
}

static const char *inside(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", home, name);
    return path;
}

/* A file of the home, with the directories on its way. */
static void put(const char *name, const char *text)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof path, "%s", inside(name));
    for (char *slash = path + strlen(home) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void expect(const char *sentence)
{
    int result = pyw_runtime_check(&setup, why, sizeof why);

    if (sentence == NULL) {
        ck_assert_msg(result == 0, "%s", why);
    } else {
        ck_assert_int_eq(result, -1);
        ck_assert_msg(strstr(why, sentence) != NULL, "%s", why);
    }
}

START_TEST(the_python_that_it_was_built_for_is_fine)
{
    make_home();
    setup.options.python_home = NULL;
    expect(NULL);
}
END_TEST

START_TEST(a_home_must_exist)
{
    make_home();
    setup.options.python_home = "/nowhere/at/all";
    expect("python-home: '/nowhere' on the way to '/nowhere/at/all' does not exist");
    put("file", "");
    setup.options.python_home = inside("file");
    expect("is not a directory; it must name a virtual environment");
    setup.options.python_home = inside("file/lib");
    expect("' is not a directory");
}
END_TEST

START_TEST(a_prefix_needs_its_library)
{
    make_home();
    expect("The standard library of Python " PYW_PYTHON_VERSION);
    put(LIBRARY "/os.py", "");
    expect(LIBRARY "/encodings/__init__.py' does not exist");
    put(LIBRARY "/encodings/__init__.py", "");
    expect(NULL);
}
END_TEST

START_TEST(a_venv_must_be_of_the_same_version)
{
    make_home();
    put("pyvenv.cfg", "home = /usr/bin\nversion = 2.7.18\n");
    expect("is for Python 2.7.18 but this program is for Python " PYW_PYTHON_VERSION);
    put("pyvenv.cfg",
        "home = /nowhere/bin\nversion_info = " PYW_PYTHON_VERSION "1.0.final.0\n");
    expect("is for Python " PYW_PYTHON_VERSION "1.0.final.0 but");
    put("pyvenv.cfg",
        "home=/nowhere/bin\r\nversion_info=" PYW_PYTHON_VERSION ".1.final.0\r\n");
    expect(NULL);
    put("pyvenv.cfg", "");
    expect(NULL);
}
END_TEST

START_TEST(a_venv_is_read)
{
    struct pyw_venv venv;

    make_home();
    ck_assert_int_lt(pyw_venv_read(home, &venv), 0);
    put("pyvenv.cfg",
        "home = /opt/py thon/bin  \ninclude-system-site-packages = false\nversion = 3.12.1\n"
        "homepage = x\n");
    ck_assert_int_eq(pyw_venv_read(home, &venv), 0);
    ck_assert_str_eq(venv.base, "/opt/py thon");
    ck_assert_str_eq(venv.version, "3.12.1");
    ck_assert_str_eq(venv.program, inside("bin/python"));
}
END_TEST

/* The permissions are those of the user that the process runs as; root has none to
 * miss. */
START_TEST(the_directory_that_is_in_the_way_is_named)
{
    make_home();
    put("closed/venv/pyvenv.cfg", "version = " PYW_PYTHON_VERSION ".1\n");
    put("venv/pyvenv.cfg", "version = " PYW_PYTHON_VERSION ".1\n");
    put("venv/" LIBRARY "/site-packages/x.py", "");
    put("base/" LIBRARY "/encodings/__init__.py", "");
    put("secret/pyvenv.cfg", "");
    ck_assert_int_eq(chmod(inside("closed"), 0700), 0);
    ck_assert_int_eq(chmod(inside("venv/" LIBRARY "/site-packages"), 0700), 0);
    ck_assert_int_eq(chmod(inside("base/" LIBRARY "/encodings"), 0700), 0);
    ck_assert_int_eq(chmod(inside("secret/pyvenv.cfg"), 0600), 0);
    if (geteuid() != 0) {
        return;
    }
    ck_assert_int_eq(seteuid(NOBODY), 0);
    setup.options.python_home = inside("closed/venv");
    expect("may not search the directory '/tmp/pywsgi-unit-");
    ck_assert_ptr_nonnull(strstr(why, "/closed': give access (chmod o+x "));
    setup.options.python_home = inside("venv");
    expect("/site-packages' is not readable by user nobody");
    setup.options.python_home = inside("base");
    expect("/encodings': give access");
    setup.options.python_home = inside("secret");
    expect("/pyvenv.cfg' is not readable by user nobody");
    ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_python_that_it_was_built_for_is_fine,
        a_home_must_exist,
        a_prefix_needs_its_library,
        a_venv_must_be_of_the_same_version,
        a_venv_is_read,
        the_directory_that_is_in_the_way_is_named,
        NULL,
    };

    return suite_run("python/check", tests);
}
