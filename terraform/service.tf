# The service on Cloud Run.

locals {
  slots = coalesce(var.sandbox_concurrency, 2 * var.cpu)

  # MB of 2^20 bytes. Files that a script writes take memory too, and so does what the service holds of a request.
  script_memory_mb  = var.sandbox_memory_mb + var.sandbox_scratch_mb
  request_memory_mb = var.sandbox_request_mb + 2 * var.sandbox_result_mb + var.sandbox_stdout_mb + var.sandbox_stderr_mb
  base_memory_mb    = 384 # the service, its warm interpreters and their spares
  wanted_memory_mb  = local.slots * (local.script_memory_mb + 2 * local.request_memory_mb) + local.base_memory_mb

  # https://cloud.google.com/run/docs/configuring/services/memory-limits
  least_memory_mb = { 1 = 512, 2 = 512, 4 = 2048, 6 = 4096, 8 = 4096 }[var.cpu]
  most_memory_mb  = { 1 = 4096, 2 = 8192, 4 = 16384, 6 = 24576, 8 = 32768 }[var.cpu]
  memory_mb       = max(local.least_memory_mb, 128 * ceil(local.wanted_memory_mb / 128))

  # A script may wait for a slot as long as another runs; then it runs itself. The 10 s are for starting and killing.
  request_seconds = ceil(2 * var.sandbox_timeout_seconds + 10)

  ingress = {
    all                               = "INGRESS_TRAFFIC_ALL"
    internal                          = "INGRESS_TRAFFIC_INTERNAL_ONLY"
    internal-and-cloud-load-balancing = "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
  }

  environment = {
    SANDBOX_MIN_ISOLATION = "namespaces"
    GOOGLE_CLOUD_PROJECT  = var.project_id

    CORS_ORIGINS            = var.cors_origins
    LOG_LEVEL               = var.log_level
    POLICY_FILE             = var.policy_file
    SANDBOX_CONCURRENCY     = local.slots
    SANDBOX_CPU_SECONDS     = coalesce(var.sandbox_cpu_seconds, ceil(var.sandbox_timeout_seconds))
    SANDBOX_MEMORY_MB       = var.sandbox_memory_mb
    SANDBOX_MODE            = var.sandbox_mode
    SANDBOX_OPEN_FILES      = var.sandbox_open_files
    SANDBOX_RECYCLE_HOURS   = var.sandbox_recycle_hours
    SANDBOX_RECYCLE_SCRIPTS = var.sandbox_recycle_scripts
    SANDBOX_REQUEST_MB      = var.sandbox_request_mb
    SANDBOX_RESULT_MB       = var.sandbox_result_mb
    SANDBOX_SCRATCH_MB      = var.sandbox_scratch_mb
    SANDBOX_SCRIPT_KB       = var.sandbox_script_kb
    SANDBOX_SPARES          = coalesce(var.sandbox_spares, local.slots)
    SANDBOX_STDERR_MB       = var.sandbox_stderr_mb
    SANDBOX_STDOUT_MB       = var.sandbox_stdout_mb
    SANDBOX_THREADS         = var.sandbox_threads
    SANDBOX_TIMEOUT_SECONDS = var.sandbox_timeout_seconds
    SANDBOX_WARM_IMPORTS    = var.sandbox_warm_imports
  }
}

resource "google_cloud_run_v2_service" "executor" {
  name                = var.name
  description         = "Runs untrusted Python in nsjail"
  location            = var.region
  deletion_protection = var.deletion_protection
  ingress             = local.ingress[var.ingress]

  template {
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    service_account                  = google_service_account.service.email
    max_instance_request_concurrency = 2 * local.slots # scripts that run and scripts that wait
    timeout                          = "${local.request_seconds}s"

    scaling {
      min_instance_count = var.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = data.google_artifact_registry_docker_image.built.self_link

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = tostring(var.cpu)
          memory = "${local.memory_mb}Mi"
        }
        cpu_idle          = var.cpu_idle
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = { for name, value in local.environment : name => tostring(value) if tostring(value) != "" }
        content {
          name  = env.key
          value = env.value
        }
      }

      startup_probe {
        period_seconds    = 1
        timeout_seconds   = 1
        failure_threshold = 30
        http_get {
          path = "/health"
        }
      }

      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/health"
        }
      }
    }

    dynamic "vpc_access" {
      for_each = var.lock_egress ? [google_compute_subnetwork.locked[0]] : []
      content {
        egress = "ALL_TRAFFIC"
        network_interfaces {
          network    = google_compute_network.locked[0].id
          subnetwork = vpc_access.value.id
        }
      }
    }
  }

  lifecycle {
    precondition {
      condition     = local.memory_mb <= local.most_memory_mb
      error_message = "${local.slots} scripts at once with ${var.sandbox_memory_mb} MB of memory and ${var.sandbox_scratch_mb} MB of scratch files each need an instance of ${local.memory_mb} MB, but with ${var.cpu} CPU Cloud Run gives at most ${local.most_memory_mb} MB. Lower sandbox_memory_mb, sandbox_scratch_mb or sandbox_concurrency, or raise cpu."
    }
    precondition {
      condition     = local.request_seconds <= 3600
      error_message = "With sandbox_timeout_seconds = ${var.sandbox_timeout_seconds} a request may take ${local.request_seconds} s (a wait for a slot, the script, 10 s), but Cloud Run ends it after 3600 s. Set at most 1795."
    }
    precondition {
      condition     = var.sandbox_request_mb <= 32
      error_message = "sandbox_request_mb is ${var.sandbox_request_mb}, but Cloud Run takes requests of at most 32 MB."
    }
  }

  depends_on = [google_project_service.apis, google_compute_firewall.deny_egress]
}
