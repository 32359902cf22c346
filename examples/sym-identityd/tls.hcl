# TLS without a proxy, and clients that show certificates.
# sym-identityd serve -config tls.hcl
#
# The files are read again when they change. SIGHUP reads this file again.

org    = "acme"
listen = ":8443"
store  = "sqlite:identities.db"

tls {
  cert_file = "server.pem" # with the intermediate certificates
  key_file  = "server.key"

  # Clients may show a certificate of these authorities; require_client_cert
  # closes the connections of those that do not.
  client_ca_file = "clients.pem"
  # require_client_cert = true
}

# Who is who: exactly one of uri, dns_name and common_name, compared exactly. A
# bearer token, where one is sent, is what counts.
client_certificate "terraform" {
  uri  = "spiffe://acme.example/terraform"
  role = "admin"
}

client_certificate "dashboard" {
  dns_name = "dashboard.acme.example"
  role     = "guest"
}

# Log no names: ***@acme.example.
mask_emails_in_logs = true

# More requests than this wait for their turn (256 without it).
max_concurrent_requests = 128

service "okta" "acme.okta.com" {
  label = "Okta"
}
