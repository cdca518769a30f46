"""nginx under load: its configuration is read again many times, and no request is lost."""

import re, signal

from suites.way import children, free_port

NEEDS = ["nginx:nginx", "ab:apache2-utils"]
QUICK = ["reloads"]
CONFIGURATION = """
worker_processes 2; daemon off; pid {0}/pid; error_log {0}/error;
events {{ worker_connections 256; }}
http {{ access_log off; gzip on; server {{ listen 127.0.0.1:{1}; root {0}/pages; }} }}
"""


def parts():
    return QUICK


def run(way, part):
    port = free_port()
    page = way.folder / "pages/page.html"
    page.parent.mkdir()
    page.write_text("all is well\n" * 500)
    configuration = way.folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(way.folder, port))
    server = way.start(["nginx", "-c", configuration])
    url = f"http://127.0.0.1:{port}/page.html"
    way.until(lambda: way.ask(["ab", "-q", "-n", "1", url]), "nginx answers")
    load = way.start(["ab", "-q", "-n", "20000", "-c", "8", url], prefixed=False)
    master = int((way.folder / "pid").read_text())
    for _ in range(5):
        before = children(master)
        server.send_signal(signal.SIGHUP)
        way.until(lambda: not before & children(master), "other workers")
    report = way.wait(load)[1]
    results = dict(re.findall(r"^((?:Complete|Failed) requests|Non-2xx responses): +(\d+)", report, re.M))
    server.send_signal(signal.SIGQUIT)
    results["exit status"] = way.wait(server)[0]
    results["errors"] = " ".join(re.findall(r"\[(alert|emerg|crit|error)\]", (way.folder / "error").read_text()))
    return results
