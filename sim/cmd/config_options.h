/* The options that say what is simulated, shared by every subcommand that has a configuration.
 *
 *     CONFIG_DEFAULT, then -c files left to right, then -P, --gogc, --gomemlimit and --set left to right
 *
 * The order is by kind, wherever they stand on the command line. */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "base/options.h"
#include "model/config.h"

enum { OPT_CONFIG = 1000, OPT_SET, OPT_PS, OPT_GOGC, OPT_LIMIT };

#define CONFIG_OPTIONS \
    {OPT_CONFIG, 'c', "config", "CONFIG", "a configuration by name or path; later ones are laid over earlier ones"}, \
    {OPT_SET, '\0', "set", "KEY=VALUE", "any setting, on top of all configurations"}

enum { CONFIG_OPTIONS_MAX = 64 };

struct config_options {
    struct sim_config config;
    const char *files[CONFIG_OPTIONS_MAX]; /* point into argv, as do the values */
    struct { const char *key, *value; } sets[CONFIG_OPTIONS_MAX]; /* key NULL: value is KEY=VALUE */
    unsigned file_count, set_count;
};

void config_options_init(struct config_options *options);
void config_options_clear(struct config_options *options);
/* Takes one of the ids above; false with *error if there are too many. */
bool config_options_take(struct config_options *options, int id, const char *argument, struct error *error);
/* Makes options->config what was asked for. OPTIONS_RUN, or the exit code after one message: 1 for a file that
 * does not hold, 2 for a value on the command line that does not. */
int config_options_apply(struct config_options *options, const struct command_spec *command);

#endif
