"""TLS and mTLS with clients and peers that no one here wrote: curl, openssl s_client, a real Envoy."""

import hashlib
import socket as net
import ssl
import subprocess
import time
import urllib.parse

import pytest
from harness.config import TYPE, access_log, bootstrap, cluster, hcm, listener, route, vhost
from harness.pki import Authority, Pair
from harness.proxy import Proxy
from harness.wait import wait_until

TLS = TYPE + "envoy.extensions.transport_sockets.tls.v3."
WRONG_NAME = (
    "TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_SAN_matcher,"
    "_certificate_SANs_are_[server.test,_spiffe://mesh.test/server]:TLS_error_end"
)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("pki"))
    made.server = made.issue("server", "DNS:server.test,URI:spiffe://mesh.test/server")
    made.client = made.issue("client", "URI:spiffe://mesh.test/client")
    return made


def socket(message, common, **fields):
    return {"name": "envoy.transport_sockets.tls",
            "typed_config": {"@type": TLS + message, "common_tls_context": common, **fields}}


def server_socket(*pairs, **fields):
    common = {"tls_certificates": [pair.config() for pair in pairs]}
    common.update(fields.pop("common", {}))
    return socket("DownstreamTlsContext", common, **fields)


def mutual_server(pki, **validation):
    return server_socket(pki.server, require_client_certificate=True,
                         common={"validation_context": {"trusted_ca": {"filename": pki.pem}, **validation}})


def client_socket(pki, sni="server.test", own=True, params=None, **validation):
    common = {"validation_context": {"trusted_ca": {"filename": pki.pem}, **validation}}
    if own:
        common["tls_certificates"] = [pki.client.config()]
    if params:
        common["tls_params"] = params
    return socket("UpstreamTlsContext", common, sni=sni)


def serving(port, transport, name="main", **fields):
    """A bootstrap whose listener has that transport socket, in front of a plain origin."""
    made = listener(name, hcm([vhost("all", ["*"], [route("/", "a")])], **fields))
    made["filter_chains"][0]["transport_socket"] = transport
    return bootstrap([made], [cluster("a", port)])


def calling(port, transport, log=None, **fields):
    """A bootstrap with a plain listener whose cluster has that transport socket."""
    made = cluster("b", port, transport_socket=transport, **fields)
    return bootstrap([listener("main", hcm([vhost("all", ["*"], [route("/", "b")])], log=log))], [made])


def curl(proxy, *arguments, name="server.test", scheme="https", path="/"):
    port = proxy.port()
    return subprocess.run(
        ["curl", "-sS", "--max-time", "20", "--resolve", "%s:%d:127.0.0.1" % (name, port), *arguments,
         "%s://%s:%d%s" % (scheme, name, port, path)],
        capture_output=True, check=False)


def s_client(proxy, *arguments, request=b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.port(), "-ign_eof", *arguments],
        input=request, capture_output=True, check=False, timeout=20)
    return done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_verifies_the_server(launch, origin, pki, version):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    done = curl(proxy, "--cacert", pki.pem, "--tlsv" + version, "--tls-max", version)
    assert done.stdout == b"origin a\n", done.stderr
    assert origin.requests[0].header("x-forwarded-proto") == "https"
    assert proxy.admin.stat("listener.127.0.0.1_0.ssl.handshake") == 1
    assert proxy.admin.stat("listener.127.0.0.1_0.ssl.versions.TLSv" + version) == 1


def test_plain_text_to_a_tls_port_is_counted(launch, origin, pki):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    assert curl(proxy, scheme="http").returncode != 0
    assert proxy.admin.wait_for_stat("listener.127.0.0.1_0.ssl.connection_error", 1) == 1
    assert origin.requests == []


def test_a_client_without_certificate_is_refused(launch, origin, pki):
    proxy = launch(serving(origin.port, mutual_server(pki)))
    assert curl(proxy, "--cacert", pki.pem).returncode != 0
    assert proxy.admin.wait_for_stat("listener.127.0.0.1_0.ssl.fail_verify_no_cert", 1) == 1
    done = curl(proxy, "--cacert", pki.pem, "--cert", pki.client.certificate, "--key", pki.client.key)
    assert done.stdout == b"origin a\n", done.stderr


def test_a_client_of_another_authority_is_refused(launch, origin, pki, tmp_path):
    stranger = Authority(tmp_path / "other", "other").issue("stranger", "URI:spiffe://mesh.test/client")
    proxy = launch(serving(origin.port, mutual_server(pki)))
    assert curl(proxy, "--cacert", pki.pem, "--cert", stranger.certificate, "--key", stranger.key).returncode != 0
    assert proxy.admin.wait_for_stat("listener.127.0.0.1_0.ssl.fail_verify_error", 1) == 1


def test_certificates_are_chosen_by_name_and_key(launch, origin, pki):
    other = pki.issue("other", "DNS:other.test", rsa=True)
    proxy = launch(serving(origin.port, server_socket(pki.server, other)))
    for name in ("server.test", "other.test"):
        done = curl(proxy, "--cacert", pki.pem, name=name)
        assert done.stdout == b"origin a\n", done.stderr
    # A name that no certificate has gets the first.
    assert "server.test" in curl(proxy, "-v", "-k", name="nobody.test").stderr.decode() or \
        "CN=server" in curl(proxy, "-v", "-k", name="nobody.test").stderr.decode()


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed(launch, origin, pki, version, tmp_path):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    saved = str(tmp_path / "session")
    assert "New, " in s_client(proxy, version, "-sess_out", saved)
    assert "Reused, " in s_client(proxy, version, "-sess_in", saved)
    assert proxy.admin.stat("listener.127.0.0.1_0.ssl.session_reused") == 1


def test_old_versions_are_refused(launch, origin, pki):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    assert "New, TLS" not in s_client(proxy, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0")


def test_large_bodies_pass(launch, origin, pki):
    proxy = launch(serving(origin.port, server_socket(pki.server)))
    data = bytes(range(256)) * 16384
    done = subprocess.run(
        ["curl", "-sS", "--cacert", pki.pem, "--resolve", "server.test:%d:127.0.0.1" % proxy.port(),
         "--data-binary", "@-", "https://server.test:%d/" % proxy.port()], input=data, capture_output=True, check=False)
    assert done.stdout == b"origin a\n", done.stderr
    assert origin.requests[0].body == data


ALL_DETAILS = {"subject": True, "cert": True, "chain": True, "dns": True, "uri": True}


@pytest.mark.parametrize("mode,details,with_certificate,expected", [
    ("SANITIZE", {}, True, None),
    ("FORWARD_ONLY", {}, True, "By=a;Hash=b"),
    ("FORWARD_ONLY", {}, False, None),
    ("ALWAYS_FORWARD_ONLY", {}, False, "By=a;Hash=b"),
    ("SANITIZE_SET", {}, True, "By=spiffe://mesh.test/server;Hash={hash}"),
    ("SANITIZE_SET", {"subject": True}, False, None),
    ("APPEND_FORWARD", {"subject": True, "uri": True, "dns": True}, True,
     'By=a;Hash=b,By=spiffe://mesh.test/server;Hash={hash};Subject="CN=client";URI=spiffe://mesh.test/client'),
    ("SANITIZE_SET", ALL_DETAILS, True,
     'By=spiffe://mesh.test/server;Hash={hash};Cert="{pem}";Chain="{chain}";Subject="CN=client";'
     "URI=spiffe://mesh.test/client"),
])
def test_the_client_certificate_is_passed_on(launch, origin, pki, mode, details, with_certificate, expected):
    transport = server_socket(pki.server, common={"validation_context": {"trusted_ca": {"filename": pki.pem}}})
    fields = {"forward_client_cert_details": mode, "set_current_client_cert_details": details}
    proxy = launch(serving(origin.port, transport, **fields))
    own = ["--cert", pki.client.certificate, "--key", pki.client.key] if with_certificate else []
    done = curl(proxy, "--cacert", pki.pem, "-H", "x-forwarded-client-cert: By=a;Hash=b", *own)
    assert done.stdout == b"origin a\n", done.stderr
    if expected is not None:
        text = open(pki.client.certificate, encoding="ascii").read()
        digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).hexdigest()
        # OpenSSL sends the authority's certificate too, where it knows it.
        chain = text + open(pki.pem, encoding="ascii").read()
        expected = expected.format(hash=digest, pem=urllib.parse.quote(text, safe=""),
                                   chain=urllib.parse.quote(chain, safe=""))
    assert origin.requests[0].header("x-forwarded-client-cert") == expected


@pytest.mark.parametrize("near,far", [("pillion", "pillion"), ("pillion", "envoy"), ("envoy", "pillion")])
@pytest.mark.parametrize("params", [None, {"tls_maximum_protocol_version": "TLSv1_3"}])
def test_a_mutual_hop(origin, pki, tmp_path, near, far, params):
    """Each side of the hop is once ours and once Envoy's."""
    matcher = [{"san_type": "URI", "matcher": {"exact": "spiffe://mesh.test/%s" % who}} for who in ("server", "client")]
    far_config = serving(origin.port, mutual_server(pki, match_typed_subject_alt_names=matcher[1:]))
    with Proxy(far, far_config, tmp_path / "far") as b:
        near_config = calling(b.port(), client_socket(pki, params=params, match_typed_subject_alt_names=matcher[:1]))
        with Proxy(near, near_config, tmp_path / "near") as a:
            for _ in range(3):
                done = curl(a, scheme="http")
                assert done.stdout == b"origin a\n", done.stdout + done.stderr
            assert a.admin.stat("cluster.b.ssl.handshake") == 1
            version = "TLSv1.3" if params else "TLSv1.2"
            assert a.admin.stat("cluster.b.ssl.versions." + version) == 1
            assert b.admin.stat("listener.127.0.0.1_0.ssl.handshake") == 1


def test_a_wrong_name_upstream_is_a_503_that_says_why(launch, origin, pki, tmp_path):
    with Proxy("envoy", serving(origin.port, server_socket(pki.server)), tmp_path / "far") as b:
        wrong = [{"san_type": "URI", "matcher": {"exact": "spiffe://mesh.test/other"}}]
        path = tmp_path / "log"
        log = access_log(path, text="%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %RESPONSE_CODE_DETAILS%\n")
        proxy = launch(calling(b.port(), client_socket(pki, match_typed_subject_alt_names=wrong), log=log))
        done = curl(proxy, "-i", scheme="http")
        assert b" 503 " in done.stdout
        assert done.stdout.endswith(b"reset reason: remote connection failure")
        assert proxy.admin.stat("cluster.b.ssl.fail_verify_san") == 1
        assert proxy.admin.stat("cluster.b.upstream_cx_connect_fail") == 1
        line = wait_until(lambda: path.exists() and path.read_text())
        assert line == "UF %s upstream_reset_before_response_started{remote_connection_failure|%s}\n" % (
            WRONG_NAME, WRONG_NAME)


def test_a_server_without_tls_is_a_503(launch, origin, pki):
    proxy = launch(calling(origin.port, client_socket(pki)))
    assert b" 503 " in curl(proxy, "-i", scheme="http").stdout
    assert proxy.admin.stat("cluster.b.upstream_cx_connect_fail") == 1


def mounted(folder, name, pair):
    """A new generation of a Kubernetes mount: the link ..data moves to a new folder in one step."""
    data = folder / (".." + name)
    data.mkdir()
    (data / "tls.crt").write_bytes(open(pair.certificate, "rb").read())
    (data / "tls.key").write_bytes(open(pair.key, "rb").read())
    (folder / "..data_tmp").symlink_to(data.name)
    (folder / "..data_tmp").rename(folder / "..data")


@pytest.mark.pillion_only
def test_new_files_are_served_without_a_restart(launch, origin, pki, tmp_path):
    folder = tmp_path / "mount"
    folder.mkdir()
    mounted(folder, "one", pki.server)
    for name in ("tls.crt", "tls.key"):
        (folder / name).symlink_to("..data/" + name)
    proxy = launch(serving(origin.port, server_socket(Pair(folder / "tls.crt", folder / "tls.key"))))
    assert "CN = server" in s_client(proxy)
    mounted(folder, "two", pki.issue("renewed", "DNS:server.test"))
    assert proxy.admin.wait_for_stat("server.tls_secrets.reload_success", 1) == 1
    assert "CN = renewed" in s_client(proxy)
    (folder / "..two" / "tls.key").write_text("garbage")
    (folder / "..three").mkdir()
    (folder / "..data_tmp").symlink_to("..three")
    (folder / "..data_tmp").rename(folder / "..data")
    assert proxy.admin.wait_for_stat("server.tls_secrets.stale", 1) == 1
    assert "CN = renewed" in s_client(proxy)
    assert "tls.crt" in proxy.log()


def test_days_until_the_first_certificate_ends(launch, origin, pki):
    short = pki.issue("short", "DNS:short.test", days=5)
    proxy = launch(serving(origin.port, server_socket(pki.server, short)))
    assert proxy.admin.stat("server.days_until_first_cert_expiring") in (4, 5)


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_missing_secret_is_named_at_the_start(subject, origin, pki, tmp_path, missing):
    pair = Pair(pki.server.certificate, pki.server.key)
    setattr(pair, missing, str(tmp_path / "nowhere.pem"))
    proxy = Proxy(subject, serving(origin.port, server_socket(pair)), tmp_path / "proxy")
    with pytest.raises(Exception, match="nowhere.pem"):
        proxy.start()


def test_keys_stay_out_of_the_dump(launch, origin, pki):
    key = open(pki.server.key, encoding="ascii").read()
    certificate = {"certificate_chain": {"filename": pki.server.certificate}, "private_key": {"inline_string": key}}
    transport = socket("DownstreamTlsContext", {"tls_certificates": [certificate]})
    proxy = launch(serving(origin.port, transport))
    assert curl(proxy, "--cacert", pki.pem).stdout == b"origin a\n"
    dump = proxy.admin.get("/config_dump")
    assert "PRIVATE KEY" not in dump and key.splitlines()[1] not in dump


def test_spiffe_domains_are_verified_by_their_own_bundles(launch, origin, pki, tmp_path):
    other = Authority(tmp_path / "other", "other")
    forged = other.issue("forged", "URI:spiffe://mesh.test/client")
    guest = other.issue("guest", "URI:spiffe://other.test/client")
    domains = [{"name": "mesh.test", "trust_bundle": {"filename": pki.pem}},
               {"name": "other.test", "trust_bundle": {"filename": other.pem}}]
    validator = {"name": "envoy.tls.cert_validator.spiffe",
                 "typed_config": {"@type": TLS + "SPIFFECertValidatorConfig", "trust_domains": domains}}
    transport = server_socket(pki.server, require_client_certificate=True,
                              common={"validation_context": {"custom_validator_config": validator}})
    proxy = launch(serving(origin.port, transport))
    for pair in (pki.client, guest):
        done = curl(proxy, "--cacert", pki.pem, "--cert", pair.certificate, "--key", pair.key)
        assert done.stdout == b"origin a\n", done.stderr
    assert curl(proxy, "--cacert", pki.pem, "--cert", forged.certificate, "--key", forged.key).returncode != 0
    assert proxy.admin.wait_for_stat("listener.127.0.0.1_0.ssl.fail_verify_error", 1) == 1


@pytest.mark.pillion_only
def test_a_client_without_nodelay_does_not_wait_for_acknowledgements(launch, origin, pki):
    """Such a client holds its request back until its last flight is acknowledged, which may take 40 ms."""
    proxy = launch(serving(origin.port, mutual_server(pki)))
    context = ssl.create_default_context(cafile=pki.pem)
    context.load_cert_chain(pki.client.certificate, pki.client.key)
    begun = time.monotonic()
    for _ in range(25):
        with context.wrap_socket(net.create_connection(("127.0.0.1", proxy.port()), timeout=10), server_hostname="server.test") as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - begun < 25 * 0.040
