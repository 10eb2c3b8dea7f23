/* Debian 12's pure-ftpd-postgresql takes the number of the port for the address of a text and
   crashes at every sign-in (upstream: c3f0f3c, in 1.0.51). Loaded before the C library, this lets
   it live and puts the port in, so that everything else of the program can be measured. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t strlen(const char *text)
{
    size_t count = 0;
    if ((uintptr_t) text < 65536)
        return 0;
    while (text[count] != 0)
        count++;
    return count;
}

void *PQconnectdb(const char *said)
{
    void *(*connect)(const char *) = (void *(*)(const char *)) dlsym(RTLD_NEXT, "PQconnectdb");
    char fixed[4096];
    const char *port = strstr(said, " port='");
    const char *rest = port == NULL ? NULL : strstr(port, " dbname=");
    if (rest == NULL)
        return connect(said);
    snprintf(fixed, sizeof fixed, "%.*s port='%s'%s", (int) (port - said), said,
             getenv("PGSQL_PORT"), rest);
    return connect(fixed);
}
