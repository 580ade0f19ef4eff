/* Output files: whole or absent, whatever goes wrong, and no temporary file left behind. Everything
 * happens in a fresh directory, whose entries are counted. */
#include "base/out_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[] = "/tmp/test_out_file.XXXXXX";

static const char *in_directory(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int entries(void)
{
    DIR *d = opendir(directory);
    int n = -2; /* . and .. */
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void assert_content(const char *path, const char *expected)
{
    char text[256];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    assert_string_equal(text, expected);
}

/* Opens, writes text, commits; must succeed. */
static void put(const char *path, const char *text)
{
    struct out_file out;
    struct error error = {.text = ""};
    FILE *f = out_file_open(&out, path, &error);
    if (f == NULL)
        fail_msg("%s", error.text);
    fputs(text, f);
    if (!out_file_commit(&out, &error))
        fail_msg("%s", error.text);
}

static void assert_unopenable(const char *path, const char *reason)
{
    static struct out_file out;
    struct error error = {.text = ""};
    char expected[512];
    snprintf(expected, sizeof expected, "%s: %s", path, reason);
    assert_null(out_file_open(&out, path, &error));
    assert_string_equal(error.text, expected);
}

static void test_commit(void **state)
{
    (void)state;
    struct stat status;
    const char *path = in_directory("a");
    mode_t mask = umask(027);
    put(path, "first");
    umask(mask);
    assert_content(path, "first");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    put(path, "second");
    assert_content(path, "second");
    assert_int_equal(entries(), 1);
    unlink(path);
}

static void test_target_untouched_until_commit(void **state)
{
    (void)state;
    struct out_file out;
    struct error error = {.text = ""};
    const char *path = in_directory("a");

    put(path, "old");
    FILE *f = out_file_open(&out, path, &error);
    assert_non_null(f);
    fputs("new", f);
    fflush(f);
    assert_content(path, "old");
    assert_int_equal(entries(), 2);
    out_file_abandon(&out);
    assert_content(path, "old");
    assert_int_equal(entries(), 1);
    unlink(path);
}

/* A second writer of the same target is refused, and does not take the first one's file with it. */
static void test_twice(void **state)
{
    (void)state;
    struct out_file out;
    struct error error = {.text = ""};
    const char *path = in_directory("a");
    FILE *f = out_file_open(&out, path, &error);
    assert_non_null(f);
    assert_unopenable(path, "File exists");
    fputs("one", f);
    assert_true(out_file_commit(&out, &error));
    assert_content(path, "one");
    unlink(path);
    assert_int_equal(entries(), 0);
}

static void test_link(void **state)
{
    (void)state;
    char link[256];
    struct stat status;
    snprintf(link, sizeof link, "%s", in_directory("link"));
    put(in_directory("a"), "old");
    assert_int_equal(symlink("a", link), 0);
    put(link, "new");
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_content(in_directory("a"), "new");
    unlink(link);
    unlink(in_directory("a"));
}

static void test_unopenable(void **state)
{
    (void)state;
    char *longer = malloc(5001);
    assert_unopenable(directory, "Is a directory");
    assert_unopenable(in_directory("none/a"), "No such file or directory");
    assert_unopenable("", "No such file or directory");
    put(in_directory("a"), "x");
    assert_unopenable(in_directory("a/b"), "Not a directory");
    unlink(in_directory("a"));
    memset(longer, 'x', 5000);
    longer[5000] = '\0';
    static struct out_file out;
    struct error error = {.text = ""};
    assert_null(out_file_open(&out, longer, &error));
    free(longer);
    assert_int_equal(entries(), 0);
}

/* The child's exit code, or minus the signal that ended it. */
static int wait_for(pid_t child)
{
    int status;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* As somebody who is not root, for whom permissions count. */
static void test_permissions(void **state)
{
    (void)state;
    put(in_directory("a"), "x");
    assert_int_equal(chmod(in_directory("a"), 0444), 0);
    assert_int_equal(chmod(directory, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        static struct out_file out;
        struct error new_file = {.text = ""}, old_file = {.text = ""};
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(9);
        bool refused = out_file_open(&out, in_directory("b"), &new_file) == NULL &&
                       out_file_open(&out, in_directory("a"), &old_file) == NULL;
        _exit(refused && strstr(new_file.text, "/b: Permission denied") != NULL &&
                      strstr(old_file.text, "/a: Permission denied") != NULL
                  ? 0
                  : 1);
    }
    assert_int_equal(wait_for(child), 0);
    chmod(directory, 0755);
    unlink(in_directory("a"));
}

static void write_full(size_t bytes)
{
    struct out_file out;
    struct error error = {.text = ""};
    FILE *f = out_file_open(&out, "/dev/full", &error);
    assert_non_null(f);
    char *text = calloc(bytes, 1);
    assert_non_null(text);
    fwrite(text, 1, bytes, f);
    free(text);
    assert_false(out_file_commit(&out, &error));
    assert_string_equal(error.text, "/dev/full: No space left on device");
}

static void test_special_files(void **state)
{
    (void)state;
    put("/dev/null", "x");
    write_full(1);
    write_full(1 << 20);
    struct stat status;
    assert_int_equal(stat("/dev/full", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    assert_false(stat("/dev/null", &status) != 0 || S_ISREG(status.st_mode));
}

static void test_pipe(void **state)
{
    (void)state;
    const char *path = in_directory("pipe");
    char text[8] = "";
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    put(path, "through");
    assert_int_equal(read(reader, text, sizeof text), 7);
    assert_string_equal(text, "through");
    close(reader);
    unlink(path);
}

/* What a shell's >(...) is. */
static void test_nameless_pipe(void **state)
{
    (void)state;
    int ends[2];
    char path[32], text[8] = "";
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    put(path, "through");
    assert_int_equal(read(ends[0], text, sizeof text), 7);
    assert_string_equal(text, "through");
    close(ends[0]);
    close(ends[1]);
}

static void test_stdout(void **state)
{
    (void)state;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct out_file out;
        struct error error = {.text = ""};
        int full = open("/dev/full", O_WRONLY);
        dup2(full, 1);
        FILE *f = out_file_open(&out, "-", &error);
        fputs("x", f);
        bool committed = out_file_commit(&out, &error);
        const char *expected = "standard output: No space left on device";
        _exit(!committed && strcmp(error.text, expected) == 0 ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
}

/* The disk fills up, here /dev/full under the stream: the old content stays. */
static void test_disk_full(void **state)
{
    (void)state;
    const char *path = in_directory("a");
    put(path, "old");
    pid_t child = fork();
    if (child == 0) {
        struct out_file out;
        struct error error = {.text = ""};
        FILE *f = out_file_open(&out, path, &error);
        int full = open("/dev/full", O_WRONLY);
        dup2(full, fileno(f));
        fputs("new", f);
        bool committed = out_file_commit(&out, &error);
        _exit(!committed && strstr(error.text, "/a: No space left on device") != NULL ? 0 : 1);
    }
    assert_int_equal(wait_for(child), 0);
    assert_content(path, "old");
    assert_int_equal(entries(), 1);
    unlink(path);
}

/* Somebody makes a directory of the target's name meanwhile. */
static void test_rename_fails(void **state)
{
    (void)state;
    struct out_file out;
    struct error error = {.text = ""};
    const char *path = in_directory("a");
    assert_non_null(out_file_open(&out, path, &error));
    assert_int_equal(mkdir(path, 0777), 0);
    assert_false(out_file_commit(&out, &error));
    assert_non_null(strstr(error.text, "/a: Is a directory"));
    assert_int_equal(entries(), 1);
    rmdir(path);
}

/* Opens three files, ends by the signal; nothing may be left but the committed one. */
static int die_by(int signal_number, bool ignored)
{
    pid_t child = fork();
    if (child != 0)
        return wait_for(child);
    static struct out_file out[3];
    struct error error = {.text = ""};
    if (ignored)
        signal(signal_number, SIG_IGN);
    out_file_cleanup_on_signals();
    for (int i = 0; i < 3; i++) {
        char name[] = {(char)('a' + i), '\0'};
        if (out_file_open(&out[i], in_directory(name), &error) == NULL)
            _exit(1);
        fputs("x", out[i].stream);
    }
    out_file_commit(&out[1], &error);
    raise(signal_number);
    out_file_abandon(&out[0]);
    out_file_abandon(&out[2]);
    _exit(7);
}

static void test_signals(void **state)
{
    (void)state;
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        assert_int_equal(die_by(signals[i], false), -signals[i]);
        assert_int_equal(entries(), 1);
        assert_content(in_directory("b"), "x");
        unlink(in_directory("b"));
    }
    assert_int_equal(die_by(SIGHUP, true), 7); /* as under nohup */
    unlink(in_directory("b"));
    assert_int_equal(entries(), 0);
}

/* A worker that is killed leaves its parent's files alone. */
static void test_forked_worker(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct out_file out;
        struct error error = {.text = ""};
        out_file_cleanup_on_signals();
        FILE *f = out_file_open(&out, in_directory("a"), &error);
        pid_t worker = fork();
        if (worker == 0) {
            raise(SIGTERM);
            _exit(1);
        }
        if (wait_for(worker) != -SIGTERM)
            _exit(2);
        fputs("whole", f);
        _exit(out_file_commit(&out, &error) ? 0 : 3);
    }
    assert_int_equal(wait_for(child), 0);
    assert_content(in_directory("a"), "whole");
    unlink(in_directory("a"));
}

/* The table of temporary files is finite: the file too many is refused, and slots come back. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 129 };
    struct out_file *out = calloc(MANY, sizeof *out);
    struct error error = {.text = ""};
    char path[256];
    assert_non_null(out);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY - 1; i++) {
            snprintf(path, sizeof path, "%s/%d", directory, i);
            assert_non_null(out_file_open(&out[i], path, &error));
        }
        assert_unopenable(in_directory("more"), "Too many open files");
        for (int i = 0; i < MANY - 1; i++)
            out_file_abandon(&out[i]);
    }
    free(out);
    assert_int_equal(entries(), 0);
}

static void test_make_directory(void **state)
{
    (void)state;
    struct error error = {.text = ""};
    char path[256];
    snprintf(path, sizeof path, "%s", in_directory("x/y//z/"));
    assert_true(make_directory(path, &error));
    assert_true(make_directory(path, &error));
    put(in_directory("x/y/z/file"), "x");
    snprintf(path, sizeof path, "%s", in_directory("x/y/z/file"));
    assert_false(make_directory(path, &error));
    assert_non_null(strstr(error.text, "x/y/z/file: Not a directory"));
    error.text[0] = '\0';
    assert_false(make_directory(in_directory("x/y/z/file/deeper"), &error));
    assert_non_null(strstr(error.text, "x/y/z/file: Not a directory"));
    error.text[0] = '\0';
    assert_false(make_directory("", &error));
    assert_string_equal(error.text, ": No such file or directory");
    assert_true(make_directory("/", &error) && make_directory(".", &error));
    unlink(path);
    rmdir(in_directory("x/y/z"));
    rmdir(in_directory("x/y"));
    rmdir(in_directory("x"));
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) != NULL ? chmod(directory, 0755) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_target_untouched_until_commit),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_link),
        cmocka_unit_test(test_unopenable),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_special_files),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_nameless_pipe),
        cmocka_unit_test(test_stdout),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_rename_fails),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_forked_worker),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_make_directory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
