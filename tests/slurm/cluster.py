#!/usr/bin/env python3
"""A real SLURM on this machine: munged, slurmctld and one slurmd per emulated node, all in a temporary folder.

cluster.py [--nodes N] [--cpus N] COMMAND... runs a command beside such a cluster, e.g. cluster.py bash: there sbatch, srun and the
others work as on a cluster. Needs root and the packages slurm-wlm and munge; takes and leaves nothing outside its folder.
"""

import argparse
import contextlib
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
SEARCH = os.environ.get("PATH", os.defpath) + ":/usr/sbin"
START_LIMIT_S = 30

# All nodes are this host: MPI talks over the loopback interface, and root may start it.
MPI_ON_ONE_HOST = {
    "OMPI_MCA_btl": "tcp,self",
    "OMPI_MCA_btl_tcp_if_include": "lo",
    "OMPI_MCA_oob_tcp_if_include": "lo",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}

CONFIGURATION = """
ClusterName=skipstone
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
TmpFS={folder}/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1,requeue_delay=0
SlurmdParameters=config_overrides
ReturnToService=1
SlurmctldTimeout=60
SlurmdTimeout=60
KillWait=1
BatchStartTimeout=1
MinJobAge=600
MaxArraySize={max_array_size}
NodeName=n[0-{last}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first_port}-{last_port}] CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES LLN=YES MaxTime=INFINITE State=UP
"""


def unavailable():
    """Why there can be no cluster here; None if there can."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    missing = [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]
    return f"{', '.join(missing)} missing (packages slurm-wlm, munge)" if missing else None


class Cluster:
    """With `with`: up at entry, all of it gone at exit. What its daemons start become descendants of this process."""

    def __init__(self, nodes=4, cpus=4, max_array_size=1001):
        self.nodes = [f"n{i}" for i in range(nodes)]
        self._cpus, self._max_array_size = cpus, max_array_size
        self._daemons = {}
        self._since = {}  # node: the second of its last start or death

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            temporary = tempfile.TemporaryDirectory(prefix="skipstone-slurm-", ignore_cleanup_errors=True)
            self.folder = pathlib.Path(stack.enter_context(temporary))
            stack.callback(self._end)
            self._begin()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _begin(self):
        self.folder.chmod(0o711)  # munged asks for a socket that everybody reaches
        adopt_orphans()
        port = free_ports(1 + len(self.nodes))
        configuration = self.folder / "slurm.conf"
        configuration.write_text(CONFIGURATION.format(
            folder=self.folder, host=socket.gethostname().split(".")[0], port=port, first_port=port + 1,
            last_port=port + len(self.nodes), last=len(self.nodes) - 1, cpus=self._cpus, max_array_size=self._max_array_size))
        launchers = ("SLURM_", "SBATCH_", "PMIX_", "OMPI_")  # of the job that this may run in
        outside = {name: value for name, value in os.environ.items() if not name.startswith(launchers)}
        self.environment = {**outside, **MPI_ON_ONE_HOST, "PATH": SEARCH, "SLURM_CONF": str(configuration)}
        (self.folder / "state").mkdir()
        key = self.folder / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(128))
        files = [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        self._start("munge", ["munged", "--foreground", f"--socket={self.folder}/munge.socket", *files])
        self._wait_until(lambda: (self.folder / "munge.socket").exists(), "munged")
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait_for_nodes()

    def _end(self):
        for name in self._daemons:
            self._kill(name)
        end_all(descendants)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _start(self, name, command, folder=None):
        log = (self.folder / f"{name}.out").open("ab")
        # setpriv: should this process be killed, its daemons go too.
        program = shutil.which(command[0], path=SEARCH)
        self._daemons[name] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", program, *command[1:]], env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, cwd=folder or self.folder)
        log.close()

    def _wait_until(self, condition, what, limit_s=START_LIMIT_S):
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError(f"{what}: not ready within {limit_s} s\n{self.logs()}")
            time.sleep(0.05)

    def start_controller(self):
        self._start("slurmctld", ["slurmctld", "-D"])
        self._wait_until(lambda: self.command("scontrol", "ping", check=False).returncode == 0, "slurmctld")

    def start_node(self, node):
        (self.folder / node).mkdir(exist_ok=True)
        # SLURM counts in seconds: within the same one it is not seen that this is another daemon than before.
        time.sleep(max(0, self._since.get(node, 0) + 2 - time.time()))
        self._start(node, ["slurmd", "-D", "-N", node], self.folder / node)
        self._since[node] = int(time.time())

    def kill_controller(self):
        self._kill("slurmctld")

    def kill_daemon(self, node):
        """Of a node; its jobs run on."""
        self._kill(node)
        self._since[node] = int(time.time())

    def kill_node(self, node):
        """As if it lost its power: the daemon, all that runs there, and its local files."""
        self._kill(node)
        end_all(lambda: self.processes_on(node))
        shutil.rmtree(self.folder / node)
        self._since[node] = int(time.time())

    def _kill(self, daemon):
        self._daemons[daemon].kill()
        self._daemons[daemon].wait()

    def processes_on(self, node):
        """Ids of the processes of jobs on a node. What guards a job step stays in the daemon's folder."""
        daemons = {process.pid for process in self._daemons.values()}
        mark = f"SLURMD_NODENAME={node}".encode()

        def is_here(pid):
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/{pid}/cwd") == str(self.folder / node) or mark in read(f"/proc/{pid}/environ").split(b"\0")

        return [pid for pid in descendants() - daemons if is_here(pid)]

    def wait_for_nodes(self):
        """Until all nodes have said that they are there; as an administrator would, takes back those that went down."""
        def ready():
            nodes = self._show_nodes()
            if any(_seconds(node["SlurmdStartTime"]) < self._since[node["NodeName"]] for node in nodes):
                return False
            return not self._resume(nodes) and not any("*" in node["State"] for node in nodes)

        self._wait_until(ready, "nodes")

    def _show_nodes(self):
        lines = self.command("scontrol", "--oneliner", "show", "nodes").stdout.splitlines()
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def _resume(self, nodes):
        """Takes back nodes that are down or drained; returns their names."""
        lost = [node["NodeName"] for node in nodes if "DOWN" in node["State"] or "DRAIN" in node["State"]]
        if lost:
            self.command("scontrol", "update", f"NodeName={','.join(lost)}", "State=RESUME")
        return lost

    def restore(self):
        """Starts the daemons that were killed, and waits for them. What ran on dead nodes is requeued."""
        dead = [name for name, process in self._daemons.items() if process.poll() is not None]
        if "slurmctld" in dead:
            self.start_controller()
        lost = [node for node in self.nodes if not (self.folder / node).exists()]
        if lost:
            self.command("scontrol", "update", f"NodeName={','.join(lost)}", "State=DOWN", "Reason=lost")
        for node in self.nodes:
            if node in dead:
                self.start_node(node)
        self.wait_for_nodes()

    def release(self):
        """Ends the time that SLURM makes requeued jobs wait, or their hold, where they could not be launched; takes back the
        nodes that it drained because a job could not be ended or launched there."""
        self._resume(self._show_nodes())
        lines = self.command("squeue", "--noheader", "--array", "--states=pending", "--format=%i %r").stdout.splitlines()
        for job, reason in (line.split(maxsplit=1) for line in lines):
            words = {"BeginTime": ["update", f"JobId={job}", "StartTime=now"], "launch failed requeued held": ["release", job]}
            if reason in words:
                self.command("scontrol", *words[reason], check=False)  # it may have begun by itself

    def compare(self):
        """Has the nodes tell the controller what runs there: it gives up jobs older than some seconds that do not. It would do so
        by itself some minutes after it was killed while jobs ended."""
        self.command("scontrol", "reconfigure")

    def command(self, *words, check=True, limit_s=60, **options):
        """Runs a command with this cluster as SLURM; returns its CompletedProcess."""
        result = subprocess.run(
            words, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, **options)
        if check and result.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: exit {result.returncode}\n{result.stdout}{result.stderr}\n{self.logs()}")
        return result

    def jobs(self):
        """{job or array task: state} of all jobs that the controller knows."""
        lines = self.command("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").stdout.splitlines()
        return dict(line.split() for line in lines)

    def wait_for_jobs(self, limit_s=60):
        """Until no job is waiting or running, requeued ones not either; returns jobs()."""
        def done():
            self.release()
            return not self.command("squeue", "--noheader").stdout.strip()

        self._wait_until(done, "jobs", limit_s)
        return self.jobs()

    def logs(self, lines=15):
        text = ""
        for path in sorted(self.folder.glob("*.out")):
            text += f"--- {path.name}\n" + "".join(path.read_text(errors="replace").splitlines(keepends=True)[-lines:])
        return text


def _seconds(text):
    return 0 if text in ("None", "Unknown") else time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S"))


def free_ports(count):
    """The first of so many consecutive ports that nobody listens on, below those that the system hands out itself."""
    for _ in range(100):
        first = random.SystemRandom().randrange(20000, 32000 - count)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("", port))
            except OSError:
                continue
            return first
    raise RuntimeError("no free ports")


def adopt_orphans():
    """Makes this process the parent of all descendants that lose theirs, as SLURM's job guards do by design."""
    PR_SET_CHILD_SUBREAPER = 36
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def descendants():
    """Ids of the living processes below this one."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := read(entry / "stat")):
            state, parent = stat.rpartition(b")")[2].split()[:2]
            if state != b"Z":
                children.setdefault(int(parent), []).append(int(entry.name))
    found, todo = set(), [os.getpid()]
    while todo:
        below = children.get(todo.pop(), [])
        found.update(below)
        todo += below
    return found


def end_all(find):
    """Kills the processes that find() finds, all at once, until it finds none."""
    while processes := find():
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        time.sleep(0.01)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=4, metavar="N")
    parser.add_argument("--cpus", type=int, default=4, metavar="N", help="processors that each node says it has")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    options = parser.parse_args()
    if not options.command:
        parser.error("say what to run")
    if reason := unavailable():
        sys.exit(f"cluster.py: {reason}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Cluster(options.nodes, options.cpus) as cluster:
        signal.signal(signal.SIGINT, lambda *_: None)  # it is the command's
        return subprocess.call(options.command, env=cluster.environment)


if __name__ == "__main__":
    sys.exit(main())
