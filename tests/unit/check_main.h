/* check_main: the main function of a unit test; a file lists its cases in one table.
 *
 *     static const struct unit_case cases[] = { UNIT(slices_compare), ... };
 *     UNIT_MAIN("base", cases)
 *
 * CK_FORK=no runs all cases in one process, for a debugger. */
#ifndef TESTS_UNIT_CHECK_MAIN_H
#define TESTS_UNIT_CHECK_MAIN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

struct unit_case {
    const char *name;
    const TTest *const *test; /* Check names a test by a pointer variable */
};
#define UNIT(fn) { #fn, &fn }

#define UNIT_MAIN(suite_name, cases)                                            \
    int main(void)                                                              \
    {                                                                           \
        Suite *s = suite_create(suite_name);                                    \
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {         \
            TCase *tc = tcase_create(cases[i].name);                            \
            tcase_set_timeout(tc, 120);                                         \
            _tcase_add_test(tc, *cases[i].test, 0, 0, 0, 1);                                  \
            suite_add_tcase(s, tc);                                             \
        }                                                                       \
        SRunner *r = srunner_create(s);                                         \
        srunner_run_all(r, CK_NORMAL);                                          \
        int failed = srunner_ntests_failed(r);                                  \
        srunner_free(r);                                                        \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                            \
    }

#endif
