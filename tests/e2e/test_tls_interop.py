"""TLS under the eyes of others: testssl.sh, h2spec, openssl s_client, and a real Envoy beside us."""

import json
import re
import subprocess
import threading

import pytest
from harness.config import access_log, bootstrap, cluster, hcm, listener, route, vhost
from harness.pki import Authority, Pair, mounted
from harness.proxy import Proxy
from harness.tls import calling, client_socket, curl, mutual_server, s_client, server_socket, serving
from harness.tools import go_tool
from harness.wait import wait_until

SSL = "listener.127.0.0.1_0.ssl."
# Worse than LOW in testssl.sh's order.
TOO_BAD = ("MEDIUM", "HIGH", "CRITICAL", "FATAL")


@pytest.mark.timeout(400)
@pytest.mark.parametrize("rsa", [False, True], ids=["ecdsa", "rsa"])
def test_testssl_finds_nothing_above_low(launch, origin, tmp_path, rsa):
    # Long enough a life, and a place to ask for revocation, which testssl.sh wants of any certificate.
    authority = Authority(tmp_path / "pki")
    pair = authority.issue("server", "DNS:server.test", days=300, rsa=rsa,
                           more="crlDistributionPoints=URI:http://crl.test/list\n")
    proxy = launch(serving(origin.port, server_socket(pair, common={"alpn_protocols": ["h2", "http/1.1"]})))
    report = tmp_path / "report.json"
    # Protocols, kinds of ciphers, forward secrecy, preferences, certificates, vulnerabilities; what an
    # application says in its headers (HSTS and the like) is not the proxy's.
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "-p", "-s", "-f", "-P", "-S", "-U",
         "--add-ca", authority.pem, "--ip", "127.0.0.1", "--jsonfile", str(report), "server.test:%d" % proxy.port()],
        capture_output=True, check=False, timeout=380)
    findings = json.loads(report.read_text())
    bad = [finding for finding in findings if finding["severity"] in TOO_BAD]
    assert bad == [], done.stdout.decode()
    by_id = {finding["id"]: finding for finding in findings}
    assert "offered" in by_id["TLS1_3"]["finding"] and by_id["TLS1_3"]["severity"] == "OK"
    assert by_id["TLS1_1"]["finding"] == "not offered"
    assert by_id["cert_chain_of_trust"]["severity"] == "OK"
    assert by_id["heartbleed"]["severity"] == "OK"


def test_h2spec_finds_no_failure_over_tls(launch, origin, pki):
    routes = [route("/", {"direct_response": {"status": 200, "body": {"inline_string": "hello\n"}}})]
    made = listener("main", hcm([vhost("all", ["*"], routes)]))
    made["filter_chains"][0]["transport_socket"] = server_socket(pki.server, common={"alpn_protocols": ["h2", "http/1.1"]})
    proxy = launch(bootstrap([made], [cluster("a", origin.port)]))
    done = subprocess.run([go_tool("h2spec"), "-t", "-k", "-h", "127.0.0.1", "-p", str(proxy.port()), "-o", "5"],
                          capture_output=True, timeout=300, check=False)
    output = done.stdout.decode(errors="replace")
    summary = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", output)
    assert summary, output
    tests, passed, _, failed = map(int, summary.groups())
    assert (failed, passed) == (0, tests), output
    assert tests >= 140
    assert proxy.admin.stat("http.ingress.downstream_cx_http2_total") >= 140


@pytest.mark.parametrize("version,cipher", [
    ("1_2", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("1_2", "ECDHE-ECDSA-AES256-GCM-SHA384"), ("1_3", "TLS_AES_128_GCM_SHA256"),
    ("1_3", "TLS_AES_256_GCM_SHA384"), ("1_3", "TLS_CHACHA20_POLY1305_SHA256"),
])
def test_openssl_speaks_each_cipher(launch, origin, pki, version, cipher):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    option = "-cipher" if version == "1_2" else "-ciphersuites"
    said = s_client(proxy, "-tls" + version, option, cipher, "-CAfile", pki.pem)
    assert "Verify return code: 0 (ok)" in said and "origin a" in said, said
    assert proxy.admin.stat(SSL + "ciphers." + cipher) == 1


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_openssl_is_refused_weak_ciphers(launch, origin, pki, cipher):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    said = s_client(proxy, "-tls1_2", "-cipher", cipher + ":@SECLEVEL=0")
    assert "Cipher is (NONE)" in said, said
    assert proxy.admin.wait_for_stat(SSL + "connection_error", 1) == 1


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_tickets_can_be_turned_off(launch, origin, pki, version, tmp_path):
    off = {"disable_stateless_session_resumption": True, "disable_stateful_session_resumption": True}
    proxy = launch(serving(origin.port, server_socket(pki.server, **off)))
    saved = str(tmp_path / "session")
    assert "New, " in s_client(proxy, version, "-sess_out", saved)
    assert "Reused, " not in s_client(proxy, version, "-sess_in", saved)
    assert proxy.admin.stat(SSL + "session_reused") == 0


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_shared_ticket_keys_resume_on_another_proxy(launch, origin, pki, version, tmp_path):
    (tmp_path / "ticket.key").write_bytes(bytes(range(80)))
    keys = {"session_ticket_keys": {"keys": [{"filename": str(tmp_path / "ticket.key")}]}}
    first, second = (launch(serving(origin.port, server_socket(pki.server, **keys))) for _ in range(2))
    saved = str(tmp_path / "session")
    assert "New, " in s_client(first, version, "-sess_out", saved)
    assert "Reused, " in s_client(second, version, "-sess_in", saved)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_does_not_outlive_trust_in_its_client(launch, origin, pki, version, tmp_path):
    """The ticket keys stay, and the authority that the client's certificate is of goes."""
    (tmp_path / "ticket.key").write_bytes(bytes(range(80)))
    bundle = tmp_path / "ca.pem"
    bundle.write_text(open(pki.pem, encoding="ascii").read())
    transport = server_socket(
        pki.server, require_client_certificate=True, common={"validation_context": {"trusted_ca": {"filename": str(bundle)}}},
        session_ticket_keys={"keys": [{"filename": str(tmp_path / "ticket.key")}]})
    proxy = launch(serving(origin.port, transport))
    own = [version, "-cert", pki.client.certificate, "-key", pki.client.key]
    saved = str(tmp_path / "session")
    assert "New, " in s_client(proxy, *own, "-sess_out", saved)
    assert "Reused, " in s_client(proxy, *own, "-sess_in", saved)
    if proxy.kind == "envoy":
        return  # it reads trusted_ca once
    (tmp_path / "new.pem").write_text(open(Authority(tmp_path / "other", "other").pem, encoding="ascii").read())
    (tmp_path / "new.pem").rename(bundle)
    assert proxy.admin.wait_for_stat("server.tls_secrets.reload_success", 1) == 1
    said = s_client(proxy, *own, "-sess_in", saved)
    assert "Reused, " not in said and "origin a" not in said, said
    assert proxy.admin.wait_for_stat(SSL + "fail_verify_error", 1) == 1


@pytest.mark.parametrize("policy,openssl_sees", [("LENIENT_STAPLING", "no response sent"), ("STRICT_STAPLING", "no response sent")])
def test_a_staple_that_nobody_gave_is_not_sent(launch, origin, pki, policy, openssl_sees):
    proxy = launch(serving(origin.port, server_socket(pki.server, ocsp_staple_policy=policy)))
    assert "OCSP response: " + openssl_sees in s_client(proxy, "-status")
    assert proxy.admin.stat(SSL + "ocsp_staple_requests") == 1
    assert proxy.admin.stat(SSL + "ocsp_staple_omitted") == 1


@pytest.mark.parametrize("policy", ["LENIENT_STAPLING", "STRICT_STAPLING", "MUST_STAPLE"])
def test_openssl_accepts_the_staple(launch, origin, pki, policy, tmp_path):
    staple = pki.staple(pki.server, tmp_path)
    certificate = {**pki.server.config(), "ocsp_staple": {"filename": staple}}
    transport = server_socket(pki.server, ocsp_staple_policy=policy, common={"tls_certificates": [certificate]})
    proxy = launch(serving(origin.port, transport))
    said = s_client(proxy, "-status", "-CAfile", pki.pem)
    assert "OCSP Response Status: successful" in said and "Cert Status: good" in said, said
    assert proxy.admin.stat(SSL + "ocsp_staple_responses") == 1


def test_must_staple_without_a_staple_does_not_start(subject, origin, pki, tmp_path):
    config = serving(origin.port, server_socket(pki.server, ocsp_staple_policy="MUST_STAPLE"))
    proxy = Proxy(subject, config, tmp_path / "proxy")
    with pytest.raises(Exception, match="OCSP"):
        proxy.start()


FACTS = ("%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN% "
         "%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_ISSUER% %DOWNSTREAM_PEER_SERIAL% %DOWNSTREAM_PEER_FINGERPRINT_1% "
         "%DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END(%s)% "
         "%DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256% %DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1% %DOWNSTREAM_PEER_CHAIN_SERIALS% "
         "%DOWNSTREAM_PEER_CERT% %DOWNSTREAM_LOCAL_URI_SAN% %DOWNSTREAM_LOCAL_DNS_SAN% %DOWNSTREAM_LOCAL_SUBJECT% "
         "%DOWNSTREAM_LOCAL_IP_SAN% %DOWNSTREAM_PEER_IP_SAN% %DOWNSTREAM_PEER_EMAIL_SAN%")
UPSTREAM_FACTS = ("%UPSTREAM_TLS_VERSION% %UPSTREAM_TLS_CIPHER% %UPSTREAM_PEER_URI_SAN% %UPSTREAM_PEER_DNS_SAN% "
                  "%UPSTREAM_PEER_SUBJECT% %UPSTREAM_PEER_ISSUER% %UPSTREAM_PEER_CERT_V_START% %UPSTREAM_PEER_CERT_V_END% "
                  "%UPSTREAM_PEER_CERT% %UPSTREAM_LOCAL_URI_SAN% %UPSTREAM_LOCAL_DNS_SAN% %UPSTREAM_TLS_SESSION_ID%")


def logged(kind, origin, pki, folder):
    """What the two proxies of a hop log of its one connection, when both are of that kind."""
    folder.mkdir()
    far_log, near_log = folder / "far.log", folder / "near.log"
    far = serving(origin.port, mutual_server(pki), log=access_log(far_log, text=FACTS + "\n"))
    with Proxy(kind, far, folder / "b") as b:
        near = calling(b.port(), client_socket(pki), log=access_log(near_log, text=UPSTREAM_FACTS + "\n"))
        with Proxy(kind, near, folder / "a") as a:
            assert curl(a, scheme="http").stdout == b"origin a\n"
    return far_log.read_text().split(" "), near_log.read_text().split(" ")


def test_logs_say_of_certificates_what_envoy_says(origin, pki, tmp_path):
    ours = logged("pillion", origin, pki, tmp_path / "ours")
    envoys = logged("envoy", origin, pki, tmp_path / "envoys")
    assert ours[0] == envoys[0]
    # A session's id is made by chance.
    assert ours[1][:-1] == envoys[1][:-1]
    assert "spiffe://mesh.test/client" in ours[0] and "spiffe://mesh.test/server" in ours[1]


def test_a_tunnels_log_says_why_its_handshake_failed(launch, origin, pki, tmp_path):
    path = tmp_path / "log"
    tcp = {"name": "tcp", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "t", "cluster": "a",
        "access_log": [access_log(path, text="[%DOWNSTREAM_TRANSPORT_FAILURE_REASON%]\n")]}}
    made = listener("main", tcp)
    made["filter_chains"][0]["transport_socket"] = mutual_server(pki)
    proxy = launch(bootstrap([made], [cluster("a", origin.port)]))
    s_client(proxy, request=b"")
    line = wait_until(lambda: path.exists() and path.read_text())
    assert line == ("[TLS_error:|268435648:SSL_routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE:"
                    "peer_did_not_provide_required_client_certificate:TLS_error_end]\n")


class Load:
    """Requests one after the other in new connections, by curl, until it is stopped."""

    def __init__(self, proxy, pki):
        self.proxy, self.pki = proxy, pki
        self.done, self.failed = 0, []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.stopped.is_set():
            answer = curl(self.proxy, "--cacert", self.pki.pem)
            self.done += 1
            if answer.stdout != b"origin a\n":
                self.failed.append(answer.stderr)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.pillion_only
def test_a_swap_of_folders_under_load_fails_no_request(launch, origin, pki, tmp_path):
    folder = tmp_path / "mount"
    folder.mkdir()
    mounted(folder, "0", pki.server)
    for name in ("tls.crt", "tls.key"):
        (folder / name).symlink_to("..data/" + name)
    proxy = launch(serving(origin.port, server_socket(Pair(folder / "tls.crt", folder / "tls.key"))), concurrency=2)
    load = Load(proxy, pki)
    try:
        for generation in range(1, 5):
            before = load.done
            mounted(folder, str(generation), pki.issue("renewed%d" % generation, "DNS:server.test"))
            assert proxy.admin.wait_for_stat("server.tls_secrets.reload_success", generation) == generation
            wait_until(lambda: load.done > before + 5, what="requests after the swap")  # noqa: B023
        # A generation that cannot be loaded: a key that is another certificate's.
        mounted(folder, "bad", Pair(pki.server.certificate, pki.client.key))
        assert proxy.admin.wait_for_stat("server.tls_secrets.stale", 1) == 1
        before = load.done
        wait_until(lambda: load.done > before + 5, what="requests with the old certificate")
    finally:
        load.stop()
    assert load.failed == []
    assert load.done > 25
    assert proxy.admin.stat("server.tls_secrets.reload_failed") >= 1
    assert "CN = renewed4" in s_client(proxy)
    assert "does not belong to the certificate" in proxy.log()
    mounted(folder, "good", pki.issue("good", "DNS:server.test"))
    assert proxy.admin.wait_for_stat("server.tls_secrets.stale", 0) == 0
    assert "CN = good" in s_client(proxy)


def test_keys_stay_out_of_pages_and_logs(launch, origin, pki):
    """Of a key that is given in place, at the noisiest level."""
    key = open(pki.server.key, encoding="ascii").read()
    certificate = {"certificate_chain": {"filename": pki.server.certificate}, "private_key": {"inline_string": key}}
    transport = server_socket(common={"tls_certificates": [certificate]})
    proxy = launch(serving(origin.port, transport), log_level="trace")
    assert curl(proxy, "--cacert", pki.pem).stdout == b"origin a\n"
    secret = key.splitlines()[1]
    for page in ("/config_dump", "/certs", "/clusters", "/listeners", "/server_info", "/stats"):
        assert secret not in proxy.admin.get(page), page
    assert "[redacted]" in proxy.admin.get("/config_dump")
    for name in ("stderr", "stdout"):
        assert secret not in (proxy.workdir / name).read_text(errors="replace")
