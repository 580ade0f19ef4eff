/* Reads /proc, which need not be there. */
#include "calibrate/host.h"

#include "calibrate/partner.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* The value of the first line "model name : VALUE". */
static void read_model(char *model, size_t size)
{
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "re");
    snprintf(model, size, "unknown processor");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (!colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(model, size, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (f)
        fclose(f);
}

void host_describe(char *text, size_t size)
{
    char model[128];
    struct utsname name;
    read_model(model, sizeof model);
    int cpus = partner_cpus();
    bool known = uname(&name) == 0;
    if (known)
        name.release[strcspn(name.release, "-")] = '\0'; /* whose build it is does not matter */
    snprintf(text, size, "%s, %d CPU%s, %s %s %s", model, cpus, cpus == 1 ? "" : "s", known ? name.sysname : "unknown",
             known ? name.release : "", known ? name.machine : "");
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}
