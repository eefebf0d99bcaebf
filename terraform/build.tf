# The image. Cloud Build builds it from the Dockerfile whenever a file that it is made of has changed.

locals {
  source_folder = abspath("${path.module}/..")
  # The files that the image is built from, and those that build and try it.
  source_files = sort(setunion(
    fileset(local.source_folder, "{Dockerfile,.dockerignore,.gcloudignore.image,cloudbuild.yaml,LICENSE,main.py,requirements*.txt}"),
    fileset(local.source_folder, "requirements/*.txt"),
    fileset(local.source_folder, "{policy,sandbox,service}/**/*.{json,py,yaml}"),
    fileset(local.source_folder, "nsjail/*.{cfg,kafel,json,yaml}"),
    fileset(local.source_folder, "tests/container/smoke.py"),
  ))
  source_hash = sha256(join("\n", [for file in local.source_files : "${filesha256("${local.source_folder}/${file}")} ${file}"]))
  image_tag   = "src-${substr(local.source_hash, 0, 16)}"
  image_name  = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}/executor"
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:The image holds this repository's sources and public packages; Google's own keys are enough for them.
  location      = var.region
  repository_id = var.name
  description   = "Images of ${var.name}"
  format        = "DOCKER"

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s" # 30 days
    }
  }
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_project_service.apis]
}

resource "google_storage_bucket" "sources" {
  #checkov:skip=CKV_GCP_62:It holds the sources of this repository for a week; Cloud Audit Logs record who changes it.
  #checkov:skip=CKV_GCP_78:The sources in it can be uploaded again at any time.
  name                        = "${var.project_id}-${var.name}-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 7 # days
    }
  }

  depends_on = [google_project_service.apis]
}

# The provider has no resource that runs a build, so the machine that runs terraform needs gcloud, logged in.
resource "terraform_data" "image" {
  triggers_replace = [local.image_name, local.image_tag]

  provisioner "local-exec" {
    working_dir = local.source_folder
    command = join(" ", [
      "gcloud builds submit .",
      "--quiet",
      "--project='${var.project_id}'",
      "--region='${var.region}'",
      "--config=cloudbuild.yaml",
      "--ignore-file=.gcloudignore.image",
      "--gcs-source-staging-dir='gs://${google_storage_bucket.sources.name}/source'",
      "--substitutions='_IMAGE=${local.image_name},_TAG=${local.image_tag},_BUILD_ACCOUNT=${google_service_account.build.email}'",
    ])
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_writes_images,
    google_project_iam_member.build_writes_logs,
    google_storage_bucket_iam_member.build_reads_sources,
  ]
}

# The service runs the image by its digest, which nobody can change by moving a tag.
data "google_artifact_registry_docker_image" "built" {
  location      = var.region
  repository_id = google_artifact_registry_repository.images.repository_id
  image_name    = "executor:${local.image_tag}"

  depends_on = [terraform_data.image]
}

resource "google_cloudbuild_trigger" "push" {
  count = var.github == null ? 0 : 1

  name            = var.name
  description     = "Builds, tries and deploys each push"
  location        = var.region
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.build.id

  github {
    owner = var.github.owner
    name  = var.github.name
    push {
      branch = "^${var.github.branch}$"
    }
  }

  substitutions = {
    _IMAGE         = local.image_name
    _TAG           = "git-$SHORT_SHA"
    _BUILD_ACCOUNT = google_service_account.build.email
    _SERVICE       = google_cloud_run_v2_service.executor.name
    _REGION        = var.region
  }
}
