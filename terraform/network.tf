# The egress lock: a network that leads nowhere, in case a script gets out of its jail.

resource "google_compute_network" "locked" {
  count = var.lock_egress ? 1 : 0

  name                            = "${var.name}-locked"
  auto_create_subnetworks         = false
  delete_default_routes_on_create = true

  depends_on = [google_project_service.apis]
}

resource "google_compute_subnetwork" "locked" {
  count = var.lock_egress ? 1 : 0

  name                     = "${var.name}-locked"
  network                  = google_compute_network.locked[0].id
  region                   = var.region
  ip_cidr_range            = "10.255.0.0/22" # more than twice the instances, which Direct VPC egress needs
  private_ip_google_access = false
}

resource "google_compute_firewall" "deny_egress" {
  count = var.lock_egress ? 1 : 0

  name               = "${var.name}-deny-egress"
  network            = google_compute_network.locked[0].id
  direction          = "EGRESS"
  priority           = 0
  destination_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }
}
