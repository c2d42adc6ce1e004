dnl The checks of our own that configure.ac runs, in its order.

dnl WEFT_PTHREAD: PTHREAD_FLAGS is what compiling and linking with threads takes.
AC_DEFUN([WEFT_PTHREAD], [
    AC_CACHE_CHECK([whether $CC takes -pthread], [weft_cv_pthread], [
        weft_save_CFLAGS=$CFLAGS
        CFLAGS="$CFLAGS -pthread"
        AC_LINK_IFELSE([AC_LANG_PROGRAM([[
            #include <pthread.h>
            static void *run(void *arg) { return arg; }
        ]], [[
            pthread_t thread;
            return pthread_create(&thread, 0, run, 0) || pthread_join(thread, 0);
        ]])], [weft_cv_pthread=yes], [weft_cv_pthread=no])
        CFLAGS=$weft_save_CFLAGS
    ])
    AS_IF([test "$weft_cv_pthread" = no], [AC_MSG_ERROR([POSIX threads are needed])])
    AC_SUBST([PTHREAD_FLAGS], [-pthread])
])

dnl WEFT_CC_FLAG(VARIABLE, FLAG): adds FLAG to VARIABLE if the compiler knows it.
dnl clang only warns of a flag that it does not know, hence -Werror.
AC_DEFUN([WEFT_CC_FLAG], [
    AS_VAR_PUSHDEF([cached], [weft_cv_cc_$2])
    AC_CACHE_CHECK([whether $CC takes $2], [cached], [
        weft_save_CFLAGS=$CFLAGS
        CFLAGS="$CFLAGS -Werror $2"
        AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
            [AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
        CFLAGS=$weft_save_CFLAGS
    ])
    AS_VAR_IF([cached], [yes], [$1="$$1 $2"])
    AS_VAR_POPDEF([cached])
])

dnl WEFT_COMPILER_FLAGS: the language, the warnings, and -Werror if it was asked for. They go
dnl into AM_CFLAGS, so that the user's CFLAGS stay the user's and come last.
AC_DEFUN([WEFT_COMPILER_FLAGS], [
    WEFT_STD_CFLAGS=
    WEFT_CC_FLAG([WEFT_STD_CFLAGS], [-std=c11])
    WEFT_WARN_CFLAGS=
    m4_foreach_w([flag], [-Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes
        -Wmissing-prototypes -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough],
        [WEFT_CC_FLAG([WEFT_WARN_CFLAGS], flag)])
    AS_IF([test "$enable_werror" = yes], [WEFT_WARN_CFLAGS="$WEFT_WARN_CFLAGS -Werror"])
    WEFT_WARN_CFLAGS=${WEFT_WARN_CFLAGS# }
    WEFT_VISIBILITY_CFLAGS=
    WEFT_CC_FLAG([WEFT_VISIBILITY_CFLAGS], [-fvisibility=hidden])
    dnl Calls within the library need not go through the PLT, and may be inlined.
    WEFT_CC_FLAG([WEFT_VISIBILITY_CFLAGS], [-fno-semantic-interposition])
    AC_SUBST([WEFT_STD_CFLAGS])
    AC_SUBST([WEFT_WARN_CFLAGS])
    AC_SUBST([WEFT_VISIBILITY_CFLAGS])
])

dnl WEFT_VERSION_SCRIPT: a symbol map where the linker takes one, else libtool's regex, which
dnl exports the same names without a version.
AC_DEFUN([WEFT_VERSION_SCRIPT], [
    AC_CACHE_CHECK([whether the linker takes a version script], [weft_cv_version_script], [
        weft_save_LDFLAGS=$LDFLAGS
        LDFLAGS="$LDFLAGS -shared -fPIC -Wl,--version-script=conftest.map"
        AS_ECHO(["CONFTEST { global: f; local: *; };"]) >conftest.map
        AC_LINK_IFELSE([AC_LANG_SOURCE([[int f(void); int f(void) { return 0; }]])],
            [weft_cv_version_script=yes], [weft_cv_version_script=no])
        LDFLAGS=$weft_save_LDFLAGS
        rm -f conftest.map
    ])
    AM_CONDITIONAL([HAVE_VERSION_SCRIPT], [test "$weft_cv_version_script" = yes])
    AS_IF([test "$weft_cv_version_script" = yes],
        [weft_version_script="lib/weft.map"], [weft_version_script="no (export by regex)"])
])

dnl WEFT_NODELETE: -z nodelete where the linker takes it. A thread that has used the library runs
dnl its code when it ends, also after a plugin that brought it has been closed.
AC_DEFUN([WEFT_NODELETE], [
    AC_CACHE_CHECK([whether the linker takes -z nodelete], [weft_cv_nodelete], [
        weft_save_LDFLAGS=$LDFLAGS
        LDFLAGS="$LDFLAGS -Wl,-z,nodelete"
        AC_LINK_IFELSE([AC_LANG_PROGRAM()], [weft_cv_nodelete=yes], [weft_cv_nodelete=no])
        LDFLAGS=$weft_save_LDFLAGS
    ])
    AS_IF([test "$weft_cv_nodelete" = yes],
        [AC_SUBST([WEFT_NODELETE_LDFLAGS], [-Wl,-z,nodelete])])
])
