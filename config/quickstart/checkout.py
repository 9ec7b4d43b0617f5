"""The checkout application of the quickstart: other applications call its method `process`.

    trilby run --app-id checkout --app-port 8081 -- python checkout.py"""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Checkout(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        order = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path == "/process":
            print(f"processing {order}", flush=True)
            self.answer(200, {"processed": order.get("orderId")})
        else:
            self.answer(404, {"error": f"there is no {self.path} here"})

    def do_GET(self):
        self.answer(404, {"error": f"there is no {self.path} here"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Quiet: what matters is printed above."""


port = int(os.environ.get("APP_PORT", "8081"))
ThreadingHTTPServer(("127.0.0.1", port), Checkout).serve_forever()
