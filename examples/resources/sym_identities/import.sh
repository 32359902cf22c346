# SERVICE_TYPE:EXTERNAL_ID
terraform import sym_identities.okta 'okta:acme.okta.com'
