# SERVICE_TYPE:EXTERNAL_ID
terraform import sym_service.github 'github:acme'
