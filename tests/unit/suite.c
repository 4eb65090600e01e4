#include "suite.h"

#include <stdlib.h>

int suite_run(const char *name, const TTest *const *tests)
{
    Suite *suite = suite_create(name);
    TCase *group = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_set_timeout(group, 60);
    for (; *tests != NULL; tests++) {
        tcase_add_test(group, *tests);
    }
    suite_add_tcase(suite, group);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
