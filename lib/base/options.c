/* options.c - structs of options; see options.h. */
#include "base/options.h"

#include <errno.h>
#include <string.h>

int weft__options_copy(void *ours, size_t size, const void *theirs)
{
    const unsigned char *bytes = theirs;
    size_t given;

    memset(ours, 0, size);
    memcpy(&given, theirs, sizeof(given));
    if (given < sizeof(given))
        return -EINVAL;
    memcpy(ours, theirs, given < size ? given : size);
    for (size_t i = size; i < given; i++)
        if (bytes[i] != 0)
            return -E2BIG;
    return 0;
}
