# Where the service runs, and who may call it. settings.tf has what a script may use.

variable "project_id" {
  description = "The id of the Google Cloud project, which needs billing."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id, such as my-project-123, neither its name nor its number."
  }
}

variable "region" {
  description = "The region of all resources that have one."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as europe-west1, not a zone."
  }
}

variable "name" {
  description = "The name of the service, and the beginning of every other resource's name."
  type        = string
  default     = "python-code-executor"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,21}[a-z0-9]$", var.name))
    error_message = "name must have 4 to 23 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "labels" {
  description = "Labels for all resources that can have them."
  type        = map(string)
  default     = {}
}

variable "invokers" {
  description = "Who may call the service, such as user:ada@example.com, group:…, serviceAccount:… or domain:…."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.invokers : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):.+$", member))])
    error_message = "Each of invokers must begin with user:, group:, serviceAccount:, domain:, principal: or principalSet:. To let everybody call the service, set public = true."
  }
}

variable "public" {
  description = "Whether everybody on the internet may call the service."
  type        = bool
  default     = false
}

variable "ingress" {
  description = "Where calls may come from: all, internal or internal-and-cloud-load-balancing."
  type        = string
  default     = "all"

  validation {
    condition     = contains(["all", "internal", "internal-and-cloud-load-balancing"], var.ingress)
    error_message = "ingress must be all, internal or internal-and-cloud-load-balancing."
  }
}

variable "lock_egress" {
  description = "Whether the service runs in a network without routes, behind a firewall that denies everything, so that even a broken jail reaches nothing."
  type        = bool
  default     = false
}

variable "cpu" {
  description = "CPUs of an instance."
  type        = number
  default     = 2

  validation {
    condition     = contains([1, 2, 4, 6, 8], var.cpu)
    error_message = "cpu must be 1, 2, 4, 6 or 8, as Cloud Run has them."
  }
}

variable "min_instances" {
  description = "Instances that are kept while nobody calls. Each costs money all the time."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && var.min_instances <= 1000 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances must be a whole number from 0 to 1000."
  }
}

variable "max_instances" {
  description = "The most instances; they bound what calls can cost."
  type        = number
  default     = 5

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances must be a whole number from 1 to 1000."
  }

  validation {
    condition     = var.max_instances >= var.min_instances
    error_message = "max_instances must not be less than min_instances."
  }
}

variable "cpu_idle" {
  description = "Whether an instance gets, and costs, CPU only while it answers. If false, interpreters are warmed between calls too."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether terraform destroy is refused. Set it to false, apply, then destroy."
  type        = bool
  default     = true
}

variable "github" {
  description = "A GitHub repository that is connected to Cloud Build, which builds, tries and deploys each push to the branch."
  type = object({
    owner  = string
    name   = string
    branch = optional(string, "main")
  })
  default = null
}

variable "alerts" {
  description = "Whether Cloud Monitoring raises an alert if an instance cannot run scripts safely, or answers 5xx."
  type        = bool
  default     = false
}

variable "notification_channels" {
  description = "The notification channels of Cloud Monitoring that alerts go to, as projects/…/notificationChannels/…."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "Each of notification_channels must look like projects/my-project/notificationChannels/123."
  }
}
