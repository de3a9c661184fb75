// Rows: TLS. It is not there yet: certificates may be named, but nothing that would promise an
// encrypted connection can be switched on (see AddDirectives, FinishConfig).
#include "common/config/section.h"
#include "shard/config/rows.h"

namespace keyway::shard {

using namespace config;  // NOLINT: the flags and kinds of the rows

void AddTls(Registry& registry, ShardConfig& c) {
  Section rows(registry, "tls");
  rows.Integer("tls-port", c.tls_port, {0, 65535}, kNone, "TLS port for clients; 0: none");
  rows.Bool("tls-cluster", c.tls_cluster, kNone, "Use TLS on the cluster bus");
  rows.Bool("tls-replication", c.tls_replication, kNone, "Use TLS for replication");
  rows.Enum("tls-auth-clients", c.tls_auth_clients,
            {{"no", TlsAuthClients::kNo},
             {"yes", TlsAuthClients::kYes},
             {"optional", TlsAuthClients::kOptional}},
            kNoEffectYet, "Ask clients for a certificate");
  rows.Text("tls-cert-file", c.tls_cert_file, kNoEffectYet, "Certificate of the server");
  rows.Text("tls-key-file", c.tls_key_file, kNoEffectYet, "Its private key");
  rows.Text("tls-key-file-pass", c.tls_key_file_pass, kSensitive | kNoEffectYet,
            "Password of the private key");
  rows.Text("tls-client-cert-file", c.tls_client_cert_file, kNoEffectYet,
            "Certificate for outgoing connections");
  rows.Text("tls-client-key-file", c.tls_client_key_file, kNoEffectYet, "Its private key");
  rows.Text("tls-client-key-file-pass", c.tls_client_key_file_pass, kSensitive | kNoEffectYet,
            "Password of that private key");
  rows.Text("tls-dh-params-file", c.tls_dh_params_file, kNoEffectYet, "Diffie-Hellman parameters");
  rows.Text("tls-ca-cert-file", c.tls_ca_cert_file, kNoEffectYet,
            "Certificates that peers must be signed by");
  rows.Text("tls-ca-cert-dir", c.tls_ca_cert_dir, kNoEffectYet, "Directory with such certificates");
  rows.Text("tls-protocols", c.tls_protocols, kNoEffectYet, "Versions of TLS to offer");
  rows.Text("tls-ciphers", c.tls_ciphers, kNoEffectYet, "Ciphers for TLS 1.2 and older");
  rows.Text("tls-ciphersuites", c.tls_ciphersuites, kNoEffectYet, "Ciphers for TLS 1.3");
  rows.Bool("tls-prefer-server-ciphers", c.tls_prefer_server_ciphers, kNoEffectYet,
            "Let the server choose the cipher");
  rows.Bool("tls-session-caching", c.tls_session_caching, kNoEffectYet, "Resume sessions");
  rows.Int32("tls-session-cache-size", c.tls_session_cache_size, 0, kNoEffectYet,
             "Sessions kept; 0: no limit");
  rows.Int32("tls-session-cache-timeout", c.tls_session_cache_timeout, 0, kNoEffectYet,
             "Seconds that a session is kept");
}

}  // namespace keyway::shard
