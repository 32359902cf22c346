# USER,SERVICE_TYPE:EXTERNAL_ID
terraform import sym_identity.nora_okta 'nora.lindqvist@acme.example,okta:acme.okta.com'
