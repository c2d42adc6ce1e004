/* weft/language.h - what the other headers' macros are made of: what compilers are asked to refuse, and what C and
 * C++ write in different ways.  Nothing here is called by name.
 *
 * C++: every header compiles as C++11.  The macros that take designators (WEFT_GEN_TYPE, WEFT_CALL(fetch, .port = 80),
 * weft_start_server(..., .service = "80")) are for C++20, where designators stand in the order of the struct's members.
 * Before it, g++ and clang++ take them as well, and warn with -Wpedantic; or fill in the structs, `weft_gen_type`, too,
 * and call what the macros call: weft_gen_copy(&fetch_type, &frame), weft_start_server_with(loop, fn, arg, &options).
 * Arrays and structs that a macro makes (WEFT_FUTURES, WEFT_ARGV) are good within the call that it stands in.
 * g++ -Wextra misses initializers of the members that a call leaves out: -isystem in place of -I, or
 * -Wno-missing-field-initializers.
 */
#ifndef WEFT_LANGUAGE_H
#define WEFT_LANGUAGE_H

#include <stddef.h>

#ifdef __cplusplus
#include <initializer_list>
#include <type_traits>
extern "C" {
#endif

typedef struct weft_gen weft_gen;
typedef struct weft_gen_type weft_gen_type;
typedef struct weft_future weft_future;

/* ---- Not to be mixed up ------------------------------------------------------------------------------------
 *
 * A generator where a future belongs, or a future where a generator does, is no C; but gcc before 14 and clang
 * before 16 only warn.  So what takes one of them takes it through a function whose parameter is a transparent union:
 * that takes its member's type, void * and NULL, and for anything else compilers stop.  C++ refuses by itself.
 */
#if defined(__GNUC__) && !defined(__cplusplus)
#define WEFT__ONLY(name, type) \
    typedef union name##_arg { \
        type only; \
    } __attribute__((__transparent_union__)) name##_arg; \
    static inline type name(name##_arg arg) \
    { \
        return arg.only; \
    } \
    type name##_x8(name##_arg, name##_arg, name##_arg, name##_arg, name##_arg, name##_arg, \
                   name##_arg, name##_arg); /* is nowhere: for sizeof */
WEFT__ONLY(weft__future_not_generator, weft_future *)
WEFT__ONLY(weft__generator_not_future, weft_gen *)
WEFT__ONLY(weft__futures_not_generators, weft_future *const *)
WEFT__ONLY(weft__generators_not_futures, weft_gen *const *)
#undef WEFT__ONLY
/* `__extension__`, because -Wpedantic warns of these unions, wherever they come from. */
#define WEFT__FUTURE(x) (__extension__ weft__future_not_generator(x))
#define WEFT__GEN(x) (__extension__ weft__generator_not_future(x))
#define WEFT__FUTURES(x) (__extension__ weft__futures_not_generators(x))
#define WEFT__GENS(x) (__extension__ weft__generators_not_futures(x))
/* The size of one of them; the first eight are looked at. */
#define WEFT__SIZE_OF_EACH(type, check, ...) \
    sizeof(__extension__ check##_x8 WEFT__FIRST_8(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0, 0))
#define WEFT__FIRST_8(a, b, c, d, e, f, g, h, ...) (a, b, c, d, e, f, g, h)
#else
#define WEFT__FUTURE(x) (x)
#define WEFT__GEN(x) (x)
#define WEFT__FUTURES(x) (x)
#define WEFT__GENS(x) (x)
#define WEFT__SIZE_OF_EACH(type, check, ...) sizeof(type)
#endif

/* ---- Arrays, structs and names of one file -----------------------------------------------------------------
 *
 * WEFT__LIST(type, ...): an array.  WEFT__ARRAY(type, check, ...): an array and its length, as two arguments.
 * WEFT__STRUCT(type, ...): the address of a struct of options.  It begins with its own size, `struct_size`, so that it
 * can grow: a library that is newer than the program takes the members that the program does not know for 0; one that
 * is older refuses with -E2BIG what it does not know, unless it is 0.  Whoever fills in such a struct without the macro
 * sets struct_size to its sizeof, or gets -EINVAL.
 * WEFT__LOCAL(...): a definition for this file alone; WEFT__LOCAL_FORWARD(...): its declaration before that.
 *
 * Macros that end in `...` and may be given nothing for it pass on an empty last argument, `(__VA_ARGS__, )`.  So
 * what they set by themselves comes first, and gives way. */
#ifdef __cplusplus
#define WEFT__STATIC_ASSERT static_assert
#define WEFT__ARRAY(type, check, ...) \
    WEFT__LIST(type, __VA_ARGS__), (decltype(weft__count(__VA_ARGS__))::value)
#define WEFT__LIST(type, ...) (std::initializer_list<type>{__VA_ARGS__}.begin())
#define WEFT__STRUCT(type, ...) weft__address<type>({.struct_size = sizeof(type), __VA_ARGS__})
#define WEFT__LOCAL(...) \
    namespace \
    { \
    __VA_ARGS__; \
    }
#define WEFT__LOCAL_FORWARD(...) WEFT__LOCAL(extern __VA_ARGS__)
#else
#define WEFT__STATIC_ASSERT _Static_assert
#define WEFT__ARRAY(type, check, ...) \
    WEFT__LIST(type, __VA_ARGS__), \
        (sizeof(WEFT__LIST(type, __VA_ARGS__)) / WEFT__SIZE_OF_EACH(type, check, __VA_ARGS__))
#define WEFT__LIST(type, ...) ((type[]){__VA_ARGS__})
#define WEFT__STRUCT(type, ...) (&(const type){.struct_size = sizeof(type), __VA_ARGS__})
#define WEFT__LOCAL(...) static __VA_ARGS__;
#define WEFT__LOCAL_FORWARD(...) static __VA_ARGS__
#endif

#ifdef __cplusplus
}

template <class... Any> std::integral_constant<size_t, sizeof...(Any)> weft__count(const Any &...);

/* Of a temporary: good until the end of the expression. */
template <class Type> const Type *weft__address(const Type &object)
{
    return &object;
}
#endif
#endif
