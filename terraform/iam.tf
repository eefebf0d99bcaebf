# Who may do what.

resource "google_project_service" "apis" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "iam.googleapis.com",
      "logging.googleapis.com",
      "run.googleapis.com",
      "storage.googleapis.com",
    ],
    var.alerts ? ["monitoring.googleapis.com"] : [],
    var.lock_egress ? ["compute.googleapis.com"] : [],
  ))

  service            = each.value
  disable_on_destroy = false # others may use it
}

# The account that the service runs as. It has no role, so a script that got out of its jail would have none either.
resource "google_service_account" "service" {
  account_id   = "${var.name}-run"
  display_name = "${var.name}: runs the service, has no roles"

  depends_on = [google_project_service.apis]
}

resource "google_service_account" "build" {
  account_id   = "${var.name}-build"
  display_name = "${var.name}: builds the image"

  depends_on = [google_project_service.apis]
}

resource "google_artifact_registry_repository_iam_member" "build_writes_images" {
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_project_iam_member" "build_writes_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_reads_sources" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

# Only builds of pushes deploy; Terraform deploys what the others build.
resource "google_cloud_run_v2_service_iam_member" "build_deploys" {
  count = var.github == null ? 0 : 1

  location = google_cloud_run_v2_service.executor.location
  name     = google_cloud_run_v2_service.executor.name
  role     = "roles/run.developer"
  member   = google_service_account.build.member
}

resource "google_service_account_iam_member" "build_deploys_as_service" {
  count = var.github == null ? 0 : 1

  service_account_id = google_service_account.service.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.build.member
}

resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = var.public ? toset(["allUsers"]) : var.invokers

  location = google_cloud_run_v2_service.executor.location
  name     = google_cloud_run_v2_service.executor.name
  role     = "roles/run.invoker"
  member   = each.value
}

check "public" {
  assert {
    condition     = !var.public
    error_message = "public = true: everybody on the internet may run scripts at your cost. Without it, name the callers in invokers."
  }
}
