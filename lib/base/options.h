/* base/options.h - structs of options, from programs that were compiled with older or newer headers.
 *
 * Such a struct begins with its size.  New members go to its end, and 0 is what the old programs
 * meant.  It ends with a word: else its padding, which holds anything, would become a member.
 *
 * Rejected: the size as an argument beside the pointer (clone3): a program that fills in the struct
 * itself would pass the library's own idea of it no better than this, and each function would change.
 */
#ifndef WEFT_BASE_OPTIONS_H
#define WEFT_BASE_OPTIONS_H

#include <stddef.h>

/* Copy what the caller gave, as far as it goes, into `ours`; the rest of that is 0.
 * -EINVAL: it has no size; nothing was copied.  -E2BIG: it asks for what this library does not know. */
int weft__options_copy(void *ours, size_t size, const void *theirs);

#define WEFT__OPTIONS_END(type, last) \
    _Static_assert(offsetof(type, struct_size) == 0 && \
                       offsetof(type, last) + sizeof(((type *)0)->last) == sizeof(type), \
                   #type " begins with its size and ends without padding")

#endif
