output "url" {
  description = "Where the service is."
  value       = google_cloud_run_v2_service.executor.uri
}

output "curl" {
  description = "A command that runs a first script, for whoever is logged in to gcloud and among the invokers."
  value       = <<-EOT
    curl -s ${google_cloud_run_v2_service.executor.uri}/execute \
      ${var.public ? "" : "-H \"Authorization: Bearer $(gcloud auth print-identity-token)\" "}-H 'Content-Type: application/json' \
      -d '{"script": "def main():\n    return 6 * 7"}'
  EOT
}

output "image" {
  description = "The image that runs, by digest."
  value       = data.google_artifact_registry_docker_image.built.self_link
}

output "memory_mb" {
  description = "The memory of an instance, as computed from the limits, in MB of 2^20 bytes."
  value       = local.memory_mb
}

output "service_account" {
  description = "What the service runs as; it has no roles."
  value       = google_service_account.service.email
}

output "warning" {
  description = "What is open that need not be."
  value       = var.public ? "Everybody on the internet may call ${google_cloud_run_v2_service.executor.uri} at your cost." : null
}
