resource "sym_service" "github" {
  service_type = "github"
  external_id  = "acme"
  label        = "GitHub"
}
