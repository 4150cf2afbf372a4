/*
 * How the process ends when vault.db was damaged or cut off while it was open.
 *
 * LMDB reads its file through a map and trusts it. What it meets in a damaged one it mostly does not survive: a page that is
 * not there any more (cut off, or unreadable on the disk), an access to an address that a page's bytes made up, an assertion
 * of its own. Without map_faults_start() each of them is a signal, about which nobody learns more than its number.
 *
 * There is no way back from any of them: LMDB's state and its mutexes are in the middle of something. So the process still
 * ends at once, but says what happened and with an exit code of its own, and the next start walks the file
 * and names the place.
 *
 * Only what can be nothing else is taken: SIGBUS for a page of the map that map_faults_add() was told of, and SIGSEGV while the
 * program counter is inside of LMDB's library. All other faults are as if there were no handler: they end the process with their
 * signal; also SIGSEGV in a function of the C library that LMDB has called. A program that has LMDB linked into itself has no such
 * library, so SIGSEGV is never taken there.
 *
 * No alternate stack is needed: these faults happen on a stack that has room. One that has overflowed
 * cannot run the handler, and the signal ends the process, as it would without.
 */
#pragma once

#include <lmdb.h>

enum map_fault {
	MAP_FAULT_CUT_OFF,	/* a page of the mapped file is not there */
	MAP_FAULT_INSIDE,	/* LMDB was led to an address that is nothing */
	MAP_FAULT_ASSERTION,	/* LMDB found itself that something cannot be */
	MAP_FAULT_COUNT
};

/*
 * From now on end() is called on the thread that met the fault, and must end the process. It may be in a signal handler, with
 * other threads running: it may call only what signal-safety(7) allows. text is a whole sentence; detail is which page, or where in
 * LMDB it was, for who looks for a mistake. Once, before the first store is opened.
 */
void map_faults_start(void (*end)(enum map_fault fault, const char *text, const char *detail));

/*
 * vault.db is about to be opened. Until map_faults_add() a page of any mapped file that is not there is taken for one of
 * vault.db. The new file of a compaction, a second one beside it, is not watched.
 */
void map_faults_expect(void);
/*
 * vault.db is open from now on, to when it is closed; the transaction is of its environment. Where its map lies is taken from the first
 * record: as long as there was none when it was opened, a page of any mapped file that is not there is taken for one of vault.db.
 */
void map_faults_add(MDB_txn *txn, MDB_dbi dbi);
void map_faults_remove(void);
