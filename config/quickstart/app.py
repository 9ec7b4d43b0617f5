"""The orders application of the quickstart: takes orders that are published and prints them.

    trilby run --app-id orders --app-port 8080 --dapr-http-port 3500 -- python app.py

It needs nothing but Python: an application sees its sidecar as plain HTTP."""
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/orders":
            event = json.loads(body)
            print(f"order received: {event['data']} ({self.headers['Content-Type']}: {event['type']} {event['id']} "
                  f"from {event['source']})", flush=True)
            self.answer(200, {"status": "SUCCESS"})
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


port = int(os.environ.get("APP_PORT", "8080"))
ThreadingHTTPServer(("127.0.0.1", port), Orders).serve_forever()
