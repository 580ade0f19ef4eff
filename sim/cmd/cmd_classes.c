#include "cmd/cmd.h"
int cmd_classes(int argc, char **argv){(void)argc;(void)argv;return 1;}
