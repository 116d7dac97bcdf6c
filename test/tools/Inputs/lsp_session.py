"""Plays an editor: opens a .mlir file in lqc-lsp-server and asks about it.

    lsp_session.py SERVER FILE

Checks that the file has no diagnostics, that hovering over an operation and going to the
definition of a weight, a function and a value work, and that a mistake is reported where it is.
"""

import json
import pathlib
import subprocess
import sys


class Server:
    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.requests = 0

    def send(self, method, params, **more):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more})
        self.process.stdin.write(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        self.process.stdin.flush()

    def receive(self):
        length = None
        while (line := self.process.stdout.readline().strip()) or length is None:
            if not line:
                sys.exit("the server ended early")
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(self.process.stdout.read(length))

    def notice(self, method):
        """The parameters of the next notification `method`."""
        while (message := self.receive()).get("method") != method:
            pass
        return message["params"]

    def ask(self, method, params):
        self.requests += 1
        self.send(method, params, id=self.requests)
        while (message := self.receive()).get("id") != self.requests:
            pass
        return message["result"]


def position_of(text, before, word):
    """Where `word` is first behind `before`, one letter into it."""
    at = text.index(word, text.index(before)) + 1
    line = text.count("\n", 0, at)
    return {"line": line, "character": at - (text.rfind("\n", 0, at) + 1)}


def line_of(text, word):
    return text.count("\n", 0, text.index(word))


def main(command, path):
    text, uri = path.read_text(), path.resolve().as_uri()
    server = Server([command])
    offers = server.ask(
        "initialize", {"processId": None, "rootUri": None, "capabilities": {}}
    )["capabilities"]
    assert offers["hoverProvider"] and offers["definitionProvider"], offers
    server.send("initialized", {})

    document = {"uri": uri, "languageId": "mlir", "version": 1, "text": text}
    server.send("textDocument/didOpen", {"textDocument": document})
    params = server.notice("textDocument/publishDiagnostics")
    assert params["uri"] == uri and params["diagnostics"] == [], params

    def ask(method, before, word):
        position = position_of(text, before, word)
        return server.ask(method, {"textDocument": {"uri": uri}, "position": position})

    hover = ask("textDocument/hover", "func.func @forward", "lqc.embedding")
    assert "lqc.embedding" in hover["contents"]["value"], hover
    print("hover:", hover["contents"]["value"].splitlines()[0])

    for before, word, definition in [
        ("lqc.get_weight", "@model.embed_tokens", "lqc.weight @model.embed_tokens"),
        ("call @layers.0", "@layers.0", "@layers.0(%arg0"),
        ("lqc.rms_norm %arg0", "%arg0", "@layers.0(%arg0"),
    ]:
        places = ask("textDocument/definition", before, word)
        lines = [place["range"]["start"]["line"] for place in places]
        assert line_of(text, definition) in lines, (word, places)
        print("definition of", word, "found")

    wrong = text.replace("lqc.rms_norm %arg0", "lqc.rms_norm %nobody", 1)
    server.send(
        "textDocument/didChange",
        {
            "textDocument": {"uri": uri, "version": 2},
            "contentChanges": [{"text": wrong}],
        },
    )
    [diagnostic] = server.notice("textDocument/publishDiagnostics")["diagnostics"]
    assert diagnostic["range"]["start"]["line"] == line_of(wrong, "%nobody"), diagnostic
    print("diagnostic:", diagnostic["message"].splitlines()[0])

    server.ask("shutdown", None)
    server.send("exit", None)
    assert server.process.wait(timeout=60) == 0


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
