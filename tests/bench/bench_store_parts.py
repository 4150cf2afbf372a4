"""The store part of the benchmark: what its care costs. Reads during a backup and a compaction, backup and restore beside cp, a start
after a kill beside reading the file, the whole check beside opening each record. Every ratio is of one run, its two sides in turns."""
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

REVISIONS = 10  # of an environment
CLIENTS, RATE = 4, 500


def median(values):
    return sorted(values)[len(values) // 2]


def timed(command, **more):
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **more)
    return time.monotonic() - began


def turns(calls, rounds):
    """Each side's median of seconds."""
    took = [[] for _ in calls]
    for _ in range(rounds):
        for times, call in zip(took, calls):
            times.append(call())
    return [median(times) for times in took]


def copy(source, target):
    """cp, and all of it on the disk, as backup and restore leave theirs."""
    took = timed(["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", source, target])
    os.remove(target)
    return took


def speed(path, seconds):
    return os.path.getsize(path) / 1e6 / seconds


class Repeated:
    """Something done again and again while the block runs, and at least begun before it."""

    def __init__(self, call):
        self.call, self.over, self.done, self.trouble = call, False, 0, None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while not self.over:
                self.call()
                self.done += 1
        except BaseException as error:  # noqa: B902 - raised again where the block ends
            self.trouble = error

    def __enter__(self):
        self.thread.start()
        time.sleep(0.1)
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        if self.trouble:
            raise self.trouble


@contextlib.contextmanager
def spinning():
    """A process that wants one core, and nothing of the store: what a busy machine alone does to a read."""
    with subprocess.Popen(["sh", "-c", "while :; do :; done"]) as process:
        try:
            yield
        finally:
            process.kill()


def compact(daemon):
    assert daemon.put("sys/compact", None).status == 202
    while (answer := daemon.get("sys/compact").data)["state"] == "running":
        time.sleep(0.02)
    assert answer["state"] == "done", answer


def bench_reads(bench, args, daemon, environments):
    file = bench.request_file(daemon.dir, "r", "GET", "/v1/secret/resolve/bench/e%u?origins=false", token=None)
    beside = {"nothing else": contextlib.nullcontext, "a process that keeps a core busy": spinning,
              "backups, one after the other": lambda: Repeated(lambda: timed([bench.ENVCTL, "backup", "-o", "-"], env=daemon.environment(),
                                                                             stderr=subprocess.DEVNULL)),
              "compactions, one after the other": lambda: Repeated(lambda: compact(daemon))}
    got, repeats = {what: [] for what in beside}, {what: [] for what in beside}
    bench.load(daemon.socket, CLIENTS, args.seconds, "keep", 0, file, environments)
    for _ in range(args.rounds):
        for what, context in beside.items():
            with context() as repeated:
                got[what].append(bench.load(daemon.socket, CLIENTS, args.seconds * 2, "keep", RATE, file, environments))
            repeats[what].append(repeated.done if repeated else 0)
    figures = {what: {name: median([one[name] for one in rounds]) for name in ("p50_us", "p99_us", "max_us")} for what, rounds in got.items()}
    idle = figures["nothing else"]
    for what, at in figures.items():
        times = f" ({median(repeats[what])} in {args.seconds * 2} s)" if median(repeats[what]) else ""
        bench.row(f"reads at {RATE}/s by {CLIENTS} clients, beside {what}{times}", f"p50 {at['p50_us']:.0f} µs, p99 {at['p99_us']:.0f} µs",
                  f"the longest {at['max_us'] / 1e3:.1f} ms",
                  f"p50 {at['p50_us'] / idle['p50_us']:.2f} ×, p99 {at['p99_us'] / idle['p99_us']:.2f} ×")


def bench_copies(bench, args, daemon):
    database, backup = os.path.join(daemon.data, "vault.db"), os.path.join(daemon.dir, "backup")
    other, restored = os.path.join(daemon.dir, "copy"), os.path.join(daemon.dir, "restored")
    env = daemon.environment()

    def restore():
        took = timed([bench.ENVCTL, "restore", "-q", backup, restored, "--key-file", daemon.key_file, "--vaultd", bench.VAULTD], env=env)
        shutil.rmtree(restored)
        return took

    plain, ours = turns([lambda: copy(database, other),
                         lambda: timed([bench.ENVCTL, "backup", "-q", "--force", "-o", backup], env=env)], args.rounds)
    bench.row(f"envctl backup to a file, {os.path.getsize(backup) / 1e6:.0f} MB", f"{speed(backup, ours):.0f} MB/s",
              f"cp of vault.db, {os.path.getsize(database) / 1e6:.0f} MB, and sync: {speed(database, plain):.0f} MB/s",
              f"{speed(backup, ours) / speed(database, plain):.2f} ×")
    plain, ours = turns([lambda: timed(["cat", database]), lambda: timed([bench.ENVCTL, "backup", "-q", "-o", "-"], env=env)], args.rounds)
    bench.row("envctl backup to /dev/null, through the daemon and its socket", f"{speed(backup, ours):.0f} MB/s",
              f"cat vault.db > /dev/null: {speed(database, plain):.0f} MB/s", f"{speed(backup, ours) / speed(database, plain):.2f} ×")
    plain, ours = turns([lambda: copy(backup, other), restore], args.rounds)
    bench.row("envctl restore of it, each record opened", f"{speed(backup, ours):.0f} MB/s", f"cp of the backup and sync: {speed(backup, plain):.0f} MB/s",
              f"{speed(backup, ours) / speed(backup, plain):.2f} ×")
    os.remove(backup)


def start(daemon):
    """Seconds to the first answer, and from the key to ready."""
    began = time.monotonic()
    daemon.start()
    answering = time.monotonic()
    assert daemon.unseal().status == 200
    ready = time.monotonic()
    assert daemon.get("/readyz").status == 200
    return answering - began, ready - answering


def kill_at_work(bench, daemon, file):
    with subprocess.Popen([bench.tool("load"), daemon.socket, str(CLIENTS), "60", "keep", "0", file], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as load:
        time.sleep(0.3)
        daemon.kill()
        load.kill()


def bench_start(bench, args, daemon):
    database = os.path.join(daemon.data, "vault.db")
    body = json.dumps({"data": bench.variables()}).encode()
    file = bench.request_file(daemon.dir, "kill", "PUT", "/v1/secret/data/killed/e%c", body, token=None)
    got = {"killed": [], "stopped": []}
    read = []
    for _ in range(args.rounds):
        read.append(timed(["cat", database]))
        kill_at_work(bench, daemon, file)
        got["killed"].append(start(daemon))
        daemon.stop()
        got["stopped"].append(start(daemon))
    plain = median(read)
    for how, times in got.items():
        answering, ready = median([one[0] for one in times]), median([one[1] for one in times])
        what = "kill -9 during writes" if how == "killed" else "a stop"
        bench.row(f"start after {what}: to answering, and from the key to ready", f"{answering * 1e3:.0f} ms, {ready * 1e3:.0f} ms",
                  f"cat vault.db > /dev/null: {plain * 1e3:.0f} ms", f"{(answering + ready) / plain:.1f} ×")


def bench_process(bench, args, daemon):
    """Without a daemon: bench_store has the directory open, alone."""
    database, backup, other = os.path.join(daemon.data, "vault.db"), os.path.join(daemon.dir, "backup"), os.path.join(daemon.dir, "copy")
    rounds, plain = [], []
    for _ in range(args.rounds):
        plain.append(copy(database, other))
        rounds.append(json.loads(subprocess.check_output([bench.tool("store"), daemon.data, daemon.key_file, backup])))
    got = {name: median([one[name] for one in rounds]) for name in rounds[0]}
    cp, megabytes = speed(database, median(plain)), got["backup_bytes"] / 1e6
    for where, name in (("/dev/null", "nowhere_s"), ("a file and to the disk", "file_s")):
        bench.row(f"backup in the process, to {where}", f"{megabytes / got[name]:.0f} MB/s", f"cp of vault.db and sync: {cp:.0f} MB/s",
                  f"{megabytes / got[name] / cp:.2f} ×")
    bench.row(f"the whole check of {got['revisions']:,} revisions and {got['records']:,} other records",
              f"{got['verify_s']:.2f} s, {got['revisions'] / got['verify_s']:,.0f} revisions/s",
              f"each record read and opened: {got['open_s']:.2f} s, {got['opened'] / got['open_s']:,.0f} records/s",
              f"{got['verify_s'] / got['open_s']:.2f} × the time")


def run(bench, args):
    os.environ["VAULTD_BUILD"] = bench.BUILD
    sys.path.insert(0, os.path.join(bench.TOP, "tests/integration"))
    import vault
    environments = 1000 if args.quick else 10000
    body = json.dumps({"data": bench.variables()}).encode()
    with vault.Daemon(directory=tempfile.mkdtemp(prefix="vault-bench-", dir=os.environ.get("BENCH_DIR"))) as daemon:
        daemon.start().init()
        daemon.token = daemon.root_token
        file = bench.request_file(daemon.dir, "fill", "PUT", "/v1/secret/data/bench/e%u", body, token=None)
        got = bench.load(daemon.socket, 64, 1200, "keep", 0, file, environments, environments * REVISIONS)
        assert got["answered"] >= environments * REVISIONS and not got["failed"], got
        os.sync()  # what the disk still owes to the writes is not the copies'
        bench_copies(bench, args, daemon)
        bench_reads(bench, args, daemon, environments)
        bench_start(bench, args, daemon)
        daemon.stop()
        bench_process(bench, args, daemon)
