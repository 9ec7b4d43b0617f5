"""The common part of the small servers of this folder that speak a documented REST protocol: JSON over HTTP/1.1,
TLS with a certificate of the folder, and faults on demand (PUT /_test/fault)."""

import json
import re
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


class Handler(BaseHTTPRequestHandler):
    """Subclasses have routes: (method, pattern of the path, function(self, match, query, body))."""

    protocol_version = "HTTP/1.1"
    routes = ()
    faults = []                         # of all connections
    requests = []                       # what was asked, for GET /_test/requests

    def log_message(self, *_):
        pass

    def answer(self, status, value=None, headers=()):
        body = b"" if value is None else value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def allowed(self):
        """Whether the caller proved who it is; else it has been answered."""
        return True

    def _test(self, path, body):
        if path == "/_test/fault":
            self.faults.append(json.loads(body))
            self.answer(200, {})
        elif path == "/_test/requests":
            self.answer(200, self.requests[-100:])
        else:
            self.answer(200, {})

    def _fault(self, path):
        for fault in list(self.faults):
            if re.search(fault.get("path", ""), path):
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
                self.answer(fault["status"], fault.get("body", {"fault": True}),
                            [(k, v) for k, v in fault.get("headers", {}).items()])
                return True
        return False

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        if parts.path.startswith("/_test/"):
            return self._test(parts.path, body)
        self.requests.append({"method": self.command, "target": self.path, "body": body.decode("utf-8", "replace"),
                              "headers": {k.lower(): v for k, v in self.headers.items()}})
        if self._fault(parts.path) or not self.allowed():
            return None
        for method, pattern, function in self.routes:
            match = re.fullmatch(pattern, unquote(parts.path))
            if match and method == self.command:
                query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
                return function(self, match, query, body)
        return self.answer(404, {"errors": []})

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = do_PATCH = _serve


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def serve(handler, port, certificate=None, key=None, client_ca=None):
    server = Server(("127.0.0.1", port), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        if client_ca:
            context.verify_mode = ssl.CERT_OPTIONAL
            context.load_verify_locations(client_ca)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    sys.stdout.flush()
    server.serve_forever()
