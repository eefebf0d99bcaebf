# Alerts on instances that refuse to run scripts, and on answers of 5xx.

resource "google_logging_metric" "unhealthy" {
  count = var.alerts ? 1 : 0

  name        = "${var.name}-unhealthy"
  description = "Log lines that say why no script can be run"
  filter = join(" AND ", [
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=\"${google_cloud_run_v2_service.executor.name}\"",
    "severity>=ERROR",
    "jsonPayload.message=~\"^No script can be run\"",
  ])

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
  }
}

resource "google_monitoring_alert_policy" "trouble" {
  count = var.alerts ? 1 : 0

  display_name          = "${var.name}: scripts are not run"
  combiner              = "OR"
  notification_channels = var.notification_channels

  conditions {
    display_name = "An instance cannot run scripts safely"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.unhealthy[0].name}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  conditions {
    display_name = "5xx"
    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${google_cloud_run_v2_service.executor.name}\" AND metric.type=\"run.googleapis.com/request_count\" AND metric.labels.response_code_class=\"5xx\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "60s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_SUM"
      }
    }
  }

  documentation {
    content   = "Ask the service's /health: its `reason` says which layer of isolation failed and what mends it. The log lines with severity ERROR say the same, and since when."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.apis]
}
