#include "run/exec.h"

#include <errno.h>
#include <unistd.h>

enum error_code exec_program(char **program, char **environment, int *ret_status, struct error *err)
{
	/* execvp() searches the PATH of environ: make it the program's. */
	environ = environment;
	execvp(program[0], program);
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		*ret_status = EXEC_NOT_FOUND;
		return error_set(err, ERR_NOT_FOUND,
				 "there is no program %.200s (or the interpreter that it names is missing)",
				 program[0]);
	case EACCES:
	case EISDIR:
	case ENOEXEC:
		*ret_status = EXEC_NOT_EXECUTABLE;
		return error_set_errno(err, ERR_PERMISSION, errno, "%.200s cannot be executed", program[0]);
	case E2BIG:
		*ret_status = EXEC_OWN_FAILURE;
		return error_set(err, ERR_TOO_LARGE,
				 "environment and arguments are more than this system starts programs with");
	default:
		*ret_status = EXEC_NOT_EXECUTABLE;
		return error_set_errno(err, ERR_IO, errno, "%.200s could not be started", program[0]);
	}
}
