"""nginx in front of a daemon's Unix socket, on loopback, with everything of its own in the daemon's temporary directory."""
import contextlib
import os
import socket
import subprocess
import time

# As one would have it in production: connections to vaultd are kept and shared by all clients, which is where a request that two
# programs read differently would do its harm.
CONFIGURATION = """
daemon off;
master_process off;
pid {dir}/pid;
error_log {dir}/error.log info;
events {{ worker_connections 512; }}
http {{
	access_log off;
	client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; scgi_temp_path {dir}/s; uwsgi_temp_path {dir}/u;
	client_max_body_size 8m;
	upstream vaultd {{ server unix:{socket}; keepalive 4; }}
	server {{
		listen 127.0.0.1:{port};
		location / {{
			proxy_pass http://vaultd;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $remote_addr;
		}}
	}}
}}
"""


class Nginx:
    def __init__(self, daemon, port):
        self.port, self.dir = port, os.path.join(daemon.dir, "nginx")
        os.mkdir(self.dir, 0o700)
        configuration = os.path.join(self.dir, "nginx.conf")
        with open(configuration, "w", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(dir=self.dir, socket=daemon.socket, port=port))
        self.process = subprocess.Popen(["nginx", "-c", configuration, "-p", self.dir, "-e", os.path.join(self.dir, "error.log")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin"))
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                self.connect().close()
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError("nginx does not answer:\n" + self.log())
            time.sleep(0.01)

    def log(self):
        with open(os.path.join(self.dir, "error.log"), encoding="utf-8", errors="replace") as lines:
            return lines.read()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def stop(self):
        self.process.terminate()
        self.process.wait()
