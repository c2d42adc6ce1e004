#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <weft.h>

int output_width(FILE *out)
{
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    struct winsize size;

    if (width <= 0 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (width <= 0)
        width = 80;
    return width < OUTPUT_LEAST ? OUTPUT_LEAST : width > OUTPUT_MOST ? OUTPUT_MOST : width;
}

int output_end(int status)
{
    int error = fflush(stdout) != 0 ? -errno : ferror(stdout) ? -EIO : 0;

    if (!error)
        return status;
    fprintf(stderr, "fetch: the output: %s (%s)\n", weft_strerror(error), weft_errname(error));
    return status ? status : EXIT_FAILURE;
}
