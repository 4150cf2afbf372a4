#include "fault_control.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct fault_control *fault_control_map(void)
{
	const char *path = getenv("FAULT_CONTROL");
	struct fault_control *control;
	int fd;

	if (!path)
		return NULL;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	control = fd < 0 ? MAP_FAILED : mmap(NULL, FAULT_CONTROL_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* A story whose faults do not come would pass. */
	if (control == MAP_FAILED)
		abort();
	close(fd);
	atomic_store(&control->loaded, 1);
	return control;
}
