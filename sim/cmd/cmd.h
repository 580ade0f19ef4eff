/* The subcommands: each takes its own name and arguments, and returns an exit code. */
#ifndef CMD_H
#define CMD_H

int cmd_replay(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_classes(int argc, char **argv);
int cmd_calibrate(int argc, char **argv);

#endif
