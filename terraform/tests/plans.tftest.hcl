# Plans with a mocked provider: what would be made, for the cases that people have.

mock_provider "google" {}

variables {
  project_id = "a-project-123"
}

run "default_is_private_and_isolated" {
  command = plan

  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.invokers) == 0
    error_message = "By default nobody may call the service."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    error_message = "Only the second generation has namespaces."
  }
  assert {
    condition     = one([for env in google_cloud_run_v2_service.executor.template[0].containers[0].env : env.value if env.name == "SANDBOX_MIN_ISOLATION"]) == "namespaces"
    error_message = "The service must demand namespaces."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].max_instance_request_concurrency == 8
    error_message = "Requests at once must be the slots and the queue: 2 x 2 per CPU."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].containers[0].resources[0].limits.memory == "2816Mi"
    error_message = "Memory must follow from the limits."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].timeout == "30s"
    error_message = "A request may take a wait for a slot, a script and 10 s."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.deletion_protection && google_cloud_run_v2_service.executor.ingress == "INGRESS_TRAFFIC_ALL"
    error_message = "Protected from deletion, and reached from everywhere by those who may."
  }
  assert {
    condition     = alltrue([for probe in ["startup_probe", "liveness_probe"] : google_cloud_run_v2_service.executor.template[0].containers[0][probe][0].http_get[0].path == "/health"])
    error_message = "Both probes must ask /health."
  }
  assert {
    condition     = length(google_compute_network.locked) + length(google_cloudbuild_trigger.push) + length(google_monitoring_alert_policy.trouble) == 0
    error_message = "What is optional must not be there."
  }
  assert {
    condition     = output.warning == null
    error_message = "There is nothing to warn of."
  }
}

run "named_invokers" {
  command = plan
  variables {
    invokers = ["user:ada@example.com", "serviceAccount:caller@a-project-123.iam.gserviceaccount.com"]
  }
  assert {
    condition     = { for member in google_cloud_run_v2_service_iam_member.invokers : member.member => member.role } == { "user:ada@example.com" = "roles/run.invoker", "serviceAccount:caller@a-project-123.iam.gserviceaccount.com" = "roles/run.invoker" }
    error_message = "Those and no others may call the service."
  }
}

run "public_is_said_aloud" {
  command = plan
  variables {
    public = true
  }
  expect_failures = [check.public]
}

run "locked_down" {
  command = plan
  variables {
    lock_egress = true
    ingress     = "internal"
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].vpc_access[0].egress == "ALL_TRAFFIC"
    error_message = "All traffic must go through the locked network."
  }
  assert {
    condition     = google_compute_network.locked[0].delete_default_routes_on_create && one(google_compute_firewall.deny_egress[0].deny).protocol == "all"
    error_message = "The network must have no route, and its firewall must deny everything."
  }
  assert {
    condition     = google_compute_firewall.deny_egress[0].direction == "EGRESS" && google_compute_firewall.deny_egress[0].priority == 0 && google_compute_firewall.deny_egress[0].destination_ranges == toset(["0.0.0.0/0"])
    error_message = "The firewall's rule must come before any other, for every destination."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "Calls must come from inside."
  }
}

run "small_memory" {
  command = plan
  variables {
    cpu                 = 1
    sandbox_memory_mb   = 64
    sandbox_scratch_mb  = 8
    sandbox_concurrency = 1
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].containers[0].resources[0].limits.memory == "512Mi"
    error_message = "The second generation has at least 512 MiB."
  }
  assert {
    condition     = google_cloud_run_v2_service.executor.template[0].max_instance_request_concurrency == 2
    error_message = "One runs and one waits."
  }
}

run "more_memory_than_cloud_run_gives" {
  command = plan
  variables {
    cpu               = 1
    sandbox_memory_mb = 4096
  }
  expect_failures = [google_cloud_run_v2_service.executor]
}

run "longer_than_cloud_run_waits" {
  command = plan
  variables {
    sandbox_timeout_seconds = 1800
  }
  expect_failures = [google_cloud_run_v2_service.executor]
}

run "alerts_and_pushes" {
  command = plan
  variables {
    alerts                = true
    notification_channels = ["projects/a-project-123/notificationChannels/1"]
    github                = { owner = "someone", name = "executor" }
  }
  assert {
    condition     = length(google_monitoring_alert_policy.trouble[0].conditions) == 2 && google_cloudbuild_trigger.push[0].github[0].push[0].branch == "^main$"
    error_message = "Both alerts, and a trigger for the main branch."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.build_deploys[0].role == "roles/run.developer"
    error_message = "Builds of pushes deploy, and nothing more."
  }
}

run "bad_values_are_refused" {
  command = plan
  variables {
    project_id              = "1234567890"
    region                  = "europe-west1-b"
    name                    = "Executor"
    invokers                = ["allUsers"]
    ingress                 = "everywhere"
    cpu                     = 3
    min_instances           = -1
    notification_channels   = ["me@example.com"]
    policy_file             = "rules.yaml; rm"
    cors_origins            = "example.com"
    log_level               = "LOUD"
    sandbox_timeout_seconds = 0
    sandbox_cpu_seconds     = 3601
    sandbox_memory_mb       = 0
    sandbox_script_kb       = 0
    sandbox_request_mb      = 1.5
    sandbox_result_mb       = 1025
    sandbox_stdout_mb       = 0
    sandbox_stderr_mb       = 0
    sandbox_scratch_mb      = 0
    sandbox_open_files      = 15
    sandbox_threads         = 4097
    sandbox_concurrency     = 0
    sandbox_spares          = -1
    sandbox_mode            = "tepid"
    sandbox_warm_imports    = "numpy;pandas"
    sandbox_recycle_scripts = 0
    sandbox_recycle_hours   = 8761
  }
  expect_failures = [
    var.project_id, var.region, var.name, var.invokers, var.ingress, var.cpu, var.min_instances,
    var.notification_channels, var.policy_file, var.cors_origins, var.log_level, var.sandbox_timeout_seconds,
    var.sandbox_cpu_seconds, var.sandbox_memory_mb, var.sandbox_script_kb, var.sandbox_request_mb,
    var.sandbox_result_mb, var.sandbox_stdout_mb, var.sandbox_stderr_mb, var.sandbox_scratch_mb,
    var.sandbox_open_files, var.sandbox_threads, var.sandbox_concurrency, var.sandbox_spares, var.sandbox_mode,
    var.sandbox_warm_imports, var.sandbox_recycle_scripts, var.sandbox_recycle_hours,
  ]
}

run "fewer_instances_at_most_than_at_least" {
  command = plan
  variables {
    min_instances = 3
    max_instances = 2
  }
  expect_failures = [var.max_instances]
}

run "no_instances" {
  command = plan
  variables {
    max_instances = 0
  }
  expect_failures = [var.max_instances]
}
