# The settings of the service: the same names in lower case, the same defaults and ranges.

variable "policy_file" {
  description = "A YAML file that takes the place of policy/rules.yaml."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9_./-]*$", var.policy_file))
    error_message = "policy_file must be a path in the image, such as policy/my-rules.yaml, or empty."
  }
}

variable "sandbox_timeout_seconds" {
  description = "Wall clock for one script, and the most a request may ask for, in seconds."
  type        = number
  default     = 10

  validation {
    condition     = var.sandbox_timeout_seconds >= 0.1 && var.sandbox_timeout_seconds <= 3600
    error_message = "sandbox_timeout_seconds must be a number from 0.1 to 3600."
  }
}

variable "sandbox_cpu_seconds" {
  description = "CPU time for one script, all threads together, in seconds; by default sandbox_timeout_seconds, rounded up."
  type        = number
  default     = null

  validation {
    condition     = var.sandbox_cpu_seconds == null ? true : var.sandbox_cpu_seconds >= 1 && var.sandbox_cpu_seconds <= 3600 && floor(var.sandbox_cpu_seconds) == var.sandbox_cpu_seconds
    error_message = "sandbox_cpu_seconds must be a whole number from 1 to 3600."
  }
}

variable "sandbox_memory_mb" {
  description = "Memory for one script, above what a fresh interpreter has, in MB."
  type        = number
  default     = 512

  validation {
    condition     = var.sandbox_memory_mb >= 16 && var.sandbox_memory_mb <= 65536 && floor(var.sandbox_memory_mb) == var.sandbox_memory_mb
    error_message = "sandbox_memory_mb must be a whole number from 16 to 65536."
  }
}

variable "sandbox_script_kb" {
  description = "The longest script, in UTF-8, in KB."
  type        = number
  default     = 256

  validation {
    condition     = var.sandbox_script_kb >= 1 && var.sandbox_script_kb <= 65536 && floor(var.sandbox_script_kb) == var.sandbox_script_kb
    error_message = "sandbox_script_kb must be a whole number from 1 to 65536."
  }
}

variable "sandbox_request_mb" {
  description = "The longest request body, in MB."
  type        = number
  default     = 1

  validation {
    condition     = var.sandbox_request_mb >= 1 && var.sandbox_request_mb <= 1024 && floor(var.sandbox_request_mb) == var.sandbox_request_mb
    error_message = "sandbox_request_mb must be a whole number from 1 to 1024."
  }
}

variable "sandbox_result_mb" {
  description = "The longest result, as JSON, in MB."
  type        = number
  default     = 4

  validation {
    condition     = var.sandbox_result_mb >= 1 && var.sandbox_result_mb <= 1024 && floor(var.sandbox_result_mb) == var.sandbox_result_mb
    error_message = "sandbox_result_mb must be a whole number from 1 to 1024."
  }
}

variable "sandbox_stdout_mb" {
  description = "What is kept of stdout, in MB."
  type        = number
  default     = 1

  validation {
    condition     = var.sandbox_stdout_mb >= 1 && var.sandbox_stdout_mb <= 1024 && floor(var.sandbox_stdout_mb) == var.sandbox_stdout_mb
    error_message = "sandbox_stdout_mb must be a whole number from 1 to 1024."
  }
}

variable "sandbox_stderr_mb" {
  description = "What is kept of stderr, in MB."
  type        = number
  default     = 1

  validation {
    condition     = var.sandbox_stderr_mb >= 1 && var.sandbox_stderr_mb <= 1024 && floor(var.sandbox_stderr_mb) == var.sandbox_stderr_mb
    error_message = "sandbox_stderr_mb must be a whole number from 1 to 1024."
  }
}

variable "sandbox_scratch_mb" {
  description = "The files that one script may write, all together, in MB."
  type        = number
  default     = 64

  validation {
    condition     = var.sandbox_scratch_mb >= 1 && var.sandbox_scratch_mb <= 65536 && floor(var.sandbox_scratch_mb) == var.sandbox_scratch_mb
    error_message = "sandbox_scratch_mb must be a whole number from 1 to 65536."
  }
}

variable "sandbox_open_files" {
  description = "File descriptors for one script."
  type        = number
  default     = 256

  validation {
    condition     = var.sandbox_open_files >= 16 && var.sandbox_open_files <= 65536 && floor(var.sandbox_open_files) == var.sandbox_open_files
    error_message = "sandbox_open_files must be a whole number from 16 to 65536."
  }
}

variable "sandbox_threads" {
  description = "Threads for one script, the first one included."
  type        = number
  default     = 64

  validation {
    condition     = var.sandbox_threads >= 1 && var.sandbox_threads <= 4096 && floor(var.sandbox_threads) == var.sandbox_threads
    error_message = "sandbox_threads must be a whole number from 1 to 4096."
  }
}

variable "sandbox_concurrency" {
  description = "Scripts at once; by default 2 per CPU."
  type        = number
  default     = null

  validation {
    condition     = var.sandbox_concurrency == null ? true : var.sandbox_concurrency >= 1 && var.sandbox_concurrency <= 1024 && floor(var.sandbox_concurrency) == var.sandbox_concurrency
    error_message = "sandbox_concurrency must be a whole number from 1 to 1024."
  }
}

variable "sandbox_mode" {
  description = "Whether a script starts in an interpreter that is warm and isolated already, or in a cold jail of its own."
  type        = string
  default     = "warm"

  validation {
    condition     = contains(["warm", "cold"], var.sandbox_mode)
    error_message = "sandbox_mode must be one of warm, cold."
  }
}

variable "sandbox_spares" {
  description = "Interpreters of each kind that are kept ready; by default as many as sandbox_concurrency. With 0 each is forked when a script needs it."
  type        = number
  default     = null

  validation {
    condition     = var.sandbox_spares == null ? true : var.sandbox_spares >= 0 && var.sandbox_spares <= 1024 && floor(var.sandbox_spares) == var.sandbox_spares
    error_message = "sandbox_spares must be a whole number from 0 to 1024."
  }
}

variable "sandbox_warm_imports" {
  description = "The modules, with commas between, that are imported before a script that uses them comes."
  type        = string
  default     = "numpy,pandas"

  validation {
    condition     = can(regex("^$|^[A-Za-z_][A-Za-z0-9_.]*( *, *[A-Za-z_][A-Za-z0-9_.]*)*$", var.sandbox_warm_imports))
    error_message = "sandbox_warm_imports must be names of modules, with commas between."
  }
}

variable "sandbox_recycle_scripts" {
  description = "Scripts after which a warm interpreter is replaced."
  type        = number
  default     = 10000

  validation {
    condition     = var.sandbox_recycle_scripts >= 1 && var.sandbox_recycle_scripts <= 1000000000 && floor(var.sandbox_recycle_scripts) == var.sandbox_recycle_scripts
    error_message = "sandbox_recycle_scripts must be a whole number from 1 to 1000000000."
  }
}

variable "sandbox_recycle_hours" {
  description = "Time after which a warm interpreter is replaced, in hours."
  type        = number
  default     = 24

  validation {
    condition     = var.sandbox_recycle_hours >= 1 && var.sandbox_recycle_hours <= 8760 && floor(var.sandbox_recycle_hours) == var.sandbox_recycle_hours
    error_message = "sandbox_recycle_hours must be a whole number from 1 to 8760."
  }
}

variable "log_level" {
  description = "The least severe log lines that are written."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be one of DEBUG, INFO, WARNING, ERROR."
  }
}

variable "cors_origins" {
  description = "The web origins, with commas between, whose pages may call the service; none when empty."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^$|^https?://[a-z0-9.:-]+( *, *https?://[a-z0-9.:-]+)*$", var.cors_origins))
    error_message = "cors_origins must be origins such as https://example.com, with commas between."
  }
}
