/* check_error.c - names and texts of errors. */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/harness.h"

static const struct {
    int error;
    const char *name;
    const char *text;
} codes[] = {
#define CODE(name, number, text) {number, #name, text},
    WEFT_ERRORS(CODE)};
static const size_t code_count = sizeof(codes) / sizeof(*codes);

RULE(success_is_named_0)
{
    ck_assert_str_eq(weft_errname(0), "0");
    ck_assert_str_eq(weft_strerror(0), "success");
}
END_RULE

RULE(each_code_of_ours_has_its_name_and_its_text)
{
    for (size_t i = 0; i < code_count; i++) {
        ck_assert_str_eq(weft_errname(codes[i].error), codes[i].name);
        ck_assert_str_eq(weft_strerror(codes[i].error), codes[i].text);
    }
}
END_RULE

RULE(each_code_of_ours_stands_alone_below_every_errno_and_above_the_lookups)
{
    for (size_t i = 0; i < code_count; i++) {
        ck_assert_int_lt(codes[i].error, -4096);
        ck_assert_int_gt(codes[i].error, WEFT_EGAI);
        for (size_t j = 0; j < i; j++)
            ck_assert_int_ne(codes[i].error, codes[j].error);
    }
}
END_RULE

RULE(an_expired_deadline_is_told_apart_from_the_kernels_timeout)
{
    ck_assert_int_ne(WEFT_ETIMEDOUT, -ETIMEDOUT);
    ck_assert_str_eq(weft_errname(WEFT_ETIMEDOUT), "WEFT_ETIMEDOUT");
    ck_assert_str_eq(weft_errname(-ETIMEDOUT), "ETIMEDOUT");
}
END_RULE

RULE(an_errno_has_its_own_name_and_the_systems_text)
{
    ck_assert_str_eq(weft_errname(-ECONNREFUSED), "ECONNREFUSED");
    ck_assert_str_eq(weft_errname(-ENOMEM), "ENOMEM");
    ck_assert_str_eq(weft_errname(-EINVAL), "EINVAL");
    ck_assert_str_eq(weft_errname(-EBUSY), "EBUSY");
    ck_assert_str_eq(weft_errname(-EPIPE), "EPIPE");
    ck_assert_str_eq(weft_strerror(-ECONNREFUSED), strerror(ECONNREFUSED));
    ck_assert_str_eq(weft_strerror(-EMFILE), strerror(EMFILE));
}
END_RULE

RULE(an_unknown_number_is_named_and_told_all_the_same)
{
    static const int unknown[] = {1, 20001, -4095, -20000, -20999, -21999, -2147483647 - 1};

    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        ck_assert_str_eq(weft_errname(unknown[i]), "UNKNOWN");
        ck_assert_ptr_nonnull(weft_strerror(unknown[i]));
        ck_assert_str_ne(weft_strerror(unknown[i]), "");
    }
    ck_assert_ptr_nonnull(strstr(weft_strerror(-20999), "-20999"));
}
END_RULE

static void *ask_for_another(void *arg)
{
    (void)arg;
    return weft_strerror(-20888) ? arg : NULL;
}

RULE(the_text_of_an_unknown_number_outlives_another_threads_question)
{
    const char *text = weft_strerror(-20999);
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, ask_for_another, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_ptr_nonnull(strstr(text, "-20999"));
}
END_RULE

RULE(a_failed_lookup_has_a_range_of_its_own)
{
    static const struct {
        int eai;
        const char *name;
    } lookups[] = {{EAI_NONAME, "EAI_NONAME"},     {EAI_AGAIN, "EAI_AGAIN"},
                   {EAI_FAIL, "EAI_FAIL"},         {EAI_FAMILY, "EAI_FAMILY"},
                   {EAI_SERVICE, "EAI_SERVICE"},   {EAI_SOCKTYPE, "EAI_SOCKTYPE"},
                   {EAI_BADFLAGS, "EAI_BADFLAGS"}, {EAI_OVERFLOW, "EAI_OVERFLOW"}};

    for (size_t i = 0; i < sizeof(lookups) / sizeof(*lookups); i++) {
        int error = weft_error_from_gai(lookups[i].eai);

        ck_assert_int_eq(error, WEFT_EGAI - abs(lookups[i].eai));
        ck_assert_str_eq(weft_errname(error), lookups[i].name);
        ck_assert_str_eq(weft_strerror(error), gai_strerror(lookups[i].eai));
    }
}
END_RULE

RULE(a_lookup_that_did_not_fail_or_failed_in_the_system_keeps_its_number)
{
    ck_assert_int_eq(weft_error_from_gai(0), 0);
    errno = EMFILE;
    ck_assert_int_eq(weft_error_from_gai(EAI_SYSTEM), -EMFILE);
}
END_RULE

RUN_SUITE("error", success_is_named_0, each_code_of_ours_has_its_name_and_its_text,
          each_code_of_ours_stands_alone_below_every_errno_and_above_the_lookups,
          an_expired_deadline_is_told_apart_from_the_kernels_timeout,
          an_errno_has_its_own_name_and_the_systems_text,
          an_unknown_number_is_named_and_told_all_the_same,
          the_text_of_an_unknown_number_outlives_another_threads_question,
          a_failed_lookup_has_a_range_of_its_own,
          a_lookup_that_did_not_fail_or_failed_in_the_system_keeps_its_number)
