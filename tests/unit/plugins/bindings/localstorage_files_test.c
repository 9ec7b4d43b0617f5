/* localstorage_files_test: opening below a root, with the kernel's help and without. */
#include <plugins/bindings/localstorage/files.c>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static char folder[] = "/tmp/localstorage_files_XXXXXX";
static struct files files;

static int begin(void **state)
{
    assert_non_null(mkdtemp(folder));
    files = (struct files){.root = folder, .fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)};
    assert_return_code(mkdirat(files.fd, "sub", 0700), errno);
    assert_return_code(symlinkat("/etc", files.fd, "out"), errno);
    assert_return_code(symlinkat("sub", files.fd, "in"), errno);
    struct trb_error err = {.size = sizeof err};
    return files_write(&files, "sub/file", SLICE("x"), &err);
}

static int end(void **state)
{
    close(files.fd);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static bool opens(int fd)
{
    if (fd >= 0) {
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        close(fd);
    }
    return fd >= 0;
}

static void links_are_followed_inside_only(void **state)
{
    assert_true(opens(files_open_below(&files, "sub/file", O_RDONLY)));
    assert_true(opens(files_open_below(&files, "in/file", O_RDONLY)));
    assert_true(opens(files_open_below(&files, "", O_PATH)));
    assert_false(opens(files_open_below(&files, "out/passwd", O_RDONLY)));
    assert_false(opens(files_open_below(&files, "../etc/passwd", O_RDONLY)));
}

static void step_by_step_no_link_is_followed(void **state)
{
    assert_true(opens(open_step_by_step(files.fd, "sub/file", O_RDONLY)));
    assert_true(opens(open_step_by_step(files.fd, ".", O_PATH)));
    assert_false(opens(open_step_by_step(files.fd, "in/file", O_RDONLY)));
    assert_false(opens(open_step_by_step(files.fd, "out/passwd", O_RDONLY)));
    assert_false(opens(open_step_by_step(files.fd, "out", O_RDONLY)));
    assert_false(opens(open_step_by_step(files.fd, "sub/none", O_RDONLY)));
}

static void folders_are_made_on_the_way(void **state)
{
    struct trb_error err = {.size = sizeof err};
    uint64_t size;
    assert_int_equal(files_write(&files, "a/b/c/d", SLICE("four"), &err), TRB_OK);
    int fd = files_read(&files, "a/b/c/d", &size, &err);
    assert_int_equal(size, 4);
    assert_true(opens(fd));
    assert_int_equal(files_write(&files, "sub/file/x", SLICE(""), &err), TRB_UNAVAILABLE);
    assert_int_equal(files_write(&files, "out/x", SLICE(""), &err), TRB_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_followed_inside_only),
        cmocka_unit_test(step_by_step_no_link_is_followed),
        cmocka_unit_test(folders_are_made_on_the_way),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
