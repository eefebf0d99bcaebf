output "url" {
  description = "The address of the service."
  value       = google_cloud_run_v2_service.executor.uri
}

output "curl" {
  description = "A command that runs a first script, for an invoker who is logged in to gcloud."
  value       = <<-EOT
    curl -s ${google_cloud_run_v2_service.executor.uri}/execute \
      ${var.public ? "" : "-H \"Authorization: Bearer $(gcloud auth print-identity-token)\" "}-H 'Content-Type: application/json' \
      -d '{"script": "def main():\n    return 6 * 7"}'
  EOT
}

output "image" {
  description = "The image that the service runs, by digest."
  value       = data.google_artifact_registry_docker_image.built.self_link
}

output "memory_mb" {
  description = "The memory of an instance, as computed from the limits, in MB of 2^20 bytes."
  value       = local.memory_mb
}

output "service_account" {
  description = "The account that the service runs as; it has no roles."
  value       = google_service_account.service.email
}

output "warning" {
  description = "What is open and need not be; null if nothing is."
  value       = var.public ? "Everybody on the internet may call ${google_cloud_run_v2_service.executor.uri} at your cost." : null
}
