/*
 * What vaultd does without a daemon: `vaultd restore` and `vaultd recover`.
 * Each is a main() of its own with its own options; both take the directory's
 * lock, ask for a slot's secret, and end.
 */
#pragma once

/* argv[0] is the command's word. The process's exit code. */
int restore_main(int argc, char **argv);
int recover_main(int argc, char **argv);
