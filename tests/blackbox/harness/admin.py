"""The admin listener of a Trilby sidecar, spoken to over its Unix socket or a port."""

from harness.raw import Connection, body_bytes, header_list, request_bytes


class Admin:
    def __init__(self, path=None, port=None, token=None):
        self.path, self.port, self.token = path, port, token

    def request(self, method, target, body=None, headers=None, seconds=30):
        lines = header_list(headers) if headers is not None else self.own_headers()
        with Connection(self.port or 0, path=self.path, seconds=seconds) as connection:
            connection.send(request_bytes(self.port or 80, method, target, lines, body_bytes(body)))
            return connection.answer_read(method)

    def own_headers(self):
        mark = [("X-Trilby-Admin", "1")]    # a change is meant
        return [("Authorization", f"Bearer {self.token}"), *mark] if self.token else mark

    def plugins(self):
        return self.request("GET", "/v1/admin/plugins").json["plugins"]

    def components(self):
        return {one["name"]: one for one in self.request("GET", "/v1/admin/components").json["components"]}

    def component(self, name):
        return self.request("GET", f"/v1/admin/components/{name}").json

    def options(self, name):
        return {one["name"]: one for one in self.component(name)["options"]}

    def put(self, text):
        return self.request("POST", "/v1/admin/components", text)

    def remove(self, name):
        return self.request("DELETE", f"/v1/admin/components/{name}")

    def reload(self, name):
        return self.request("POST", f"/v1/admin/components/{name}/reload")

    def swap(self, plugin):
        return self.request("POST", f"/v1/admin/plugins/{plugin}/reload")
