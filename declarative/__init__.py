"""Terraform for NVIDIA Run:ai: plan and apply YAML manifests of AI workloads."""

__version__ = "0.1.0"
