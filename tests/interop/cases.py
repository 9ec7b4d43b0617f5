"""The cases of tests/interop/run: gRPC's own through two sidecars, and those of a server that breaks rules."""

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "blackbox")]

import negative_cases  # noqa: E402
from harness.ports import free_port  # noqa: E402
from harness.sidecar import Sidecar  # noqa: E402
from harness.wait import until  # noqa: E402

THROUGH = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
           "timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
           "special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service",
           "orca_per_rpc", "rpc_soak", "channel_soak"]
CLOUD = "needs credentials of a cloud, and TLS to the server itself"
NOT = {"compute_engine_creds": CLOUD, "service_account_creds": CLOUD, "jwt_token_creds": CLOUD, "per_rpc_creds": CLOUD,
       "oauth2_auth_token": CLOUD, "google_default_credentials": CLOUD, "compute_engine_channel_credentials": CLOUD,
       "pick_first_unary": "the Go server names no server id, with or without a proxy",
       "orca_oob": "its load reports are a stream of the channel's own, which carries no dapr-app-id"}
MORE = {"orca_per_rpc": ["--service_config_json", '{"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}'],
        "rpc_soak": ["--soak_iterations", "48", "--soak_num_threads", "4", "--soak_per_iteration_max_acceptable_latency_ms", "5000"],
        "channel_soak": ["--soak_iterations", "20", "--soak_per_iteration_max_acceptable_latency_ms", "5000"]}
SECONDS = 60


class Server:
    """The Go server; it says nothing when it is ready."""

    def __init__(self, programs):
        self.port = free_port()
        self.process = subprocess.Popen([os.path.join(programs, "server"), f"--port={self.port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self.listens, "the interop server")

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def sidecar(stack, binary, app_id, app=None, names=None, **flags):
    config = {"nameResolution": {"component": "sqlite", "configuration": {"connectionString": names}}} if names else None
    made = Sidecar(binary, app=app, app_id=app_id, config=config, flags={"app-protocol": "grpc", **flags})
    stack.callback(made.end)
    return made.start()


def run_case(programs, port, case):
    """None: it passed. Else why not."""
    command = [os.path.join(programs, "client"), "--server_host=127.0.0.1", f"--server_port={port}", f"--test_case={case}",
               "--additional_metadata=dapr-app-id:server", *MORE.get(case, [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"no end within {SECONDS} s"
    if done.returncode == 0:
        return None
    lines = (done.stderr + done.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


class Score:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def tell(self, case, fault):
        print(f"{case}: {'passed' if fault is None else 'FAILED: ' + fault}", flush=True)
        self.passed += fault is None
        self.failed += fault is not None

    def skip(self, case, why):
        print(f"{case}: not for a proxy: {why}", flush=True)
        self.skipped += 1


def through_two_sidecars(binary, programs, wanted, score):
    with ExitStack() as stack:
        names = os.path.join(stack.enter_context(tempfile.TemporaryDirectory()), "names.db")
        server = Server(programs)
        stack.callback(server.stop)
        sidecar(stack, binary, "server", app=server, names=names)
        front = sidecar(stack, binary, "client", names=names)
        for case in wanted:
            score.tell(case, run_case(programs, front.grpc, case))


def against_the_negative_server(binary, wanted, score):
    for case in wanted:
        with ExitStack() as stack:
            score.tell("negative " + case, negative_cases.run(
                case, lambda app, stack=stack: sidecar(stack, binary, "negative", app=app)))


def main(binary, programs, *only):
    score = Score()
    chosen = [case for case in THROUGH if not only or case in only]
    if chosen:
        through_two_sidecars(binary, programs, chosen, score)
    against_the_negative_server(binary, [case for case in negative_cases.CASES if not only or case in only], score)
    for case, why in NOT.items():
        if not only or case in only:
            score.skip(case, why)
    print(f"{score.passed} passed, {score.failed} failed, {score.skipped} skipped")
    return 1 if score.failed or not score.passed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
