"""The TLS part of the benchmark: vaultd beside nginx with a static file, and envctl run over TLS beside the socket."""
import json
import os
import re
import shutil
import subprocess
import time

CONFIG = """
listen_unix {{
  path = "{dir}/v.sock"
}}
listen_tcp {{
  address = "127.0.0.1"
  port = 18210
  certificate = "{dir}/cert.pem"
  key = "{dir}/key.pem"
}}
"""
NGINX = """
user root;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx.err;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; open_file_cache max=10;
  client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c; uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
  server {{
    listen 127.0.0.1:18211 ssl; ssl_protocols TLSv1.3;
    ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
    root {dir}/www; default_type application/json; keepalive_requests 1000000000;
  }}
}}
"""


def wrk(address, seconds, token):
    out = subprocess.check_output(["wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-H", "X-Vault-Token: " + token, address], text=True)
    failed = re.search(r"Non-2xx[^:]*: (\d+)", out)
    if failed:
        raise SystemExit("answers that were no success: " + failed[1])
    return {"rps": float(re.search(r"Requests/sec: +([0-9.]+)", out)[1])}


def run(bench, args):
    if not shutil.which("wrk") or not shutil.which("nginx"):
        bench.row("resolve over TLS", "needs wrk and nginx: packaging/install-packages bench")
        return
    import tempfile
    folder = tempfile.mkdtemp(prefix="vault-bench-tls-")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", folder + "/key.pem",
                    "-out", folder + "/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    os.chmod(folder + "/key.pem", 0o600)
    with open(folder + "/vaultd.conf", "w", encoding="utf-8") as out:
        out.write(f'data_dir = "{folder}/data"\npersonal = true\n' + CONFIG.format(dir=folder))
    with open(folder + "/nginx.conf", "w", encoding="utf-8") as out:
        out.write(NGINX.format(dir=folder))
    env = bench.own_places(folder, VAULT_ADDR="unix://" + folder + "/v.sock", VAULT_CACERT=folder + "/cert.pem")
    daemon = subprocess.Popen([bench.VAULTD, "--config", folder + "/vaultd.conf"], env=env, stdin=subprocess.DEVNULL,
                              stderr=open(folder + "/log", "wb"))
    nginx = subprocess.Popen(["nginx", "-c", folder + "/nginx.conf", "-p", folder, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if os.path.exists(folder + "/v.sock"):
                break
            time.sleep(0.05)
        init = subprocess.run([bench.ENVCTL, "init", "--key-file", folder + "/key", "--token-output", folder + "/token"], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert init.returncode == 0, init.stdout
        token = open(folder + "/token", encoding="ascii").read().strip()
        with open(folder + "/in.json", "w", encoding="utf-8") as out:
            json.dump(bench.variables(), out)
        subprocess.run([bench.ENVCTL, "import", "shop/production", folder + "/in.json", "--dialect", "json"], env=env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.mkdir(folder + "/www")
        body = subprocess.check_output(["curl", "-s", "--unix-socket", folder + "/v.sock", "http://v/v1/secret/resolve/shop/production"])
        with open(folder + "/www/body", "wb") as out:
            out.write(body)
        ours, theirs = bench.alternate(
            [lambda: wrk("https://127.0.0.1:18210/v1/secret/resolve/shop/production", args.seconds, token),
             lambda: wrk("https://127.0.0.1:18211/body", args.seconds, token)], args.rounds)
        bench.row("resolve, 50 variables, TLS, keep-alive", f"{ours['rps']:.0f}/s", f"nginx, a static file of the same bytes {theirs['rps']:.0f}/s",
                  f"{ours['rps'] / theirs['rps'] * 100:.0f} %")
        tls = ["env", "VAULT_ADDR=https://127.0.0.1:18210", "VAULT_TOKEN=" + token]
        plain = ["env", "VAULT_TOKEN=" + token]
        command = [bench.ENVCTL, "run", "shop/production", "--", "/bin/true"]
        out = subprocess.check_output([bench.tool("spawn"), str(args.spawns), "--next", *plain, *command, "--next", *tls, *command],
                                      env=env, text=True).split("\n")
        socket, secure = out[0].split(), out[1].split()
        assert socket[3] == secure[3] == "0", out
        bench.row("envctl run over TLS", f"{secure[0]} ms, peak {int(secure[2]) / 1024:.1f} MiB", f"over the socket {socket[0]} ms",
                  f"{float(secure[0]) / float(socket[0]):.1f} ×", "4 ×")
    finally:
        daemon.terminate()
        nginx.terminate()
        daemon.wait()
        nginx.wait()
        shutil.rmtree(folder, ignore_errors=True)
